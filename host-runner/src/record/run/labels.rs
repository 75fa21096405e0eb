//! Facts about a measurement that hold before it begins.

/// Target and link of a measurement, and the circumstances that are known before it.
#[derive(Clone, Debug)]
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
    /// The accelerator's name, if this program booted the machine.
    pub accel: Option<String>,
    /// From QEMU's start to the ready line, in milliseconds of the host's clock.
    pub boot_ms: Option<f64>,
    /// From the jump into the image to the ready line, in milliseconds of the guest's clock.
    pub guest_boot_ms: Option<f64>,
    /// CPUs and priority that the measurement had, if this program booted the machine.
    pub placement: Option<String>,
}
