//! A UDP socket of Hermit's, by its own calls.
//!
//! Receiving is one blocking `sys_recvfrom`. Hermit has no other: it takes `O_NONBLOCK`, but does not
//! look at it when a UDP socket is read. While the call waits, Hermit polls its network, the device
//! included, some ten times with growing pauses; then its idle task does the same; then the processor
//! halts until the device's interrupt, or a timer of the stack's. Receiving allows interrupts again when
//! it returns, so each datagram raises one either way.
//!
//! The kernel's feature `idle-poll`, which never halts, is left out: it is not on unless asked for, and
//! made no link faster on a host whose other threads need the processor too (QEMU's main loop has
//! to deliver that interrupt). Spinning on `sys_poll` allows interrupts each time as well.
//!
//! Unsafe here: the socket calls, which take pointers.

use core::fmt;
use core::net::{Ipv4Addr, SocketAddrV4};
use core::ptr::{from_mut, from_ref};

use hermit::syscalls::socket::{
    AF_INET, SockType, in_addr, sa_family_t, sockaddr_in, socklen_t, sys_bind, sys_recvfrom,
    sys_sendto, sys_socket,
};

/// Length of an IPv4 socket address, in bytes.
const ADDRESS_LEN: socklen_t = size_of::<sockaddr_in>() as socklen_t;

/// A call that failed.
#[derive(Clone, Copy, Debug)]
pub struct SocketError {
    call: &'static str,
    /// Hermit's error number.
    number: i64,
}

impl fmt::Display for SocketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Hermit's {} failed with error {}: is there a virtio network device, and no other service \
             on the port?",
            self.call, self.number
        )
    }
}

/// A bound socket.
#[derive(Debug)]
pub struct UdpSocket(i32);

impl UdpSocket {
    /// A socket that receives what comes for `port`, at any address.
    pub fn bind(port: u16) -> Result<Self, SocketError> {
        let descriptor = sys_socket(AF_INET, SockType::SOCK_DGRAM, 0);
        checked("sys_socket", descriptor.into())?;
        let own = to_hermit(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port));
        // SAFETY: the pointer is to an address of the length that is given with it.
        let bound = unsafe { sys_bind(descriptor, from_ref(&own).cast(), ADDRESS_LEN) };
        checked("sys_bind", bound.into())?;
        Ok(Self(descriptor))
    }

    /// Waits for the next datagram, and for whom it is from.
    pub fn receive<'b>(
        &self,
        buffer: &'b mut [u8],
    ) -> Result<(&'b mut [u8], SocketAddrV4), SocketError> {
        let mut source = sockaddr_in::default();
        let mut source_len = ADDRESS_LEN;
        // SAFETY: each pointer is to something of the length that is given with it, and Hermit writes
        // initialised bytes only.
        let len = unsafe {
            sys_recvfrom(
                self.0,
                buffer.as_mut_ptr(),
                buffer.len(),
                0,
                from_mut(&mut source).cast(),
                &mut source_len,
            )
        };
        let len = checked("sys_recvfrom", len as i64)?;
        Ok((&mut buffer[..len], from_hermit(source)))
    }

    /// Sends a datagram to `peer`.
    pub fn send(&self, datagram: &[u8], peer: SocketAddrV4) -> Result<(), SocketError> {
        let peer = to_hermit(peer);
        // SAFETY: as above; nothing is written to.
        let sent = unsafe {
            sys_sendto(
                self.0,
                datagram.as_ptr(),
                datagram.len(),
                0,
                from_ref(&peer).cast(),
                ADDRESS_LEN,
            )
        };
        checked("sys_sendto", sent as i64).map(drop)
    }
}

/// Returns a call's result, unless that is an error's number, negated.
fn checked(call: &'static str, returned: i64) -> Result<usize, SocketError> {
    let number = returned.wrapping_neg();
    usize::try_from(returned).map_err(|_| SocketError { call, number })
}

fn to_hermit(address: SocketAddrV4) -> sockaddr_in {
    sockaddr_in {
        sin_len: ADDRESS_LEN as u8,
        sin_family: AF_INET as sa_family_t,
        sin_port: address.port().to_be(),
        sin_addr: in_addr {
            s_addr: u32::from_ne_bytes(address.ip().octets()),
        },
        sin_zero: [0; 8],
    }
}

fn from_hermit(address: sockaddr_in) -> SocketAddrV4 {
    SocketAddrV4::new(
        Ipv4Addr::from(address.sin_addr.s_addr.to_ne_bytes()),
        u16::from_be(address.sin_port),
    )
}
