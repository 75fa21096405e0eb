//! Serving with AF_XDP (Linux, Documentation/networking/af_xdp.rst): frames of ours go from the device
//! past the kernel's stack into memory of ours, and replies the same way back, copied by the kernel
//! (`XDP_COPY`), which is what every device can do. The receive ring is polled without a rest.
//!
//! - [`filter`]: the program at the device that picks our frames; the kernel gets all others, so address
//!   resolution stays its own;
//! - [`bpf`]: the kernel's interface to such programs;
//! - [`umem`]: the memory and its rings;
//! - [`reply`]: makes a frame with a request the frame with its reply, in place.
//!
//! Everything belongs to this process and goes with it: the program is taken off the device when the last
//! descriptor of its link is closed.

pub mod bpf;
pub mod filter;
pub mod reply;
pub mod umem;

use std::hint::spin_loop;
use std::io;
use std::net::{IpAddr, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};

use crate::now_ns;
use crate::service::Service;
use reply::Own;
use umem::Umem;

/// The one receive queue that such a device has.
const QUEUE: u32 = 0;

/// A device that hands our frames over.
#[derive(Debug)]
pub struct AfXdp {
    umem: Umem,
    own: Own,
    /// Map that the program's redirection leads to, and what holds the program to the device.
    _held: [OwnedFd; 2],
}

impl AfXdp {
    /// Has the device that has the address of `socket` hand over what is for that socket.
    ///
    /// # Errors
    ///
    /// If this process lacks CAP_NET_ADMIN, CAP_BPF or CAP_NET_RAW, or the kernel can't.
    pub fn new(socket: &UdpSocket) -> io::Result<Self> {
        let address = socket.local_addr()?;
        let IpAddr::V4(ip) = address.ip() else {
            return Err(io::Error::other("it serves IPv4 only"));
        };
        let device = netlink::device_with(ip.into())?;
        let no_device = || io::Error::other(format!("no network device has the address {ip}"));
        let device = device.ok_or_else(no_device)?;
        let umem = Umem::new()?;
        umem.bind(device.index, QUEUE)?;
        let map = bpf::socket_map(QUEUE + 1)?;
        bpf::insert(map.as_fd(), QUEUE, umem.socket())?;
        let program = bpf::load(&filter::program(ip, address.port(), map.as_fd()))?;
        let link = bpf::attach(program.as_fd(), device.index)?;
        Ok(Self {
            umem,
            own: Own {
                mac: device.mac,
                socket: address,
            },
            _held: [map, link],
        })
    }

    /// Serves until the socket fails, and says how. `_socket` keeps the port ours; the few datagrams for it
    /// that the program leaves to the kernel, such as fragments, stay there.
    pub fn serve(mut self, _socket: &UdpSocket, service: &mut Service<'_>) -> io::Error {
        loop {
            if let Err(error) = self.umem.settle() {
                return error;
            }
            let Some(frame) = self.umem.receive() else {
                spin_loop();
                continue;
            };
            let received_ns = now_ns();
            let bytes = self.umem.bytes(&frame);
            let answered = reply::make_reply(bytes, self.own, |source, datagram| {
                service.answer(Some(source), datagram, received_ns, now_ns)
            });
            match answered {
                Some(len) => self.umem.send(frame, len),
                None => self.umem.release(frame),
            }
        }
    }
}
