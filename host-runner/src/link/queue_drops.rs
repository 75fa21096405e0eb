//! Number of datagrams that a full queue of this host's kernel has dropped on the way to the service: the socket that
//! the service, or QEMU for it, receives on, or the queue of a tap device.
//!
//! The kernel counts them in files below `/proc/PID/net` (proc(5)): `udp` and `udp6` have a line for each socket, whose
//! last field is the number of datagrams that its receive buffer had no room for; `dev` has a line for each device.
//! A file stays that of the network namespace in which it was opened.
#![forbid(unsafe_code)]

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::FileExt as _;

use rustix::process::Pid;

use super::Family;

/// Longest file that is read, in bytes: some thousands of sockets.
const LONGEST: u64 = 1 << 20;

/// Place in a device's line of the frames that were dropped instead of sent, behind the colon: the fourth of the eight
/// numbers of the way out, which come after the eight of the way in.
const DROPPED_TRANSMIT: usize = 8 + 3;

/// A queue whose drops the kernel counts.
#[derive(Debug)]
pub struct QueueDrops {
    file: File,
    queue: Queue,
}

#[derive(Debug)]
enum Queue {
    /// The receive buffer of the UDP socket at this port.
    Socket(u16),
    /// The transmit queue of the device of this name.
    Device(&'static str),
}

impl QueueDrops {
    /// Returns the receive buffer of the UDP socket at `port`, in the network namespace of `process`, or of the
    /// calling thread.
    ///
    /// # Errors
    ///
    /// If the process is gone, or its files may not be read.
    pub fn of_socket(process: Option<Pid>, family: Family, port: u16) -> io::Result<Self> {
        let process = process.map_or_else(
            || "thread-self".to_owned(),
            |pid| pid.as_raw_nonzero().to_string(),
        );
        let table = match family {
            Family::V4 => "udp",
            Family::V6 => "udp6",
        };
        Ok(Self {
            file: File::open(format!("/proc/{process}/net/{table}"))?,
            queue: Queue::Socket(port),
        })
    }

    /// Returns the transmit queue of the device `name`, in the network namespace of the calling thread.
    ///
    /// # Errors
    ///
    /// If the kernel's file is not there.
    pub fn of_device(name: &'static str) -> io::Result<Self> {
        Ok(Self {
            file: File::open("/proc/thread-self/net/dev")?,
            queue: Queue::Device(name),
        })
    }

    /// Reads the number of datagrams that the queue has dropped since it was made.
    ///
    /// # Errors
    ///
    /// If the socket or the device is gone, or the file can't be read.
    pub fn read(&self) -> io::Result<u64> {
        let mut text = String::new();
        FromStart(&self.file, 0)
            .take(LONGEST)
            .read_to_string(&mut text)?;
        let drops = match self.queue {
            Queue::Socket(port) => of_socket(&text, port),
            Queue::Device(name) => of_device(&text, name),
        };
        drops.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the queue is gone"))
    }
}

/// Reader of a file from its start, wherever its cursor stands.
struct FromStart<'a>(&'a File, u64);

impl io::Read for FromStart<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = self.0.read_at(buffer, self.1)?;
        self.1 += len as u64;
        Ok(len)
    }
}

/// Returns the drops of all sockets at `port` in the kernel's table `text`.
fn of_socket(text: &str, port: u16) -> Option<u64> {
    let sockets = text.lines().skip(1).filter_map(|line| {
        let mut fields = line.split_whitespace();
        let (_, local_port) = fields.nth(1)?.rsplit_once(':')?;
        let is_local = u16::from_str_radix(local_port, 16) == Ok(port);
        is_local.then(|| fields.last()?.parse::<u64>().ok())?
    });
    sockets.reduce(u64::saturating_add)
}

/// Returns the frames that the device `name` in the kernel's table `text` has dropped instead of sending them.
fn of_device(text: &str, name: &str) -> Option<u64> {
    let mut devices = text.lines().filter_map(|line| line.split_once(':'));
    let (_, numbers) = devices.find(|(device, _)| device.trim() == name)?;
    let number = numbers.split_whitespace().nth(DROPPED_TRANSMIT)?;
    number.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use rustix::net::sockopt;

    use super::*;

    #[test]
    fn a_full_socket_counts_what_it_drops() {
        for (address, family) in [("127.0.0.1:0", Family::V4), ("[::1]:0", Family::V6)] {
            let service = UdpSocket::bind(address).unwrap();
            sockopt::set_socket_recv_buffer_size(&service, 1).unwrap();
            let peer = service.local_addr().unwrap();
            let client = UdpSocket::bind(address).unwrap();
            let drops = QueueDrops::of_socket(None, family, peer.port()).unwrap();
            assert_eq!(drops.read().unwrap(), 0);
            for _ in 0..100 {
                client.send_to(&[0; 1000], peer).unwrap();
            }
            service.set_nonblocking(true).unwrap();
            let mut buffer = [0; 1000];
            let received = (0..100).filter(|_| service.recv(&mut buffer).is_ok());
            let received = received.count() as u64;
            assert!(received < 100, "there is an end to the buffer");
            assert_eq!(received + drops.read().unwrap(), 100);
            let own = Some(rustix::process::getpid());
            let again = QueueDrops::of_socket(own, family, peer.port()).unwrap();
            assert_eq!(again.read().unwrap(), 100 - received);
            drop(service);
            assert!(drops.read().is_err());
        }
    }

    #[test]
    fn a_devices_drops_are_those_of_its_way_out() {
        let text = "Inter-|   Receive                |  Transmit\n \
                    face |bytes packets errs drop fifo frame compressed multicast|bytes packets errs drop fifo colls \
                    carrier compressed\n\
                    \x20   lo: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n\
                    \x20 tap0: 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36\n";
        assert_eq!(of_device(text, "tap0"), Some(32));
        assert_eq!(of_device(text, "lo"), Some(12));
        assert_eq!(of_device(text, "tap"), None);
        let lo = QueueDrops::of_device("lo").unwrap();
        assert!(lo.read().unwrap() <= lo.read().unwrap());
    }
}
