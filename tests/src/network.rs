//! Network namespaces and tap devices, as `/proc` shows who has them: what nobody has is gone.
#![forbid(unsafe_code)]

use std::fs;
use std::path::Path;

use rustix::process::Pid;
use suite::Capability;

/// Device node that makes tap devices; a descriptor of one is a link to it.
const TUN: &str = "/dev/net/tun";

/// Returns whether this user may make network namespaces; skips the calling test if not.
#[must_use]
#[track_caller]
pub fn is_root() -> bool {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        suite::skip(Capability::Tap, "link tap takes root");
    }
    is_root
}

/// The network devices that this process sees.
#[must_use]
pub fn devices() -> Vec<String> {
    let mut names = names_in(Path::new("/sys/class/net"));
    names.sort();
    names
}

/// The network namespace that `process` is in; none if it is gone.
#[must_use]
pub fn namespace_of(process: Pid) -> String {
    let own = fs::read_link(Path::new("/proc").join(name(process)).join("ns/net"));
    own.unwrap_or_default().to_string_lossy().into_owned()
}

/// The network namespaces that `process` has descriptors of, such as `net:[4026531833]`.
#[must_use]
pub fn namespaces_of(process: Pid) -> Vec<String> {
    let mut found = links_in(&Path::new("/proc").join(name(process)).join("fd"));
    found.retain(|link| link.starts_with("net:["));
    found.sort();
    found.dedup();
    found
}

/// The processes that are in `namespace`, with any thread, or have a descriptor of it.
#[must_use]
pub fn holders(namespace: &str) -> Vec<Pid> {
    processes(|process| {
        let threads = process.join("task");
        let is_in = names_in(&threads).iter().any(|thread| {
            let own = fs::read_link(threads.join(thread).join("ns/net"));
            own.is_ok_and(|own| own == Path::new(namespace))
        });
        is_in
            || links_in(&process.join("fd"))
                .iter()
                .any(|link| link == namespace)
    })
}

/// The processes that have a descriptor of a tap device.
#[must_use]
pub fn tap_holders() -> Vec<Pid> {
    processes(|process| links_in(&process.join("fd")).iter().any(|link| link == TUN))
}

fn processes(has_it: impl Fn(&Path) -> bool) -> Vec<Pid> {
    let all = Path::new("/proc");
    let names = names_in(all).into_iter();
    names
        .filter_map(|name| Pid::from_raw(name.parse().ok()?))
        .filter(|process| has_it(&all.join(name(*process))))
        .collect()
}

fn name(process: Pid) -> String {
    process.as_raw_nonzero().to_string()
}

/// The names in a directory; none if it is gone.
fn names_in(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect()
}

/// Returns the targets of the links in a directory.
fn links_in(directory: &Path) -> Vec<String> {
    let names = names_in(directory).into_iter();
    names
        .filter_map(|name| fs::read_link(directory.join(name)).ok())
        .map(|link| link.to_string_lossy().into_owned())
        .collect()
}
