//! KVM's clock, as far as it tells the time stamp counter's frequency: the factor that a guest is to
//! multiply the counter with (`struct pvclock_vcpu_time_info`, the kernel's
//! Documentation/virt/kvm/x86/msr.rst).
//!
//! Nothing else of the clock is used, and it is turned off again at once. Unsafe here: the model-specific
//! register, and reading what the hypervisor writes to memory.

use core::cell::UnsafeCell;
use core::mem::offset_of;

use x86_64::registers::model_specific::Msr;

use super::frequency::ClockFactor;

/// `MSR_KVM_SYSTEM_TIME_NEW`
const SYSTEM_TIME: u32 = 0x4b56_4d01;

/// Set in that register: the clock is to be written to memory.
const ENABLE: u64 = 1;

/// `struct pvclock_vcpu_time_info`
#[repr(C, align(64))]
struct TimeInfo {
    version: u32,
    pad0: u32,
    tsc_timestamp: u64,
    system_time: u64,
    tsc_to_system_mul: u32,
    tsc_shift: i8,
    flags: u8,
    pad: [u8; 2],
}

const _: () = assert!(offset_of!(TimeInfo, tsc_to_system_mul) == 24);
const _: () = assert!(offset_of!(TimeInfo, tsc_shift) == 28);

/// Memory that the hypervisor writes to.
struct Shared(UnsafeCell<TimeInfo>);

// SAFETY: it is reached through raw pointers only, by `factor`, which no two threads may call.
unsafe impl Sync for Shared {}

static SHARED: Shared = Shared(UnsafeCell::new(TimeInfo {
    version: 0,
    pad0: 0,
    tsc_timestamp: 0,
    system_time: 0,
    tsc_to_system_mul: 0,
    tsc_shift: 0,
    flags: 0,
    pad: [0; 2],
}));

/// Reads the clock's factor; 0 if the hypervisor writes none.
///
/// # Safety
///
/// The machine must have KVM's clock at [`SYSTEM_TIME`], the caller be in ring 0 on an identity-mapped
/// image, and nobody else use that clock.
pub unsafe fn factor() -> ClockFactor {
    let info = SHARED.0.get();
    let mut register = Msr::new(SYSTEM_TIME);
    // SAFETY: by the caller's contract the register is there, and what is written to is a static that
    // nothing else refers to, at its own physical address. It is filled in before the guest runs on,
    // which the volatile reads expect.
    unsafe {
        register.write(info.expose_provenance() as u64 | ENABLE);
        let multiplier = (&raw const (*info).tsc_to_system_mul).read_volatile();
        let shift = (&raw const (*info).tsc_shift).read_volatile();
        register.write(0);
        ClockFactor { multiplier, shift }
    }
}
