//! Serving, in any of the modes.
#![forbid(unsafe_code)]

use std::io;
use std::net::UdpSocket;

use crate::af_xdp::AfXdp;
use crate::args::Mode;
use crate::ring::Ring;
use crate::service::Service;
use crate::udp::{self, Wait};
use crate::{socket, tuning};

/// A socket that is ready to be served in its mode.
#[derive(Debug)]
pub struct Server {
    socket: UdpSocket,
    way: Way,
}

#[derive(Debug)]
enum Way {
    Plain(Wait),
    Ring(Box<Ring>),
    AfXdp(Box<AfXdp>),
}

impl Server {
    /// Prepares to serve `socket` in `mode`; with it comes a line for each thing that would have
    /// helped and was refused.
    ///
    /// # Errors
    ///
    /// What the system says if it can't do `mode` at all.
    pub fn new(socket: UdpSocket, mode: Mode) -> io::Result<(Self, Vec<String>)> {
        let mut refused = Vec::new();
        let way = match mode {
            Mode::Blocking => Way::Plain(Wait::Sleep),
            Mode::Busy => {
                if let Err(error) = socket::poll_the_device(&socket) {
                    refused.push(format!(
                        "polling the network device (SO_BUSY_POLL): {error}"
                    ));
                }
                Way::Plain(Wait::Spin)
            }
            Mode::IoUring => Way::Ring(Box::new(Ring::new()?)),
            Mode::AfXdp => Way::AfXdp(Box::new(AfXdp::new(&socket)?)),
        };
        refused.extend(tuning::ask(mode));
        Ok((Self { socket, way }, refused))
    }

    /// Serves until the socket fails, and says how.
    pub fn serve(self, service: &mut Service<'_>) -> io::Error {
        match self.way {
            Way::Plain(wait) => udp::serve(&self.socket, service, wait).into(),
            Way::Ring(ring) => ring.serve(&self.socket, service),
            Way::AfXdp(device) => device.serve(&self.socket, service),
        }
    }
}
