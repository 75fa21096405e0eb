//! The platform as the transport of `virtio-drivers` uses it: addresses of device registers.
//!
//! The image is identity-mapped, so a physical address is the address itself. Queues and buffers
//! are statics of our own, so there is no memory to hand out. Unsafe here: the [`Hal`] contract,
//! argued at each function.

use core::ptr::NonNull;

use virtio_drivers::{BufferDirection, Hal, PhysAddr};

/// The [`Hal`] of an identity-mapped image.
#[derive(Debug)]
pub struct IdentityHal;

// SAFETY: each function argues its part of the contract.
unsafe impl Hal for IdentityHal {
    /// None: address 0, which callers report as an error. The transport never asks.
    fn dma_alloc(_pages: usize, _direction: BufferDirection) -> (PhysAddr, NonNull<u8>) {
        (0, NonNull::dangling())
    }

    /// Nothing: there is nothing that could come back.
    unsafe fn dma_dealloc(_paddr: PhysAddr, _vaddr: NonNull<u8>, _pages: usize) -> i32 {
        0
    }

    /// The same address: the caller vouches that it is a device's, and `map` has mapped it there.
    unsafe fn mmio_phys_to_virt(paddr: PhysAddr, _size: usize) -> NonNull<u8> {
        let address = core::ptr::with_exposed_provenance_mut(paddr as usize);
        NonNull::new(address).expect("device registers are not at address 0")
    }

    /// The same address; the processor's caches are coherent with the device.
    unsafe fn share(buffer: NonNull<[u8]>, _direction: BufferDirection) -> PhysAddr {
        buffer.as_ptr().expose_provenance() as PhysAddr
    }

    /// Nothing: the device worked on the buffer itself.
    unsafe fn unshare(_paddr: PhysAddr, _buffer: NonNull<[u8]>, _direction: BufferDirection) {}
}
