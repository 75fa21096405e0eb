//! Copies from and to memory that others may write meanwhile.
//!
//! An ordinary copy of such memory is a data race, for which Rust promises nothing. These copies are made of accesses
//! that the compiler neither repeats nor takes apart: 16 bytes at a time by instructions of their own where the
//! processor is x86-64, which takes as long as an ordinary copy for a short frame; else atomic bytes. Others' writes
//! meanwhile can tear what is copied, and nothing else: each byte is read once, or twice and used once.
//!
//! Unsafe here: both copies, by pointers.

use std::sync::atomic::{AtomicU8, Ordering};

/// Bytes that are copied at once.
#[cfg(target_arch = "x86_64")]
const BLOCK: usize = 16;

/// Fills `bytes` with what is at `shared`.
///
/// # Safety
///
/// As many bytes are mapped and readable there, and no reference to them exists.
#[inline]
pub(super) unsafe fn read(shared: *mut u8, bytes: &mut [u8]) {
    #[cfg(target_arch = "x86_64")]
    if let Some(last) = bytes.len().checked_sub(BLOCK) {
        // The last block may overlap the one before.
        for at in (0..last).step_by(BLOCK).chain([last]) {
            // SAFETY: the block is within both, by the caller's contract and the length.
            unsafe {
                let block = load(shared.add(at));
                bytes
                    .as_mut_ptr()
                    .add(at)
                    .cast::<Block>()
                    .write_unaligned(block);
            }
        }
        return;
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        // SAFETY: mapped, by the caller's contract; this process touches the byte as an atomic only.
        *byte = unsafe { AtomicU8::from_ptr(shared.add(at)) }.load(Ordering::Relaxed);
    }
}

/// Replaces what is at `shared` by `bytes`.
///
/// # Safety
///
/// As many bytes are mapped and writable there, and no reference to them exists.
#[inline]
pub(super) unsafe fn write(shared: *mut u8, bytes: &[u8]) {
    #[cfg(target_arch = "x86_64")]
    if let Some(last) = bytes.len().checked_sub(BLOCK) {
        for at in (0..last).step_by(BLOCK).chain([last]) {
            // SAFETY: as for reading.
            unsafe {
                let block = bytes.as_ptr().add(at).cast::<Block>().read_unaligned();
                store(shared.add(at), block);
            }
        }
        return;
    }
    for (at, byte) in bytes.iter().enumerate() {
        // SAFETY: as for reading.
        unsafe { AtomicU8::from_ptr(shared.add(at)) }.store(*byte, Ordering::Relaxed);
    }
}

#[cfg(target_arch = "x86_64")]
use core::arch::x86_64::__m128i as Block;

/// Loads a block, by one instruction that the compiler takes for an access like any other program's.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn load(from: *const u8) -> Block {
    let block;
    // SAFETY: the caller's: 16 bytes are readable there. SSE2 is a part of x86-64.
    unsafe {
        core::arch::asm!(
            "movdqu {}, [{}]",
            out(xmm_reg) block,
            in(reg) from,
            options(nostack, readonly, preserves_flags),
        );
    }
    block
}

/// Stores a block likewise.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn store(to: *mut u8, block: Block) {
    // SAFETY: the caller's: 16 bytes are writable there.
    unsafe {
        core::arch::asm!(
            "movdqu [{}], {}",
            in(reg) to,
            in(xmm_reg) block,
            options(nostack, preserves_flags),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_at_every_alignment_is_copied_and_nothing_beside_it() {
        let pattern: Vec<u8> = (1..=250).collect();
        for start in 0..17 {
            for len in (0..100).chain([pattern.len()]) {
                let mut shared = vec![0; 17 + pattern.len() + 1];
                let pointer = shared.as_mut_ptr().wrapping_add(start);
                let mut copied = vec![0; len];
                // SAFETY: the vector is longer than start and length together.
                unsafe {
                    write(pointer, &pattern[..len]);
                    read(pointer, &mut copied);
                }
                assert_eq!(copied, pattern[..len], "{start} {len}");
                assert_eq!(shared[start..start + len], pattern[..len], "{start} {len}");
                let around = [&shared[..start], &shared[start + len..]].concat();
                assert!(around.iter().all(|byte| *byte == 0), "{start} {len}");
            }
        }
    }
}
