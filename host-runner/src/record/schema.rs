//! The JSON Schema of `result.json`, made from the types that the record is written from; doc comments
//! are its descriptions. The file `host-runner/schema/result.schema.json` is a copy.
//!
//! Deliberately checks nothing: [`super::read`] reads records, and must read those of later versions too.

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::{Record, SCHEMA};

/// Description of the whole, with the policy.
const DESCRIPTION: &str = "A result of Fathom: result.json. Times are nanoseconds in fields that end in \
    _ns, milliseconds in those that end in _ms; rates are per second, lengths bytes, shares from 0 to 1. \
    Null is what does not exist or could not be found out; a field without a value may be absent as well. \
    Within major version 1 fields and codes are added and never change their meaning: readers ignore \
    what they do not know, so no object is closed (additionalProperties). Another meaning is another \
    major version, in the field `schema`.";

/// Returns the schema of records of [`SCHEMA`]: those of this version, of earlier ones, and of later ones
/// as far as this one knows their fields.
#[must_use]
pub fn schema() -> Value {
    let generator = SchemaSettings::draft2020_12()
        .for_deserialize()
        .into_generator();
    let mut schema = generator.into_root_schema_for::<Record>().to_value();
    tidy(&mut schema);
    schema["title"] = SCHEMA.into();
    schema["description"] = DESCRIPTION.into();
    schema["properties"]["schema"]["const"] = SCHEMA.into();
    schema
}

/// Returns `schema` with every object closed: a field that it does not know is an error. That is how tests
/// hold what is written against the schema, and nothing for readers.
#[must_use]
pub fn closed(mut schema: Value) -> Value {
    each_object(&mut schema, &mut |object| {
        if object.contains_key("properties") {
            object
                .entry("additionalProperties")
                .or_insert_with(|| json!(false));
        }
    });
    schema
}

/// Makes descriptions of doc comments: no line breaks, and no links to items of the program.
fn tidy(schema: &mut Value) {
    each_object(schema, &mut |object| {
        if let Some(Value::String(text)) = object.get_mut("description") {
            *text = text
                .replace('\n', " ")
                .replace("[`", "`")
                .replace("`]", "`");
        }
    });
}

/// Calls `change` with every object in `value`, itself among them.
fn each_object(value: &mut Value, change: &mut impl FnMut(&mut Map<String, Value>)) {
    match value {
        Value::Object(object) => {
            change(object);
            object
                .values_mut()
                .for_each(|value| each_object(value, change));
        }
        Value::Array(array) => array
            .iter_mut()
            .for_each(|value| each_object(value, change)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests;
