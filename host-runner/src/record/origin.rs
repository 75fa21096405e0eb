//! Place where a reply is made, and kind of link: the first lines of every output, and the marks of what is not
//! like the rest of a comparison. A latency of half a microsecond is misread by whoever takes it for a network's.
//!
//! Everything is told from the names in a record, so that older records have it too.

use clap::ValueEnum as _;

use super::Run;
use super::system_label::kind;
use crate::link::{LinkKind, OtherEnd};
use crate::sut::SystemKind;

/// Target that stands for a service that was not started by this program.
const REMOTE: &str = "remote";

/// Returns where the replies of `target`, in its variant `responder`, are made; `None` for a target that is
/// not known here.
#[must_use]
pub fn answered_by(target: &str, responder: Option<&str>) -> Option<&'static str> {
    let name = kind(target);
    if name == REMOTE {
        return Some("a service that was running already");
    }
    let kind = SystemKind::from_str(name, false).ok()?;
    kind.system().answered_by(responder)
}

/// The path of a request to a target.
#[derive(Clone, Copy, Debug)]
pub struct Path<'a> {
    /// The target's name.
    pub target: &'a str,
    /// The link's name.
    pub link: &'a str,
    /// True if the host's kernel serves the guest's rings (vhost-net), on link `tap`.
    pub is_vhost_on: bool,
}

impl Path<'_> {
    /// Returns what lies between the client and the target; `None` for a link that is not known here.
    #[must_use]
    pub fn description(&self) -> Option<&'static str> {
        match self.link {
            "loopback" => {
                return Some("a UDP socket and this kernel's loopback network: no QEMU, no NIC");
            }
            "udp" => return Some("a UDP socket and whatever network leads there"),
            _ => {}
        }
        let other_end = match kind(self.target) {
            "null" => OtherEnd::Thread,
            "linux-host" => OtherEnd::Process,
            _ if self.is_vhost_on => OtherEnd::VhostNet,
            _ => OtherEnd::Qemu,
        };
        let link = LinkKind::from_str(self.link, false).ok()?;
        Some(link.description(other_end))
    }
}

/// A target on a link.
#[derive(Clone, Copy, Debug)]
pub struct OnLink<'a> {
    /// The target's name, with its variant or without.
    pub label: &'a str,
    /// The link's name.
    pub link: &'a str,
}

impl OnLink<'_> {
    /// Returns the mark of a target that is not a guest like the others on its link; `None` if it is.
    #[must_use]
    pub fn mark(&self) -> Option<&'static str> {
        let target = self.label.split(':').next().unwrap_or(self.label);
        match (kind(target), self.link) {
            ("linux-host", "tap") => Some("native, veth"),
            ("linux-host" | "null", _) => Some("native"),
            _ => None,
        }
    }

    /// Returns the label with its mark, if it has one.
    #[must_use]
    pub fn marked(&self) -> String {
        match self.mark() {
            Some(mark) => format!("{} ({mark})", self.label),
            None => self.label.to_owned(),
        }
    }
}

/// Returns a line for each target on each link that `runs` are of. Where there are several targets on a link,
/// a line for the link goes before theirs. The first lines name the faults that were injected, if any were.
#[must_use]
pub fn lines<'a>(runs: impl IntoIterator<Item = &'a Run>) -> Vec<String> {
    let mut links: Vec<(&str, Vec<&Run>)> = Vec::new();
    let mut faults: Vec<String> = Vec::new();
    for run in runs {
        if let Some(fault) = &run.fault {
            let line = format!("UNDER INJECTED FAULTS: {}", fault.parameters);
            if !faults.contains(&line) {
                faults.push(line);
            }
        }
        let own = links.iter().position(|(link, _)| *link == run.link);
        let own = own.unwrap_or_else(|| {
            links.push((&run.link, Vec::new()));
            links.len() - 1
        });
        let targets = &mut links[own].1;
        if !targets
            .iter()
            .any(|other| other.target_label() == run.target_label())
        {
            targets.push(run);
        }
    }
    let links = links.into_iter();
    faults.extend(links.flat_map(|(link, targets)| on_link(link, &targets)));
    faults
}

/// Returns the lines of the targets on one link.
fn on_link(link: &str, targets: &[&Run]) -> Vec<String> {
    if let [only] = targets {
        return vec![format!("{} over {}", who(only), with(link, describe(only)))];
    }
    let descriptions: Vec<Option<&str>> = targets.iter().map(|run| describe(run)).collect();
    // What most of them have stands with the link, and what differs with the target.
    let common = descriptions.iter().copied().max_by_key(|description| {
        let same = |other: &&Option<&str>| **other == *description;
        descriptions.iter().filter(same).count()
    });
    let common = common.flatten();
    let target = |(run, description): (&&Run, &Option<&'static str>)| match description {
        Some(description) if Some(*description) != common => {
            format!("  {}, over {description}", who(run))
        }
        _ => format!("  {}", who(run)),
    };
    let head = format!("over {}:", with(link, common));
    let targets = targets.iter().zip(&descriptions).map(target);
    std::iter::once(head).chain(targets).collect()
}

/// Returns the name of what `run` measured, with where its replies are made.
fn who(run: &Run) -> String {
    let answered_by = answered_by(&run.target, run.responder.as_deref());
    with(&run.target_label(), answered_by)
}

fn describe(run: &Run) -> Option<&'static str> {
    let path = Path {
        target: &run.target,
        link: &run.link,
        is_vhost_on: run.vhost.as_deref() == Some("on"),
    };
    path.description()
}

fn with(name: &str, description: Option<&str>) -> String {
    match description {
        Some(description) => format!("{name} ({description})"),
        None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures;
    use super::*;

    fn run(target: &str, responder: Option<&str>, link: &str) -> Run {
        Run {
            target: target.to_owned(),
            responder: responder.map(str::to_owned),
            link: link.to_owned(),
            ..fixtures::closed_run()
        }
    }

    #[test]
    fn one_measurement_has_one_line() {
        assert_eq!(
            lines(&[run("hermit", None, "vhost-user")]),
            [
                "hermit (answered in the receive ring, below smoltcp) over vhost-user (shared-memory rings: \
              no socket, no host kernel, no NIC)"
            ]
        );
        let line = lines(&[run("hermit@old", None, "unix")]).join("\n");
        assert!(line.starts_with("hermit@old (answered in the receive ring"));
        let smoltcp = run("hermit", Some("smoltcp"), "unix");
        let line = lines(&[smoltcp.clone(), smoltcp]).join("\n");
        assert!(
            line.starts_with("hermit:smoltcp (answered by smoltcp's UDP socket"),
            "{line}"
        );
        assert_eq!(line.lines().count(), 1);
    }

    #[test]
    fn differences_on_a_link_stand_with_the_target() {
        let runs = [
            run("hermit", None, "tap"),
            run("hermit-sockets", None, "tap"),
            run("linux-host", Some("blocking"), "tap"),
            run("null", None, "vhost-user"),
        ];
        let lines = lines(&runs);
        assert_eq!(lines.len(), 5, "{lines:#?}");
        assert!(lines[0].starts_with("over tap (a UDP socket") && lines[0].contains("QEMU"));
        assert!(!lines[1].contains("over "), "{lines:#?}");
        assert!(
            lines[3].contains("veth") && lines[3].contains("native"),
            "{lines:#?}"
        );
        assert!(lines[4].starts_with("null (native"), "{lines:#?}");
    }

    #[test]
    fn vhost_net_is_told() {
        let mut run = run("hermit", None, "tap");
        run.vhost = Some("on".into());
        assert!(lines(&[run.clone()])[0].contains("and vhost-net"));
        run.vhost = Some("off".into());
        assert!(lines(&[run])[0].contains("without vhost-net"));
    }

    #[test]
    fn injected_faults_come_first() {
        let mut faulty = run("hermit", None, "unix");
        faulty.fault = Some(fixtures::fault_record());
        let lines = lines(&[run("hermit", None, "unix"), faulty.clone(), faulty]);
        assert_eq!(lines.len(), 2, "{lines:#?}");
        assert_eq!(lines[0], "UNDER INJECTED FAULTS: loss=1%,seed=7");
    }

    #[test]
    fn every_target_and_link_has_words_and_what_is_native_a_mark() {
        for target in SystemKind::value_variants() {
            let name = target.name();
            assert!(answered_by(name, None).is_some(), "{name}");
            for link in LinkKind::value_variants() {
                let path = Path {
                    target: name,
                    link: link.name(),
                    is_vhost_on: false,
                };
                assert!(path.description().is_some());
            }
            let is_native = matches!(target, SystemKind::LinuxHost | SystemKind::Null);
            let on_loopback = OnLink {
                label: name,
                link: "loopback",
            };
            assert_eq!(on_loopback.mark().is_some(), is_native, "{name}");
        }
        for (label, link, marked) in [
            ("linux-host:busy", "tap", "linux-host:busy (native, veth)"),
            ("null-2", "unix", "null-2 (native)"),
            ("hermit-2", "unix", "hermit-2"),
            ("hermit@old", "unix", "hermit@old"),
            ("linux-guest:busy", "tap", "linux-guest:busy"),
        ] {
            assert_eq!(OnLink { label, link }.marked(), marked);
        }
    }
}
