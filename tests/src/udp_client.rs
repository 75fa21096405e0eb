//! A client of a service on UDP, on an ordinary socket.
#![forbid(unsafe_code)]

use std::net::{SocketAddr, UdpSocket};

use crate::timeouts;

/// Time after which a request is sent again.
const RETRY: std::time::Duration = timeouts::ANSWER.checked_div(10).unwrap();

/// Sends `datagram` to `service` until something comes back, since UDP may lose it, and returns that. A service
/// may have the datagram as often as it was sent.
///
/// # Panics
///
/// If there is no socket to be had, or nothing comes back in time.
#[must_use]
pub fn exchange(service: SocketAddr, datagram: &[u8]) -> Vec<u8> {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.connect(service).expect("a route");
    socket.set_read_timeout(Some(RETRY)).expect("a timeout");
    let mut reply = [0; 2048];
    let len = timeouts::until(timeouts::ANSWER, "an answer", || {
        socket.send(datagram).ok()?;
        socket.recv(&mut reply).ok()
    });
    reply[..len].to_vec()
}
