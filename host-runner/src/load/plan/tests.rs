//! Plans that can be measured, and those that are refused.

use super::*;

fn plan() -> Plan {
    Plan {
        measure: Limit::lasting(5_000_000_000),
        seed: 0,
        ..Plan::FIXTURE
    }
}

fn open(rate: u32) -> Mode {
    Mode::Open {
        rate: Rate::per_second(rate),
        arrivals: Arrivals::Even,
    }
}

#[test]
fn refuses_what_cannot_be_measured() {
    assert_eq!(plan().check(), Ok(()));
    for (payload_len, expected) in [
        (43, Err(PlanError::Payload(43))),
        (44, Ok(())),
        (1472, Ok(())),
        (9188, Ok(())),
        (9189, Err(PlanError::Payload(9189))),
    ] {
        assert_eq!(
            Plan {
                payload_len,
                ..plan()
            }
            .check(),
            expected
        );
    }
    let no_timeout = Plan {
        timeout_ns: 0,
        ..plan()
    };
    assert_eq!(no_timeout.check(), Err(PlanError::NoTimeout));
    let endless = Plan {
        measure: Limit::default(),
        ..plan()
    };
    assert_eq!(endless.check(), Err(PlanError::Endless));
    let dense = Plan {
        mode: open(3_000_000),
        ..plan()
    };
    assert_eq!(dense.check(), Err(PlanError::TooManyInFlight(3_000_000)));
}

#[test]
fn a_test_packet_is_a_base_packet_or_has_room_for_padding() {
    let check = |protocol, payload_len, key| {
        let plan = Plan {
            protocol,
            payload_len,
            key,
            ..plan()
        };
        plan.check()
    };
    let key = Secret::new(&[1; 16]);
    for (key, base) in [(None, 44), (key, 112)] {
        for payload_len in [base, base + 4, 1472] {
            assert_eq!(check(Protocol::Stamp, payload_len, key), Ok(()));
        }
        for payload_len in [base + 1, base + 3] {
            let refused = Err(PlanError::TestPacket { payload_len, base });
            assert_eq!(check(Protocol::Stamp, payload_len, key), refused);
        }
    }
    assert!(check(Protocol::Stamp, 64, key).is_err());
    assert_eq!(check(Protocol::TwampLight, 45, None), Ok(()));
    let refused = Err(PlanError::NoKey(Protocol::Fathom));
    assert_eq!(check(Protocol::Fathom, 64, key), refused);
}

#[test]
fn a_pipeline_is_no_deeper_than_the_queues() {
    let pipeline = |depth| Plan {
        mode: Mode::Pipeline {
            depth: NonZeroU16::new(depth).unwrap(),
        },
        ..plan()
    };
    for depth in [1, 256] {
        assert_eq!(pipeline(depth).check(), Ok(()));
        assert_eq!(pipeline(depth).in_flight(), u64::from(depth));
    }
    let too_deep = NonZeroU16::new(257).unwrap();
    assert_eq!(pipeline(257).check(), Err(PlanError::TooDeep(too_deep)));
}

#[test]
fn knows_how_long_it_takes_where_it_can() {
    assert_eq!(plan().expected_ns(), Some(5_000_000_000));
    let counted = Limit::requests(1000);
    let closed = Plan {
        measure: counted,
        ..plan()
    };
    assert_eq!(closed.expected_ns(), None);
    let open = Plan {
        mode: open(500),
        ..closed
    };
    assert_eq!(open.expected_ns(), Some(2_000_000_000));
}

#[test]
fn a_limit_is_whichever_comes_first() {
    let both = Limit {
        duration_ns: Some(10),
        count: Some(3),
    };
    assert!(!both.is_reached(9, 2));
    assert!(both.is_reached(10, 0));
    assert!(both.is_reached(0, 3));
    assert!(Limit::NOTHING.is_reached(0, 0));
}
