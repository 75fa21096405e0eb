//! The service's socket: bound to one address of ours, so that every datagram on it was sent to
//! that address and to no broadcast or multicast one.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;

/// Room for any UDP datagram, so that an answer is as long as its question on every network.
pub const MAX_DATAGRAM: usize = 65_536;

/// For how long the kernel may poll the device on behalf of one call, in microseconds
/// (socket(7), `SO_BUSY_POLL`). A call that does not wait polls it once however long this is.
const BUSY_POLL_US: libc::c_int = 50;

/// Number of frames that one poll of the device may take (`SO_BUSY_POLL_BUDGET`): NAPI's own measure.
const BUSY_POLL_BUDGET: libc::c_int = 64;

/// Opens the socket.
///
/// # Errors
///
/// If `address` is none of this host's, or its port is taken.
pub fn open(address: SocketAddr) -> io::Result<UdpSocket> {
    UdpSocket::bind(address)
}

/// Has the kernel poll the network device whenever the socket is asked for a datagram, and leave
/// the device's interrupts off meanwhile (`SO_PREFER_BUSY_POLL`, Linux 5.11). Needs CAP_NET_ADMIN.
///
/// # Errors
///
/// If this process lacks CAP_NET_ADMIN, or the kernel is older.
pub fn poll_the_device(socket: &UdpSocket) -> io::Result<()> {
    set(socket, libc::SO_BUSY_POLL, BUSY_POLL_US)?;
    set(socket, libc::SO_PREFER_BUSY_POLL, 1)?;
    set(socket, libc::SO_BUSY_POLL_BUDGET, BUSY_POLL_BUDGET)
}

fn set(socket: &UdpSocket, option: libc::c_int, value: libc::c_int) -> io::Result<()> {
    let len = size_of_val(&value) as libc::socklen_t;
    // SAFETY: the descriptor is open as long as `socket` is borrowed, and the option's value is an
    // integer of the length given, which the kernel copies.
    let outcome = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            option,
            (&raw const value).cast(),
            len,
        )
    };
    if outcome == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
