//! `fathom status`: how a service is that is already running, wherever it runs.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use clap::Args;
use serde::Serialize;
use serde_json::{Map, Value};
use wire::status::Answer;
use wire::{Header, Kind, MAX_PAYLOAD};

use super::CliError;
use super::args::with_port;
use super::output::print;
use super::probe::address;
use crate::clock;
use crate::link::LinkError;
use crate::quantity;
use crate::record::ReportError;
use crate::terminal;

/// Length of a status request, in bytes: room for the counters of later versions.
const REQUEST_LEN: usize = 512;

/// Number of requests, and time to wait for each answer.
const TRIES: u64 = 5;
const TRY: Duration = Duration::from_millis(200);

/// `fathom status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// The service, as HOST:PORT; an IPv6 address goes in brackets
    #[arg(value_name = "ADDR", value_parser = with_port)]
    pub address: String,
    /// Print it as JSON: {address, boot_id, uptime_ns, version, round_trip_ns, counters}
    #[arg(long)]
    pub json: bool,
}

/// Status of a service, as it reports it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Status {
    address: String,
    boot_id: u32,
    uptime_ns: u64,
    version: String,
    round_trip_ns: u64,
    counters: Map<String, Value>,
}

/// Asks the service at the address given how it is, and prints that.
///
/// # Errors
///
/// [`CliError::NoStatus`] if it does not say, or what is in the way of asking.
pub fn run(args: &StatusArgs) -> Result<(), CliError> {
    let peer = address::resolve(&args.address, None, None)?;
    let status = ask(peer)?;
    let text = if args.json {
        let json = serde_json::to_string_pretty(&status).map_err(ReportError::Json)?;
        terminal::escape_json(&json).into_owned() + "\n"
    } else {
        render(&status)
    };
    Ok(print(&text)?)
}

fn ask(peer: SocketAddr) -> Result<Status, CliError> {
    let failed = |action: &'static str| {
        move |source: io::Error| LinkError::Io {
            link: "udp",
            action,
            source,
        }
    };
    let no_status = |problem: String| CliError::NoStatus {
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

/// Reads an answer to request `seq` or one before.
fn read(datagram: &[u8], seq: u64, peer: SocketAddr, received_ns: u64) -> Option<Status> {
    let answer = Answer::decode(datagram).filter(|answer| answer.header.seq <= seq)?;
    let counters = answer.counters();
    Some(Status {
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

/// Returns the time since a boot as people say it: `3 d 04:05:06`.
fn uptime(ns: u64) -> String {
    let seconds = ns / 1_000_000_000;
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    let days = match days {
        0 => String::new(),
        days => format!("{days} d "),
    };
    format!("{days}{hours:02}:{minutes:02}:{:02}", seconds % 60)
}

fn render(status: &Status) -> String {
    let facts = [
        ("service", status.address.clone()),
        ("version", terminal::one_line(&status.version)),
        ("up for", uptime(status.uptime_ns)),
        ("boot id", format!("{:08x}", status.boot_id)),
        ("round trip", quantity::time(status.round_trip_ns as f64)),
    ];
    let counters = status.counters.iter().map(|(name, count)| {
        let count = count.as_u64().unwrap_or_default();
        (name.replace('_', " "), quantity::count(count))
    });
    let rows: Vec<(String, String)> = facts
        .map(|(name, fact)| (name.to_owned(), fact))
        .into_iter()
        .chain(counters)
        .collect();
    let width = rows.iter().map(|(name, _)| name.len()).max();
    let width = width.unwrap_or_default();
    rows.iter()
        .map(|(name, value)| format!("{name:width$}  {value}\n"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::Counters;
    use wire::status;

    /// A service that answers a status request, or says `other` to it.
    fn answered(other: Option<&'static [u8]>) -> Result<Status, CliError> {
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
        ask(peer)
    }

    #[test]
    fn a_service_says_how_it_is_even_if_a_request_is_lost() {
        let status = answered(None).unwrap();
        assert_eq!((status.boot_id, &status.version[..]), (0xb007, "1.2.3"));
        assert_eq!(status.counters.len(), Counters::LEN);
        let text = render(&status);
        for line in [
            "version             1.2.3\n",
            "up for              1 d 01:01:01\n",
            "boot id             0000b007\n",
            "replied             1,234,567\n",
        ] {
            let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(squeezed(&text).contains(&squeezed(line)), "{text}");
        }
        let json = serde_json::to_value(&status).unwrap();
        assert_eq!(json["counters"]["replied"], 1_234_567);
    }

    #[test]
    fn a_service_without_status_differs_from_an_absent_one() {
        let error = answered(Some(b"hello")).unwrap_err();
        assert!(error.to_string().contains("another service"), "{error}");
        assert_eq!(error.exit_code(), 1);
        let closed = UdpSocket::bind("127.0.0.1:0").unwrap();
        let peer = closed.local_addr().unwrap();
        let error = ask(peer).unwrap_err();
        assert!(error.to_string().contains("does not answer"), "{error}");
        drop(closed);
        let error = ask(peer).unwrap_err();
        assert!(error.to_string().contains("nobody listening"), "{error}");
    }
}
