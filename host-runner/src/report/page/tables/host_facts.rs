//! The host of the measurement.

use crate::quantity;
use crate::record::run::Bytes;
use crate::record::{Image, Source, system_label};
use crate::report::page::tables::Table;

/// Returns the findings on the host.
#[must_use]
pub fn doctor(source: &Source) -> Option<Table> {
    let mut table = Table::new("Host checks", &["", "verdict", "found", "to do"]);
    for finding in &source.record.environment.doctor {
        table.row(
            None,
            [
                finding.name.clone(),
                finding.verdict.name().to_owned(),
                finding.fact.clone(),
                finding.advice.clone().unwrap_or_default(),
            ],
        );
    }
    (!table.rows.is_empty()).then_some(table)
}

/// The groups of CPUs that share a core, and how those in use are related.
fn shared_cores(source: &Source) -> Option<String> {
    let groups = source.record.environment.shared_cores.as_ref()?;
    let group = |cpus: &Vec<usize>| {
        let numbers: Vec<String> = cpus.iter().map(ToString::to_string).collect();
        numbers.join(" and ")
    };
    let mut text = match groups.is_empty() {
        true => "none".to_owned(),
        false => groups.iter().map(group).collect::<Vec<_>>().join("; "),
    };
    let mut used: Vec<String> = Vec::new();
    for cpus in source
        .record
        .runs
        .iter()
        .filter_map(|run| run.cpus.as_ref())
    {
        let words = format!(
            "in use are {} and {}: {}",
            cpus.guest,
            cpus.measuring,
            cpus.relation.in_words()
        );
        if !used.contains(&words) {
            used.push(words);
        }
    }
    if !used.is_empty() {
        text.push_str("; ");
        text.push_str(&used.join("; "));
    }
    Some(text)
}

/// The image in words.
fn of_image(image: &Image) -> String {
    format!(
        "{}, {} bytes, SHA-256 {}",
        image.path.display(),
        quantity::count(image.bytes),
        image.sha256
    )
}

/// The image of each target that has one of its own; none if no target has.
fn images(source: &Source) -> Vec<[String; 2]> {
    let mut rows = Vec::new();
    for run in &source.record.runs {
        let Some(image) = run.image.as_ref() else {
            continue;
        };
        let row = [format!("image of {}", run.target), of_image(image)];
        if system_label::has_own_image(&run.target) && !rows.contains(&row) {
            rows.push(row);
        }
    }
    rows
}

/// The content that a file gave the requests, and that replies were compared with.
fn content(source: &Source) -> Vec<[String; 2]> {
    let words = |bytes: &Bytes| format!("SHA-256 {}, length {}", bytes.sha256, bytes.bytes);
    let mut rows = Vec::new();
    let runs = source.record.runs.iter();
    for content in runs.filter_map(|run| run.content.as_ref()) {
        let replies = match &content.expected_reply {
            Some(expected) => format!("each compared with {}", words(expected)),
            None => "not compared".to_owned(),
        };
        for row in [
            ["content of requests".to_owned(), words(&content.request)],
            ["content of replies".to_owned(), replies],
        ] {
            if !rows.contains(&row) {
                rows.push(row);
            }
        }
    }
    rows
}

/// The host of the measurement.
#[must_use]
pub fn environment(source: &Source) -> Table {
    let environment = &source.record.environment;
    let images = images(source);
    let image = match images.is_empty() {
        true => environment.image.as_ref().map(of_image),
        false => Some("several: below".to_owned()),
    };
    let mut placements: Vec<&str> = Vec::new();
    let runs = source.record.runs.iter();
    for placement in runs.filter_map(|run| run.placement.as_deref()) {
        if !placements.contains(&placement) {
            placements.push(placement);
        }
    }
    let placements = (!placements.is_empty()).then(|| placements.join("; "));
    let steal = environment.steal_share.map(|share| {
        format!(
            "at most {} of the CPU time in any run",
            quantity::share(share)
        )
    });
    let rights = environment.qemu_rights.as_ref().map(ToString::to_string);
    let facts = [
        ("measured at", Some(environment.started_at.to_string())),
        ("processor", environment.cpu_model.clone()),
        (
            "CPUs to use",
            environment.cores.map(|cores| cores.to_string()),
        ),
        ("CPUs that share a core", shared_cores(source)),
        ("kernel", Some(environment.kernel.clone())),
        ("governor", environment.governor.clone()),
        ("idle CPUs", environment.host_idle.clone()),
        ("steal", steal),
        ("QEMU", environment.qemu_version.clone()),
        ("QEMU's rights", rights),
        ("accelerator", environment.accel.clone()),
        ("why that", environment.accel_reason.clone()),
        ("placement", placements),
        ("image", image),
        ("fathom", Some(environment.fathom_version.clone())),
        ("revision", environment.git_revision.clone()),
        ("results", Some(source.directory.display().to_string())),
    ];
    let others: Vec<String> = environment
        .concurrent
        .iter()
        .map(ToString::to_string)
        .collect();
    let mut table = Table::new("Environment", &["", "found"]);
    for (name, fact) in facts {
        let fact = fact.unwrap_or_else(|| "not known".to_owned());
        table.row(None, [name.to_owned(), fact]);
    }
    for row in content(source).into_iter().chain(images) {
        table.row(None, row);
    }
    if !others.is_empty() {
        let what = "also measured at the same time".to_owned();
        table.row(None, [what, others.join("; ")]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Content;
    use crate::record::fixtures::source_fixtures;

    /// The rows of the table about content.
    fn rows(content: Option<Content>) -> Vec<String> {
        let mut source = source_fixtures::closed();
        source.record.runs[0].content = content.map(Into::into);
        let table = serde_json::to_value(environment(&source)).unwrap();
        let rows = table["rows"].as_array().unwrap().iter();
        let rows = rows.map(ToString::to_string);
        rows.filter(|row| row.contains("content of")).collect()
    }

    #[test]
    fn images_of_their_own_have_a_row_each() {
        let mut source = source_fixtures::closed();
        let rows = |source: &Source| {
            let table = serde_json::to_value(environment(source)).unwrap();
            let rows = table["rows"].as_array().unwrap().iter();
            let rows = rows.map(ToString::to_string);
            rows.filter(|row| row.contains("image")).collect::<Vec<_>>()
        };
        let image = source.record.environment.image.clone().unwrap();
        source.record.runs[0].image = Some(image);
        assert_eq!(rows(&source).len(), 1, "the common image");
        source.record.runs[0].target = "hermit@old".to_owned();
        let rows = rows(&source);
        assert_eq!(rows.len(), 2, "{rows:?}");
        assert!(rows[0].contains("several"), "{rows:?}");
        let has = |part: &str| rows[1].contains(part);
        assert!(
            has("image of hermit@old") && has("SHA-256 00ff"),
            "{rows:?}"
        );
    }

    #[test]
    fn content_of_a_file_is_named_by_length_and_digest() {
        assert!(rows(None).is_empty());
        let content = Content::new(b"abc".to_vec()).unwrap();
        let shown = rows(Some(content));
        assert_eq!(shown.len(), 2, "{shown:?}");
        assert!(shown[0].contains("SHA-256 ba7816bf"), "{shown:?}");
        assert!(shown[0].contains("length 3"), "{shown:?}");
        assert!(shown[1].contains("not compared"), "{shown:?}");
        let shown = rows(Some(content.expecting(b"A".to_vec()).unwrap()));
        assert!(
            shown[1].contains("each compared with SHA-256 559aead0"),
            "{shown:?}"
        );
    }
}
