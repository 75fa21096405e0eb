//! How often guest and network device wake each other for an echo that is alone: doorbells, each of
//! which leaves the virtual machine, and interrupts.
//!
//! Each request is sent when all is quiet, so that what the one before it caused is over, and no
//! echo is spared an interrupt by coming while the guest is still looking. That does not depend on
//! the host; how often they meet under load does, and a run's own count tells it.

use std::time::{Duration, Instant};

use super::trace::Trace;
use super::{Asker, LookError};
use crate::link::Signals;

/// Echoes that are counted.
const ECHOES: u32 = 200;

/// For how long nothing must happen until all is quiet.
const QUIET: Duration = Duration::from_millis(1);

/// The same at both ends of the count, where what comes late would be lost or too much.
const QUIET_AT_ENDS: Duration = Duration::from_millis(20);

/// How long it may take until all is quiet.
const RESTLESS: Duration = Duration::from_secs(2);

/// Who sees doorbells and interrupts.
#[derive(Debug)]
pub enum Witness {
    /// The link, which is the device.
    Link,
    /// QEMU, which has the device.
    Qemu(Trace),
}

impl Witness {
    fn count(&mut self, asker: &Asker<'_>) -> Result<Signals, LookError> {
        match self {
            Self::Link => asker.signals().ok_or(LookError::Blind),
            Self::Qemu(trace) => trace.read().map_err(LookError::Trace),
        }
    }
}

/// Doorbells and interrupts per echo.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PerEcho {
    /// Doorbells that the guest rings.
    pub doorbells: f64,
    /// Interrupts that it takes.
    pub interrupts: f64,
}

impl PerEcho {
    fn new(signals: Signals, echoes: u32) -> Self {
        let per_echo = |count| count as f64 / f64::from(echoes);
        Self {
            doorbells: per_echo(signals.doorbells),
            interrupts: per_echo(signals.interrupts),
        }
    }
}

/// Has the guest that `asker` asks answer requests one by one, after a first one that is not counted.
///
/// # Errors
///
/// [`LookError`] if it does not answer, or never comes to rest.
pub fn per_lone_echo(asker: &mut Asker<'_>, witness: &mut Witness) -> Result<PerEcho, LookError> {
    asker.ask()?;
    asker.answer()?;
    let before = settled(asker, witness, QUIET_AT_ENDS)?;
    for _ in 0..ECHOES {
        asker.ask()?;
        asker.answer()?;
        settled(asker, witness, QUIET)?;
    }
    let after = settled(asker, witness, QUIET_AT_ENDS)?;
    Ok(PerEcho::new(after.since(&before), ECHOES))
}

/// The count, once it has stayed the same for `quiet`.
fn settled(
    asker: &mut Asker<'_>,
    witness: &mut Witness,
    quiet: Duration,
) -> Result<Signals, LookError> {
    let began = Instant::now();
    let mut latest = witness.count(asker)?;
    loop {
        asker.listen(quiet)?;
        let before = std::mem::replace(&mut latest, witness.count(asker)?);
        if latest == before {
            return Ok(latest);
        }
        if began.elapsed() > RESTLESS {
            return Err(LookError::Restless);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::loopback::Loopback;

    #[test]
    fn the_count_is_shared_by_the_echoes() {
        let signals = Signals {
            doorbells: 300,
            interrupts: 0,
        };
        let expected = PerEcho {
            doorbells: 1.5,
            interrupts: 0.0,
        };
        assert_eq!(PerEcho::new(signals, 200), expected);
    }

    #[test]
    fn a_link_that_sees_nothing_is_no_witness() {
        let mut link = Loopback::new(7);
        let never = || false;
        let mut asker = Asker::new(&mut link, 64, Duration::from_secs(20), &never);
        let counted = per_lone_echo(&mut asker, &mut Witness::Link);
        assert!(matches!(counted, Err(LookError::Blind)), "{counted:?}");
    }

    #[test]
    fn what_a_trace_shows_is_counted_from_the_second_echo_on() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("trace");
        std::fs::write(&path, "virtio_notify vdev 0x1\n").unwrap();
        let mut witness = Witness::Qemu(Trace::at(path));
        let mut link = Loopback::new(7);
        let never = || false;
        let mut asker = Asker::new(&mut link, 64, Duration::from_secs(20), &never);
        let counted = per_lone_echo(&mut asker, &mut witness).unwrap();
        let nothing = PerEcho {
            doorbells: 0.0,
            interrupts: 0.0,
        };
        assert_eq!(counted, nothing);
    }
}
