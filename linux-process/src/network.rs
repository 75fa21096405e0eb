//! A network namespace for the calling thread (network_namespaces(7)).
//!
//! Nothing here allocates or locks: it may be called between fork(2) and execve(2).
//!
//! Unsafe here: unshare(2), and the ioctl(2) that brings a device up (netdevice(7)).
#![expect(unsafe_code, reason = "unshare(2) and ioctl(2)")]

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};
use rustix::thread::{UnshareFlags, unshare_unsafe};

/// Owner of a new network namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// The calling thread's user namespace, in which it needs CAP_SYS_ADMIN.
    Current,
    /// A user namespace of its own (user_namespaces(7)), in which nobody has a name. It needs no capability, and
    /// execve(2) leaves none.
    New,
}

/// Moves the calling thread into a new network namespace, with nothing in it but the loopback device, which is down.
///
/// # Errors
///
/// Those of unshare(2): EPERM without CAP_SYS_ADMIN, or where new user namespaces are forbidden; EINVAL with
/// [`Owner::New`] in a process of several threads; ENOSPC for one namespace too many. The thread is then where it
/// was.
pub fn unshare(owner: Owner) -> io::Result<()> {
    let flags = match owner {
        Owner::Current => UnshareFlags::NEWNET,
        Owner::New => UnshareFlags::NEWNET | UnshareFlags::NEWUSER,
    };
    // SAFETY: what must not be unshared here is the table of descriptors, and it is not.
    unsafe { unshare_unsafe(flags) }?;
    Ok(())
}

/// Brings the loopback device of the calling thread's network namespace up, and returns a UDP socket (IPv4) in that
/// namespace, with close-on-exec set.
///
/// # Errors
///
/// Those of socket(2); EPERM without CAP_NET_ADMIN in the user namespace that owns the network namespace.
pub fn loopback_socket() -> io::Result<OwnedFd> {
    let kind = SocketType::DGRAM;
    let socket = socket_with(AddressFamily::INET, kind, SocketFlags::CLOEXEC, None)?;
    bring_up_loopback(&socket)?;
    Ok(socket)
}

/// Sets `IFF_UP` of the device `lo`, which has no other flags to lose.
fn bring_up_loopback(socket: &OwnedFd) -> io::Result<()> {
    // SAFETY: all of its fields, the union's likewise, are integers and pointers, for which zero is a value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(*b"lo") {
        *to = from as libc::c_char;
    }
    request.ifr_ifru.ifru_flags = libc::IFF_UP as libc::c_short;
    // SAFETY: the descriptor is open, and the request reads a `struct ifreq`, which outlives the call.
    match unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::thread;

    use super::*;

    #[test]
    fn loopback_works_inside_and_does_not_lead_out() {
        let outside = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = outside.local_addr().unwrap().port();
        thread::spawn(move || {
            let socket = match unshare(Owner::Current).and_then(|()| loopback_socket()) {
                Ok(socket) => UdpSocket::from(socket),
                Err(error) => {
                    assert!(!rustix::process::geteuid().is_root(), "{error}");
                    return;
                }
            };
            // The same port is free here: it is another network.
            let inside = UdpSocket::bind(("127.0.0.1", port)).unwrap();
            socket.connect(("127.0.0.1", port)).unwrap();
            socket.send(b"ping").unwrap();
            let mut buffer = [0; 8];
            assert_eq!(inside.recv(&mut buffer).unwrap(), 4);
        })
        .join()
        .unwrap();
        outside.set_nonblocking(true).unwrap();
        assert!(outside.recv(&mut [0; 8]).is_err());
    }
}
