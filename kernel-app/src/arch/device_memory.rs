//! Addresses of device registers, as every architecture speaks of them. No unsafe code.
#![forbid(unsafe_code)]

/// Reason that registers can't be made accessible at their physical addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MapError {
    /// The address is used for something else.
    #[error("registers at {0:#x} cannot be mapped: something else is there")]
    AddressTaken(u64),
    /// The pool for page tables is used up.
    #[error("registers at {0:#x} cannot be mapped: no page left for a page table")]
    NoPageTable(u64),
}

/// Windows of registers side by side, one for each of so many devices that a machine may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowRow {
    /// Address of the first.
    pub first: u64,
    /// Length of each, in bytes.
    pub size: u64,
    /// Number of windows.
    pub count: u64,
}
