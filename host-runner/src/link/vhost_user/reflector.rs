//! A service without a guest: a thread that answers on the same rings, with the same request handler,
//! as the guest would if it were nothing but a reflector on the bare processor.
//!
//! It is the floor that every other figure on this link stands on: what is left is the rings
//! themselves and the cache lines that go between two cores.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use wire::Verdict;

use super::driver::{Driver, Incoming};
use super::session::Shared;
use super::{NAME, Virtqueues};
use crate::clock;
use crate::link::codec::Codec;
use crate::link::ethernet::{EthernetLink, OWN_IP, OWN_MAC, OWN_PORT};
use crate::link::frame::{Flow, MAX_FRAME, Parsed};
use crate::link::{Host, LinkError};

/// Which boot its answers are from.
pub const BOOT_ID: u32 = 0;

/// The two ends, as the instrument sees them: addresses as on a link to a guest.
fn flow() -> Flow {
    Flow {
        own_mac: OWN_MAC,
        peer_mac: [0x52, 0x54, 0x00, 0x12, 0x34, 0x56],
        own: SocketAddr::from((OWN_IP, OWN_PORT)),
        peer: SocketAddr::from(([10, 0, 2, 15], wire::DEFAULT_PORT)),
    }
}

/// The thread that answers. Dropped, it ends.
#[derive(Debug)]
pub struct Reflector {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Reflector {
    /// Starts a thread that answers, after it has done `prepare`; and the link to it.
    ///
    /// # Errors
    ///
    /// [`LinkError::Io`] if there is no memory or no thread to be had.
    pub fn start(
        prepare: impl FnOnce() + Send + 'static,
    ) -> Result<(Self, EthernetLink<Virtqueues>), LinkError> {
        let failed = |action| {
            move |source| LinkError::Io {
                link: NAME,
                action,
                source,
            }
        };
        let (driver, device) = Driver::new()
            .map_err(|error| failed("mapping memory")(std::io::Error::other(error)))?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let answer = move || {
            prepare();
            answer(driver, &stopped);
        };
        let thread = thread::Builder::new().name("reflector".to_owned());
        let thread = thread.spawn(answer).map_err(failed("starting a thread"))?;
        let thread = Some(thread);
        let frames = Virtqueues::around(Shared::from(device));
        let host = Host {
            mac: OWN_MAC,
            ip: Some((OWN_IP, 24)),
            ip6: None,
        };
        let link = EthernetLink::between(frames, host, flow());
        Ok((Self { stop, thread }, link))
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

fn answer(mut driver: Driver, stop: &AtomicBool) {
    let here = flow();
    let codec = Codec::new(Flow {
        own_mac: here.peer_mac,
        peer_mac: here.own_mac,
        own: here.peer,
        peer: here.own,
    });
    let mut frame = [0; MAX_FRAME];
    let mut payload = [0; MAX_FRAME];
    while !stop.load(Ordering::Relaxed) {
        let Some(incoming) = driver.receive() else {
            continue;
        };
        let received_ns = clock::now_ns();
        let len = incoming.len.min(MAX_FRAME);
        driver.frame(incoming).copy_to(&mut frame[..len]);
        let Parsed::Datagram(request) = codec.parse(&frame[..len]) else {
            driver.release(incoming.buffer);
            continue;
        };
        let datagram = &mut payload[..request.len()];
        datagram.copy_from_slice(request);
        let verdict = wire::handle(datagram, BOOT_ID, received_ns, clock::now_ns);
        match (verdict, codec.build(&mut frame, datagram)) {
            (Verdict::Reply | Verdict::Unsupported, Some(len)) => {
                let outgoing = Incoming { len, ..incoming };
                driver.frame(outgoing).copy_from(&frame[..len]);
                driver.frame(outgoing).demote();
                driver.send(outgoing);
            }
            _ => driver.release(incoming.buffer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::Link as _;
    use wire::Header;

    #[test]
    fn answers_more_requests_than_there_are_buffers() {
        let (_reflector, mut link) = Reflector::start(|| ()).unwrap();
        let mut buffer = [0; 1500];
        for seq in 0..1000 {
            let mut request = vec![0xaa; if seq % 2 == 0 { 64 } else { 1472 }];
            Header::request(seq, 5).encode(&mut request).unwrap();
            link.send(&request).unwrap();
            let received = link.receive(&mut buffer, u64::MAX).unwrap().unwrap();
            let reply = Header::decode(&buffer[..received.len]).unwrap();
            assert_eq!(
                (reply.seq, reply.boot_id, received.len),
                (seq, BOOT_ID, request.len())
            );
        }
        assert_eq!(link.signals(), Some(crate::link::Signals::default()));
    }
}
