//! A request to a running service and its reply, on a socket of their own.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use wire::MAX_JUMBO_PAYLOAD;

use crate::clock;
use crate::experiment::ExperimentError;
use crate::link::LinkError;

/// Number of requests, and time to wait for each reply.
pub const TRIES: u64 = 5;
const TRY: Duration = Duration::from_millis(200);

/// Reason that there is no reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    /// Nothing came.
    Nothing,
    /// Other datagrams came.
    Others,
}

/// Sends the service at `peer` up to five requests, until there is a reply.
///
/// `request` makes one of its sequence number and its send time; `read` takes apart the reply to the request with a
/// sequence number, or to one before it, that arrived at a time, and returns `None` for any other datagram. Times are in
/// nanoseconds of this process's clock.
///
/// # Errors
///
/// [`ExperimentError::NoStatus`] with the problem that `silence` names if no reply came, or if the port is closed;
/// [`ExperimentError::Link`] if the socket fails.
pub fn exchange<T>(
    peer: SocketAddr,
    request: impl Fn(u64, u64) -> Vec<u8>,
    read: impl Fn(&[u8], u64, u64) -> Option<T>,
    silence: impl FnOnce(Silence) -> String,
) -> Result<T, ExperimentError> {
    let failed = |action: &'static str| {
        move |source: io::Error| LinkError::Io {
            link: "udp",
            action,
            source,
        }
    };
    let no_status = |problem: String| ExperimentError::NoStatus {
        address: peer.to_string(),
        problem,
    };
    let any: SocketAddr = if peer.is_ipv4() {
        (Ipv4Addr::UNSPECIFIED, 0).into()
    } else {
        (Ipv6Addr::UNSPECIFIED, 0).into()
    };
    let socket = UdpSocket::bind(any)
        .and_then(|socket| socket.connect(peer).map(|()| socket))
        .map_err(failed("opening a UDP socket"))?;
    let mut buffer = [0; MAX_JUMBO_PAYLOAD];
    let mut result = Silence::Nothing;
    for seq in 0..TRIES {
        let sent = socket.send(&request(seq, clock::now_ns()));
        let deadline = Instant::now() + TRY;
        let mut received = sent.and_then(|_| receive(&socket, &mut buffer, deadline));
        loop {
            match received {
                Ok(len) => match read(&buffer[..len], seq, clock::now_ns()) {
                    Some(reply) => return Ok(reply),
                    None => result = Silence::Others,
                },
                Err(error) if is_timeout(&error) => break,
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                    return Err(no_status(
                        "has nobody listening (port unreachable): is the port right, and the service up?"
                            .to_owned(),
                    ));
                }
                Err(error) => return Err(failed("asking the service")(error).into()),
            }
            received = receive(&socket, &mut buffer, deadline);
        }
    }
    Err(no_status(silence(result)))
}

fn receive(socket: &UdpSocket, buffer: &mut [u8], deadline: Instant) -> io::Result<usize> {
    let left = deadline.saturating_duration_since(Instant::now());
    socket.set_read_timeout(Some(left.max(Duration::from_millis(1))))?;
    if left.is_zero() {
        return Err(ErrorKind::TimedOut.into());
    }
    socket.recv(buffer)
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
    )
}
