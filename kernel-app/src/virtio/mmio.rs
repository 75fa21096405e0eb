//! Finding virtio-mmio devices (virtio 1.2 §4.2): where the command line or a custom says that they are.
//!
//! No bus lists these devices. A machine monitor names them on the command line, as Linux takes them,
//! or in ACPI's DSDT, in a language that takes an interpreter; but it always puts them at the same
//! addresses, where a look at the first registers tells. Works on any function that reads a register.
//! No unsafe code.
#![forbid(unsafe_code)]

use core::fmt;
use core::ops::Range;

use crate::arch::device_memory::WindowRow;

/// The boot argument's name, as Linux has it.
const PARAMETER: &str = "virtio_mmio.device";

/// A word of the command line that should say where a device is, and does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "malformed boot argument \"{0}\": expected {PARAMETER}=SIZE@ADDRESS:IRQ[:ID], such as \
     {PARAMETER}=4K@0xc0001000:5"
)]
pub struct MalformedWord(pub &'static str);

/// Registers (virtio 1.2 §4.2.2), offsets in bytes.
const MAGIC_VALUE: u64 = 0x00;
const VERSION: u64 = 0x04;
const DEVICE_ID: u64 = 0x08;
/// See [`MAGIC_VALUE`]. The doorbell of all queues.
pub const QUEUE_NOTIFY: u64 = 0x50;
/// See [`MAGIC_VALUE`]. Where the device's own configuration begins.
const CONFIG: u64 = 0x100;

/// "virt", little-endian.
const MAGIC: u32 = 0x7472_6976;
const NETWORK: u32 = 1;

/// The version of the registers that there is a driver for; 1 is the legacy interface.
pub const MODERN: u32 = 2;

/// The general registers and as much of a network device's own as is read: its Ethernet address.
const NEEDED: u64 = CONFIG + 6;

/// Addresses have at most so many bits (Intel SDM, volume 3, 4.1.4).
const ADDRESS_BITS: u32 = 52;

/// Address range of one device's registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    address: u64,
    size: u64,
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "virtio-mmio {:#x}", self.address)
    }
}

impl Window {
    /// Checks that a device's registers can be there.
    #[must_use]
    pub fn new(address: u64, size: u64) -> Option<Self> {
        let end = address.checked_add(size)?;
        let fits = size >= NEEDED && end <= 1 << ADDRESS_BITS;
        (fits && address != 0 && address.is_multiple_of(4)).then_some(Self { address, size })
    }

    /// Reads the value of the boot argument: `SIZE@ADDRESS:IRQ`, and `:ID` perhaps. `None` if it is
    /// malformed. Interrupts are not used.
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        let (size, rest) = value.split_once('@')?;
        let mut fields = rest.split(':');
        let address = number(fields.next()?)?;
        let irq = fields.next().and_then(number)?;
        let id = fields.next().map_or(Some(0), number)?;
        let is_over = fields.next().is_none();
        let are_small = u32::try_from(irq).is_ok() && u32::try_from(id).is_ok();
        if is_over && are_small {
            Self::new(address, bytes(size)?)
        } else {
            None
        }
    }

    /// Reads a word of the command line; `None` if it is another argument.
    ///
    /// # Errors
    ///
    /// [`MalformedWord`] if the argument is this one and its value no window.
    pub fn of_word(word: &'static str) -> Option<Result<Self, MalformedWord>> {
        let (name, value) = word.split_once('=')?;
        (name == PARAMETER).then(|| Self::parse(value).ok_or(MalformedWord(word)))
    }

    /// The registers that are used.
    #[must_use]
    pub fn registers(self) -> Range<u64> {
        self.address..self.address + self.used()
    }

    /// Number of bytes of registers that are used: the general ones, and the first of the device's own.
    #[must_use]
    pub fn used(self) -> u64 {
        // A window may have room for much more, which need not be mapped.
        self.size.min(2 * CONFIG)
    }

    /// Returns what is there. `read` returns the 32-bit register at an address.
    pub fn identify(self, mut read: impl FnMut(u64) -> u32) -> Identity {
        if read(self.address + MAGIC_VALUE) != MAGIC {
            return Identity::Nothing;
        }
        // A place for a device with none in it has number 0.
        match read(self.address + DEVICE_ID) {
            NETWORK => Identity::Network {
                version: read(self.address + VERSION),
            },
            _ => Identity::Other,
        }
    }
}

/// Contents of a [`Window`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identity {
    /// No virtio-mmio registers.
    Nothing,
    /// No device, or one of another type.
    Other,
    /// A network device.
    Network {
        /// Registers' version; see [`MODERN`].
        version: u32,
    },
}

/// Returns the windows of some rows, one after the other.
pub fn windows(rows: &[WindowRow]) -> impl Iterator<Item = Window> {
    rows.iter().flat_map(|row| {
        (0..row.count).map(|i| Window {
            address: row.first + i * row.size,
            size: row.size,
        })
    })
}

/// A number as Linux reads it, in decimal or, after `0x`, in hexadecimal. Not in octal, after a 0:
/// nobody means that.
fn number(text: &str) -> Option<u64> {
    let (digits, radix) = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => (digits, 16),
        None => (text, 10),
    };
    // The standard library would take a sign.
    if digits.starts_with('+') {
        return None;
    }
    u64::from_str_radix(digits, radix).ok()
}

/// A number of bytes, with a unit perhaps: `512`, `0x200`, `4K`.
fn bytes(text: &str) -> Option<u64> {
    let (digits, shift) = match text.as_bytes().last()? {
        b'K' | b'k' => (&text[..text.len() - 1], 10),
        b'M' | b'm' => (&text[..text.len() - 1], 20),
        b'G' | b'g' => (&text[..text.len() - 1], 30),
        _ => (text, 0),
    };
    number(digits)?.checked_mul(1 << shift)
}

#[cfg(test)]
mod tests;
