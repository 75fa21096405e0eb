//! What is measured with what, and in which order.

use super::args::CompareArgs;
use super::contender::Contender;
use crate::experiment::ExperimentError;
use crate::load::Plan;
use crate::random::SplitMix64;
use crate::record::{Run, Skipped, Why};
use crate::stats::median::median;
use crate::sut::LinkChoice;
use crate::sut::{Responder, SystemSpec};

/// A target on a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Combination {
    /// The target.
    pub contender: Contender,
    /// The link.
    pub way: LinkChoice,
}

impl Combination {
    /// That it is left out, for this reason.
    #[must_use]
    pub fn skipped(&self, round: Option<u32>, reason: String) -> Skipped {
        Skipped {
            target: self.contender.target_name(),
            responder: self.contender.responder.map(|mode| mode.name().to_owned()),
            link: self.way.name().to_owned(),
            round,
            reason,
        }
    }
}

impl Combination {
    /// Whether `run` is a repetition of it.
    #[must_use]
    pub fn is_of(&self, run: &Run) -> bool {
        (run.target == self.contender.target_name())
            && (run.responder.as_deref() == self.contender.responder.map(Responder::name))
            && (run.link == self.way.name())
    }

    /// What `runs` tell of it but for its latency: the median of its repetitions, valid or not, for
    /// what spoils a latency does not spoil this.
    #[must_use]
    pub fn why(&self, runs: &[Run]) -> Why {
        let own: Vec<&Run> = runs.iter().filter(|run| self.is_of(run)).collect();
        let median = |value: fn(&Run) -> Option<f64>| {
            median(own.iter().filter_map(|run| value(run)).collect())
        };
        let last = |value: fn(&Run) -> Option<u64>| own.iter().rev().find_map(|run| value(run));
        Why {
            target: self.contender.target_name(),
            responder: self.contender.responder.map(|mode| mode.name().to_owned()),
            link: self.way.name().to_owned(),
            first_reply_ms: median(|run| run.first_reply_ms),
            resident_bytes: median(|run| run.resident_bytes.map(|bytes| bytes as f64))
                .map(|bytes| bytes as u64),
            memory_bytes: last(|run| run.memory_bytes),
            image_bytes: last(|run| run.image_bytes),
            ..Why::default()
        }
    }
}

/// Everything that can be measured by `first`, link by link, and what can't.
#[must_use]
pub fn combinations(args: &CompareArgs, first: &Plan) -> (Vec<Combination>, Vec<Skipped>) {
    let mut contenders = args.targets.clone();
    Contender::number(&mut contenders);
    let mut ways = args.links.clone();
    let mut seen = Vec::new();
    ways.retain(|way| {
        !seen.contains(way) && {
            seen.push(*way);
            true
        }
    });
    let mut possible = Vec::new();
    let mut skipped = Vec::new();
    for way in ways {
        for &contender in &contenders {
            let combination = Combination { contender, way };
            match obstacle(args, first, combination) {
                None => possible.push(combination),
                Some(reason) => skipped.push(combination.skipped(None, reason)),
            }
        }
    }
    (possible, skipped)
}

/// Why a combination can't be, whatever the machine.
fn obstacle(
    args: &CompareArgs,
    first: &Plan,
    Combination { contender, way }: Combination,
) -> Option<String> {
    let system = args.system(contender, way);
    let error = check(&system, first).err()?;
    Some(with_own_options(&error.to_string()))
}

fn check(system: &SystemSpec, first: &Plan) -> Result<(), ExperimentError> {
    first.check_packet(system.family, None)?;
    Ok(system.check()?)
}

/// Replaces `--target` and `--link` of `fathom run` in `advice` by their plurals, which take lists here.
fn with_own_options(advice: &str) -> String {
    ["--target", "--link"]
        .into_iter()
        .fold(advice.to_owned(), |advice, option| {
            let (alone, with_value) = (format!("`{option}`"), format!("{option} "));
            advice
                .replace(&alone, &format!("`{option}s`"))
                .replace(&with_value, &format!("{option}s "))
        })
}

/// For each of `rounds` rounds, the order of `count` combinations by index. `seed` decides all of it,
/// whatever happens meanwhile.
#[must_use]
pub fn orders(count: usize, rounds: u32, seed: u64) -> Vec<Vec<usize>> {
    let mut random = SplitMix64(seed);
    (0..rounds)
        .map(|_| {
            let mut order: Vec<usize> = (0..count).collect();
            random.shuffle(&mut order);
            order
        })
        .collect()
}

/// About how long one boot takes that is measured by each of `plans`, in seconds: load, and what it takes
/// to boot, look at the host's noise and at the floors, settle, and end, as measured under TCG on two cores.
#[must_use]
pub fn expected_s(combination: Combination, plans: &[Plan]) -> f64 {
    let overhead_s = combination.contender.target.system().start_s();
    let load_s = plans.iter().map(load_s);
    overhead_s + load_s.sum::<f64>() + NOISE_S * plans.len().saturating_sub(1) as f64
}

/// About how long it takes to measure by `plan`, in seconds, as far as that is known beforehand.
#[must_use]
pub fn load_s(plan: &Plan) -> f64 {
    let load_ns = plan.expected_ns().unwrap_or(0) + plan.warmup.duration_ns.unwrap_or(0);
    load_ns as f64 / 1e9
}

/// Seconds that each further load of a boot takes beside itself: for measuring the host's noise and the floors.
const NOISE_S: f64 = 0.3;

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::super::super::{Cli, Command};
    use super::*;
    use crate::link::LinkKind;
    use crate::sut::LogLevel;

    fn args(line: &str) -> CompareArgs {
        let words = ["fathom", "compare"].into_iter();
        match Cli::try_parse_from(words.chain(line.split_whitespace()))
            .unwrap()
            .command
        {
            Command::Compare(args) => *args,
            other => panic!("{other:?}"),
        }
    }

    fn named(line: &str) -> (Vec<String>, Vec<Skipped>) {
        let (possible, skipped) = combinations(&args(line), args(line).loops().unwrap().first());
        let name = |it: &Combination| format!("{} {}", it.contender, it.way.name());
        (possible.iter().map(name).collect(), skipped)
    }

    #[test]
    fn every_target_is_measured_on_every_link_that_leads_to_it() {
        let (possible, skipped) = named(
            "--targets hermit,null,linux-host:busy,hermit --links vhost-user,user,loopback,tap,user",
        );
        let expected = [
            "hermit vhost-user",
            "null vhost-user",
            "hermit-2 vhost-user",
            "hermit user",
            "hermit-2 user",
            "null loopback",
            "linux-host:busy loopback",
            "hermit tap",
            "null tap",
            "linux-host:busy tap",
            "hermit-2 tap",
        ];
        assert_eq!(possible, expected);
        let reason = |target: &str, link: &str| {
            let is_it = |it: &&Skipped| it.target == target && it.link == link;
            &skipped.iter().find(is_it).unwrap().reason
        };
        assert_eq!(skipped.len(), 4 * 4 - expected.len());
        assert!(reason("null", "user").contains("no QEMU network without a guest"));
        assert!(reason("linux-host", "user").contains("link `loopback` or `tap`"));
        assert!(reason("hermit-2", "loopback").contains("only a process"));
    }

    /// Whatever is left out, the advice names options that this command has.
    #[test]
    fn advice_names_the_options_of_a_comparison() {
        let everything = "--links vhost-user,unix,tap,user,loopback --targets hermit,hermit-sockets,\
                          linux-guest,linux-host,linux-host:af_xdp,null";
        let mut count = 0;
        for options in ["", "--ip dhcp", "--ip6 fd00::5/64", "--memory 64"] {
            let (_, skipped) = named(&format!("{everything} {options}"));
            for skipped in &skipped {
                let words = skipped.reason.split([' ', '`', ',', ':']);
                for option in words.filter(|word| word.starts_with("--")) {
                    let command = <Cli as clap::CommandFactory>::command();
                    let compare = command.find_subcommand("compare").unwrap();
                    let mut known = compare.get_arguments().filter_map(|it| it.get_long());
                    assert!(
                        known.any(|it| it == &option[2..]),
                        "{option}: {}",
                        skipped.reason
                    );
                    count += 1;
                }
            }
        }
        assert!(count > 20, "{count}");
        let (_, skipped) = named("--targets linux-host --links unix");
        assert!(
            skipped[0].reason.contains("choose one with `--links`"),
            "{skipped:?}"
        );
    }

    #[test]
    fn smoltcp_in_the_unikernel_is_a_target_of_its_own() {
        let comparison = args("--targets hermit,hermit:smoltcp --boot-arg idle=nap");
        let told = |index: usize| {
            let way = LinkChoice::Link(LinkKind::Unix);
            comparison
                .system(comparison.targets[index], way)
                .guest
                .boot_args
        };
        assert_eq!(told(0), ["idle=nap"]);
        assert_eq!(told(1), ["path=smoltcp", "idle=nap"]);
        let (possible, _) = named("--targets hermit:smoltcp,hermit --links unix");
        assert_eq!(possible, ["hermit:smoltcp unix", "hermit unix"]);
    }

    #[test]
    fn options_reach_the_targets_that_they_mean_something_to() {
        let line = "--targets hermit,hermit-sockets,linux-guest,null --image i --kernel k --log info \
                    --boot-arg idle=nap";
        let (possible, skipped) = named(line);
        assert_eq!((possible.len(), skipped.len()), (4, 0), "{skipped:?}");
        let comparison = args(line);
        let guest = |index: usize| {
            let args =
                comparison.system(comparison.targets[index], LinkChoice::Link(LinkKind::Unix));
            (args.guest.image, args.guest.log, args.guest.boot_args.len())
        };
        let log = Some(LogLevel::Info);
        assert_eq!(guest(0), (Some("i".into()), log, 1));
        assert_eq!(guest(1), (None, log, 0), "another image");
        assert_eq!(guest(2), (None, None, 0));
        let (possible, skipped) = named("--ip dhcp --links user,unix --targets hermit");
        assert_eq!(possible, ["hermit user"]);
        assert!(skipped[0].reason.contains("no DHCP server"));
        let line = "--targets hermit-sockets,hermit --links user --ip6 fd00::5/64";
        let (possible, skipped) = named(line);
        assert_eq!(possible, ["hermit user"]);
        assert!(skipped[0].reason.contains("hermit-sockets has no IPv6"));
    }

    /// The Makefile's presets come first, and what its user says after them.
    #[test]
    fn the_last_word_holds() {
        let makefile = include_str!("../../../../Makefile").replace("\\\n", " ");
        let lines = makefile
            .lines()
            .filter(|line| line.contains("compare --targets"));
        let presets: Vec<_> = lines
            .map(|line| {
                let (_, options) = line.split_once("compare ").unwrap();
                options
                    .replace("$(ARGS)", "")
                    .replace("$(ALL_TARGETS)", "null,hermit")
            })
            .collect();
        assert_eq!(presets.len(), 2, "make compare and make compare-full");
        for preset in presets {
            let again = "--targets null --links unix --repeat 9 --duration 3s --warmup 1s --settle 4s \
                         --retries 1 --within 7s --seed 2";
            let args = args(&format!("{preset} {again}"));
            assert_eq!((args.targets.len(), args.links.len()), (1, 1));
            assert_eq!((args.repeat, args.retries, args.load.seed), (9, 1, 2));
            let seconds = [args.load.warmup, args.settle].map(|it| it.as_secs());
            assert_eq!(seconds, [1, 4]);
            let seconds = [args.load.duration, args.within].map(|it| it.map(|it| it.as_secs()));
            assert_eq!(seconds, [Some(3), Some(7)]);
        }
    }

    #[test]
    fn what_no_comparison_does_is_a_usage_error() {
        for line in [
            "--sweep",
            "--pcap file",
            "--host-port 7",
            "--duration 0s",
            "--boot-arg path=smoltcp",
        ] {
            assert_eq!(
                crate::cli::CliError::from(args(line).loops().unwrap_err()).exit_code(),
                2,
                "{line}"
            );
        }
        for line in [
            "--targets plan9",
            "--links pigeon",
            "--repeat 0",
            "--targets ,",
        ] {
            let words = ["fathom", "compare"].into_iter();
            let parsed = Cli::try_parse_from(words.chain(line.split_whitespace()));
            assert!(parsed.is_err(), "{line}");
        }
    }

    #[test]
    fn the_seed_decides_the_order_of_every_round() {
        let orders_of = |seed| orders(6, 20, seed);
        assert_eq!(orders_of(1), orders_of(1));
        assert_ne!(orders_of(1), orders_of(2));
        let orders = orders_of(1);
        assert!(orders.iter().any(|order| *order != orders[0]));
        for mut order in orders {
            order.sort_unstable();
            assert_eq!(order, [0, 1, 2, 3, 4, 5]);
        }
        // More rounds begin as fewer do.
        assert_eq!(super::orders(6, 3, 1), orders_of(1)[..3]);
    }
}
