//! Serving with `recvfrom` and `sendto`, asleep in between or not.
#![forbid(unsafe_code)]

use std::net::{SocketAddr, UdpSocket};

use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recvfrom, sendto};

use crate::now_ns;
use crate::service::Service;
use crate::socket::MAX_DATAGRAM;

/// Behaviour while no datagram waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Sleep in the kernel until a datagram comes.
    Sleep,
    /// Ask again at once.
    Spin,
}

/// Serves until the socket fails, and says how.
pub fn serve(socket: &UdpSocket, service: &mut Service<'_>, wait: Wait) -> Errno {
    let mut buffer = vec![0; MAX_DATAGRAM];
    let (receive, send) = match wait {
        Wait::Sleep => (RecvFlags::empty(), SendFlags::empty()),
        // A full transmit queue is a loss, not a reason to stop looking at the receive queue.
        Wait::Spin => (RecvFlags::DONTWAIT, SendFlags::DONTWAIT),
    };
    loop {
        let (len, source) = match recvfrom(socket, &mut buffer[..], receive) {
            Ok((len, _, source)) => (len, source),
            Err(Errno::AGAIN) => {
                std::hint::spin_loop();
                continue;
            }
            Err(Errno::INTR) => continue,
            Err(error) => return error,
        };
        let received_ns = now_ns();
        let source = source.and_then(|source| SocketAddr::try_from(source).ok());
        let datagram = &mut buffer[..len];
        if service.answer(source, datagram, received_ns, now_ns) {
            // An answer goes to whoever asked, so there is a source.
            let sent = source.map(|source| sendto(socket, &*datagram, send, &source));
            if !matches!(sent, Some(Ok(_))) {
                service.unsent();
            }
        }
    }
}
