//! QEMU's machine protocol: JSON lines over a socket.

/// Why the monitor did not do as it was told.
#[derive(Debug, thiserror::Error)]
pub enum QmpError {
    /// The socket failed, or the answer took too long.
    #[error("its socket failed")]
    Io(#[from] std::io::Error),
    /// QEMU closed the socket.
    #[error("it closed the connection")]
    Closed,
    /// QEMU refused.
    #[error("it refused: {0}")]
    Refused(String),
    /// The answer is not what the protocol promises.
    #[error("it answered nonsense: {0}")]
    Nonsense(String),
}
