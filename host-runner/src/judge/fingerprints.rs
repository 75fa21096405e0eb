//! Fields in which two results must agree to be held against each other, with their values: data for whoever
//! compares, groups or labels results.
//!
//! - [`machine()`]: the host that a result was measured on. Latencies of hosts that differ in any field are not
//!   comparable in time.
//! - [`setting()`]: the experiment: target, link, load, guest, method. Figures of settings that differ in any
//!   field answer different questions. [`COUNTED`] and [`OF_BOOT`] are those that matter to some figures.
//! - [`MachineDifferences`]: whether results are of one machine, by the fields that identify it.
//!
//! A field is named like the one in `result.json` that it is from, so that the name can be given on a command
//! line. Image, revision, dates, and versions of this program are no fields: they are the thing under test.

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::digest::hex;
use crate::quantity;

mod machine_differences;
mod machine_fields;
mod setting_fields;

pub use machine_differences::MachineDifferences;
pub use machine_fields::machine;
pub use setting_fields::{COUNTED, IDENTITY, OF_BOOT, setting};

/// Numbers agree that differ by no more than this share: rates that were calibrated, memory less what a kernel
/// takes for itself.
const TOLERANCE: f64 = 0.01;

/// Word for a value that a record does not know.
const UNKNOWN: &str = "unknown";

/// Value of an option of the kernel that is not on its command line.
const NOT_SET: &str = "not set";

/// Parts of the kernel's fields, each a field of its own: `kernel_options.isolcpus`.
const GROUPS: [&str; 2] = ["kernel_options", "mitigations"];

/// Value of a field.
#[derive(Clone, Debug, PartialEq)]
pub enum FieldValue {
    /// Text, which agrees with the same text.
    Text(String),
    /// A number, with its unit in words, which agrees with numbers that are about the same.
    Number {
        /// The number.
        number: f64,
        /// The same in words.
        words: String,
    },
}

impl FieldValue {
    fn agrees(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Number { number: a, .. }, Self::Number { number: b, .. }) => {
                (a - b).abs() <= TOLERANCE * a.abs().max(b.abs())
            }
            (a, b) => a.words() == b.words(),
        }
    }

    /// Returns the value in words.
    #[must_use]
    pub fn words(&self) -> &str {
        match self {
            Self::Text(text) => text,
            Self::Number { words, .. } => words,
        }
    }
}

/// A field that is known, with its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// Name.
    pub name: String,
    /// Value.
    pub value: FieldValue,
}

/// Fields of a result, in the order in which a reader wants them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fields(Vec<Field>);

impl Fields {
    /// Adds the field `name`, if its value is known.
    fn text(&mut self, name: impl Into<String>, value: Option<impl ToString>) {
        let name = name.into();
        let value = value.map(|value| FieldValue::Text(value.to_string()));
        self.0.extend(value.map(|value| Field { name, value }));
    }

    /// Adds the field `name`, a number with its `words`, if it is known.
    fn number(&mut self, name: &str, number: Option<f64>, words: impl Fn(f64) -> String) {
        self.0.extend(number.map(|number| Field {
            name: name.to_owned(),
            value: FieldValue::Number {
                number,
                words: words(number),
            },
        }));
    }

    /// Returns the value of the field `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&FieldValue> {
        let field = self.0.iter().find(|field| field.name == name)?;
        Some(&field.value)
    }

    /// Returns all that are known.
    pub fn iter(&self) -> impl Iterator<Item = &Field> {
        self.0.iter()
    }

    /// Returns the fields without `name` and its parts.
    #[must_use]
    pub fn without(&self, name: &str) -> Self {
        let others = self.0.iter().filter(|field| !is_of(&field.name, name));
        Self(others.cloned().collect())
    }

    /// Returns the fields in one line, `target hermit, link vhost-user`: equal for equal fields. Numbers have two
    /// digits, so that those that agree are mostly equal.
    #[must_use]
    pub fn key(&self) -> String {
        let field = |field: &Field| match &field.value {
            FieldValue::Text(text) => format!("{} {text}", field.name),
            FieldValue::Number { number, .. } => format!("{} {number:.1e}", field.name),
        };
        let fields: Vec<String> = self.0.iter().map(field).collect();
        fields.join(", ")
    }

    /// Returns the first half of a SHA-256 digest of [`key`](Self::key), in hexadecimal digits.
    #[must_use]
    pub fn digest(&self) -> String {
        hex(&Sha256::digest(self.key())).chars().take(32).collect()
    }

    /// Returns the fields in which `later` is another than these, in the order of both. A field that only one of the
    /// two knows differs, but for parts of a group, such as a vulnerability that only the newer of two kernels has
    /// heard of.
    #[must_use]
    pub fn changes(&self, later: &Self) -> Vec<Change> {
        let known = self.0.iter().chain(&later.0).map(|field| &field.name);
        let mut changes: Vec<Change> = Vec::new();
        for name in known {
            let (from, to) = (self.get(name), later.get(name));
            let differs = match (from, to) {
                (Some(from), Some(to)) => !from.agrees(to),
                _ => !GROUPS.iter().any(|group| is_of(name, group)),
            };
            if differs && !changes.iter().any(|change| change.field == *name) {
                changes.push(Change::new(name, from, to));
            }
        }
        changes
    }
}

/// Returns the names of all fields, parts of groups aside: those of the setting first.
pub fn names() -> impl Iterator<Item = &'static str> {
    setting_fields::NAMES
        .into_iter()
        .chain(machine_fields::NAMES)
}

/// Returns true if the field `name` is `asked`, or a part of it.
pub(super) fn is_of(name: &str, asked: &str) -> bool {
    let rest = name.strip_prefix(asked);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// A field in which two results differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Name of the field.
    pub field: String,
    /// Value of the first result, in words; `unknown` if its record does not say.
    pub from: String,
    /// Value of the second.
    pub to: String,
}

impl Change {
    fn new(field: &str, from: Option<&FieldValue>, to: Option<&FieldValue>) -> Self {
        let words =
            |value: Option<&FieldValue>| value.map_or(UNKNOWN, FieldValue::words).to_owned();
        Self {
            field: field.to_owned(),
            from: words(from),
            to: words(to),
        }
    }

    /// Returns true if both values are known.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.from != UNKNOWN && self.to != UNKNOWN
    }

    /// Returns true if the field is `name`, or a part of it.
    #[must_use]
    pub fn is_of(&self, name: &str) -> bool {
        is_of(&self.field, name)
    }
}

impl std::fmt::Display for Change {
    /// `kernel 6.1.147 -> 6.1.150`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} -> {}", self.field, self.from, self.to)
    }
}

/// Memory in words.
fn memory(bytes: f64) -> String {
    quantity::bytes(bytes as u64)
}

#[cfg(test)]
mod tests;
