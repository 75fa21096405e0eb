//! Facts about a measurement that hold before it begins.

use super::LiveView;
use crate::host::assignment::Cpus;
use crate::host::memory_lock::Locked;
use crate::machine::Vhost;
use crate::record::Image;

/// Target and link of a measurement, and the circumstances that are known before it. What is not known, or not
/// there, is `None`.
#[derive(Clone, Debug, Default)]
pub struct RunLabels {
    /// The target's name.
    pub target: String,
    /// Variant of the target: how the service on Linux waits for datagrams, or `smoltcp` if that answers in
    /// the unikernel; null elsewhere.
    pub responder: Option<String>,
    /// The service's address and port, as the client saw them.
    pub address: String,
    /// The link's name.
    pub link: String,
    /// Choice between the host's kernel and QEMU for the guest's rings, on link `tap`.
    pub vhost: Option<Vhost>,
    /// The longest packet of the link, in bytes, if it is not Ethernet's 1500.
    pub mtu: Option<u16>,
    /// The client's sockets.
    pub client: ClientLabels,
    /// The accelerator's name, if this program booted the machine.
    pub accel: Option<String>,
    /// From QEMU's start to the ready line, in milliseconds of the host's clock.
    pub boot_ms: Option<f64>,
    /// From the jump into the image to the ready line, in milliseconds of the guest's clock.
    pub guest_boot_ms: Option<f64>,
    /// The image or kernel that was booted, if this program booted one.
    pub image: Option<Image>,
    /// Size of the files that are loaded to start the service, in bytes.
    pub image_bytes: Option<u64>,
    /// The guest's memory in bytes.
    pub memory_bytes: Option<u64>,
    /// The board that QEMU emulated; `None`, as the next, without a guest.
    pub board: Option<String>,
    /// The guest's CPU model, as QEMU was given it.
    pub guest_cpu: Option<String>,
    /// True if the guest's memory was allocated before the guest started; `None` without a guest.
    pub prealloc: Option<bool>,
    /// The memory that was locked, if this program started the service.
    pub memory_locked: Option<Locked>,
    /// CPUs and priority that the measurement had, if this program booted the machine.
    pub placement: Option<String>,
    /// Place of the live view's thread, if there is a live view.
    pub live_view: Option<LiveView>,
    /// CPUs of the guest and of the measuring thread, unless the scheduler chose.
    pub cpus: Option<Cpus>,
}

/// Sockets of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientLabels {
    /// Source address of a probe's datagrams, unless the choice was left to the system.
    pub bind: Option<String>,
    /// The network device that a probe's datagrams had to leave by.
    pub interface: Option<String>,
    /// Number of source ports that took turns.
    pub flows: u16,
    /// Differentiated services code point of the datagrams, unless the choice was left to the system.
    pub dscp: Option<u8>,
}

impl Default for ClientLabels {
    fn default() -> Self {
        Self {
            bind: None,
            interface: None,
            flows: 1,
            dscp: None,
        }
    }
}
