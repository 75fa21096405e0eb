//! Memory that is shared with the kernel, cut into frames, and the four rings that pass them to and fro: the
//! fill ring and the transmit ring to the kernel, the receive ring and the completion ring back.
//!
//! There are as many places in each ring as there are frames, and a frame is in one place at a time: a
//! [`Frame`] stands for one that is ours, and can't be copied. So no ring is ever full when there is
//! something to put in.
//!
//! Unsafe are the mappings and what looks into them. What the kernel wrote is checked before it is used.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::io::Errno;
use rustix::mm::{MapFlags, ProtFlags, mmap, mmap_anonymous};
use rustix::net::xdp::{
    SocketAddrXdp, SocketAddrXdpFlags, XDP_PGOFF_RX_RING, XDP_PGOFF_TX_RING,
    XDP_UMEM_PGOFF_COMPLETION_RING, XDP_UMEM_PGOFF_FILL_RING, XdpDesc, XdpDescOptions,
    XdpRingOffset, XdpUmemReg, XdpUmemRegFlags,
};
use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType, sockopt};

/// Number of frames: a power of two, as the rings' sizes are, and as many as a socket's buffer holds
/// of short ones, so that a burst waits here as it does there.
const FRAMES: u32 = 2048;

/// Room for a frame of the longest kind and what the kernel wants before it (256 bytes).
const FRAME_LEN: u32 = 2048;

const UMEM_LEN: usize = (FRAMES * FRAME_LEN) as usize;

/// A frame that is ours: which, and where its bytes are in it.
#[derive(Debug, PartialEq, Eq)]
pub struct Frame {
    start: usize,
    len: usize,
}

impl Frame {
    /// The frame that a descriptor of the kernel's stands for, if it is within one.
    fn of(start: u64, len: u32) -> Option<Self> {
        let (start, len) = (usize::try_from(start).ok()?, len as usize);
        let room = FRAME_LEN as usize - start % FRAME_LEN as usize;
        (start < UMEM_LEN && len <= room).then_some(Self { start, len })
    }

    /// Returns the frame's number times its length: what the fill ring takes.
    const fn base(&self) -> u64 {
        (self.start - self.start % FRAME_LEN as usize) as u64
    }
}

/// A ring of entries `E`, of which one side is the kernel's.
#[derive(Debug)]
struct Ring<E> {
    producer: NonNull<AtomicU32>,
    consumer: NonNull<AtomicU32>,
    entries: NonNull<E>,
    /// Our own index: the kernel sees a copy of it.
    own: u32,
}

impl<E> Ring<E> {
    /// Maps the ring of `socket` that is at `page_offset`.
    fn map(socket: BorrowedFd<'_>, page_offset: u64, offsets: &XdpRingOffset) -> io::Result<Self> {
        let len = offsets.desc as usize + FRAMES as usize * size_of::<E>();
        // SAFETY: the mapping is new and anywhere, so it changes nothing that is there. It is never
        // unmapped, so what points into it stays good.
        let start = unsafe {
            mmap(
                ptr::null_mut(),
                len,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::SHARED | MapFlags::POPULATE,
                socket,
                page_offset,
            )
        }?;
        let at = |offset: u64| {
            // SAFETY: the kernel said where in the mapping each part is.
            NonNull::new(unsafe { start.byte_add(offset as usize) })
                .ok_or_else(|| io::Error::other("a ring at no address"))
        };
        Ok(Self {
            producer: at(offsets.producer)?.cast(),
            consumer: at(offsets.consumer)?.cast(),
            entries: at(offsets.desc)?.cast(),
            own: 0,
        })
    }

    fn index(&self, index: NonNull<AtomicU32>) -> &AtomicU32 {
        // SAFETY: both sides of the ring touch its indices as atomics only, and the mapping stays.
        unsafe { index.as_ref() }
    }

    /// The place of the entry that our own index stands for.
    fn place(&self) -> NonNull<E> {
        // SAFETY: the ring has `FRAMES` entries, and this is below that.
        unsafe { self.entries.add((self.own % FRAMES) as usize) }
    }

    /// Gives the kernel an entry. There is room: see the module.
    fn produce(&mut self, entry: E) {
        // SAFETY: the place is the ring's and ours until the index is moved on: the kernel has consumed what
        // was there, because there are no more frames than places.
        unsafe { self.place().write_volatile(entry) };
        self.own = self.own.wrapping_add(1);
        // The entry is written before it is seen to be there.
        self.index(self.producer).store(self.own, Ordering::Release);
    }

    /// Takes an entry from the kernel, if there is one.
    fn consume(&mut self) -> Option<E> {
        // What is seen to be there has been written.
        if self.index(self.producer).load(Ordering::Acquire) == self.own {
            return None;
        }
        // SAFETY: the entry is there, and the kernel leaves it alone until the index is moved on. Any bytes
        // make one: entries are integers.
        let entry = unsafe { self.place().read_volatile() };
        self.own = self.own.wrapping_add(1);
        self.index(self.consumer).store(self.own, Ordering::Release);
        Some(entry)
    }

    /// Returns true if the kernel has still to take an entry that we gave it.
    fn is_awaited(&self) -> bool {
        self.index(self.consumer).load(Ordering::Acquire) != self.own
    }
}

/// The memory, its rings and their socket.
#[derive(Debug)]
pub struct Umem {
    socket: OwnedFd,
    memory: NonNull<u8>,
    fill: Ring<u64>,
    receive: Ring<XdpDesc>,
    transmit: Ring<XdpDesc>,
    completion: Ring<u64>,
}

impl Umem {
    /// Maps the memory and the rings, and gives the kernel all frames to fill.
    ///
    /// # Errors
    ///
    /// If this process lacks CAP_NET_RAW, or the memory can't be had or locked.
    pub fn new() -> io::Result<Self> {
        let socket = rustix::net::socket_with(
            AddressFamily::XDP,
            SocketType::RAW,
            SocketFlags::CLOEXEC,
            None,
        )?;
        // SAFETY: as for a ring.
        let memory = unsafe {
            mmap_anonymous(
                ptr::null_mut(),
                UMEM_LEN,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::PRIVATE | MapFlags::POPULATE,
            )
        }?;
        let memory = NonNull::new(memory.cast::<u8>());
        let memory = memory.ok_or_else(|| io::Error::other("memory at no address"))?;
        sockopt::set_xdp_umem_reg(
            &socket,
            XdpUmemReg {
                addr: memory.as_ptr().expose_provenance() as u64,
                len: UMEM_LEN as u64,
                chunk_size: FRAME_LEN,
                headroom: 0,
                flags: XdpUmemRegFlags::empty(),
                tx_metadata_len: 0,
            },
        )?;
        sockopt::set_xdp_umem_fill_ring_size(&socket, FRAMES)?;
        sockopt::set_xdp_umem_completion_ring_size(&socket, FRAMES)?;
        sockopt::set_xdp_rx_ring_size(&socket, FRAMES)?;
        sockopt::set_xdp_tx_ring_size(&socket, FRAMES)?;
        let offsets = sockopt::xdp_mmap_offsets(&socket)?;
        let fd = socket.as_fd();
        let mut umem = Self {
            fill: Ring::map(fd, XDP_UMEM_PGOFF_FILL_RING, &offsets.fr)?,
            receive: Ring::map(fd, XDP_PGOFF_RX_RING, &offsets.rx)?,
            transmit: Ring::map(fd, XDP_PGOFF_TX_RING, &offsets.tx)?,
            completion: Ring::map(fd, XDP_UMEM_PGOFF_COMPLETION_RING, &offsets.cr)?,
            socket,
            memory,
        };
        for number in 0..FRAMES {
            umem.fill.produce(u64::from(number * FRAME_LEN));
        }
        Ok(umem)
    }

    /// Connects it to a queue of the device with the number `device`.
    ///
    /// # Errors
    ///
    /// If the device has no such queue, or another socket has it.
    pub fn bind(&self, device: u32, queue: u32) -> io::Result<()> {
        let address = SocketAddrXdp::new(SocketAddrXdpFlags::XDP_COPY, device, queue);
        Ok(rustix::net::bind(&self.socket, &address)?)
    }

    /// The socket.
    #[must_use]
    pub fn socket(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// The next frame that came, if there is one.
    pub fn receive(&mut self) -> Option<Frame> {
        let descriptor = self.receive.consume()?;
        let frame = Frame::of(descriptor.addr, descriptor.len);
        debug_assert!(frame.is_some(), "the kernel stays within frames");
        frame
    }

    /// The bytes of a frame.
    pub fn bytes(&mut self, frame: &Frame) -> &mut [u8] {
        // SAFETY: the range is within the mapping, as every `Frame` is, and the frame is in none of the
        // rings, so the kernel leaves it alone; a frame is lent out one at a time.
        unsafe {
            let start = self.memory.add(frame.start);
            std::slice::from_raw_parts_mut(start.as_ptr(), frame.len)
        }
    }

    /// Sends the first `len` bytes of a frame.
    pub fn send(&mut self, frame: Frame, len: usize) {
        self.transmit.produce(XdpDesc {
            addr: frame.start as u64,
            len: len.min(frame.len) as u32,
            options: XdpDescOptions::empty(),
        });
        // What it can't do now is done in `settle`.
        let _ = self.kick();
    }

    /// Gives a frame back to be filled.
    pub fn release(&mut self, frame: Frame) {
        self.fill.produce(frame.base());
    }

    /// Sees that what is to be sent is on its way, and gives back what was sent.
    ///
    /// # Errors
    ///
    /// The error of sendto(2), if nothing can be sent any more.
    pub fn settle(&mut self) -> io::Result<()> {
        while let Some(start) = self.completion.consume() {
            if let Some(frame) = Frame::of(start, 0) {
                self.release(frame);
            }
        }
        if self.transmit.is_awaited() {
            self.kick()?;
        }
        Ok(())
    }

    /// Has the kernel look at the transmit ring.
    fn kick(&self) -> io::Result<()> {
        match rustix::net::send(&self.socket, &[], SendFlags::DONTWAIT) {
            // It has done some of it, or has no room at the moment.
            Ok(_) | Err(Errno::AGAIN | Errno::BUSY | Errno::NOBUFS | Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_within_one() {
        let frame = Frame::of(2048 + 256, 1500).unwrap();
        assert_eq!((frame.start, frame.len, frame.base()), (2304, 1500, 2048));
        assert_eq!(Frame::of(2048 + 256, 1793), None);
        assert_eq!(Frame::of(UMEM_LEN as u64, 0), None);
        assert_eq!(Frame::of(u64::MAX, 0), None);
    }
}
