//! Log requests and their replies: layout, and what is refused.

use proptest::prelude::*;
use std::string::ToString;
use std::vec::Vec;

use super::*;
use crate::{DropReason, Verdict, handle};

const SETTINGS_IN_FORCE: Settings = Settings {
    level: Level::Warn,
    budget: Budget::DEFAULT,
};

fn change(level: Option<Level>, budget: Option<u32>) -> Change {
    let budget = budget.map(|bytes| Budget::new(bytes).unwrap());
    Change { level, budget }
}

#[test]
fn a_request_and_its_answer_byte_for_byte() {
    let wanted = change(Some(Level::Info), Some(1024));
    let mut datagram = wanted.request(0x0a0b_0c0d, 7, 0x1112).to_vec();
    let mut expected = b"FTHM\x01\x05\0\0\x0d\x0c\x0b\x0a\x07\0\0\0\0\0\0\0\x12\x11".to_vec();
    expected.extend([0; 22]);
    expected.extend([3, 0, 0, 0, 0, 4, 0, 0]);
    assert_eq!(datagram, expected);
    assert_eq!(handle(&mut datagram, 1, 2, || 3), Verdict::LogControl);
    assert_eq!(boot_id(datagram.first_chunk().unwrap()), 0x0a0b_0c0d);
    let requested = Change::requested(datagram.first_chunk().unwrap());
    assert_eq!(requested, Some(wanted));

    datagram.extend(b"padding");
    let room = datagram.first_chunk_mut().unwrap();
    answer(room, SETTINGS_IN_FORCE, 0x21, || 0x31);
    expected[field::KIND] = 6;
    expected[field::T2.start] = 0x21;
    expected[field::T3.start] = 0x31;
    expected[SETTINGS].copy_from_slice(&[2, 0, 0, 0, 0, 16, 0, 0]);
    expected.extend(b"padding");
    assert_eq!(datagram, expected);
    let (header, settings) = decode_answer(&datagram).unwrap();
    assert_eq!((header.seq, header.boot_id), (7, 0x0a0b_0c0d));
    assert_eq!(settings, SETTINGS_IN_FORCE);
    // Two services never answer each other.
    let refused = Verdict::Drop(DropReason::NotARequest);
    assert_eq!(handle(&mut datagram, 1, 2, || 3), refused);
}

#[test]
fn what_is_not_asked_for_stays_as_it_is() {
    for level in Level::ALL.map(Some).into_iter().chain([None]) {
        for budget in [None, Some(1), Some(crate::limits::MAX_RATE)] {
            let wanted = change(level, budget);
            let datagram = wanted.request(1, 2, 3);
            assert_eq!(Change::requested(&datagram), Some(wanted));
        }
    }
}

#[test]
fn values_out_of_range_are_no_request() {
    let datagram = Change::default().request(1, 2, 3);
    for level in 6..UNCHANGED {
        let mut datagram = datagram;
        datagram[SETTINGS.start] = level;
        assert_eq!(Change::requested(&datagram), None, "level {level}");
    }
    let mut datagram = datagram;
    let too_much = crate::limits::MAX_RATE + 1;
    datagram[SETTINGS.start + 4..].copy_from_slice(&too_much.to_le_bytes());
    assert_eq!(Change::requested(&datagram), None);
}

#[test]
fn only_a_request_as_long_as_its_answer_is_one() {
    for len in HEADER_LEN..LOG_LEN + 3 {
        let mut datagram = Change::default().request(1, 2, 3).to_vec();
        datagram.resize(len, 0);
        let before = datagram.clone();
        let expected = if len < LOG_LEN {
            Verdict::Drop(DropReason::TooShort)
        } else {
            Verdict::LogControl
        };
        assert_eq!(handle(&mut datagram, 1, 2, || 3), expected, "{len} bytes");
        assert_eq!(datagram, before);
    }
}

#[test]
fn levels_have_the_names_of_the_boot_argument() {
    for (index, level) in Level::ALL.into_iter().enumerate() {
        assert_eq!(level.to_string(), level.name());
        assert_eq!(Level::from_byte(index as u8), Some(level));
        assert_eq!(usize::from(level.as_byte()), index);
    }
    assert_eq!(Level::from_byte(6), None);
}

proptest! {
    #[test]
    fn any_bytes_are_taken_apart_or_refused(mut bytes: Vec<u8>, is_ours: bool) {
        if is_ours {
            let mut datagram = Change::default().request(1, 2, 3);
            answer(&mut datagram, SETTINGS_IN_FORCE, 1, || 2);
            let rest = core::mem::replace(&mut bytes, datagram[..SETTINGS.start].to_vec());
            bytes.extend(rest);
        }
        if let Some((_, settings)) = decode_answer(&bytes) {
            prop_assert_eq!(&settings.encode()[4..], &bytes[SETTINGS][4..]);
        }
        if let Some(request) = bytes.first_chunk_mut() {
            let _ = Change::requested(request);
            answer(request, SETTINGS_IN_FORCE, 1, || 2);
        }
    }
}
