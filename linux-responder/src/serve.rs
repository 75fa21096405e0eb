//! Serving, in any of the modes.
#![forbid(unsafe_code)]

use std::io;
use std::net::UdpSocket;

use wire::Mode;

use crate::af_xdp::AfXdp;
use crate::ring::Ring;
use crate::service::Service;
use crate::udp::{self, Wait};

use crate::{socket, tuning};

/// A socket that is ready to be served in its mode.
#[derive(Debug)]
pub struct Server {
    socket: UdpSocket,
    backend: Backend,
}

#[derive(Debug)]
enum Backend {
    Socket(Wait),
    Ring(Box<Ring>),
    AfXdp(Box<AfXdp>),
}

impl Server {
    /// Prepares to serve `socket` in `mode`; with it comes a line for each thing that would have
    /// helped and was refused.
    ///
    /// # Errors
    ///
    /// If the system can't do `mode` at all.
    pub fn new(socket: UdpSocket, mode: Mode) -> io::Result<(Self, Vec<String>)> {
        let mut refused = Vec::new();
        let backend = match mode {
            Mode::Blocking => Backend::Socket(Wait::Sleep),
            Mode::Busy => {
                if let Err(error) = socket::poll_the_device(&socket) {
                    refused.push(format!(
                        "polling the network device (SO_BUSY_POLL): {error}"
                    ));
                }
                Backend::Socket(Wait::Spin)
            }
            Mode::IoUring => Backend::Ring(Box::new(Ring::new()?)),
            Mode::AfXdp => Backend::AfXdp(Box::new(AfXdp::new(&socket)?)),
        };
        refused.extend(tuning::ask(mode));
        Ok((Self { socket, backend }, refused))
    }

    /// Serves until the socket fails, and says how.
    pub fn serve(self, service: &mut Service<'_>) -> io::Error {
        match self.backend {
            Backend::Socket(wait) => udp::serve(&self.socket, service, wait).into(),
            Backend::Ring(ring) => ring.serve(&self.socket, service),
            Backend::AfXdp(device) => device.serve(&self.socket, service),
        }
    }
}
