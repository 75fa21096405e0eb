//! Names that tell images of one system apart: `old` in `hermit@old`.

use std::fmt;
use std::str::FromStr;

use arrayvec::ArrayString;

/// Largest number of characters of a label: it is a part of files' names, beside link, load and round.
const MOST: usize = 32;

/// Label of an image: letters, digits, and `.`, `_`, `+`, `-`, so that it can stand in a file's name, in an
/// objective and in a list of targets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageLabel(ArrayString<MOST>);

impl ImageLabel {
    /// Returns the label that `name` comes nearest to, with `suffix` at its end: other characters become `-`, and what
    /// is too long is cut off.
    #[must_use]
    pub fn nearest(name: &str, suffix: &str) -> Self {
        let room = MOST.saturating_sub(suffix.len());
        let name = name.chars().take(room);
        let name = name.map(|character| {
            if is_allowed(character) {
                character
            } else {
                '-'
            }
        });
        let mut label = ArrayString::new();
        for character in name.chain(suffix.chars().take(MOST)) {
            label.push(character);
        }
        Self(label)
    }
}

impl FromStr for ImageLabel {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let label = ArrayString::from(text)
            .ok()
            .filter(|label| !label.is_empty() && label.chars().all(is_allowed));
        label.map(Self).ok_or_else(|| {
            format!("`{text}` names no image: a label has up to {MOST} letters, digits, `.`, `_`, `+` and `-`")
        })
    }
}

impl fmt::Display for ImageLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

const fn is_allowed(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '.' | '_' | '+' | '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_can_be_part_of_a_name() {
        let longest = "x".repeat(MOST);
        for text in ["old", "v1.2-rc.1+3_x", &longest] {
            assert_eq!(text.parse::<ImageLabel>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "a b",
            "a/b",
            "a:b",
            "a@b",
            "\u{e9}",
            &"x".repeat(MOST + 1),
        ] {
            assert!(text.parse::<ImageLabel>().is_err(), "{text}");
        }
    }

    #[test]
    fn any_name_has_a_label() {
        let label = |name, suffix| ImageLabel::nearest(name, suffix).to_string();
        assert_eq!(label("a b\u{e9}", ""), "a-b-");
        assert_eq!(label("fathom", "-1a2b3c4d"), "fathom-1a2b3c4d");
        let long = label(&"x".repeat(100), "-1a2b3c4d");
        assert_eq!((long.len(), &long[22..]), (MOST, "x-1a2b3c4d"));
        assert!(long.parse::<ImageLabel>().is_ok());
    }
}
