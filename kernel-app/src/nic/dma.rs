//! Memory that the device and the processor share: a static pool in `.bss`.
//!
//! The image is identity-mapped, so an address in it is the physical address too. The queues are
//! set up once and stay, so the pool only ever grows. Unsafe here: the [`Hal`] contract, argued at
//! each function.

use core::cell::UnsafeCell;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicUsize, Ordering};

use virtio_drivers::{BufferDirection, Hal, PAGE_SIZE, PhysAddr};

/// Two queues of two pages each: descriptors with avail ring, and used ring.
const POOL_PAGES: usize = 4;

#[repr(C, align(4096))]
struct Pages(UnsafeCell<[[u8; PAGE_SIZE]; POOL_PAGES]>);

// SAFETY: pages are handed out once each, by the atomic counter below, and only as raw pointers.
unsafe impl Sync for Pages {}

static PAGES: Pages = Pages(UnsafeCell::new([[0; PAGE_SIZE]; POOL_PAGES]));
static PAGES_TAKEN: AtomicUsize = AtomicUsize::new(0);

/// The [`Hal`] of an identity-mapped image.
#[derive(Debug)]
pub struct IdentityHal;

// SAFETY: each function argues its part of the contract.
unsafe impl Hal for IdentityHal {
    /// Takes pages from the pool; address 0, which the caller reports as an error, if there are
    /// too few. They are zero as `.bss` is, aligned, and handed out to nobody else.
    fn dma_alloc(pages: usize, _direction: BufferDirection) -> (PhysAddr, NonNull<u8>) {
        let first = PAGES_TAKEN.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |taken| {
            taken.checked_add(pages).filter(|&end| end <= POOL_PAGES)
        });
        match first {
            Err(_) => (0, NonNull::dangling()),
            Ok(first) => {
                // SAFETY: `first + pages <= POOL_PAGES`, so the pointer stays inside the static.
                let page = unsafe { PAGES.0.get().cast::<[u8; PAGE_SIZE]>().add(first) };
                // SAFETY: a pointer into a static is not null.
                let page = unsafe { NonNull::new_unchecked(page.cast::<u8>()) };
                (page.as_ptr().expose_provenance() as PhysAddr, page)
            }
        }
    }

    /// Nothing: the pool does not take pages back, so they stay valid for whoever still has them.
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
