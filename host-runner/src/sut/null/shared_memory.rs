//! A service without a guest: a thread that answers on the same rings, with the same request handler,
//! as the guest would if it were nothing but a reflector on the bare processor.
//!
//! It is the floor that every other figure on this link stands on: what is left is the rings
//! themselves and the cache lines that go between two cores.

use std::sync::atomic::{AtomicBool, Ordering};

use super::reflector::{Reflector, client, flow};
use super::response::{FrameResponder, Offer, Response};
use crate::clock;
use crate::link::LinkError;
use crate::link::ethernet::EthernetLink;
use crate::link::frame::MAX_FRAME;
use crate::link::vhost_user::driver::{Driver, Incoming};
use crate::link::vhost_user::{NAME, Virtqueues};

/// Starts a thread that answers, after it has done `prepare`; and the link to it.
///
/// # Errors
///
/// [`LinkError::Io`] if there is no memory or no thread to be had.
pub fn start(
    offer: Offer,
    prepare: impl FnOnce() + Send + 'static,
) -> Result<(Reflector, EthernetLink<Virtqueues>), LinkError> {
    let (driver, device) = Driver::new(offer.mtu).map_err(|error| LinkError::Io {
        link: NAME,
        action: "mapping memory",
        source: std::io::Error::other(error),
    })?;
    let answer = move |stop: &AtomicBool| answer(driver, &offer, stop);
    let reflector = Reflector::start(NAME, prepare, answer)?;
    let frames = Virtqueues::over(device);
    let link = EthernetLink::between(frames, client(), flow(&offer));
    Ok((reflector, link.in_class(offer.dscp)))
}

fn answer(mut driver: Driver, offer: &Offer, stop: &AtomicBool) {
    let mut responder = FrameResponder::new(flow(offer).reversed(), offer);
    let mut frame = [0; MAX_FRAME];
    while !stop.load(Ordering::Relaxed) {
        let Some(incoming) = driver.receive() else {
            continue;
        };
        let received_ns = clock::now_ns();
        let len = incoming.len.min(MAX_FRAME);
        driver.frame(incoming).copy_to(&mut frame[..len]);
        match responder.respond(&mut frame, len, received_ns) {
            Response::Reply(len) => {
                let outgoing = Incoming { len, ..incoming };
                driver.frame(outgoing).copy_from(&frame[..len]);
                driver.frame(outgoing).demote();
                driver.send(outgoing);
            }
            Response::Dropped | Response::Other => driver.release(incoming.buffer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::{Link as _, Mtu};
    use crate::sut::null::BOOT_ID;
    use wire::Header;

    #[test]
    fn answers_more_requests_than_there_are_buffers() {
        for (mtu, longest) in [(1500, 1472), (9000, 8972), (9216, 9188)] {
            let offer = Offer {
                mtu: Mtu::new(mtu).unwrap(),
                ..Offer::default()
            };
            exchange(&offer, longest);
        }
    }

    /// Requests of 64 bytes and of the longest kind that the offer's MTU allows, in turn.
    fn exchange(offer: &Offer, longest: usize) {
        let (_reflector, mut link) = start(*offer, || ()).unwrap();
        let mut buffer = [0; 9216];
        for seq in 0..1000 {
            let mut request = vec![0xaa; if seq % 2 == 0 { 64 } else { longest }];
            Header::request(seq, 5).encode(&mut request).unwrap();
            link.send(&request).unwrap();
            let received = link.receive(&mut buffer, u64::MAX).unwrap().unwrap();
            let reply = Header::decode(&buffer[..received.len]).unwrap();
            assert_eq!(
                (reply.seq, reply.boot_id, received.len),
                (seq, BOOT_ID, request.len())
            );
            let [sent, came] =
                [&request[..], &buffer].map(|bytes| &bytes[wire::HEADER_LEN..request.len()]);
            assert_eq!(sent, came);
        }
        assert_eq!(link.take_too_long(), 0);
        if longest < wire::MAX_JUMBO_PAYLOAD {
            // Buffers are whole cache lines.
            link.send(&vec![0xaa; longest + 64]).unwrap();
            assert_eq!(link.take_too_long(), 1);
        }
        assert_eq!(link.signals(), Some(crate::link::Signals::default()));
    }
}
