//! Requests that a guest which takes none is never given.

use super::*;
use crate::link::fault::{FaultInjector, FaultParameters, Rates, Share};
use crate::link::vhost_user::Virtqueues;
use crate::link::vhost_user::driver::{Driver, SIZE};

/// More requests than the guest has receive buffers.
const REQUESTS: u64 = 500;

fn flow() -> Flow {
    let (ready, neighbour) = (ready(), neighbour_of(&ready()));
    Flow {
        own_mac: OWN_MAC,
        peer_mac: GUEST_MAC,
        own: SocketAddr::new(neighbour.ip.unwrap().address.into(), OWN_PORT),
        peer: SocketAddr::new(ready.ip.unwrap().address.into(), ready.port),
    }
}

/// Sends the requests over `frames`, and returns the link.
fn sent<F: Frames>(frames: F) -> EthernetLink<F> {
    let mut link = EthernetLink::between(frames, neighbour_of(&ready()), flow());
    for number in 0..REQUESTS {
        let mut datagram = [0; 64];
        Header::request(number, 1).encode(&mut datagram).unwrap();
        assert_eq!(link.send(&datagram).unwrap(), Sent::Out);
    }
    link
}

fn taken(driver: &mut Driver) -> u64 {
    std::iter::from_fn(|| driver.receive()).count() as u64
}

#[test]
fn requests_beyond_the_receive_buffers_wait_and_are_counted() {
    let (mut driver, device) = Driver::new(crate::link::Mtu::ETHERNET).unwrap();
    let mut link = sent(Virtqueues::over(device));
    assert_eq!(link.drop_waiting(), REQUESTS - u64::from(SIZE));
    assert_eq!(link.drop_waiting(), 0, "they are gone");
    assert_eq!(taken(&mut driver), u64::from(SIZE));
}

#[test]
fn what_the_guest_was_given_and_what_waited_is_all_that_faults_let_through() {
    let share = |percent: u32| Share::from_millionths(percent * 10_000).unwrap();
    let parameters = FaultParameters {
        to_guest: Rates {
            loss: share(20),
            duplicate: share(10),
            ..Rates::default()
        },
        ..FaultParameters::default()
    };
    let (mut driver, device) = Driver::new(crate::link::Mtu::ETHERNET).unwrap();
    let mut link = sent(FaultInjector::new(Virtqueues::over(device), parameters));
    let waiting = link.drop_waiting();
    let faults = link.take_faults().unwrap();
    let to_guest = faults.to_guest;
    assert!(to_guest.lost > 0 && to_guest.duplicated > 0, "{to_guest:?}");
    assert_eq!(
        faults.delivered,
        REQUESTS - to_guest.lost + to_guest.duplicated
    );
    assert_eq!(taken(&mut driver) + waiting, faults.delivered);
}
