//! Code in a text: what stands between two backticks, as HTML has it.

use minijinja::{HtmlEscape, Value};

/// Returns `text` as HTML, which escapes it, with code between two backticks as an element. A backtick without another is one.
#[must_use]
pub fn html(text: &str) -> Value {
    let mut html = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, code, after)) = first_code(rest) {
        html += &format!("{}<code>{}</code>", HtmlEscape(before), HtmlEscape(code));
        rest = after;
    }
    html += &HtmlEscape(rest).to_string();
    Value::from_safe_string(html)
}

/// Returns the first code in `text`, without its backticks, and what stands before and after it.
fn first_code(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once('`')?;
    let (code, after) = rest.split_once('`')?;
    Some((before, code, after))
}

#[cfg(test)]
mod tests {
    #[test]
    fn code_is_an_element_and_everything_is_escaped() {
        for (text, html) in [
            (
                "see `top`, or `ps -e`.",
                "see <code>top</code>, or <code>ps -e</code>.",
            ),
            ("`a` <b> `", "<code>a</code> &lt;b&gt; `"),
            ("`<img>`", "<code>&lt;img&gt;</code>"),
            ("no code", "no code"),
        ] {
            assert_eq!(super::html(text).to_string(), html);
        }
    }
}
