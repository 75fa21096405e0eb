//! A small server of HTTP/1.1: `/metrics` and `/healthz`, one request per connection.
//!
//! Everything is bounded: connections at a time, length of a request's head, time of a connection. Who sends slowly, or
//! nothing, or does not read, has the time of one connection and no more.
#![forbid(unsafe_code)]

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::exposition::{Exposition, Silence};
use super::http_request::{Head, MAX_HEAD, Method, Request, parse};
use super::negotiation::Format;

/// Most connections at a time. Further ones are told so and closed.
const MAX_CONNECTIONS: usize = 8;

/// Longest time of a connection.
const CONNECTION_TIME: Duration = Duration::from_secs(10);

/// Longest wait for the end of what a client goes on to send, and the most kilobytes of it.
const LINGER: Duration = Duration::from_millis(500);
const MAX_IGNORED: usize = 64;

/// Time after which the server looks whether it is to end.
const LOOK_AGAIN: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 100_000_000,
};

/// Pause after a connection could not be accepted: no descriptor is free, or no memory.
const PAUSE: Duration = Duration::from_millis(100);

/// Content type of plain text, and that of a page.
const PLAIN: &str = "text/plain; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";

/// Page at `/`, for people.
const LANDING_PAGE: &str = "<!doctype html><title>fathom probe</title><h1>fathom probe</h1>\
    <p><a href=\"metrics\">metrics</a>, for Prometheus; <a href=\"healthz\">health</a></p>";

/// Reason why there is no server.
#[derive(Debug, thiserror::Error)]
#[error("metrics can't be served on {address}; choose another address or port")]
pub struct ServerError {
    /// The address.
    pub address: SocketAddr,
    /// The system's error.
    #[source]
    pub source: io::Error,
}

/// A server that listens.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
}

/// A response.
#[derive(Debug)]
struct Response {
    status: &'static str,
    content_type: &'static str,
    body: Vec<u8>,
}

impl Response {
    fn text(status: &'static str, text: &str) -> Self {
        Self {
            status,
            content_type: PLAIN,
            body: format!("{text}\n").into_bytes(),
        }
    }

    fn to(request: &Request, exposition: &Exposition) -> Self {
        if request.method == Method::Other {
            return Self::text("405 Method Not Allowed", "use GET or HEAD");
        }
        match request.path.as_str() {
            "/metrics" => match exposition.encode(Format::chosen_by(&request.accept)) {
                Ok((content_type, body)) => Self {
                    status: "200 OK",
                    content_type,
                    body,
                },
                Err(_) => Self::text("500 Internal Server Error", "metrics can't be encoded"),
            },
            "/healthz" => Self::to_health_check(&exposition.silence()),
            "/" => Self {
                content_type: HTML,
                ..Self::text("200 OK", LANDING_PAGE)
            },
            _ => Self::text("404 Not Found", "try /metrics or /healthz"),
        }
    }

    /// A prober that measures one target is well: whoever restarts it would end that measurement for the sake of another
    /// target, whose name may not resolve.
    fn to_health_check(silence: &Silence) -> Self {
        let text = format!("nothing is measured of {}", silence.targets.join(", "));
        match silence {
            Silence { targets, .. } if targets.is_empty() => Self::text("200 OK", "ok"),
            Silence {
                is_total: false, ..
            } => Self::text("200 OK", &format!("ok, but {text}")),
            Silence { is_total: true, .. } => Self::text("503 Service Unavailable", &text),
        }
    }

    fn into_bytes(self, method: Method) -> Vec<u8> {
        let Self {
            status,
            content_type,
            mut body,
        } = self;
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\
             Connection: close\r\n\r\n"
        );
        let mut bytes = head.into_bytes();
        if method != Method::Head {
            bytes.append(&mut body);
        }
        bytes
    }
}

impl Server {
    /// Listens on `address`; on port 0, on any that is free.
    ///
    /// # Errors
    ///
    /// [`ServerError`] if the system refuses: the port is taken, or the address is none of this host's.
    pub fn bind(address: SocketAddr) -> Result<Self, ServerError> {
        let failed = |source| ServerError { address, source };
        let listener = TcpListener::bind(address).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address })
    }

    /// Returns the address that the server listens on.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves `exposition` until `stop` is set.
    pub fn serve(&self, exposition: &Exposition, stop: &AtomicBool) {
        let open = AtomicUsize::new(0);
        thread::scope(|scope| {
            while !stop.load(Ordering::Relaxed) {
                let mut fds = [PollFd::new(&self.listener, PollFlags::IN)];
                let _ = poll(&mut fds, Some(&LOOK_AGAIN));
                let connection = match self.listener.accept() {
                    Ok((connection, _)) => connection,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
                    Err(_) => {
                        thread::sleep(PAUSE);
                        continue;
                    }
                };
                if open.load(Ordering::Acquire) == MAX_CONNECTIONS {
                    let full = Response::text("503 Service Unavailable", "too many connections");
                    let _ = connection.set_nonblocking(true);
                    let _ = (&connection).write(&full.into_bytes(Method::Get));
                    continue;
                }
                open.fetch_add(1, Ordering::AcqRel);
                let open = &open;
                let answer = move || {
                    // A client that is gone misses nothing.
                    let _ = answer(&connection, exposition);
                    open.fetch_sub(1, Ordering::AcqRel);
                };
                if thread::Builder::new().spawn_scoped(scope, answer).is_err() {
                    open.fetch_sub(1, Ordering::AcqRel);
                }
            }
        });
    }
}

/// Answers the request that comes on `connection`.
fn answer(connection: &TcpStream, exposition: &Exposition) -> io::Result<()> {
    let deadline = Instant::now() + CONNECTION_TIME;
    connection.set_nonblocking(false)?;
    let (response, method) = match receive_head(connection, deadline)? {
        Head::Complete(request) => (Response::to(&request, exposition), request.method),
        Head::Malformed | Head::Partial => {
            let response = Response::text("400 Bad Request", "expected a request of HTTP/1.1");
            (response, Method::Get)
        }
    };
    let bytes = response.into_bytes(method);
    let mut rest = bytes.as_slice();
    while !rest.is_empty() {
        connection.set_write_timeout(Some(left(deadline)?))?;
        let written = { connection }.write(rest)?;
        rest = rest.get(written..).unwrap_or_default();
    }
    // To close with bytes unread would reset the connection, and the client lose the answer (RFC 9112 §9.6).
    connection.shutdown(Shutdown::Write)?;
    let mut ignored = [0; 1024];
    for _ in 0..MAX_IGNORED {
        connection.set_read_timeout(Some(left(deadline)?.min(LINGER)))?;
        if { connection }.read(&mut ignored)? == 0 {
            break;
        }
    }
    Ok(())
}

/// Receives the head of a request; a partial one if the client sends no more, or more than a head may have.
fn receive_head(mut connection: &TcpStream, deadline: Instant) -> io::Result<Head> {
    let mut head = Vec::new();
    let mut part = [0; 1024];
    while head.len() < MAX_HEAD {
        connection.set_read_timeout(Some(left(deadline)?))?;
        let received = connection.read(&mut part)?;
        if received == 0 {
            break;
        }
        head.extend_from_slice(&part[..received]);
        match parse(&head) {
            Head::Partial => {}
            decided => return Ok(decided),
        }
    }
    Ok(Head::Partial)
}

/// Returns the time until `deadline`.
fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(ErrorKind::TimedOut.into());
    }
    Ok(left)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock;
    use crate::stats::running_totals::{RunningTotal, RunningTotals};

    /// Has `client` talk to a server of one target.
    fn serve(client: impl FnOnce(SocketAddr, &RunningTotals) + Send) {
        let server = Server::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let totals = Arc::new(RunningTotals::default());
        let total = RunningTotal::from(clock::now_ns());
        totals.lock().insert("10.0.0.1:9000".to_owned(), total);
        let exposition = Exposition::new(Arc::clone(&totals), &[], 4);
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| server.serve(&exposition, &stop));
            let outcome = scope.spawn(|| client(server.address(), &totals)).join();
            stop.store(true, Ordering::Relaxed);
            outcome.unwrap();
        });
    }

    fn try_to_ask(address: SocketAddr, request: &[u8]) -> io::Result<String> {
        let mut connection = TcpStream::connect(address)?;
        connection.write_all(request)?;
        let mut answer = Vec::new();
        connection.read_to_end(&mut answer)?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }

    fn ask(address: SocketAddr, request: &[u8]) -> String {
        try_to_ask(address, request).unwrap()
    }

    #[test]
    fn metrics_and_health_are_served_and_nothing_else() {
        serve(|address, totals| {
            let get = |path: &str| ask(address, format!("GET {path} HTTP/1.1\r\n\r\n").as_bytes());
            let metrics = get("/metrics");
            assert!(
                metrics.starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4")
            );
            assert!(
                metrics.contains("fathom_requests_total{target=\"10.0.0.1:9000\"} 0\n"),
                "{metrics}"
            );
            assert!(get("/healthz").ends_with("\r\n\r\nok\n"));
            let page = get("/");
            assert!(page.contains("Content-Type: text/html") && page.contains("href=\"metrics\""));
            assert!(get("/x").contains("404 Not Found"));
            let head = ask(address, b"HEAD /healthz HTTP/1.1\r\n\r\n");
            assert!(
                head.ends_with("Content-Length: 3\r\nConnection: close\r\n\r\n"),
                "{head}"
            );
            assert!(ask(address, b"POST /metrics HTTP/1.1\r\n\r\n").contains("405"));
            assert!(ask(address, b"\x16\x03\x01\x02\x00\x01").contains("400"));
            let silent = |target: &str| {
                let total = RunningTotal::from(0);
                totals.lock().insert(target.to_owned(), total);
                get("/healthz")
            };
            let health = silent("gone:1");
            assert!(health.contains("200 OK"), "{health}");
            assert!(
                health.contains("ok, but nothing is measured of gone:1"),
                "{health}"
            );
            let health = silent("10.0.0.1:9000");
            assert!(health.contains("503"), "{health}");
            assert!(
                health.contains("measured of 10.0.0.1:9000, gone:1"),
                "{health}"
            );
        });
    }

    #[test]
    fn a_head_without_an_end_and_idle_connections_are_bounded() {
        serve(|address, _| {
            let long = format!("GET /metrics HTTP/1.1\r\nA: {}", "b".repeat(MAX_HEAD));
            assert!(ask(address, long.as_bytes()).contains("400 Bad Request"));
            let idle: Vec<_> = (0..MAX_CONNECTIONS)
                .map(|_| TcpStream::connect(address).unwrap())
                .collect();
            // Accepted in order: by the time of this one all others are open.
            let mut further = TcpStream::connect(address).unwrap();
            let mut answer = String::new();
            further.read_to_string(&mut answer).unwrap();
            assert!(
                answer.contains("503") && answer.contains("too many connections"),
                "{answer}"
            );
            drop(idle);
            let deadline = Instant::now() + Duration::from_secs(20);
            // A server that is full may close before the request has come, which resets the connection.
            let is_served = || {
                let answer = try_to_ask(address, b"GET /healthz HTTP/1.1\r\n\r\n");
                answer.is_ok_and(|answer| answer.contains("200 OK"))
            };
            while !is_served() {
                assert!(Instant::now() < deadline);
                thread::sleep(Duration::from_millis(10));
            }
        });
    }
}
