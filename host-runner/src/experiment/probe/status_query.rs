//! The status of a running service: a request and its reply, on a socket of their own.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use wire::status::Answer;
use wire::{Header, Kind, MAX_PAYLOAD};

use crate::clock;
use crate::experiment::ExperimentError;
use crate::link::LinkError;
use crate::record::ServiceStatus;

/// Length of a status request, in bytes: room for the counters of later versions.
const REQUEST_LEN: usize = 512;

/// Number of requests, and time to wait for each answer.
const TRIES: u64 = 5;
const TRY: Duration = Duration::from_millis(200);

/// Queries the service at `peer`, with up to five requests.
///
/// # Errors
///
/// [`ExperimentError::NoStatus`] if the service does not reply with a status, [`ExperimentError::Link`] if the
/// socket fails.
pub fn query(peer: SocketAddr) -> Result<ServiceStatus, ExperimentError> {
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
        (std::net::Ipv4Addr::UNSPECIFIED, 0).into()
    } else {
        (std::net::Ipv6Addr::UNSPECIFIED, 0).into()
    };
    let socket = UdpSocket::bind(any)
        .and_then(|socket| socket.connect(peer).map(|()| socket))
        .map_err(failed("opening a UDP socket"))?;
    let mut buffer = [0; MAX_PAYLOAD];
    let mut others = 0;
    for seq in 0..TRIES {
        let sent_ns = clock::now_ns();
        let sent = socket.send(&request(seq, sent_ns));
        let deadline = Instant::now() + TRY;
        let mut received = sent.and_then(|_| receive(&socket, &mut buffer, deadline));
        loop {
            match received {
                Ok(len) => match read(&buffer[..len], seq, peer, clock::now_ns()) {
                    Some(status) => return Ok(status),
                    None => others += 1,
                },
                Err(error) if is_timeout(&error) => break,
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                    return Err(no_status(
                        "has nobody listening (port unreachable): is the port right, and the service up?"
                            .to_owned(),
                    ));
                }
                Err(error) => return Err(failed("asking for the status")(error).into()),
            }
            received = receive(&socket, &mut buffer, deadline);
        }
    }
    Err(no_status(if others > 0 {
        format!(
            "answers, but not with a status: it is another service, or one of a version without it; \
             `fathom probe {peer}` measures it"
        )
    } else {
        format!(
            "does not answer, asked {TRIES} times: check that the address is the one in the service's ready \
             line, that this host has a route to it, and that no firewall drops UDP; versions before this \
             one don't answer, but `fathom probe {peer}` does"
        )
    }))
}

fn request(seq: u64, sent_ns: u64) -> [u8; REQUEST_LEN] {
    let mut request = [0; REQUEST_LEN];
    let header = Header {
        kind: Kind::StatusRequest,
        ..Header::request(seq, sent_ns)
    };
    header
        .encode(&mut request)
        .expect("there is room for a header");
    request
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

/// Parses the reply to request `seq` or to one before it; `None` for any other datagram.
fn read(datagram: &[u8], seq: u64, peer: SocketAddr, received_ns: u64) -> Option<ServiceStatus> {
    let answer = Answer::decode(datagram).filter(|answer| answer.header.seq <= seq)?;
    let counters = answer.counters();
    Some(ServiceStatus {
        address: peer.to_string(),
        boot_id: answer.header.boot_id,
        uptime_ns: answer.uptime_ns,
        version: answer.version.to_owned(),
        round_trip_ns: received_ns.saturating_sub(answer.header.t1_ns),
        counters: counters
            .map(|(name, count)| (name.to_owned(), count.into()))
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::Counters;
    use wire::status;

    /// Queries a service that loses one request and answers others with its status, or with `other`.
    fn answered(other: Option<&'static [u8]>) -> Result<ServiceStatus, ExperimentError> {
        let service = UdpSocket::bind("127.0.0.1:0").unwrap();
        let peer = service.local_addr().unwrap();
        std::thread::spawn(move || {
            let mut buffer = [0; 2048];
            // Lost.
            let _ = service.recv_from(&mut buffer).unwrap();
            while let Ok((len, client)) = service.recv_from(&mut buffer) {
                let status = status::Status {
                    uptime_ns: 90_061_000_000_000,
                    version: status::version("1.2.3"),
                    counters: Counters {
                        replied: 1_234_567,
                        ..Counters::ZERO
                    },
                };
                status::answer(&mut buffer[..len], &status, 0xb007, 1, || 2);
                let _ = service.send_to(other.unwrap_or(&buffer[..len]), client);
            }
        });
        query(peer)
    }

    #[test]
    fn a_lost_request_is_sent_again() {
        let status = answered(None).unwrap();
        assert_eq!((status.boot_id, &status.version[..]), (0xb007, "1.2.3"));
        assert_eq!(status.counters.len(), Counters::LEN);
        let json = serde_json::to_value(&status).unwrap();
        assert_eq!(json["counters"]["replied"], 1_234_567);
    }

    #[test]
    fn a_service_without_status_differs_from_an_absent_one() {
        let error = answered(Some(b"hello")).unwrap_err();
        assert!(error.to_string().contains("another service"), "{error}");
        let closed = UdpSocket::bind("127.0.0.1:0").unwrap();
        let peer = closed.local_addr().unwrap();
        let error = query(peer).unwrap_err();
        assert!(error.to_string().contains("does not answer"), "{error}");
        drop(closed);
        let error = query(peer).unwrap_err();
        assert!(error.to_string().contains("nobody listening"), "{error}");
    }
}
