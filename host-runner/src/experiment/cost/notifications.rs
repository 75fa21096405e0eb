//! Doorbells and interrupts per isolated echo: the notifications that guest and network device send each
//! other. Each doorbell leaves the virtual machine.
//!
//! Each request is sent while guest and device are quiescent, so that no notification of the echo before it is
//! counted, and no echo is spared an interrupt because the guest still polls. The figure does not depend on the
//! host. Notifications under load do; the record of a run has those (`signals`).

use std::time::{Duration, Instant};

use super::trace::Trace;
use super::{CostError, EchoClient};
use crate::link::Signals;

/// Number of echoes that are counted.
const ECHOES: u32 = 200;

/// Time without a notification after which guest and device count as quiescent.
const QUIET: Duration = Duration::from_millis(1);

/// The same before the first and after the last echo, where a late notification would be counted wrongly.
const QUIET_AT_ENDS: Duration = Duration::from_millis(20);

/// Time within which guest and device must become quiescent.
const QUIESCENCE_TIMEOUT: Duration = Duration::from_secs(2);

/// Source of the counts of doorbells and interrupts.
#[derive(Debug)]
pub enum NotificationSource {
    /// The link, where it implements the device itself (vhost-user).
    Link,
    /// QEMU's trace, where QEMU implements the device.
    Qemu(Trace),
}

impl NotificationSource {
    fn read(&mut self, client: &EchoClient<'_>) -> Result<Signals, CostError> {
        match self {
            Self::Link => client.signals().ok_or(CostError::NoCounters),
            Self::Qemu(trace) => trace.read().map_err(CostError::Trace),
        }
    }
}

/// Notifications per isolated echo: the mean over 200 echoes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NotificationsPerEcho {
    /// Doorbells that the guest rings.
    pub doorbells: f64,
    /// Interrupts that the guest takes.
    pub interrupts: f64,
}

impl NotificationsPerEcho {
    fn new(signals: Signals, echoes: u32) -> Self {
        let per_echo = |count| count as f64 / f64::from(echoes);
        Self {
            doorbells: per_echo(signals.doorbells),
            interrupts: per_echo(signals.interrupts),
        }
    }
}

/// Counts the notifications of 200 echoes, one at a time, after a first echo that is not counted.
///
/// # Errors
///
/// [`CostError::NotQuiescent`] if notifications go on without a request in flight,
/// [`CostError::NoCounters`] or [`CostError::Trace`] if `source` can't be read, and the errors of
/// [`EchoClient::recv`].
pub fn per_isolated_echo(
    client: &mut EchoClient<'_>,
    source: &mut NotificationSource,
) -> Result<NotificationsPerEcho, CostError> {
    client.send()?;
    client.recv()?;
    let before = await_quiescence(client, source, QUIET_AT_ENDS)?;
    for _ in 0..ECHOES {
        client.send()?;
        client.recv()?;
        await_quiescence(client, source, QUIET)?;
    }
    let after = await_quiescence(client, source, QUIET_AT_ENDS)?;
    Ok(NotificationsPerEcho::new(after.since(&before), ECHOES))
}

/// Waits until no notification has been counted for `quiet`, and returns the counts.
fn await_quiescence(
    client: &mut EchoClient<'_>,
    source: &mut NotificationSource,
    quiet: Duration,
) -> Result<Signals, CostError> {
    let began = Instant::now();
    let mut latest = source.read(client)?;
    loop {
        client.drain(quiet)?;
        let before = std::mem::replace(&mut latest, source.read(client)?);
        if latest == before {
            return Ok(latest);
        }
        if began.elapsed() > QUIESCENCE_TIMEOUT {
            return Err(CostError::NotQuiescent);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::in_process::InProcessLink;

    #[test]
    fn counts_are_divided_by_the_number_of_echoes() {
        let signals = Signals {
            doorbells: 300,
            interrupts: 0,
        };
        let expected = NotificationsPerEcho {
            doorbells: 1.5,
            interrupts: 0.0,
        };
        assert_eq!(NotificationsPerEcho::new(signals, 200), expected);
    }

    #[test]
    fn a_link_without_counters_is_an_error() {
        let mut link = InProcessLink::new(7);
        let never = || false;
        let mut client = EchoClient::new(&mut link, 64, Duration::from_secs(20), &never);
        let counted = per_isolated_echo(&mut client, &mut NotificationSource::Link);
        assert!(matches!(counted, Err(CostError::NoCounters)), "{counted:?}");
    }

    #[test]
    fn the_first_echo_of_a_trace_is_not_counted() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("trace");
        std::fs::write(&path, "virtio_notify vdev 0x1\n").unwrap();
        let mut source = NotificationSource::Qemu(Trace::at(path));
        let mut link = InProcessLink::new(7);
        let never = || false;
        let mut client = EchoClient::new(&mut link, 64, Duration::from_secs(20), &never);
        let counted = per_isolated_echo(&mut client, &mut source).unwrap();
        let nothing = NotificationsPerEcho {
            doorbells: 0.0,
            interrupts: 0.0,
        };
        assert_eq!(counted, nothing);
    }
}
