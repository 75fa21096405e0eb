//! The service's counters, as `result.json` has them.

use std::borrow::Cow;
use std::collections::HashMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use wire::Counters;

/// The service's counters as an object, in their documented order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuestCounters(pub Counters);

impl Serialize for GuestCounters {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(Counters::NAMES.iter().zip(self.0.to_array()))
    }
}

impl<'de> Deserialize<'de> for GuestCounters {
    /// A counter that another version of the service did not have is zero.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let counts = HashMap::<String, u64>::deserialize(deserializer)?;
        let mut array = [0; Counters::LEN];
        for (count, name) in array.iter_mut().zip(Counters::NAMES) {
            *count = counts.get(*name).copied().unwrap_or_default();
        }
        Ok(Self(Counters::from_array(array)))
    }
}

impl JsonSchema for GuestCounters {
    fn schema_name() -> Cow<'static, str> {
        "GuestCounters".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let counter = |name: &&str| {
            let description = format!("The service's counter `{name}`.");
            let field = json_schema!({
                "description": description, "type": "integer", "format": "uint64", "minimum": 0
            });
            ((*name).to_owned(), field.to_value())
        };
        let counters: serde_json::Map<_, _> = Counters::NAMES.iter().map(counter).collect();
        json_schema!({
            "description": "The service's counters since its boot.",
            "type": "object",
            "properties": counters,
        })
    }
}
