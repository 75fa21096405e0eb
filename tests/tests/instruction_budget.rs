//! Budgets of an answer, counted and not timed: the same numbers on every machine.
#![forbid(unsafe_code)]

use fathom::link::{LinkKind, Signals};
use tests::icount::Counted;
use tests::instructions::{self, Service};
use tests::notifications;
use tests::qemu_lock::lock_qemu;

/// Guest instructions for a timestamp echo of 64 bytes by the reflector, at most.
const INSTRUCTIONS: u64 = 600;

/// Requests that are answered one by one.
const ECHOES: u64 = 200;

#[test]
fn an_echo_takes_few_instructions_and_always_the_same_number() {
    let lock = lock_qemu();
    let counts = [(); 2].map(|()| {
        let mut guest = Counted::boot("path=reflector", &lock);
        let before = guest.signals();
        let count = instructions::per_answer(&mut guest, Service::Timestamp, 64);
        assert_eq!(guest.signals(), before, "nobody was woken for it");
        count
    });
    assert_eq!(counts[0], counts[1], "from one boot to the next");
    assert!(counts[0] <= INSTRUCTIONS, "{counts:?}");
}

#[test]
fn an_echo_on_vhost_user_wakes_nobody() {
    let lock = lock_qemu();
    let woken = notifications::by_lone_echoes(LinkKind::VhostUser, ECHOES, &lock);
    assert_eq!(woken, Signals::default());
}

#[test]
fn an_echo_through_qemu_takes_one_doorbell_and_no_interrupt() {
    let lock = lock_qemu();
    for link in [LinkKind::Unix, LinkKind::User] {
        let woken = notifications::by_lone_echoes(link, ECHOES, &lock);
        // QEMU may still be at the last answer when the next one is there, which then needs none.
        let one_each = ECHOES * 9 / 10..=ECHOES;
        assert!(
            one_each.contains(&woken.doorbells),
            "{}: {woken:?}",
            link.name()
        );
        assert_eq!(woken.interrupts, 0, "{}: {woken:?}", link.name());
    }
}
