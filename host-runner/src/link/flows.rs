//! A link of several flows: as many UDP sockets, each with a port of its own, that take turns.
//!
//! Anything that spreads load by addresses and ports - receive queues of a network card, CPUs of a service,
//! equal paths - sees one flow as one client. Here a reply costs two system calls, of which the one that
//! waits is shared by all replies that are there.
#![forbid(unsafe_code)]

use std::fmt;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsFd as _, OwnedFd};

use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::Errno;

use super::source::Source;
use super::udp::{self, failed};
use super::{Link, LinkError, Received, Sent, wait};
use crate::clock;

/// The most flows of a link.
pub const MAX_FLOWS: u16 = 256;

/// A link of several flows.
pub struct Flows {
    name: &'static str,
    sockets: Vec<UdpSocket>,
    /// Number of the socket that sends next.
    next: usize,
    epoll: OwnedFd,
    /// The sockets that had something when they were last asked, by number.
    ready: Vec<Event>,
    /// Address of the service until something comes from there: its port has to be open.
    expected: Option<SocketAddr>,
}

impl fmt::Debug for Flows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flows")
            .field("name", &self.name)
            .field("sockets", &self.sockets)
            .finish_non_exhaustive()
    }
}

impl Flows {
    /// A link of `count` flows from `source` to the service at `peer`, of which nothing is known: as
    /// [`super::udp::UdpLink::connect_from`].
    ///
    /// # Errors
    ///
    /// [`LinkError`] as for [`Source::open`], or if there is no route to `peer`.
    pub fn connect_from(
        name: &'static str,
        source: &Source,
        count: u16,
        peer: SocketAddr,
    ) -> Result<Self, LinkError> {
        let open = |flow| {
            let socket = source.open(name, peer, flow)?;
            udp::connect(name, &socket, peer)?;
            Ok(socket)
        };
        let sockets = (0..count.max(1))
            .map(open)
            .collect::<Result<Vec<_>, LinkError>>()?;
        let watch = || {
            let epoll = epoll::create(CreateFlags::CLOEXEC)?;
            for (number, socket) in sockets.iter().enumerate() {
                let number = EventData::new_u64(number as u64);
                epoll::add(&epoll, socket, number, EventFlags::IN)?;
            }
            Ok(epoll)
        };
        let epoll =
            watch().map_err(|error: Errno| failed(name, "watching sockets")(error.into()))?;
        Ok(Self {
            name,
            next: 0,
            epoll,
            ready: Vec::with_capacity(sockets.len()),
            sockets,
            expected: Some(peer),
        })
    }

    /// As [`super::udp::UdpLink::path_mtu`].
    #[must_use]
    pub fn path_mtu(&self) -> Option<u32> {
        udp::path_mtu(self.sockets.first()?)
    }

    /// Takes a datagram from one of the sockets that had something.
    fn take(&mut self, buffer: &mut [u8]) -> Result<Option<usize>, Errno> {
        while let Some(event) = self.ready.pop() {
            let number = event.data.u64() as usize;
            let Some(socket) = self.sockets.get(number) else {
                continue;
            };
            match wait::take_from(socket.as_fd(), buffer) {
                Ok(len) => return Ok(Some(len)),
                Err(Errno::INTR) => {}
                Err(Errno::CONNREFUSED) if self.expected.is_some() => {
                    return Err(Errno::CONNREFUSED);
                }
                Err(error) if wait::is_loss(error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Waits until a socket has something, or until the deadline: whether one has.
    fn wait(&mut self, deadline_ns: u64) -> Result<bool, Errno> {
        loop {
            let timeout = wait::time_until(deadline_ns);
            let room = rustix::buffer::spare_capacity(&mut self.ready);
            match epoll::wait(&self.epoll, room, Some(&timeout)) {
                Ok(0) | Err(Errno::INTR) if clock::now_ns() >= deadline_ns => return Ok(false),
                Ok(0) | Err(Errno::INTR) => {}
                Ok(_) => return Ok(true),
                Err(error) => return Err(error),
            }
        }
    }
}

impl Link for Flows {
    fn name(&self) -> &'static str {
        self.name
    }

    fn send(&mut self, datagram: &[u8]) -> Result<Sent, LinkError> {
        let socket = &self.sockets[self.next];
        self.next = (self.next + 1) % self.sockets.len();
        udp::send(self.name, socket, self.expected, datagram)
    }

    fn receive(
        &mut self,
        buffer: &mut [u8],
        deadline_ns: u64,
    ) -> Result<Option<Received>, LinkError> {
        let (name, expected) = (self.name, self.expected);
        let failed = |error| udp::not_received(name, expected, error);
        loop {
            if let Some(len) = self.take(buffer).map_err(failed)? {
                self.expected = None;
                let at_ns = clock::now_ns();
                return Ok(Some(Received { len, at_ns }));
            }
            if !self.wait(deadline_ns).map_err(failed)? {
                return Ok(None);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn requests_take_turns_and_every_reply_comes_in() {
        let service = UdpSocket::bind("127.0.0.1:0").unwrap();
        let peer = service.local_addr().unwrap();
        let mut link = Flows::connect_from("udp", &Source::default(), 3, peer).unwrap();
        let mut buffer = [0; 16];
        assert_eq!(link.receive(&mut buffer, 0).unwrap(), None);
        let mut requests = BTreeMap::<SocketAddr, Vec<u8>>::new();
        for number in 0..9_u8 {
            assert_eq!(link.send(&[number]).unwrap(), Sent::Out);
            let (_, client) = service.recv_from(&mut buffer).unwrap();
            requests.entry(client).or_default().push(buffer[0]);
            service.send_to(&buffer[..1], client).unwrap();
        }
        let mut turns: Vec<_> = requests.into_values().collect();
        turns.sort();
        assert_eq!(turns, [[0, 3, 6], [1, 4, 7], [2, 5, 8]]);
        let mut replies = Vec::new();
        while replies.len() < 9 {
            let received = link
                .receive(&mut buffer, clock::patience_ns())
                .unwrap()
                .unwrap();
            assert_eq!(received.len, 1);
            replies.push(buffer[0]);
        }
        replies.sort_unstable();
        assert_eq!(replies, (0..9).collect::<Vec<_>>());
        let deadline_ns = clock::now_ns() + 2_000_000;
        assert_eq!(link.receive(&mut buffer, deadline_ns).unwrap(), None);
        assert!(clock::now_ns() >= deadline_ns);
    }

    #[test]
    fn a_port_that_was_never_open_is_an_error() {
        let closed = UdpSocket::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let mut link = Flows::connect_from("udp", &Source::default(), 2, closed).unwrap();
        link.send(b"anyone?").unwrap();
        let error = link
            .receive(&mut [0; 16], clock::patience_ns())
            .unwrap_err();
        assert!(matches!(error, LinkError::NobodyListens { peer } if peer == closed));
    }
}
