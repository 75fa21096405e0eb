//! Sectors of the disk that the BIOS started from (EDD 1.1, int 13h, ah 42h).

use crate::call::{Registers, offset};
use crate::{Message, SECTOR_LEN};

/// Memory that sectors are read to: a segment of its own, and half of it, because BIOSes and their DMA can't cross
/// a boundary of 64 KiB.
const BUFFER: usize = 0x1_0000;

/// Most sectors that are read at once.
pub const MAX_SECTORS: u32 = 64;

/// Attempts to read.
const ATTEMPTS: u32 = 3;

/// The packet that describes what to read.
#[repr(C)]
struct Packet {
    len: u16,
    sectors: u16,
    offset: u16,
    segment: u16,
    lba: u64,
}

/// The disk, with the memory that its sectors are read to.
#[derive(Debug)]
pub struct Disk {
    drive: u8,
}

impl Disk {
    /// The drive with the BIOS's number `drive`.
    ///
    /// # Safety
    ///
    /// There is one, and the memory of the buffer is nobody else's.
    pub const unsafe fn new(drive: u8) -> Self {
        Self { drive }
    }

    /// Reads `sectors` from `lba` on, [`MAX_SECTORS`] at most. They stay until the next call.
    ///
    /// # Errors
    ///
    /// A message if the BIOS reports an error in each of the attempts.
    pub fn read(&mut self, lba: u32, sectors: u32) -> Result<&[u8], Message> {
        let sectors = sectors.min(MAX_SECTORS);
        for _ in 0..ATTEMPTS {
            // The BIOS may change it.
            let packet = Packet {
                len: size_of::<Packet>() as u16,
                sectors: sectors as u16,
                offset: 0,
                segment: (BUFFER >> 4) as u16,
                lba: lba.into(),
            };
            if self.call(0x4200, offset(&raw const packet)) {
                let buffer = core::ptr::with_exposed_provenance::<u8>(BUFFER);
                // SAFETY: the contract of `new`; the slice borrows the disk, so that it is gone before the next read.
                return Ok(unsafe {
                    core::slice::from_raw_parts(buffer, sectors as usize * SECTOR_LEN)
                });
            }
            // A reset, as the first stage does.
            self.call(0, 0);
        }
        Err("the disk can't be read")
    }

    /// Returns true if the BIOS did it.
    fn call(&mut self, eax: u32, esi: u32) -> bool {
        let mut registers = Registers {
            eax,
            esi,
            edx: self.drive.into(),
            ..Registers::default()
        };
        // SAFETY: it writes to the buffer, which the caller of `read` can't have a slice of now.
        unsafe { registers.call(0x13) };
        !registers.carry()
    }
}
