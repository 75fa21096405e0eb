//! The network device as the server uses it, beside smoltcp's [`phy::Device`].
//!
//! smoltcp's tokens separate a received frame from the transmit path, so a reply built with them is
//! always a copy. [`FrameDevice::offer`] shows each frame to the reflector first, in the buffer the
//! device wrote it to. That buffer is then transmitted as it is, returned to the receive ring, or
//! kept until the stack takes it through [`phy::Device::receive`].
//!
//! No unsafe code.

use smoltcp::phy;
use wire::Mac;

/// Length of an Ethernet header, in bytes.
pub const ETHERNET_HEADER: usize = 14;

/// Longest Ethernet frame that the stack takes and sends where the device does not say what the network's MTU is, header
/// included, check sequence not, in bytes: that of an MTU of 1500.
pub const MAX_FRAME: usize = ETHERNET_HEADER + 1500;

/// Verdict on a frame that was offered, in XDP's terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Transmits the first so many bytes of the buffer, which now hold a reply.
    Tx(usize),
    /// Returns the buffer to the receive ring.
    Drop,
    /// Keeps the frame for the next [`phy::Device::receive`].
    Pass,
}

/// Result of [`FrameDevice::offer`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// No frame was waiting.
    NoFrame,
    /// The frame is on the transmit ring.
    Sent,
    /// The frame was to be transmitted, but the transmit path was full: it is lost.
    TxFull,
    /// The frame was dropped.
    Dropped,
    /// The frame waits for [`phy::Device::receive`].
    Passed,
}

/// Events that a device counted since boot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeviceCounts {
    /// Frames taken from the receive ring.
    pub frames_received: u64,
    /// Frames posted on the transmit ring.
    pub frames_sent: u64,
    /// Frames from the stack that found the transmit path full.
    pub dropped_transmit: u64,
    /// Completions that made no sense and were refused.
    pub faults: u64,
    /// Doorbells rung.
    pub doorbells: u64,
}

/// The device broke the protocol, or says itself that it can't go on: it is unusable until it is reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeviceFault {
    /// A completion names a receive buffer that the device did not have.
    #[error("the device returned receive buffer {0}, which it did not have")]
    Receive(u32),
    /// A completion names a transmit buffer that the device did not have.
    #[error("the device returned transmit buffer {0}, which it did not have")]
    Transmit(u32),
    /// A completion says that more bytes were written than the receive buffer has.
    #[error("the device returned a receive buffer with {0} bytes in it")]
    Overlong(u32),
    /// More receive buffers came back than the device had.
    #[error("the device returned {} receive buffers and had {}", .0.completed, .0.lent)]
    ReceiveJump(IndexJump),
    /// More transmit buffers came back than the device had.
    #[error("the device returned {} transmit buffers and had {}", .0.completed, .0.lent)]
    TransmitJump(IndexJump),
    /// The status, which this is, has DEVICE_NEEDS_RESET (virtio 1.2 §2.1.1) or not what the driver set.
    #[error("the device's status is {0:#x}")]
    Status(u32),
}

/// State of the network link (virtio 1.2 §5.1.4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// Frames come and go. So it is taken to be where the device does not say.
    Up,
    /// The cable is unplugged, or what is at its end is gone.
    Down,
}

/// The device completed more buffers than it had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexJump {
    /// Number of buffers that it says it completed.
    pub completed: u16,
    /// Number that it had.
    pub lent: u16,
}

/// A polled network device that owns its buffers.
pub trait FrameDevice: phy::Device {
    /// Returns the device's Ethernet address.
    fn mac(&self) -> Mac;

    /// Returns whether [`FrameDevice::offer`] would find nothing to do. Called by each poll.
    fn is_idle(&self) -> bool;

    /// Shows the oldest received frame to `visit`, once, and carries out its verdict.
    fn offer(&mut self, visit: impl FnOnce(&mut [u8]) -> Action) -> Disposition;

    /// Returns the device's event counts.
    fn counts(&self) -> DeviceCounts;

    /// Returns the fault that made the device unusable, if there was one since it was last restarted.
    fn fault(&self) -> Option<DeviceFault>;

    /// Looks for faults and the state of the link in the device's registers, unless what it does shows that it is well.
    /// Returns the state of the link if that has changed. A read of a register may leave the virtual machine, so
    /// about once a second will do.
    fn check(&mut self) -> Option<Link>;

    /// Resets the device and sets it up as it was. Frames that it has, either way, are lost, and no buffer is. Returns
    /// whether it works again; if it does not, its fault stays.
    fn restart(&mut self) -> bool;
}
