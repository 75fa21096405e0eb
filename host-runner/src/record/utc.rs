//! Times of day in a record: RFC 3339, UTC, to the microsecond.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serializer, de};

/// Writes a time, or null.
///
/// # Errors
///
/// Those of `serializer`.
pub fn serialize<S: Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => serializer.collect_str(&format_args!("{at:.6}")),
        None => serializer.serialize_none(),
    }
}

/// Reads a time, or null.
///
/// # Errors
///
/// Those of `deserializer`, and one for a text that is no time.
pub fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Timestamp>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    let time = text.map(|text| text.parse().map_err(de::Error::custom));
    time.transpose()
}
