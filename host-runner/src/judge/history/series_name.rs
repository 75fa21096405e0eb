//! Names of series: what they are of, and as much more as tells them apart.

use super::cause::Entry;
use crate::judge::fingerprints::Fields;

/// Returns a name for a series that says the main things.
pub(super) fn base_name((_, measurement): &Entry<'_>) -> String {
    let field = |name: &str, unit: &str| {
        let value = measurement.setting.get(name);
        value.map(|value| format!(", {}{unit}", value.words()))
    };
    let parts = [
        field("depth", " in flight"),
        field("sweep_percent", " % of the load"),
        field("offered_rate", ""),
        field("payload_bytes", " bytes"),
    ];
    let parts: String = parts.into_iter().flatten().collect();
    let mode = match measurement.mode.as_str() {
        "pipeline" => "pipeline".to_owned(),
        mode => format!("{mode} loop"),
    };
    format!(
        "{} on {}, {mode}{parts}",
        measurement.label, measurement.link
    )
}

/// Returns names for all, with the fields that tell apart those that would have the same name, and numbers where no
/// field does: then the machines differ.
pub(super) fn names(series: &[(String, &Fields)]) -> Vec<String> {
    let name = |(index, (base, fields)): (usize, &(String, &Fields))| {
        let same: Vec<usize> = (0..series.len())
            .filter(|other| series[*other].0 == *base)
            .collect();
        let mut differing: Vec<String> = Vec::new();
        for other in &same {
            for change in fields.changes(series[*other].1) {
                if !differing.contains(&change.field) {
                    differing.push(change.field);
                }
            }
        }
        let words = differing.iter().map(|name| {
            let value = fields.get(name);
            format!(
                ", {name} {}",
                value.map_or("unknown", |value| value.words())
            )
        });
        let number = same.iter().position(|other| *other == index);
        let twins = same
            .iter()
            .any(|other| *other != index && fields.changes(series[*other].1).is_empty());
        let machine = match number {
            Some(number) if twins => format!(", machine {}", number + 1),
            _ => String::new(),
        };
        format!("{base}{}{machine}", words.collect::<String>())
    };
    series.iter().enumerate().map(name).collect()
}
