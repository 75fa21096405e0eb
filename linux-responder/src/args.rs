//! Arguments of the service: as a process, options; as process 1, the words after `--` on the kernel's
//! command line, which the kernel hands over as they are.
#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use wire::limits::LimitError;
use wire::stamp::{Mode as StampMode, STAMP_PORT, Secret};
use wire::{Cidr, Limits, Mode};

use crate::stamp::StampArgs;

/// An argument that is unknown or malformed, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadArgument(pub String);

impl fmt::Display for BadArgument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadArgument {}

/// Arguments of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessArgs {
    /// Way to wait.
    pub mode: Mode,
    /// Address to serve at, one of the host's own. Port 0 picks a free one.
    pub listen: SocketAddr,
    /// STAMP's reflector, if it is to be served.
    pub stamp: Option<StampArgs>,
    /// Limits of whom to answer, and how often.
    pub limits: Limits,
}

/// Usage of a process.
pub const USAGE: &str = "usage: fathom-responder [--mode blocking|busy|io_uring|af_xdp] [--allow CIDR[,CIDR...]] [--rate N] \
     [--rate-all N] --listen ADDRESS:PORT [--stamp ADDRESS:PORT [--stamp-mode stateless|stateful] \
     [--stamp-key FILE]]";

impl ProcessArgs {
    /// Reads a process's arguments, without the program's name; `None` if they ask for help.
    ///
    /// # Errors
    ///
    /// [`BadArgument`] names the first that is no good, or the one that is missing.
    pub fn read(
        arguments: impl IntoIterator<Item = OsString>,
    ) -> Result<Option<Self>, BadArgument> {
        use lexopt::Arg::{Long, Short};
        let bad = |error: lexopt::Error| BadArgument(error.to_string());
        let mut parser = lexopt::Parser::from_args(arguments);
        let (mut mode, mut listen) = (Mode::default(), None);
        let (mut stamp, mut stamp_mode, mut stamp_key) = (None, None, None);
        let mut limits = Limits::default();
        while let Some(argument) = parser.next().map_err(bad)? {
            match argument {
                Long("mode") => mode = named(&text(&mut parser)?)?,
                Long("listen") => listen = Some(address(&text(&mut parser)?)?),
                Long("stamp") => stamp = Some(address(&text(&mut parser)?)?),
                Long("stamp-mode") => stamp_mode = Some(session_mode(&text(&mut parser)?)?),
                Long("stamp-key") => stamp_key = Some(key(parser.value().map_err(bad)?.into())?),
                Long("allow") => limits.allow = limit("--allow", &text(&mut parser)?)?,
                Long("rate") => limits.rate = Some(limit("--rate", &text(&mut parser)?)?),
                Long("rate-all") => {
                    limits.rate_all = Some(limit("--rate-all", &text(&mut parser)?)?)
                }
                Long("help") | Short('h') => return Ok(None),
                other => return Err(bad(other.unexpected())),
            }
        }
        let listen = listen.ok_or_else(|| BadArgument("--listen is missing".to_owned()))?;
        let is_alone = stamp.is_none() && (stamp_mode.is_some() || stamp_key.is_some());
        if is_alone {
            return Err(BadArgument(
                "--stamp-mode and --stamp-key need --stamp".to_owned(),
            ));
        }
        let stamp = stamp.map(|listen| StampArgs {
            listen,
            mode: stamp_mode,
            key: stamp_key,
        });
        Ok(Some(Self {
            mode,
            listen,
            stamp,
            limits,
        }))
    }
}

fn session_mode(text: &str) -> Result<StampMode, BadArgument> {
    StampMode::from_name(text).ok_or_else(|| {
        BadArgument(format!(
            "--stamp-mode {text}: not one of stateless, stateful"
        ))
    })
}

/// Reads a key from a file: hexadecimal digits, and blanks around them.
fn key(path: PathBuf) -> Result<Secret, BadArgument> {
    let bad = |problem: String| BadArgument(format!("--stamp-key {}: {problem}", path.display()));
    let text = std::fs::read_to_string(&path).map_err(|error| bad(error.to_string()))?;
    let secret = text.trim().parse();
    secret.map_err(|error: wire::stamp::key::NoSecret| bad(error.to_string()))
}

fn text(parser: &mut lexopt::Parser) -> Result<String, BadArgument> {
    let value = parser
        .value()
        .map_err(|error| BadArgument(error.to_string()))?;
    Ok(value.to_string_lossy().into_owned())
}

/// Reads a mode's name.
fn named(text: &str) -> Result<Mode, BadArgument> {
    text.parse()
        .map_err(|error| BadArgument(format!("mode {text}: {error}")))
}

/// Reads the value of an option that limits whom to answer.
fn limit<L: FromStr<Err = LimitError>>(option: &str, text: &str) -> Result<L, BadArgument> {
    text.parse()
        .map_err(|error| BadArgument(format!("{option} {text}: {error}")))
}

/// An address that a datagram can be told from: whom not to answer depends on our own.
fn address(text: &str) -> Result<SocketAddr, BadArgument> {
    let address: SocketAddr = text
        .parse()
        .map_err(|_| BadArgument(format!("--listen {text}: not ADDRESS:PORT")))?;
    if address.ip().is_unspecified() || address.ip().is_multicast() {
        return Err(BadArgument(format!(
            "--listen {text}: name one of this host's own addresses"
        )));
    }
    Ok(address)
}

/// Arguments of process 1. The names are those of the unikernel's boot arguments where it has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BootArgs {
    /// `mode=`: how to wait.
    pub mode: Mode,
    /// `ip=A.B.C.D/N`: the network device's address and prefix length.
    pub ip: Cidr<Ipv4Addr>,
    /// `gw=A.B.C.D`: the gateway.
    pub gateway: Option<Ipv4Addr>,
    /// `port=`: the service's UDP port.
    pub port: u16,
    /// `allow=`, `rate=` and `rate-all=`: whom to answer, and how often.
    pub limits: Limits,
    /// `stamp=on`, `stamp=N` or `stamp=off`: the UDP port of STAMP's reflector, if it is to be served.
    pub stamp: Option<u16>,
    /// `stamp-mode=`: its mode; `None` for that of [`StampMode::by_default`].
    pub stamp_mode: Option<StampMode>,
    /// `stamp-key=HEX`: its key, with which only authenticated packets are answered.
    pub stamp_key: Option<Secret>,
}

impl BootArgs {
    /// Reads the words.
    ///
    /// # Errors
    ///
    /// [`BadArgument`] names the first that is no good, or the one that is missing.
    pub fn read<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Self, BadArgument> {
        let (mut mode, mut ip) = (Mode::default(), None);
        let (mut gateway, mut port) = (None, wire::DEFAULT_PORT);
        let mut limits = Limits::default();
        let (mut stamp, mut stamp_mode, mut stamp_key) = (Some(STAMP_PORT), None, None);
        for word in words {
            let malformed = || BadArgument(format!("malformed boot argument: {word}"));
            match word.split_once('=') {
                Some(("mode", text)) => mode = named(text)?,
                Some(("ip", text)) => ip = Some(network(text).ok_or_else(malformed)?),
                Some(("gw", text)) => gateway = Some(text.parse().map_err(|_| malformed())?),
                Some(("port", text)) => port = port_of(text).ok_or_else(malformed)?,
                Some(("stamp", "on")) => stamp = Some(STAMP_PORT),
                Some(("stamp", "off")) => stamp = None,
                Some(("stamp", text)) => stamp = Some(port_of(text).ok_or_else(malformed)?),
                Some(("stamp-mode", text)) => {
                    stamp_mode = Some(StampMode::from_name(text).ok_or_else(malformed)?);
                }
                // A key has no place on the console.
                Some(("stamp-key", text)) => {
                    let key = text.parse();
                    stamp_key =
                        Some(key.map_err(|error| BadArgument(format!("stamp-key=: {error}")))?);
                }
                Some(("allow", text)) => limits.allow = limit("allow", text)?,
                Some(("rate", text)) => limits.rate = Some(limit("rate", text)?),
                Some(("rate-all", text)) => limits.rate_all = Some(limit("rate-all", text)?),
                _ => return Err(BadArgument(format!("unknown boot argument: {word}"))),
            }
        }
        let ip =
            ip.ok_or_else(|| BadArgument("boot argument ip=A.B.C.D/N is missing".to_owned()))?;
        Ok(Self {
            mode,
            ip,
            gateway,
            port,
            limits,
            stamp,
            stamp_mode,
            stamp_key,
        })
    }

    /// Returns the options of STAMP's reflector, if it is to be served.
    #[must_use]
    pub fn stamp(&self) -> Option<StampArgs> {
        self.stamp.map(|port| StampArgs {
            listen: (self.ip.address, port).into(),
            mode: self.stamp_mode,
            key: self.stamp_key,
        })
    }
}

/// Reads a port that can be served at.
fn port_of(text: &str) -> Option<u16> {
    text.parse().ok().filter(|&port| port != 0)
}

/// Reads `A.B.C.D/N` with an address that a host can have.
fn network(text: &str) -> Option<Cidr<Ipv4Addr>> {
    let cidr: Cidr<Ipv4Addr> = text.parse().ok()?;
    let address = cidr.address;
    let special = address.is_unspecified() || address.is_multicast() || address.is_broadcast();
    (!special).then_some(cidr)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(line: &str) -> Result<Option<ProcessArgs>, BadArgument> {
        ProcessArgs::read(line.split_whitespace().map(OsString::from))
    }

    fn boot(line: &str) -> Result<BootArgs, BadArgument> {
        BootArgs::read(line.split_whitespace())
    }

    #[test]
    fn a_process_is_told_where_and_how() {
        let args = process("--mode busy --listen 127.0.0.1:0")
            .unwrap()
            .unwrap();
        assert_eq!(args.mode, Mode::Busy);
        assert_eq!(args.listen, "127.0.0.1:0".parse().unwrap());
        let args = process("--listen=[::1]:7").unwrap().unwrap();
        assert_eq!(
            (args.mode, args.listen),
            (Mode::Blocking, "[::1]:7".parse().unwrap())
        );
        assert_eq!(process("--help"), Ok(None));
        let limited = "--listen=[::1]:9 --allow 10.0.0.0/8,fd00::/8 --rate 5 --rate-all 6";
        let limits = process(limited).unwrap().unwrap().limits;
        let guest = boot("ip=10.0.2.15/24 allow=10.0.0.0/8,fd00::/8 rate=5 rate-all=6").unwrap();
        assert_eq!(limits, guest.limits);
        assert_eq!(limits.rate_all.map(wire::limits::Rate::per_second), Some(6));
    }

    #[test]
    fn a_process_refuses_what_it_does_not_understand() {
        for (line, named) in [
            ("", "--listen"),
            ("--listen 127.0.0.1", "127.0.0.1"),
            ("--listen 0.0.0.0:9000", "0.0.0.0:9000"),
            ("--listen 224.0.0.1:9000", "224.0.0.1:9000"),
            ("--listen 127.0.0.1:1 --mode epoll", "epoll"),
            ("--listen 127.0.0.1:1 --fast", "--fast"),
            ("--listen 127.0.0.1:1 --allow 10.0.0.1/8", "10.0.0.1/8"),
            ("--listen 127.0.0.1:1 --rate 0", "--rate"),
            ("--listen 127.0.0.1:1 more", "more"),
            ("--listen 127.0.0.1:1 --stamp 0.0.0.0:862", "0.0.0.0:862"),
            ("--listen 127.0.0.1:1 --stamp-mode stateful", "--stamp"),
            (
                "--listen 127.0.0.1:1 --stamp 127.0.0.1:2 --stamp-mode x",
                "stateful",
            ),
            (
                "--listen 127.0.0.1:1 --stamp 127.0.0.1:2 --stamp-key /dev/null",
                "hexadecimal",
            ),
        ] {
            let error = process(line).unwrap_err();
            assert!(error.0.contains(named), "{line}: {error}");
        }
    }

    #[test]
    fn a_guest_knows_the_unikernels_arguments() {
        let args = boot("ip=10.0.2.15/24 gw=10.0.2.2 port=7000 mode=io_uring").unwrap();
        assert_eq!(args.ip, Cidr::new(Ipv4Addr::new(10, 0, 2, 15), 24));
        assert_eq!(args.gateway, Some(Ipv4Addr::new(10, 0, 2, 2)));
        assert_eq!((args.port, args.mode), (7000, Mode::IoUring));
        let args = boot("ip=192.0.2.5/28").unwrap();
        assert_eq!(
            (args.gateway, args.port, args.mode),
            (None, 9000, Mode::Blocking)
        );
    }

    #[test]
    fn a_guest_serves_stamp_unless_an_argument_turns_it_off() {
        let stamp = |words: &str| boot(&format!("ip=10.0.2.15/24 {words}")).unwrap().stamp();
        let default = StampArgs {
            listen: "10.0.2.15:862".parse().unwrap(),
            mode: None,
            key: None,
        };
        assert_eq!(stamp(""), Some(default));
        assert_eq!(stamp("stamp=off stamp=on"), Some(default));
        assert_eq!(stamp("stamp=off"), None);
        let key = "000102030405060708090a0b0c0d0e0f";
        let configured = stamp(&format!("stamp=8620 stamp-mode=stateless stamp-key={key}"));
        let expected = StampArgs {
            listen: "10.0.2.15:8620".parse().unwrap(),
            mode: Some(StampMode::Stateless),
            key: key.parse().ok(),
        };
        assert_eq!(configured, Some(expected));
        let error = boot("ip=10.0.2.15/24 stamp-key=00ff").unwrap_err();
        assert!(!error.0.contains("00ff"), "{error}");
    }

    #[test]
    fn a_guest_refuses_what_it_does_not_understand() {
        for (line, named) in [
            ("port=9000", "ip="),
            ("ip=dhcp", "ip=dhcp"),
            ("ip=10.0.2.15", "ip=10.0.2.15"),
            ("ip=10.0.2.15/33", "ip=10.0.2.15/33"),
            ("ip=224.0.0.1/24", "ip=224.0.0.1/24"),
            ("ip=10.0.2.15/24 port=0", "port=0"),
            ("ip=10.0.2.15/24 gw=fe80::1", "gw=fe80::1"),
            ("ip=10.0.2.15/24 mode=fast", "fast"),
            ("ip=10.0.2.15/24 rate-all=many", "rate-all"),
            ("ip=10.0.2.15/24 stamp=0", "stamp=0"),
            ("ip=10.0.2.15/24 stamp-mode=both", "stamp-mode=both"),
            ("ip=10.0.2.15/24 colour=red", "colour=red"),
            ("ip=10.0.2.15/24 single", "single"),
        ] {
            let error = boot(line).unwrap_err();
            assert!(error.0.contains(named), "{line}: {error}");
        }
    }
}
