//! From the choice of a link to the link: before the boot, what QEMU needs of it; after the boot,
//! the link itself.
#![forbid(unsafe_code)]

use std::net::Ipv4Addr;
use std::path::PathBuf;

use super::captured::{Capture, Captured};
use super::dscp::Dscp;
use super::ethernet::{EthernetLink, Frames};
use super::fault::{FaultInjector, FaultParameters};
use super::queue_drops::QueueDrops;
use super::tap::{self, Tap};
use super::udp::UdpLink;
use super::unix::{self, FrameSocket};
use super::vhost_user::{self, Virtqueues};
use super::{Link, LinkError, Mtu};
use crate::machine::{Machine, Netdev, Surroundings};

/// The links that `--link` takes. Docs of variants are `--help` text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LinkKind {
    /// Virtqueues in shared memory, polled by fathom: no socket, no host kernel.
    #[default]
    VhostUser,
    /// UDP socket of this host's kernel and a tap device, in a network namespace of their own (root).
    Tap,
    /// Ethernet frames over a Unix socket pair.
    Unix,
    /// UDP port forwarded by QEMU's user network.
    User,
}

impl LinkKind {
    /// The name that `--link` takes and results carry.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Unix => unix::NAME,
            Self::Tap => tap::NAME,
            Self::VhostUser => vhost_user::NAME,
        }
    }

    /// Returns true if Ethernet frames of the link pass through this program.
    #[must_use]
    pub const fn carries_frames(self) -> bool {
        match self {
            Self::Unix | Self::VhostUser => true,
            Self::User | Self::Tap => false,
        }
    }

    /// Returns true if whoever uses the link polls it without a rest, and needs a CPU for that.
    #[must_use]
    pub const fn is_polled(self) -> bool {
        match self {
            Self::User | Self::Unix | Self::Tap => false,
            Self::VhostUser => true,
        }
    }
}

/// Peer at the other end of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtherEnd {
    /// A guest, whose network device QEMU serves.
    Qemu,
    /// A guest, whose network device the host's kernel serves (vhost-net).
    VhostNet,
    /// A thread of this program.
    Thread,
    /// A process on this host.
    Process,
}

impl LinkKind {
    /// Returns the parts between the client and `other_end`, in words.
    #[must_use]
    pub const fn description(self, other_end: OtherEnd) -> &'static str {
        match (self, other_end) {
            (Self::User, _) => "a UDP socket and QEMU's user network: no NIC",
            (Self::Unix, OtherEnd::Thread) => {
                "Ethernet frames over a Unix datagram socket: no QEMU, no NIC"
            }
            (Self::Unix, _) => {
                "Ethernet frames over a Unix datagram socket and through QEMU: no NIC"
            }
            (Self::Tap, OtherEnd::Process) => {
                "a UDP socket, this kernel's stack and a veth pair: no QEMU, no NIC"
            }
            (Self::Tap, OtherEnd::Thread) => {
                "a UDP socket, this kernel's stack and a tap device: no QEMU, no NIC"
            }
            (Self::Tap, OtherEnd::VhostNet) => {
                "a UDP socket, this kernel's stack, a tap device and vhost-net: no NIC"
            }
            (Self::Tap, OtherEnd::Qemu) => {
                "a UDP socket, this kernel's stack, a tap device and QEMU, without vhost-net: no NIC"
            }
            (Self::VhostUser, _) => "shared-memory rings: no socket, no host kernel, no NIC",
        }
    }
}

/// Address of the service to send to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Family {
    /// IPv4 address.
    #[default]
    V4,
    /// IPv6 address.
    V6,
}

impl Family {
    /// Name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        }
    }

    /// The length of the headers before a UDP payload, in bytes: IP, without options, and UDP.
    #[must_use]
    pub const fn headers_len(self) -> usize {
        match self {
            Self::V4 => 20 + 8,
            Self::V6 => 40 + 8,
        }
    }
}

/// A link to set up.
#[derive(Clone, Debug)]
pub struct Options {
    /// The link.
    pub kind: LinkKind,
    /// Address of the service.
    pub family: Family,
    /// The forwarded port on 127.0.0.1, for [`LinkKind::User`]; 0 picks a free one.
    pub host_port: u16,
    /// The UDP port of the guest's main service.
    pub guest_port: u16,
    /// The UDP port to send to, if it is not that of the main service.
    pub service_port: Option<u16>,
    /// The class of what is sent, except for [`LinkKind::User`], whose packets are QEMU's.
    pub dscp: Dscp,
    /// File for a capture of every frame, if there is to be one.
    pub pcap: Option<PathBuf>,
    /// True if the host's kernel is to serve the guest's rings, for [`LinkKind::Tap`].
    pub vhost: bool,
    /// Faults to inject, on a link that [carries frames](LinkKind::carries_frames).
    pub fault: Option<FaultParameters>,
    /// The longest packet of the network that is made for the link.
    pub mtu: Mtu,
}

/// The half of a link that waits for its machine.
#[derive(Debug)]
pub struct Opener {
    waiting: Waiting,
    fault: Option<FaultParameters>,
    service_port: Option<u16>,
    dscp: Dscp,
}

#[derive(Debug)]
enum Waiting {
    User,
    Unix {
        frames: Captured<FrameSocket>,
        family: Family,
    },
    Tap {
        tap: Tap,
        family: Family,
    },
    VhostUser {
        frames: Captured<Virtqueues>,
        family: Family,
    },
}

/// Prepares a link: the network device for the machine's configuration, and what opens the link
/// when the machine is ready.
///
/// # Errors
///
/// [`LinkError`] if a socket or the capture file can't be had, or the link does not carry the
/// family.
pub fn prepare(options: Options) -> Result<(Netdev, Opener), LinkError> {
    let opener = |waiting| Opener {
        waiting,
        fault: options.fault,
        service_port: options.service_port,
        dscp: options.dscp,
    };
    let capture = options.pcap.as_deref().map(Capture::create).transpose()?;
    let link = options.kind.name();
    match (options.kind, options.family) {
        (LinkKind::User, Family::V6) => Err(LinkError::Ipv4Only { link }),
        (LinkKind::User, Family::V4) => {
            let netdev = Netdev::User {
                host_addr: Ipv4Addr::LOCALHOST,
                host_port: options.host_port,
                guest_port: options.service_port.unwrap_or(options.guest_port),
                // Who names a port wants others to reach it.
                surroundings: match options.host_port {
                    0 => Surroundings::Own,
                    _ => Surroundings::Host,
                },
                // QEMU writes this one itself: only it sees the frames.
                pcap: options.pcap,
            };
            Ok((netdev, opener(Waiting::User)))
        }
        (LinkKind::Unix, family) => {
            let pair = FrameSocket::pair(options.mtu).and_then(|(frames, socket)| {
                let frames = frames.with_other_end(socket.try_clone()?);
                Ok((frames, socket))
            });
            let (frames, socket) = pair.map_err(|source| LinkError::Io {
                link,
                action: "making a socket pair",
                source,
            })?;
            let frames = Captured::new(frames, capture);
            let waiting = Waiting::Unix { frames, family };
            Ok((Netdev::Unix { socket }, opener(waiting)))
        }
        (LinkKind::Tap, family) => {
            let tap = Tap::make(options.mtu)?;
            let device = tap.device().map_err(|source| LinkError::Io {
                link,
                action: "sharing the tap device",
                source,
            })?;
            // Here, too, QEMU sees the frames, and we do not.
            let pcap = options.pcap;
            Ok((
                Netdev::Tap {
                    device,
                    pcap,
                    vhost: options.vhost,
                },
                opener(Waiting::Tap { tap, family }),
            ))
        }
        (LinkKind::VhostUser, family) => {
            let (frames, socket) = Virtqueues::listen().map_err(|source| LinkError::Io {
                link,
                action: "listening for QEMU",
                source,
            })?;
            let frames = Captured::new(frames, capture);
            let waiting = Waiting::VhostUser { frames, family };
            Ok((Netdev::VhostUser { socket }, opener(waiting)))
        }
    }
}

impl Opener {
    /// Opens the link to the service on `machine`, on the thread that will use it.
    ///
    /// # Errors
    ///
    /// [`LinkError`] if the service has no such address or can't be reached.
    pub fn open(self, machine: &Machine) -> Result<Box<dyn Link>, LinkError> {
        let Self {
            waiting,
            fault,
            service_port,
            dscp,
        } = self;
        let mut ready = *machine.ready();
        ready.port = service_port.unwrap_or(ready.port);
        match waiting {
            Waiting::User => {
                // A machine on another network has no such port; nothing answers at port 0.
                let port = machine.host_port().unwrap_or(0);
                let (link, peer) = (LinkKind::User.name(), (Ipv4Addr::LOCALHOST, port).into());
                let socket = machine.client_socket().map_err(|source| LinkError::Io {
                    link,
                    action: "sharing a socket",
                    source,
                })?;
                let opened = match socket {
                    Some(socket) => UdpLink::over(link, socket, peer)?,
                    None => UdpLink::connect(link, peer)?,
                };
                let drops = QueueDrops::of_socket(Some(machine.pid()), Family::V4, port).ok();
                Ok(Box::new(opened.with_drops(drops)))
            }
            Waiting::Unix { frames, family } => {
                let link = EthernetLink::open(frames, &ready, family)?;
                Ok(with_faults(link.in_class(dscp), fault))
            }
            Waiting::Tap { tap, family } => Ok(Box::new(tap.join(&ready, family)?.in_class(dscp)?)),
            Waiting::VhostUser { frames, family } => {
                let link = EthernetLink::open(frames, &ready, family)?;
                Ok(with_faults(link.in_class(dscp), fault))
            }
        }
    }
}

/// Returns `link`, which injects `fault` from now on, if there is any: a link without faults is not wrapped.
pub fn with_faults<F: Frames + 'static>(
    link: EthernetLink<F>,
    fault: Option<FaultParameters>,
) -> Box<dyn Link> {
    match fault {
        None => Box::new(link),
        Some(fault) => Box::new(link.wrapped(|frames| FaultInjector::new(frames, fault))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(kind: LinkKind) -> Options {
        Options {
            kind,
            family: Family::V4,
            host_port: 0,
            guest_port: 9000,
            service_port: None,
            dscp: Dscp::default(),
            pcap: None,
            vhost: false,
            fault: None,
            mtu: Mtu::ETHERNET,
        }
    }

    #[test]
    fn each_link_asks_for_its_own_network_device() {
        let (netdev, _) = prepare(options(LinkKind::User)).unwrap();
        assert!(matches!(
            netdev,
            Netdev::User {
                host_addr: Ipv4Addr::LOCALHOST,
                host_port: 0,
                guest_port: 9000,
                surroundings: Surroundings::Own,
                pcap: None
            }
        ));
        let (netdev, _) = prepare(options(LinkKind::Unix)).unwrap();
        assert!(matches!(netdev, Netdev::Unix { .. }));
        let (netdev, _) = prepare(options(LinkKind::VhostUser)).unwrap();
        assert!(matches!(netdev, Netdev::VhostUser { .. }));
    }

    #[test]
    fn the_user_network_forwards_no_ipv6() {
        let mut options = options(LinkKind::User);
        options.family = Family::V6;
        let error = prepare(options).unwrap_err();
        assert!(error.to_string().contains("use `--link unix`"));
    }

    #[test]
    fn a_capture_that_cannot_be_written_is_said_before_the_boot() {
        for kind in [LinkKind::User, LinkKind::Unix, LinkKind::VhostUser] {
            let mut options = options(kind);
            options.pcap = Some("/nonexistent/link.pcap".into());
            let error = prepare(options).unwrap_err();
            assert!(error.to_string().contains("/nonexistent/link.pcap"));
        }
    }
}
