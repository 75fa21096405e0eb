//! The cost of an echo to the guest of one measurement: counted in boots of its own, as a comparison does after its
//! rounds.

use std::time::Duration;

use super::instrumented_guest::{self, CountConditions, EchoCost, Instrument};
use crate::experiment::Caller;
use crate::host::assignment::Assignment;
use crate::link::LinkKind;
use crate::record::SystemCost;
use crate::sut::{LinkChoice, Responder, SystemSpec};

/// Longest duration of a boot with its count: ten times the usual on two idle cores.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Counts what an echo of `payload_len` bytes costs the guest of `system`; `None` for a system without a guest. A figure
/// that can't be counted is left out, and the caller is told.
#[must_use]
pub fn count(
    system: &SystemSpec,
    payload_len: usize,
    assignment: Option<&Assignment>,
    caller: Caller<'_>,
) -> Option<SystemCost> {
    let LinkChoice::Link(link) = system.link else {
        return None;
    };
    system.kind.system().counting()?;
    let mut cost = EchoCost::default();
    let mut look = |link, instrument| {
        let mut own = EchoCost::default();
        let system = SystemSpec {
            link: LinkChoice::Link(link),
            fault: None,
            ..system.clone()
        };
        let conditions = CountConditions {
            instrument,
            payload_len,
            timeout: TIMEOUT,
            assignment,
            caller,
        };
        if let Err(error) = instrumented_guest::count(&system, conditions, &mut own) {
            caller.monitor.message(&format_args!(
                "the cost of an echo is not counted on {}: {error}",
                link.name()
            ));
        }
        cost.instructions = cost.instructions.or(own.instructions);
        // Notifications are the link's own.
        cost.notifications = own.notifications;
    };
    // Whatever the link, the guest does not wait on vhost-user.
    look(LinkKind::VhostUser, Instrument::InstructionCounter);
    if link != LinkKind::VhostUser {
        look(link, Instrument::Trace);
    }
    Some(SystemCost {
        target: system.kind.name().to_owned(),
        responder: system.responder.map(Responder::name).map(str::to_owned),
        link: link.name().to_owned(),
        instructions_per_echo: cost.instructions.map(|count| count.median),
        instructions_quartiles: cost.instructions.map(|count| count.quartiles),
        doorbells_per_echo: cost.notifications.map(|count| count.doorbells),
        interrupts_per_echo: cost.notifications.map(|count| count.interrupts),
        ..SystemCost::default()
    })
}
