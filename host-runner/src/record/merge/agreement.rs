//! Agreement of logs that are to be added up.

use std::path::Path;

use serde_json::Value;

use super::MergeError;
use crate::record::log_description::LogDescription;
use crate::terminal;

/// Fields in which nodes may differ: each has its own name, rate, and service or address of the service.
const FREE: [&str; 3] = ["node", "address", "offered_rate"];

/// Checks that what is described at `path` adds up to what is described at `first`: all but the [`FREE`] fields are the
/// same.
///
/// # Errors
///
/// [`MergeError::Different`] with the first field that is not.
pub(super) fn check(
    (first, described): (&Path, &LogDescription),
    (path, description): (&Path, &LogDescription),
) -> Result<(), MergeError> {
    let fields = |description: &LogDescription| match serde_json::to_value(description) {
        Ok(Value::Object(fields)) => fields,
        // It was read from JSON, or is written as such all the time.
        _ => serde_json::Map::new(),
    };
    let (expected, found) = (fields(described), fields(description));
    let different = expected
        .iter()
        .find(|(field, value)| !FREE.contains(&field.as_str()) && found.get(*field) != Some(value));
    let Some((field, value)) = different else {
        return Ok(());
    };
    let words = |value: Option<&Value>| match value {
        None | Some(Value::Null) => "not given".to_owned(),
        Some(value) => format!("`{}`", terminal::one_line(&value.to_string())),
    };
    Err(MergeError::Different {
        path: path.to_owned(),
        field: field.clone(),
        value: words(found.get(field)),
        first: first.to_owned(),
        first_value: words(Some(value)),
    })
}
