//! STAMP's Session-Reflector (RFC 8762) on a socket and a thread of its own, asleep between test packets.
//!
//! The kernel tells the time to live and the class of what it received, and the reply has the same class.
#![forbid(unsafe_code)]

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::thread;

use nix::errno::Errno;
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt,
};
use wire::limits::Limiter;
use wire::peer::FIRST_USER_PORT;
use wire::ready::FATAL_PREFIX;
use wire::stamp::{Arrival, ClockState, Key, Mode, Reflector, Secret, Session, Sessions, Verdict};
use wire::{Cidr, Counter, Counters, DEFAULT_PORT, Limits};

use crate::service::{self, Published};
use crate::socket::MAX_DATAGRAM;
use crate::utc;

/// Number of sessions that a stateful reflector remembers.
const SESSIONS: usize = 4096;

/// Number of test packets after which the kernel is asked again how good its clock is.
const CLOCK_INTERVAL: u64 = 1024;

/// Options of the reflector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StampArgs {
    /// Address to serve at, one of the host's own.
    pub listen: SocketAddr,
    /// Mode; `None` for that of [`Mode::by_default`].
    pub mode: Option<Mode>,
    /// Key, with which only authenticated packets are answered.
    pub key: Option<Secret>,
}

/// A reflector, ready to serve.
#[derive(Debug)]
pub struct StampService {
    socket: UdpSocket,
    own: SocketAddr,
    broadcast: Option<IpAddr>,
    reflector: Reflector<'static>,
    counters: Counters,
    limiter: Box<Limiter>,
    published: &'static Published,
    /// Class of the socket's packets.
    class: u8,
    clock: ClockState,
}

/// Facts about a datagram that was received.
struct Received {
    len: usize,
    arrival: Arrival,
}

impl StampService {
    /// Opens the socket, for clients within `limits`.
    ///
    /// # Errors
    ///
    /// Those of the system: the address is not ours, its port is taken, or the socket does not report what a
    /// reply needs.
    pub fn open(
        args: &StampArgs,
        limits: &Limits,
        published: &'static Published,
    ) -> io::Result<Self> {
        let socket = crate::socket::open(args.listen)?;
        let own = socket.local_addr()?;
        let prefix = netlink::prefix_of(own.ip())?;
        match own {
            SocketAddr::V4(_) => {
                setsockopt(&socket, sockopt::Ipv4RecvTtl, &true)?;
                setsockopt(&socket, sockopt::IpRecvTos, &true)?;
            }
            SocketAddr::V6(_) => {
                setsockopt(&socket, sockopt::Ipv6RecvHopLimit, &true)?;
                setsockopt(&socket, sockopt::Ipv6RecvTClass, &true)?;
            }
        }
        let mode = (args.mode).unwrap_or_else(|| Mode::by_default(args.key.as_ref()));
        let sessions = (mode == Mode::Stateful).then(|| {
            let memory = vec![Session::FREE; SESSIONS].leak();
            Sessions::new(memory, crate::random_number())
        });
        Ok(Self {
            socket,
            own,
            broadcast: Cidr::new(own.ip(), prefix).broadcast(),
            reflector: Reflector::new(args.key.as_ref().map(Key::new), sessions),
            counters: Counters::ZERO,
            limiter: service::limiter(limits),
            published,
            class: 0,
            clock: utc::clock_state(),
        })
    }

    /// Returns the address that is served.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.own
    }

    /// Serves on a thread of its own. Its end is that of the process.
    ///
    /// # Errors
    ///
    /// If there is no thread to be had.
    pub fn serve_beside(self) -> io::Result<()> {
        thread::Builder::new().spawn(move || {
            let error = self.serve();
            println!("{FATAL_PREFIX}serving STAMP failed: {error}");
            std::process::exit(1);
        })?;
        Ok(())
    }

    /// Serves until the socket fails, and says how.
    pub fn serve(mut self) -> io::Error {
        let mut buffer = vec![0; MAX_DATAGRAM];
        loop {
            match self.receive(&mut buffer) {
                Ok(received) => self.answer(&mut buffer, received),
                Err(Errno::EINTR) => {}
                Err(error) => return error.into(),
            }
            self.published.publish(&self.counters);
        }
    }

    fn receive(&self, buffer: &mut [u8]) -> Result<Option<Received>, Errno> {
        let mut parts = [IoSliceMut::new(buffer)];
        // Room for two messages of an integer, each with its header.
        let mut control = [0; 128];
        let message = recvmsg::<SockaddrStorage>(
            self.socket.as_raw_fd(),
            &mut parts,
            Some(&mut control),
            MsgFlags::empty(),
        )?;
        let received_ns = utc::now_ns();
        let (mut hop_limit, mut traffic_class) = (None, None);
        for control in message.cmsgs()? {
            match control {
                ControlMessageOwned::Ipv4Ttl(ttl) | ControlMessageOwned::Ipv6HopLimit(ttl) => {
                    hop_limit = u8::try_from(ttl).ok();
                }
                ControlMessageOwned::Ipv4Tos(class) => traffic_class = Some(class),
                ControlMessageOwned::Ipv6TClass(class) => {
                    traffic_class = u8::try_from(class).ok();
                }
                _ => {}
            }
        }
        let source = message.address.as_ref().and_then(socket_address);
        Ok(source.map(|source| Received {
            len: message.bytes,
            arrival: Arrival {
                source,
                own: self.own,
                received_ns,
                hop_limit,
                traffic_class,
            },
        }))
    }

    fn answer(&mut self, buffer: &mut [u8], received: Option<Received>) {
        if self
            .counters
            .datagrams_received
            .is_multiple_of(CLOCK_INTERVAL)
        {
            self.clock = utc::clock_state();
        }
        self.counters.datagrams_received += 1;
        let checked = received
            .ok_or(Counter::DroppedSource)
            .and_then(|received| self.admit(&received.arrival).map(|()| received));
        let Received { len, arrival } = match checked {
            Ok(received) => received,
            Err(counter) => return self.counters.add(counter),
        };
        let datagram = buffer.get_mut(..len).unwrap_or_default();
        let verdict = self
            .reflector
            .reflect(datagram, &arrival, self.clock, utc::now_ns);
        self.counters.add(verdict.counter());
        if matches!(verdict, Verdict::Drop(_)) {
            return;
        }
        self.set_class(arrival.traffic_class.unwrap_or_default());
        if self.socket.send_to(datagram, arrival.source).is_err() {
            self.counters.dropped_transmit += 1;
        }
    }

    /// Checks whether the sender may be answered now.
    fn admit(&mut self, arrival: &Arrival) -> Result<(), Counter> {
        let source = arrival.source;
        service::check(self.own, self.broadcast, source)?;
        if source.port() < FIRST_USER_PORT || source.port() == DEFAULT_PORT {
            return Err(Counter::DroppedPort);
        }
        self.limiter.admit(source.ip(), crate::now_ns())
    }

    /// Gives the packets that follow the class that the last one had. Where the kernel refuses it they have
    /// the default one.
    fn set_class(&mut self, class: u8) {
        if class == self.class {
            return;
        }
        let set = match self.own {
            SocketAddr::V4(_) => setsockopt(&self.socket, sockopt::Ipv4Tos, &i32::from(class)),
            SocketAddr::V6(_) => setsockopt(&self.socket, sockopt::Ipv6TClass, &i32::from(class)),
        };
        if set.is_ok() {
            self.class = class;
        }
    }
}

fn socket_address(storage: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = storage
        .as_sockaddr_in()
        .map(|v4| SocketAddr::V4((*v4).into()));
    v4.or_else(|| {
        storage
            .as_sockaddr_in6()
            .map(|v6| SocketAddr::V6((*v6).into()))
    })
}
