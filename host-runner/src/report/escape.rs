//! Text as a document has it.

use crate::terminal;

/// `text` for markup.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            // No control character may be in an SVG but these.
            '\t' | '\n' => escaped.push(' '),
            control if control.is_control() => escaped.push('\u{fffd}'),
            other => escaped.push(other),
        }
    }
    escaped
}

/// A character between the quotes of `$'…'`, as shells have them.
fn in_ansi_c(character: char) -> String {
    match character {
        '\n' => "\\n".to_owned(),
        '\'' | '\\' => format!("\\{character}"),
        other
            if other == '\t'
                || terminal::escape(other.encode_utf8(&mut [0; 4])) != other.to_string() =>
        {
            format!("\\u{:04x}", u32::from(other))
        }
        other => other.to_string(),
    }
}

/// A command as one would type it, in one line.
#[must_use]
pub fn command(arguments: &[String]) -> String {
    let is_plain =
        |character: char| character.is_ascii_alphanumeric() || "_-./:=@%+,".contains(character);
    let quoted = arguments.iter().map(|argument| {
        if !argument.is_empty() && argument.chars().all(is_plain) {
            argument.clone()
        } else if terminal::escape(argument) != *argument || argument.contains(['\n', '\t']) {
            format!("$'{}'", argument.chars().map(in_ansi_c).collect::<String>())
        } else {
            format!("'{}'", argument.replace('\'', "'\\''"))
        }
    });
    quoted.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_can_be_pasted() {
        let arguments = ["fathom", "run", "--out", "a b", "", "it's"].map(str::to_owned);
        assert_eq!(command(&arguments), "fathom run --out 'a b' '' 'it'\\''s'");
        let hostile = ["a\n```\nb".to_owned(), "it's \x1b[2J".to_owned()];
        assert_eq!(command(&hostile), "$'a\\n```\\nb' $'it\\'s \\u001b[2J'");
    }
}
