//! A service without a guest: a thread that answers at the other end of the link, with the same request
//! handler, and polls it without a rest as a guest does that is nothing but a reflector.
//!
//! It is the floor that every other figure on its link stands on: what is left is the link itself.
//! [`super::shared_memory`] is the one that shares memory.
#![forbid(unsafe_code)]

use std::hint::spin_loop;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::thread::{self, JoinHandle};

use rustix::process::Pid;
use socket2::SockRef;
use wire::Cidr;
use wire::stamp::Arrival;

use super::response::{Answerer, BOOT_ID, FrameResponder, Offer, Response};
use crate::clock;
use crate::host::rights::{self, CapabilityUse};
use crate::link::ethernet::{EthernetLink, Frames, OWN_IP, OWN_MAC, OWN_PORT};
use crate::link::frame::{Flow, MAX_FRAME};
use crate::link::stack::{Endpoint, Stack};
use crate::link::tap::{self, Tap, TapFrames, TapLink};
use crate::link::udp::{LOOPBACK, UdpLink};
use crate::link::unix::{self, FrameSocket};
use crate::link::{Family, LinkError};
use crate::machine::DEFAULT_MAC;
use crate::sut::GuestSpec;

/// The service's address, as on a link to a guest, and the length of its network's prefix.
const SERVICE: Cidr<Ipv4Addr> = Cidr::new(Ipv4Addr::new(10, 0, 2, 15), 24);

/// The two ends, as the instrument sees them: addresses and the port of `offer` as on a link to a guest.
pub(super) fn flow(offer: &Offer) -> Flow {
    Flow {
        own_mac: OWN_MAC,
        peer_mac: DEFAULT_MAC,
        own: SocketAddr::from((OWN_IP, OWN_PORT)),
        peer: SocketAddr::from((SERVICE.address, port(offer))),
    }
}

/// The UDP port of the service.
fn port(offer: &Offer) -> u16 {
    let guest = GuestSpec::default();
    offer.service.port(&guest).unwrap_or(wire::DEFAULT_PORT)
}

/// The instrument's own end.
pub(super) const fn client() -> Endpoint {
    Endpoint {
        mac: OWN_MAC,
        ip: Some(Cidr::new(OWN_IP, SERVICE.prefix)),
        ip6: None,
    }
}

/// The thread that answers. Dropped, it ends.
#[derive(Debug)]
pub struct Reflector {
    stop: Arc<AtomicBool>,
    /// The thread's number with the kernel, zero until it runs.
    id: Arc<AtomicI32>,
    thread: Option<JoinHandle<()>>,
}

impl Reflector {
    /// Starts a thread that does `prepare` and then `answer`, which has to look whether it is to stop.
    pub(super) fn start(
        link: &'static str,
        prepare: impl FnOnce() + Send + 'static,
        answer: impl FnOnce(&AtomicBool) + Send + 'static,
    ) -> Result<Self, LinkError> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let id = Arc::new(AtomicI32::new(0));
        let own_id = Arc::clone(&id);
        let thread = thread::Builder::new().name("reflector".to_owned());
        let thread = thread.spawn(move || {
            own_id.store(
                rustix::thread::gettid().as_raw_nonzero().get(),
                Ordering::Relaxed,
            );
            prepare();
            rights::keep_in_this_thread(CapabilityUse::Started);
            answer(&stopped);
        });
        let thread = Some(thread.map_err(failed(link, "starting a thread"))?);
        Ok(Self { stop, id, thread })
    }

    /// Returns the thread's number with the kernel, once it runs.
    #[must_use]
    pub fn thread_id(&self) -> Option<Pid> {
        Pid::from_raw(self.id.load(Ordering::Relaxed))
    }
}

impl Drop for Reflector {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic in it has been printed, and has cost no more than answers.
            let _ = thread.join();
        }
    }
}

/// A thread, after it has done `prepare`, on the other end of a socket pair, and the link to it.
///
/// # Errors
///
/// [`LinkError::Io`] if there are no sockets or no thread to be had.
pub fn on_unix(
    offer: Offer,
    prepare: impl FnOnce() + Send + 'static,
) -> Result<(Reflector, EthernetLink<FrameSocket>), LinkError> {
    let pair = FrameSocket::pair(offer.mtu).map_err(failed(unix::NAME, "making a socket pair"))?;
    let (ours, theirs) = (pair.0, FrameSocket::new(pair.1));
    let answer = move |stop: &AtomicBool| answer(theirs, &offer, stop);
    let reflector = Reflector::start(unix::NAME, prepare, answer)?;
    let link = EthernetLink::between(ours, client(), flow(&offer));
    Ok((reflector, link.in_class(offer.dscp)))
}

/// The same on a tap device.
///
/// # Errors
///
/// [`LinkError::Unavailable`] where there can be no such device, else as [`on_unix`].
pub fn on_tap(
    offer: Offer,
    prepare: impl FnOnce() + Send + 'static,
) -> Result<(Reflector, TapLink), LinkError> {
    let tap = Tap::make(offer.mtu)?;
    let device = tap
        .device()
        .map_err(failed(tap::NAME, "sharing the tap device"))?;
    let frames = TapFrames::new(device);
    let answer = move |stop: &AtomicBool| answer(frames, &offer, stop);
    let reflector = Reflector::start(tap::NAME, prepare, answer)?;
    let ready = wire::Ready {
        ip: Some(SERVICE),
        ip6: None,
        port: port(&offer),
        mac: Some(DEFAULT_MAC),
        boot_us: 0,
        boot_id: BOOT_ID,
        counters: None,
        nic: None,
        configuration: wire::Configuration::default(),
    };
    let link = tap.join(&ready, Family::V4)?.in_class(offer.dscp)?;
    Ok((reflector, link))
}

/// The same behind a UDP socket on the host's loopback network.
///
/// # Errors
///
/// As [`on_unix`].
pub fn on_loopback(
    offer: Offer,
    prepare: impl FnOnce() + Send + 'static,
) -> Result<(Reflector, UdpLink), LinkError> {
    let open = || {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.set_nonblocking(true)?;
        Ok((socket.local_addr()?, socket))
    };
    let (address, socket) = open().map_err(failed(LOOPBACK, "opening a UDP socket"))?;
    let link = UdpLink::connect(LOOPBACK, address)?;
    link.set_class(offer.dscp)?;
    let answer = move |stop: &AtomicBool| answer_datagrams(&socket, address, &offer, stop);
    let reflector = Reflector::start(LOOPBACK, prepare, answer)?;
    Ok((reflector, link))
}

fn failed(link: &'static str, action: &'static str) -> impl FnOnce(io::Error) -> LinkError {
    move |source| LinkError::Io {
        link,
        action,
        source,
    }
}

/// Answers frames until told to stop, or until the other end is gone.
fn answer(mut frames: impl Frames, offer: &Offer, stop: &AtomicBool) {
    let flow = flow(offer).reversed();
    let mut responder = FrameResponder::new(flow, offer);
    // Whoever looks for the service's Ethernet address gets it.
    let mut stack = Stack::new(Endpoint {
        mac: flow.own_mac,
        ip: Some(SERVICE),
        ip6: None,
    });
    let mut frame = [0; MAX_FRAME];
    while !stop.load(Ordering::Relaxed) {
        let len = match frames.receive(&mut frame, 0) {
            Ok(Some(received)) => received.len,
            Ok(None) => {
                spin_loop();
                continue;
            }
            Err(_) => return,
        };
        let sent = match responder.respond(&mut frame, len, clock::now_ns()) {
            // A reply that there is no room for is dropped, as a guest's driver does.
            Response::Reply(len) => frames.send(&frame[..len]).map(drop),
            Response::Dropped => Ok(()),
            Response::Other => {
                stack.input(&frame[..len]);
                stack.poll(|frame| frames.send(frame).map(drop))
            }
        };
        if sent.is_err() {
            return;
        }
    }
}

/// The same with datagrams, which come to `own` in the class of `offer`.
fn answer_datagrams(socket: &UdpSocket, own: SocketAddr, offer: &Offer, stop: &AtomicBool) {
    let mut answerer = Answerer::new(&offer.service);
    let class = offer.dscp.traffic_class();
    // The same for all: there is one client.
    let _ = SockRef::from(socket).set_tos_v4(class.into());
    let mut datagram = [0; MAX_FRAME];
    while !stop.load(Ordering::Relaxed) {
        // An error is that there is none, or that an earlier answer did not arrive.
        let Ok((len, client)) = socket.recv_from(&mut datagram) else {
            spin_loop();
            continue;
        };
        let datagram = &mut datagram[..len];
        let received_ns = clock::now_ns();
        let arrival = || Arrival {
            source: client,
            own,
            received_ns,
            hop_limit: None,
            traffic_class: Some(class),
        };
        if answerer.answer(datagram, arrival, received_ns) {
            // A full queue is a loss.
            let _ = socket.send_to(datagram, client);
        }
    }
}

#[cfg(test)]
mod tests {
    use suite::Capability;
    use wire::Header;

    use super::*;
    use crate::link::Link;
    use crate::load::datagram::Requests;
    use crate::load::{Plan, Protocol};
    use crate::sut::ServiceKind;

    /// Requests of all lengths, one after the other.
    fn ask(link: &mut dyn Link) {
        let mut buffer = [0; 1500];
        for seq in 0..200 {
            let len = [64, 44, 1472][seq as usize % 3];
            let mut request = vec![0xaa; len];
            Header::request(seq, 5).encode(&mut request).unwrap();
            link.send(&request).unwrap();
            let deadline_ns = clock::now_ns() + 20_000_000_000;
            let received = link.receive(&mut buffer, deadline_ns).unwrap().unwrap();
            let reply = Header::decode(&buffer[..received.len]).unwrap();
            assert_eq!(
                (reply.seq, reply.boot_id, received.len),
                (seq, BOOT_ID, len)
            );
            assert_eq!(buffer[wire::HEADER_LEN..len], request[wire::HEADER_LEN..]);
        }
    }

    #[test]
    fn answers_on_a_socket_pair_and_on_loopback() {
        let (_reflector, mut link) = on_unix(Offer::default(), || ()).unwrap();
        ask(&mut link);
        let (_reflector, mut link) = on_loopback(Offer::default(), || ()).unwrap();
        ask(&mut link);
    }

    #[test]
    fn reflects_test_packets_and_echoes() {
        let key = wire::stamp::Secret::new(&[7; 16]);
        for (service, protocol, payload_len) in [
            (ServiceKind::Stamp(None), Protocol::Stamp, 64),
            (ServiceKind::Stamp(key), Protocol::Stamp, 200),
            (ServiceKind::Stamp(None), Protocol::TwampLight, 100),
            (ServiceKind::Echo, Protocol::Echo, 64),
        ] {
            let offer = Offer {
                service,
                dscp: "CS1".parse().unwrap(),
                ..Offer::default()
            };
            let plan = Plan {
                protocol,
                payload_len,
                key: key.filter(|_| service == ServiceKind::Stamp(key)),
                ..Plan::FIXTURE
            };
            let ask = |link: &mut dyn Link| {
                let mut requests = Requests::of_plan(&plan);
                let mut buffer = [0; 1500];
                for seq in 0..20 {
                    requests.prepare(seq);
                    let sent_ns = clock::now_ns();
                    link.send(requests.stamped(sent_ns)).unwrap();
                    let deadline_ns = sent_ns + 20_000_000_000;
                    let received = link.receive(&mut buffer, deadline_ns).unwrap().unwrap();
                    let reply = &buffer[..received.len];
                    let header = requests.read(reply, seq + 1).unwrap();
                    assert_eq!(header.seq, seq, "{protocol:?}");
                    assert!(
                        requests.is_echoed_by(&header, sent_ns, reply),
                        "{protocol:?}"
                    );
                }
            };
            let (_reflector, mut link) = on_unix(offer, || ()).unwrap();
            ask(&mut link);
            let (_reflector, mut link) = on_loopback(offer, || ()).unwrap();
            ask(&mut link);
        }
    }

    #[test]
    fn answers_on_a_tap_device() {
        match on_tap(Offer::default(), || ()) {
            Ok((_reflector, mut link)) => ask(&mut link),
            Err(error @ LinkError::Unavailable { .. }) => suite::skip(Capability::Tap, error),
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn tells_its_ethernet_address() {
        let (mut ours, theirs) = FrameSocket::pair(crate::link::Mtu::ETHERNET).unwrap();
        let theirs = FrameSocket::new(theirs);
        let answer = move |stop: &AtomicBool| answer(theirs, &Offer::default(), stop);
        let _reflector = Reflector::start(unix::NAME, || (), answer).unwrap();
        let mut stack = Stack::new(client());
        let mut resolution = stack.resolve(flow(&Offer::default()).peer);
        let mut frame = [0; MAX_FRAME];
        let mac = loop {
            if let Some(mac) = resolution.poll(|frame| ours.send(frame).map(drop)).unwrap() {
                break mac;
            }
            let deadline_ns = clock::now_ns() + 20_000_000_000;
            let received = ours.receive(&mut frame, deadline_ns).unwrap().unwrap();
            resolution.input(&frame[..received.len]);
        };
        assert_eq!(mac, DEFAULT_MAC);
    }
}
