//! For a service that is a process and has no virtual network card: a second namespace for it, and a wire
//! between the two (veth(4)).

use std::io;
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use netlink::End;
use wire::Cidr;

use super::tap_client::{Client, bring_up};
use super::{NAME, Namespace, PRIVILEGE, TapLink, new_namespace, unavailable};
use crate::link::ethernet::{OWN_MAC, neighbour_of};
use crate::link::queue_drops::QueueDrops;
use crate::link::{Family, LinkError, Mtu};
use crate::machine::DEFAULT_MAC;

/// Names of the two ends, each in its namespace.
const HERE: &str = "client0";
const THERE: &str = "service0";

/// Time that the kernel may take to notice that both ends are up, and how often to look.
const UP_TIMEOUT: Duration = Duration::from_secs(5);
const UP_INTERVAL: Duration = Duration::from_millis(1);

/// Two namespaces and the wire between them.
#[derive(Debug)]
pub struct Pair {
    client: Client,
    service: Namespace,
    /// The number of the service's device.
    index: u32,
}

impl Pair {
    /// Makes them, with the given MTU, and gives the service's end the address `service`.
    ///
    /// # Errors
    ///
    /// [`LinkError::Unavailable`] if a right or a part of the kernel is missing.
    pub fn make(service: Cidr<Ipv4Addr>, mtu: Mtu) -> Result<Self, LinkError> {
        let (here, there) = (new_namespace()?, new_namespace()?);
        let ends = (
            End {
                name: HERE,
                mac: OWN_MAC,
            },
            End {
                name: THERE,
                mac: DEFAULT_MAC,
            },
        );
        here.inside(|| netlink::make_pair(ends.0, ends.1, there.as_fd()))
            .map_err(unavailable(
                "making a veth pair",
                "see that the kernel's module veth is loaded, and run as root, or choose another link",
            ))?;
        let index = there
            .inside(|| {
                let index = bring_up(THERE, None, mtu)?;
                netlink::add_address(index, service.address.into(), service.prefix)?;
                Ok(index)
            })
            .map_err(unavailable("bringing up a veth device", PRIVILEGE))?;
        let client = Client::on(here, HERE, OWN_MAC, mtu)
            .map_err(unavailable("bringing up a veth device", PRIVILEGE))?;
        let is_up = there.inside(|| wait_until_up(THERE));
        is_up.map_err(failed("waiting for a veth device"))?;
        Ok(Self {
            client,
            service: there,
            index,
        })
    }

    /// The namespace that the service has to be started in.
    ///
    /// # Errors
    ///
    /// If this process has no descriptor left (`EMFILE`).
    pub fn service(&self) -> io::Result<OwnedFd> {
        self.service.try_clone()
    }

    /// Opens the link to the service that said `ready`. Both ends know each other's Ethernet address, for
    /// good.
    ///
    /// # Errors
    ///
    /// As [`Client::join`].
    pub fn join(self, ready: &wire::Ready) -> Result<TapLink, LinkError> {
        if let Some(own) = neighbour_of(ready).ip {
            let add = || netlink::add_neighbour(self.index, own.address.into(), OWN_MAC);
            let added = self.service.inside(add);
            added.map_err(failed("telling the service's end its neighbour"))?;
        }
        let (namespace, udp) = self.client.join(ready, Family::V4, Some(DEFAULT_MAC))?;
        let port = ready.port;
        let drops = (self.service).inside(|| QueueDrops::of_socket(None, Family::V4, port));
        Ok(TapLink {
            udp,
            drops: drops.ok(),
            _namespace: namespace,
            _device: None,
        })
    }
}

fn failed(action: &'static str) -> impl FnOnce(io::Error) -> LinkError {
    move |source| LinkError::Io {
        link: NAME,
        action,
        source,
    }
}

/// Waits until the device `name` of the calling thread's namespace carries frames: the first end of a
/// wire that was brought up does so when the kernel has noticed the second.
fn wait_until_up(name: &str) -> io::Result<()> {
    let start = Instant::now();
    while !netlink::named(name)?.is_up {
        if start.elapsed() >= UP_TIMEOUT {
            let text = format!("{name} is not up after {} ms", UP_TIMEOUT.as_millis());
            return Err(io::Error::other(text));
        }
        std::thread::sleep(UP_INTERVAL);
    }
    Ok(())
}
