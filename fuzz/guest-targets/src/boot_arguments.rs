//! Fuzz target: the boot arguments of all channels. What is read is read the same again, a value is in its range,
//! and what is refused is named as it came.
//!
//! An input is the channels' texts in their order, each ended by a zero.

use fuzz_harness::Target;
use kernel_app::args::{Args, Channel, IdlePolicy, Ipv4Config, Naps, TSC_KHZ, tsc_khz, words};
use kernel_app::boot::hermit_network::{KernelArguments, Settings};

/// The target.
pub const TARGET: Target = Target {
    name: "boot_arguments",
    run,
    seeds,
};

fn run(data: &[u8]) {
    let texts: Vec<_> = data
        .splitn(Channel::ALL.len(), |&byte| byte == 0)
        .map(String::from_utf8_lossy)
        .collect();
    let channels = || {
        Channel::ALL
            .into_iter()
            .zip(texts.iter().map(|text| &**text))
    };
    let parsed = Args::parse(channels());
    assert_eq!(
        parsed,
        Args::parse(channels()),
        "the same words, the same meaning"
    );
    match parsed {
        Ok(args) => check(&args),
        Err(error) => {
            let text = channels().find(|(channel, _)| *channel == error.channel);
            let (_, text) = text.expect("a channel that was given");
            assert!(text.contains(error.argument), "{error}");
            assert!(error.to_string().contains(error.argument));
        }
    }
    for (channel, text) in channels() {
        words(channel, text).for_each(|word| assert!(text.contains(word) && !word.is_empty()));
        if let Ok(khz) = tsc_khz(text) {
            assert!(TSC_KHZ.contains(&khz), "{khz}");
        }
    }
    hermits(&texts[0]);
}

/// Holds values to their ranges.
fn check(args: &Args) {
    assert_ne!(args.port, 0);
    if let Ipv4Config::Static {
        address, prefix, ..
    } = args.ipv4
    {
        assert!(prefix <= 32);
        assert!(!address.is_unspecified() && !address.is_multicast() && !address.is_broadcast());
    }
    if let Some(cidr) = args.ipv6.given() {
        assert!(cidr.prefix <= 128 && !cidr.address.is_unspecified());
        assert!(!cidr.address.is_multicast() && !cidr.address.is_loopback());
    }
    if let IdlePolicy::Nap(naps) = args.idle {
        assert!((Naps::MIN_NAP_US..=Naps::MAX_NAP_US).contains(&naps.nap_us));
    }
    if let Some(khz) = args.tsc_khz {
        assert!(TSC_KHZ.contains(&khz));
    }
    if let Some(mac) = args.nic {
        assert!(mac.is_host());
    }
    if let Some(stamp) = args.stamp {
        assert_ne!(stamp.port, 0);
        assert_ne!(stamp.port, args.port, "two services at a port");
    }
    // The ready line can say it.
    assert!(args.configuration.to_string().is_ascii());
}

/// Reads a command line as the image on Hermit's own sockets does.
fn hermits(command_line: &str) {
    let _ = Settings::parse(command_line.split_ascii_whitespace());
    let for_kernel = KernelArguments::of_command_line(command_line);
    assert!(for_kernel.as_str().is_empty() || for_kernel.as_str().ends_with(' '));
}

fn seeds() -> Vec<Vec<u8>> {
    let texts: [&str; 10] = [
        "ip=10.0.2.15/24 gw=10.0.2.2 ip6=2001:db8::15/64 port=9001 path=smoltcp",
        "idle=nap quiet=10ms nap=500us tsc_khz=2600000 log=info nic=52:54:00:12:34:56 panic=reset",
        "echo=on stamp=8620 stamp-mode=stateful stamp-key=000102030405060708090a0b0c0d0e0f",
        "port=9001\0port=9002 log=warn\0ip=dhcp\0echo=off",
        "BOOT_IMAGE=/vmlinuz root=/dev/vda1 ro quiet console=ttyS0 pci=off port=1",
        "ip=10.0.2.15/24 quiet=1s",
        "gw=10.0.2.2",
        "prot=9000",
        "-freq 2300 -- ip=dhcp",
        "-ip 10.0.2.15 -gateway 10.0.2.2 -mask 255.255.255.0 ip=10.0.2.15/24 gw=10.0.2.2 port=9000",
    ];
    texts.map(|text| text.as_bytes().to_vec()).to_vec()
}
