//! What it was measured on.

use crate::quantity;
use crate::record::Source;
use crate::report::page::tables::Table;

/// What the hosts were found to spoil.
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

/// What it was measured on.
#[must_use]
pub fn environment(source: &Source) -> Table {
    let environment = &source.record.environment;
    let image = environment.image.as_ref();
    let image = image.map(|image| {
        format!(
            "{}, {} bytes, SHA-256 {}",
            image.path.display(),
            quantity::count(image.bytes),
            image.sha256
        )
    });
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
    if !others.is_empty() {
        let what = "also measured at the same time".to_owned();
        table.row(None, [what, others.join("; ")]);
    }
    table
}
