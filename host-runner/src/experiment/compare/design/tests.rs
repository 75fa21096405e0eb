//! Cases, systems and orders of plain specifications.

use clap::ValueEnum as _;

use super::*;
use crate::experiment::compare::tests::PLAN;
use crate::host::cpu_latency::HostIdle;
use crate::host::lock::Patience;
use crate::link::LinkKind;
use crate::record::Image;
use crate::stats::Policy;
use crate::sut::LogLevel;
use crate::sut::address::Ip;

/// Returns a comparison of the variants over the links that are named, with commas between them.
fn spec(variants: &str, links: &str) -> CompareSpec {
    CompareSpec {
        confirmation: None,
        variants: variants
            .split(',')
            .map(|name| name.parse().unwrap())
            .collect(),
        images: Vec::new(),
        links: links
            .split(',')
            .map(|name| LinkChoice::from_str(name, false).unwrap())
            .collect(),
        loads: Loads::one(PLAN),
        guest: GuestSpec {
            port: 9000,
            ..GuestSpec::default()
        },
        linux: LinuxSpec::default(),
        rounds: 3,
        retries: 2,
        time_limit: None,
        settle: Duration::ZERO,
        cost_analysis: CostAnalysis::Included,
        validity: Validity {
            policy: Policy::default(),
            quiet_ns: 0,
        },
        host: HostSpec {
            idle: HostIdle::default(),
            patience: Patience::Beside,
            cpus: None,
        },
    }
}

fn names(spec: &CompareSpec) -> (Vec<String>, Vec<Skipped>) {
    let (possible, skipped) = spec.cases();
    let name = |case: &Case| format!("{} {}", case.variant, case.link.name());
    (possible.iter().map(name).collect(), skipped)
}

#[test]
fn every_variant_is_measured_on_every_link_that_leads_to_it() {
    let spec = spec(
        "hermit,null,linux-host:busy,hermit",
        "vhost-user,user,loopback,tap,user",
    );
    let (possible, skipped) = names(&spec);
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
        let is_it = |skipped: &&Skipped| skipped.target == target && skipped.link == link;
        &skipped.iter().find(is_it).unwrap().reason
    };
    assert_eq!(skipped.len(), 4 * 4 - expected.len());
    assert!(reason("null", "user").contains("no QEMU network without a guest"));
    assert!(reason("linux-host", "user").contains("link `loopback` or `tap`"));
    assert!(reason("hermit-2", "loopback").contains("only a process"));
}

#[test]
fn advice_names_the_plural_options() {
    let (_, skipped) = names(&spec("linux-host", "unix"));
    let reason = &skipped[0].reason;
    assert!(reason.contains("choose one with `--links`"), "{reason}");
}

#[test]
fn smoltcp_in_the_unikernel_is_a_variant_of_its_own() {
    let mut spec = spec("hermit,hermit:smoltcp", "unix");
    spec.guest.boot_args = vec!["idle=nap".to_owned()];
    let (cases, _) = spec.cases();
    let boot_args = |index: usize| spec.system(cases[index]).guest.boot_args;
    assert_eq!(boot_args(0), ["idle=nap"]);
    assert_eq!(boot_args(1), ["path=smoltcp", "idle=nap"]);
    let reversed = self::spec("hermit:smoltcp,hermit", "unix");
    assert_eq!(names(&reversed).0, ["hermit:smoltcp unix", "hermit unix"]);
}

#[test]
fn settings_reach_the_systems_that_they_mean_something_to() {
    let mut several = spec("hermit,hermit-sockets,linux-guest,null", "unix");
    several.guest.image = Some("i".into());
    several.guest.log = Some(LogLevel::Info);
    several.guest.boot_args = vec!["idle=nap".to_owned()];
    several.linux.kernel = Some("k".into());
    let (cases, skipped) = several.cases();
    assert_eq!((cases.len(), skipped.len()), (4, 0), "{skipped:?}");
    let settings = |index: usize| {
        let system = several.system(cases[index]);
        let guest = system.guest;
        let has_kernel = system.linux.kernel.is_some();
        (guest.image, guest.log, guest.boot_args.len(), has_kernel)
    };
    let log = Some(LogLevel::Info);
    assert_eq!(settings(0), (Some("i".into()), log, 1, false));
    assert_eq!(settings(1), (None, log, 0, false), "another image");
    assert_eq!(settings(2), (None, None, 0, true));
    assert_eq!(settings(3), (None, None, 0, false));

    let mut dhcp = spec("hermit", "user,unix");
    dhcp.guest.ip = Some(Ip::Dhcp);
    let (possible, skipped) = names(&dhcp);
    assert_eq!(possible, ["hermit user"]);
    assert!(skipped[0].reason.contains("no DHCP server"));

    let mut ipv6 = spec("hermit-sockets,hermit", "user");
    ipv6.guest.ip6 = Some("fd00::5/64".parse().unwrap());
    let (possible, skipped) = names(&ipv6);
    assert_eq!(possible, ["hermit user"]);
    assert!(skipped[0].reason.contains("hermit-sockets has no IPv6"));
    assert_eq!(ipv6.cases().0[0].link, LinkChoice::Link(LinkKind::User));
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

#[test]
fn copies_are_numbered() {
    let names = ["hermit", "linux-guest:busy", "hermit", "null", "hermit"];
    let mut variants = names.map(|name| name.parse::<Variant>().unwrap());
    number_copies(&mut variants);
    let names = variants.map(|variant| variant.to_string());
    let expected = ["hermit", "linux-guest:busy", "hermit-2", "null", "hermit-3"];
    assert_eq!(names, expected);
}

#[test]
fn each_image_is_booted_by_the_targets_that_have_its_label() {
    let mut spec = spec("hermit", "vhost-user");
    let of = |label: Option<&str>| Variant {
        image: label.map(|label| label.parse().unwrap()),
        ..spec.variants[0]
    };
    let [common, old, new] = [None, Some("old"), Some("new")].map(of);
    let own = |variant, path: &str| {
        let image = Image {
            path: path.into(),
            sha256: "00ff".to_owned(),
            bytes: 3,
        };
        OwnImage { variant, image }
    };
    spec.images = vec![own(old, "old.elf"), own(new, "new.elf")];
    spec.variants = vec![common, old, new, old];
    spec.guest.image = Some("common.elf".into());
    let (cases, _) = spec.cases();
    let booted = cases.iter().map(|&case| {
        let image = spec.system(case).guest.image.unwrap();
        format!("{}: {}", case.variant, image.display())
    });
    let expected = [
        "hermit: common.elf",
        "hermit@old: old.elf",
        "hermit@new: new.elf",
        "hermit@old-2: old.elf",
    ];
    assert_eq!(booted.collect::<Vec<_>>(), expected);
}
