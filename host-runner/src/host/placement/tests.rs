//! Texts and rules of placements, and threads of this process.

use super::*;
use crate::host::topology::Relation;

const CPUS: Cpus = Cpus {
    guest: 2,
    measuring: 4,
    relation: Relation::SharedCache,
};

#[test]
fn a_placement_names_both_cpus_and_their_relation() {
    let bound = |priority, others| {
        let placement = Placement::Pinned {
            cpus: CPUS,
            priority,
            others,
        };
        placement.of("the virtual CPU")
    };
    assert_eq!(
        bound(Priority::Normal, OtherThreads::Elsewhere),
        "CPU 2 for the virtual CPU, CPU 4 for the measuring thread: other cores, same \
         last-level cache"
    );
    assert_eq!(
        bound(Priority::Fifo, OtherThreads::OnMeasuringCpu),
        "CPU 2 for the virtual CPU, CPU 4 for the measuring thread, which goes first there \
         (SCHED_FIFO): other cores, same last-level cache; all else runs on the latter too"
    );
    let unchanged = place_beside(Work::Polls, None);
    assert_eq!(unchanged.cpus(), None);
    assert_eq!(
        unchanged.of("the virtual CPU"),
        "left to the scheduler: there is but one CPU to run on"
    );
}

#[test]
fn a_thread_may_stay_awake_only_alone_or_among_equals() {
    let may_yield = |priority, others| {
        let placement = Placement::Pinned {
            cpus: CPUS,
            priority,
            others,
        };
        placement.may_yield()
    };
    assert!(may_yield(Priority::Fifo, OtherThreads::Elsewhere));
    assert!(may_yield(
        Priority::Fifo,
        OtherThreads::OnMeasuringCpuAsEquals
    ));
    assert!(!may_yield(Priority::Fifo, OtherThreads::OnMeasuringCpu));
    assert!(!may_yield(Priority::Normal, OtherThreads::Elsewhere));
    assert!(!place_beside(Work::Polls, None).may_yield());
}

#[test]
fn a_polling_thread_is_bound_to_its_cpu() {
    let cpu = *crate::host::topology::allowed().first().unwrap();
    let assignment = Assignment {
        cpus: Cpus {
            measuring: cpu,
            ..CPUS
        },
        rest: Vec::new(),
        is_requested: false,
    };
    let thread = std::thread::spawn(move || {
        let placement = place_beside(Work::Polls, Some(&assignment));
        (placement, crate::host::topology::allowed())
    });
    let (placement, allowed) = thread.join().unwrap();
    assert!(!placement.is_shared() && placement.cpu() == Some(2));
    assert_eq!(allowed.into_iter().collect::<Vec<_>>(), [cpu]);
}

#[test]
fn a_thread_that_serves_rings_is_known_by_the_number_in_its_name() {
    let qemu = Pid::from_raw(4711).unwrap();
    assert!(is_vhost_of("vhost-4711\n", qemu));
    for other in [
        "vhost-471\n",
        "vhost-47112\n",
        "vhost-\n",
        "qemu-4711\n",
        "",
    ] {
        assert!(!is_vhost_of(other, qemu), "{other}");
    }
    assert_eq!(vhost_threads(rustix::process::getpid()), []);
}

#[test]
fn lists_the_threads_of_a_process() {
    let here = rustix::process::getpid();
    assert!(threads(here).contains(&rustix::thread::gettid()));
}
