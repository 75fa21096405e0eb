//! The hosts of all nodes in one record: what they have in common.

use jiff::Timestamp;

use super::Input;
use crate::record::Environment;
use crate::record::environment::GIT_REVISION;

/// Text in the place of a kernel's name where nodes differ, or say nothing.
const NOT_COMMON: &str = "not the same, or not known, on all nodes";

/// Returns the environment of `inputs`, as far as it is the same on all nodes: a fact in which they differ is absent.
/// Findings and other measurements are those of all. Version and command line are this program's.
#[must_use]
pub fn common_environment(inputs: &[&Input]) -> Environment {
    let known: Vec<&Environment> = inputs
        .iter()
        .filter_map(|input| input.environment.as_deref())
        .collect();
    // A log without a record says nothing of its host.
    let all: &[&Environment] = match known.len() == inputs.len() {
        true => &known,
        false => &[],
    };
    let started_at = known.iter().map(|environment| environment.started_at).min();
    let shares = known
        .iter()
        .filter_map(|environment| environment.steal_share);
    Environment {
        started_at: started_at.unwrap_or_else(|| first_start(inputs)),
        machine: common(all, |environment| environment.machine.clone()),
        cpu_model: common(all, |environment| environment.cpu_model.clone()),
        cores: common(all, |environment| environment.cores),
        shared_cores: common(all, |environment| environment.shared_cores.clone()),
        fingerprint: common(all, |environment| environment.fingerprint.clone()),
        kernel: common(all, |environment| Some(environment.kernel.clone()))
            .unwrap_or_else(|| NOT_COMMON.to_owned()),
        governor: common(all, |environment| environment.governor.clone()),
        steal_share: shares.reduce(f64::max),
        qemu_version: common(all, |environment| environment.qemu_version.clone()),
        qemu_rights: common(all, |environment| environment.qemu_rights.clone()),
        accel: common(all, |environment| environment.accel.clone()),
        accel_reason: common(all, |environment| environment.accel_reason.clone()),
        host_idle: common(all, |environment| environment.host_idle.clone()),
        concurrent: distinct(known.iter().flat_map(|environment| &environment.concurrent)),
        image: common(all, |environment| environment.image.clone()),
        git_revision: common(all, |environment| environment.git_revision.clone())
            .or_else(|| GIT_REVISION.map(str::to_owned)),
        fathom_version: common(all, |environment| Some(environment.fathom_version.clone()))
            .unwrap_or_else(|| env!("CARGO_PKG_VERSION").to_owned()),
        command_line: std::env::args_os()
            .map(|argument| argument.to_string_lossy().into_owned())
            .collect(),
        doctor: distinct(known.iter().flat_map(|environment| &environment.doctor)),
    }
}

/// Returns the fact that `fact` looks up, if all have the same.
fn common<T: PartialEq>(
    all: &[&Environment],
    fact: impl Fn(&Environment) -> Option<T>,
) -> Option<T> {
    let (first, rest) = all.split_first()?;
    let known = fact(first)?;
    let is_common = rest
        .iter()
        .all(|environment| fact(environment).as_ref() == Some(&known));
    is_common.then_some(known)
}

/// Returns each of `values` once, in their order.
fn distinct<'a, T: PartialEq + Clone + 'a>(values: impl Iterator<Item = &'a T>) -> Vec<T> {
    let mut distinct: Vec<T> = Vec::new();
    for value in values {
        if !distinct.contains(value) {
            distinct.push(value.clone());
        }
    }
    distinct
}

/// The start of the first log.
fn first_start(inputs: &[&Input]) -> Timestamp {
    let start = inputs.iter().map(|input| input.start).min();
    let since_epoch = jiff::SignedDuration::try_from(start.unwrap_or_default());
    let time = since_epoch
        .ok()
        .and_then(|since| Timestamp::from_duration(since).ok());
    time.unwrap_or(Timestamp::UNIX_EPOCH)
}
