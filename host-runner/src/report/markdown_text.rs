//! Text in Markdown (CommonMark, and what GitHub adds to it): it is shown as it is, whatever it holds.

use crate::terminal;

/// `text` in a heading, a paragraph or a line of a list.
#[must_use]
pub fn text(text: &str) -> String {
    let line = terminal::escape(text).replace(['\n', '\t'], " ");
    let mut escaped = String::with_capacity(line.len());
    let mut before = None;
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        let is_word = |character: Option<char>| character.is_some_and(char::is_alphanumeric);
        // Within a word a line below is no emphasis.
        let is_inside = is_word(before) && is_word(characters.peek().copied());
        match character {
            '<' => escaped.push_str("&lt;"),
            '&' => escaped.push_str("&amp;"),
            // Whoever has such a name would be called.
            '@' => escaped.push_str("&#64;"),
            '_' if is_inside => escaped.push('_'),
            '\\' | '`' | '*' | '_' | '[' | ']' | '~' | '|' => escaped.extend(['\\', character]),
            // What begins a line might begin a list, a heading or a quotation.
            '#' | '>' | '+' | '-' | '=' if before.is_none() => escaped.extend(['\\', character]),
            other => escaped.push(other),
        }
        before = Some(character);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_is_markup() {
        for (hostile, expected) in [
            ("a\n# b\r\n- c", "a # b\\\\x0d - c"),
            ("<img src=x>", "&lt;img src=x>"),
            ("[a](http://b) ![c](d)", "\\[a\\](http://b) !\\[c\\](d)"),
            (
                "``` *b* __c__ ~~d~~",
                "\\`\\`\\` \\*b\\* \\_\\_c\\_\\_ \\~\\~d\\~\\~",
            ),
            ("| a | \\| b", "\\| a \\| \\\\\\| b"),
            ("# a", "\\# a"),
            ("@all &lt; \x1b[31m", "&#64;all &amp;lt; \\\\x1b\\[31m"),
        ] {
            assert_eq!(text(hostile), expected);
        }
    }

    #[test]
    fn text_without_markup_is_unchanged() {
        for plain in [
            "linux-guest:io_uring",
            "p99.9, 1.2 \u{b5}s (\u{2265} 3)",
            "-3",
        ] {
            assert_eq!(text(plain).trim_start_matches('\\'), plain);
        }
    }
}
