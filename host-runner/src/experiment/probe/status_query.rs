//! The status of a running service.

use std::net::SocketAddr;

use wire::status::Answer;
use wire::{Header, Kind};

use super::exchange::{Silence, TRIES, exchange};
use crate::experiment::ExperimentError;
use crate::record::{ServiceLog, ServiceStatus};

/// Length of a status request, in bytes: room for the counters of later versions.
const REQUEST_LEN: usize = 512;

/// Queries the service at `peer`, with up to five requests.
///
/// # Errors
///
/// [`ExperimentError::NoStatus`] if the service does not reply with a status, [`ExperimentError::Link`] if the
/// socket fails.
pub fn query(peer: SocketAddr) -> Result<ServiceStatus, ExperimentError> {
    let read = |datagram: &[u8], seq, received_ns| read(datagram, seq, peer, received_ns);
    exchange(peer, request, read, |silence| match silence {
        Silence::Others => format!(
            "answers, but not with a status: it is another service, or one of a version without it; \
             `fathom probe {peer}` measures it"
        ),
        Silence::Nothing => format!(
            "does not answer, asked {TRIES} times: check that the address is the one in the service's ready \
             line, that this host has a route to it, and that no firewall drops UDP; versions before this \
             one don't answer, but `fathom probe {peer}` does"
        ),
    })
}

fn request(seq: u64, sent_ns: u64) -> Vec<u8> {
    let mut request = vec![0; REQUEST_LEN];
    let header = Header {
        kind: Kind::StatusRequest,
        ..Header::request(seq, sent_ns)
    };
    header
        .encode(&mut request)
        .expect("there is room for a header");
    request
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
        log: answer.log.map(ServiceLog::from),
    })
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use wire::log_control::{Budget, Level, Settings};
    use wire::{Counters, status};

    use super::*;

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
                    log: Some(Settings {
                        level: Level::Warn,
                        budget: Budget::DEFAULT,
                    }),
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
        let log = serde_json::json!({ "level": "warn", "budget_bytes_per_s": 4096 });
        assert_eq!(json["log"], log);
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
