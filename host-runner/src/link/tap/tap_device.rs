//! A tap device: Ethernet frames, a read or a write each (Linux, Documentation/networking/tuntap.rst).
//!
//! Without the header that would hand checksums and segments on undone (`IFF_VNET_HDR`): a guest's
//! network card offers the same here as on the other links, and a frame is a frame.
//!
//! Unsafe is the one `ioctl`.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::ioctl::{self, Updater, opcode};

use super::NAME;
use crate::host::rights::TUN_DEVICE;
use crate::link::ethernet::Frames;
use crate::link::{LinkError, Received, Sent, wait};

/// Frames of Ethernet, and nothing before them (`linux/if_tun.h`).
const IFF_TAP: u16 = 0x0002;
const IFF_NO_PI: u16 = 0x1000;

/// `TUNSETIFF`: makes of an open [`TUN_DEVICE`] the device that is asked for. Its number has the size of an
/// `int`, though what is handed over is an [`Interface`].
const SET_INTERFACE: ioctl::Opcode = opcode::write::<i32>(b'T', 202);

/// `struct ifreq` (netdevice(7)), with flags.
#[repr(C)]
struct Interface {
    name: [u8; 16],
    flags: u16,
    rest: [u8; 22],
}

/// Opens [`TUN_DEVICE`], in the network namespace of the calling thread.
///
/// # Errors
///
/// If the file is missing, or may not be opened.
pub fn open() -> io::Result<OwnedFd> {
    let flags = OFlags::RDWR | OFlags::CLOEXEC | OFlags::NONBLOCK;
    Ok(rustix::fs::open(TUN_DEVICE, flags, Mode::empty())?)
}

/// Makes the tap device `name` of what [`open`] opened. It is gone when the last descriptor of it is.
///
/// # Errors
///
/// If this process lacks CAP_NET_ADMIN, or the name is taken.
pub fn make(opened: &OwnedFd, name: &str) -> io::Result<()> {
    let mut interface = Interface {
        name: [0; 16],
        flags: IFF_TAP | IFF_NO_PI,
        rest: [0; 22],
    };
    // The last byte stays zero.
    let len = name.len().min(interface.name.len() - 1);
    interface.name[..len].copy_from_slice(&name.as_bytes()[..len]);
    // SAFETY: this request reads a `struct ifreq` and writes it back, and `Interface` has the size
    // and the layout of one.
    unsafe {
        ioctl::ioctl(
            opened,
            Updater::<SET_INTERFACE, Interface>::new(&mut interface),
        )
    }?;
    Ok(())
}

/// The guest's end of a tap device.
#[derive(Debug)]
pub struct TapFrames(OwnedFd);

impl TapFrames {
    /// The end that `device` is.
    #[must_use]
    pub const fn new(device: OwnedFd) -> Self {
        Self(device)
    }
}

impl Frames for TapFrames {
    fn name(&self) -> &'static str {
        NAME
    }

    fn send(&mut self, frame: &[u8]) -> Result<Sent, LinkError> {
        let error = match rustix::io::write(&self.0, frame) {
            Ok(_) => return Ok(Sent::Out),
            // A device that is not up yet, or any more.
            Err(Errno::IO) => Errno::NETDOWN,
            Err(error) => error,
        };
        match wait::refusal(error) {
            Some(refusal) => Ok(Sent::Refused(refusal)),
            None => Err(failed("sending", error.into())),
        }
    }

    fn receive(
        &mut self,
        frame: &mut [u8],
        deadline_ns: u64,
    ) -> Result<Option<Received>, LinkError> {
        let read = |buffer: &mut [u8]| rustix::io::read(&self.0, buffer);
        wait::receive_by(self.0.as_fd(), frame, deadline_ns, wait::is_loss, read)
            .map_err(|error| failed("receiving", error.into()))
    }
}

fn failed(action: &'static str, source: io::Error) -> LinkError {
    LinkError::Io {
        link: NAME,
        action,
        source,
    }
}
