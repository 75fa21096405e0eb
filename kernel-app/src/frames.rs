//! What the service asks of a network device, beside smoltcp's [`phy::Device`].
//!
//! smoltcp's tokens keep a received frame apart from the transmit path, so an answer built with
//! them is always a copy. [`FrameDevice::offer`] shows each frame to the reflector first, in the
//! buffer where the device put it; that buffer then goes out as it is, goes back to the receive
//! ring, or waits for the stack to take it as a [`phy::Device`].

use smoltcp::phy;

/// Longest Ethernet frame, header included, check sequence not, in bytes.
pub const MAX_FRAME: usize = 1514;

/// What shall become of a frame that was offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Send the first so many bytes of the buffer, which now hold an answer.
    SendBack(usize),
    /// Nothing more is to be done with it.
    Drop,
    /// The next [`phy::Device::receive`] returns it.
    Keep,
}

/// What became of a frame that was offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offered {
    /// There was no frame.
    Nothing,
    /// It is on the transmit ring.
    Sent,
    /// It was to be sent, but the transmit path was full: it is gone.
    Full,
    /// It was dropped.
    Dropped,
    /// It waits for [`phy::Device::receive`].
    Kept,
}

/// What a device counted since boot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeviceCounts {
    /// Frames taken from the receive ring.
    pub frames_received: u64,
    /// Frames posted on the transmit ring.
    pub frames_sent: u64,
    /// Frames of the stack's that found the transmit path full.
    pub dropped_transmit: u64,
    /// Completions that made no sense and were refused.
    pub faults: u64,
    /// Doorbells rung.
    pub doorbells: u64,
}

/// The device broke the protocol in a way that leaves its queue unusable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeviceFault {
    /// A completion names a receive buffer that the device did not have.
    #[error("the device returned receive buffer {0}, which it did not have")]
    Receive(u32),
    /// A completion names a transmit buffer that the device did not have.
    #[error("the device returned transmit buffer {0}, which it did not have")]
    Transmit(u32),
    /// More receive buffers came back than the device had.
    #[error("the device returned {} receive buffers and had {}", .0.completed, .0.lent)]
    ReceiveJump(IndexJump),
    /// More transmit buffers came back than the device had.
    #[error("the device returned {} transmit buffers and had {}", .0.completed, .0.lent)]
    TransmitJump(IndexJump),
}

/// The device completed more buffers than it had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexJump {
    /// How many it says it completed.
    pub completed: u16,
    /// How many it had.
    pub lent: u16,
}

/// A polled network device that owns its buffers.
pub trait FrameDevice: phy::Device {
    /// The device's Ethernet address.
    fn mac(&self) -> [u8; 6];

    /// Whether [`FrameDevice::offer`] would find nothing to do. For the loop that polls.
    fn is_quiet(&self) -> bool;

    /// Shows the oldest received frame to `visit`, once, and does with it as told.
    fn offer(&mut self, visit: impl FnOnce(&mut [u8]) -> Fate) -> Offered;

    /// What the device counted.
    fn counts(&self) -> DeviceCounts;

    /// Why the device can no longer be used, if so.
    fn fault(&self) -> Option<DeviceFault>;
}
