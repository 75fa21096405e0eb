//! The answer to a status request.
//!
//! A status request is a [`Header`](crate::Header) of kind [`Kind::StatusRequest`] and padding, in all
//! at least as long as the answer, [`STATUS_LEN`]: there is no amplification. The answer is a header of
//! kind [`Kind::StatusReply`] with the times of a reply, and behind it, every integer little-endian and of
//! fixed width (`postcard::fixint::le`):
//!
//! | bytes   | field       | meaning |
//! |---------|-------------|---------|
//! | 44..52  | `uptime_ns` | since the service's boot, nanoseconds |
//! | 52..84  | `version`   | of the service's program, UTF-8, filled up with zeros |
//! | 84..86  | `counters`  | how many counters follow |
//! | 86..    |             | the [`Counters`], 8 bytes each, in the order of [`Counters::NAMES`] |
//! | behind  | `log`       | the log's settings, 8 bytes as in [`crate::log_control`]; zero if there is no log |
//!
//! The rest is the request's padding as it came. A later version may have more counters, behind those
//! that there are, so a client leaves room for some.

use core::ops::Range;

use crate::header::{HEADER_LEN, Kind, field};
use crate::log_control::{SETTINGS_LEN, Settings};
use crate::{Counters, Header};

const UPTIME: Range<usize> = HEADER_LEN..HEADER_LEN + 8;
const VERSION: Range<usize> = UPTIME.end..UPTIME.end + VERSION_LEN;
const COUNT: Range<usize> = VERSION.end..VERSION.end + 2;
const COUNTERS: usize = COUNT.end;
const LOG: Range<usize> = COUNTERS + 8 * Counters::LEN..STATUS_LEN;

/// Room for the version, in bytes.
pub const VERSION_LEN: usize = 32;

/// Length of this version's answer, in bytes; also the shortest status request that is answered.
pub const STATUS_LEN: usize = COUNTERS + 8 * Counters::LEN + SETTINGS_LEN;

/// Status of a service, as it reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// Time since the service's boot, in nanoseconds.
    pub uptime_ns: u64,
    /// The version of its program, filled up with zeros.
    pub version: [u8; VERSION_LEN],
    /// Event counters.
    pub counters: Counters,
    /// Settings of its log, if it has one.
    pub log: Option<Settings>,
}

/// `text` as [`Status`] has a version, cut off where there is no more room.
#[must_use]
pub const fn version(text: &str) -> [u8; VERSION_LEN] {
    let mut version = [0; VERSION_LEN];
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() && at < VERSION_LEN {
        version[at] = bytes[at];
        at += 1;
    }
    version
}

/// Makes `datagram` the answer to the status request that it is, as [`crate::handle`] has found it to be. One
/// that is too short stays as it was.
///
/// `received_ns` and `transmit_ns` are as for a reply.
pub fn answer(
    datagram: &mut [u8],
    status: &Status,
    boot_id: u32,
    received_ns: u64,
    transmit_ns: impl FnOnce() -> u64,
) {
    let Some(room) = datagram.get_mut(..STATUS_LEN) else {
        return;
    };
    room[field::KIND] = Kind::StatusReply.as_byte();
    room[field::BOOT_ID].copy_from_slice(&boot_id.to_le_bytes());
    room[field::T2].copy_from_slice(&received_ns.to_le_bytes());
    room[UPTIME].copy_from_slice(&status.uptime_ns.to_le_bytes());
    room[VERSION].copy_from_slice(&status.version);
    room[COUNT].copy_from_slice(&(Counters::LEN as u16).to_le_bytes());
    let log = status.log.map_or([0; SETTINGS_LEN], Settings::encode);
    room[LOG].copy_from_slice(&log);
    let (counters, _) = room[COUNTERS..].as_chunks_mut::<8>();
    for (place, count) in counters.iter_mut().zip(status.counters.to_array()) {
        *place = count.to_le_bytes();
    }
    room[field::T3].copy_from_slice(&transmit_ns().to_le_bytes());
}

/// An answer, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer<'d> {
    /// Header.
    pub header: Header,
    /// Time since the service's boot, in nanoseconds.
    pub uptime_ns: u64,
    /// The version of its program.
    pub version: &'d str,
    /// Settings of its log, if it has one.
    pub log: Option<Settings>,
    counters: &'d [[u8; 8]],
}

impl<'d> Answer<'d> {
    /// Takes apart a datagram; `None` if it is no status reply, or broken.
    #[must_use]
    pub fn decode(datagram: &'d [u8]) -> Option<Self> {
        let header = Header::decode(datagram).ok()?;
        let count = u16::from_le_bytes(datagram.get(COUNT)?.try_into().ok()?);
        let (counters, rest) = datagram[COUNTERS..].split_at_checked(8 * usize::from(count))?;
        let version = core::str::from_utf8(&datagram[VERSION]).ok()?;
        (header.kind == Kind::StatusReply).then_some(Self {
            header,
            uptime_ns: u64::from_le_bytes(datagram[UPTIME].try_into().ok()?),
            version: version.trim_end_matches('\0'),
            // A service of a version without leaves padding there.
            log: rest.first_chunk().and_then(Settings::decode),
            counters: counters.as_chunks().0,
        })
    }

    /// The counters, each with its name; those that this version does not have are left out.
    pub fn counters(&self) -> impl Iterator<Item = (&'static str, u64)> + 'd {
        let counts = self.counters.iter().map(|bytes| u64::from_le_bytes(*bytes));
        Counters::NAMES.iter().copied().zip(counts)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use std::vec::Vec;

    use super::*;
    use crate::log_control::{Budget, Level};
    use crate::{DropReason, Verdict, handle};

    fn request(len: usize) -> Vec<u8> {
        let mut datagram: Vec<u8> = (0..len).map(|i| i as u8).collect();
        let header = Header {
            kind: Kind::StatusRequest,
            ..Header::request(7, 0x1112_1314_1516_1718)
        };
        header.encode(&mut datagram).unwrap();
        datagram
    }

    fn status() -> Status {
        Status {
            uptime_ns: 0x0102_0304_0506_0708,
            version: version("1.2.3"),
            counters: Counters::from_array(core::array::from_fn(|i| i as u64 + 0xa000)),
            log: Some(Settings {
                level: Level::Info,
                budget: Budget::DEFAULT,
            }),
        }
    }

    #[test]
    fn an_answer_byte_for_byte() {
        let mut datagram = request(STATUS_LEN + 3);
        answer(&mut datagram, &status(), 0x0a0b_0c0d, 0x21, || 0x31);
        let mut expected = b"FTHM\x01\x04\0\0\x0d\x0c\x0b\x0a\x07\0\0\0\0\0\0\0".to_vec();
        expected.extend([0x18, 0x17, 0x16, 0x15, 0x14, 0x13, 0x12, 0x11]); // t1
        expected.extend([0x21, 0, 0, 0, 0, 0, 0, 0]); // t2
        expected.extend([0x31, 0, 0, 0, 0, 0, 0, 0]); // t3
        expected.extend([8, 7, 6, 5, 4, 3, 2, 1]); // uptime
        expected.extend(b"1.2.3");
        expected.extend([0; 27]);
        expected.extend([Counters::LEN as u8, 0]);
        for counter in 0..Counters::LEN as u8 {
            expected.extend([counter, 0xa0, 0, 0, 0, 0, 0, 0]);
        }
        expected.extend([3, 0, 0, 0, 0, 16, 0, 0]); // log
        // Padding as it came.
        expected.extend(&request(STATUS_LEN + 3)[STATUS_LEN..]);
        assert_eq!(datagram, expected);

        let read = Answer::decode(&datagram).unwrap();
        assert_eq!((read.header.seq, read.header.boot_id), (7, 0x0a0b_0c0d));
        assert_eq!(read.uptime_ns, status().uptime_ns);
        assert_eq!((read.version, read.log), ("1.2.3", status().log));
        let counters: Vec<_> = read.counters().collect();
        assert_eq!(counters.len(), Counters::LEN);
        assert_eq!(counters[3], ("replied", 0xa003));
    }

    #[test]
    fn only_a_request_as_long_as_its_answer_is_one() {
        for len in HEADER_LEN..STATUS_LEN + 10 {
            let mut datagram = request(len);
            let expected = if len < STATUS_LEN {
                Verdict::Drop(DropReason::TooShort)
            } else {
                Verdict::Status
            };
            assert_eq!(handle(&mut datagram, 1, 2, || 3), expected, "{len} bytes");
            assert_eq!(datagram, request(len));
        }
        // Of another version, and an answer: two services never answer each other.
        let mut datagram = request(STATUS_LEN);
        datagram[field::VERSION] = 2;
        let refused = Verdict::Drop(DropReason::NotARequest);
        assert_eq!(handle(&mut datagram, 1, 2, || 3), refused);
        let mut datagram = request(STATUS_LEN);
        answer(&mut datagram, &status(), 1, 2, || 3);
        assert_eq!(handle(&mut datagram, 1, 2, || 3), refused);
    }

    #[test]
    fn counters_of_a_later_version_are_left_out_and_of_an_earlier_one_missing() {
        let mut datagram = request(STATUS_LEN + 8);
        let without_log = Status {
            log: None,
            ..status()
        };
        answer(&mut datagram, &without_log, 1, 2, || 3);
        assert_eq!(Answer::decode(&datagram).unwrap().log, None);
        answer(&mut datagram, &status(), 1, 2, || 3);
        datagram[COUNT.start] += 1;
        let counters = Answer::decode(&datagram).unwrap().counters().count();
        assert_eq!(counters, Counters::LEN);
        datagram[COUNT.start] -= 2;
        let counters = Answer::decode(&datagram).unwrap().counters().count();
        assert_eq!(counters, Counters::LEN - 1);
        datagram[COUNT.start + 1] = 1;
        assert_eq!(Answer::decode(&datagram), None, "more than there are bytes");
    }

    #[test]
    fn a_long_version_is_cut_off() {
        assert_eq!(version(&"x".repeat(40)), [b'x'; 32]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken_apart_or_refused(mut bytes: Vec<u8>, is_reply: bool) {
            if is_reply {
                let mut datagram = request(STATUS_LEN);
                answer(&mut datagram, &status(), 1, 2, || 3);
                datagram.truncate(COUNT.start);
                datagram.extend(&bytes);
                bytes = datagram;
            }
            if let Some(read) = Answer::decode(&bytes) {
                let _ = read.counters().count();
            }
        }

        /// Any datagram is answered by as many bytes as it has, or not at all.
        #[test]
        fn no_datagram_is_answered_by_more_bytes_than_it_had(
            mut datagram: Vec<u8>, kind in 0..8_u8, version in 0..3_u8, fill in 0..400_usize,
        ) {
            if fill >= HEADER_LEN {
                datagram.resize(fill, 0xa5);
                Header::request(1, 2).encode(&mut datagram).unwrap();
                datagram[field::KIND] = kind;
                datagram[field::VERSION] = version;
            }
            let before = datagram.clone();
            match handle(&mut datagram, 1, 2, || 3) {
                Verdict::Status => {
                    prop_assert!(before.len() >= STATUS_LEN);
                    answer(&mut datagram, &status(), 1, 2, || 3);
                    prop_assert_eq!(datagram[field::KIND], Kind::StatusReply.as_byte());
                }
                Verdict::Drop(_) | Verdict::LogControl => prop_assert_eq!(&datagram, &before),
                Verdict::Reply | Verdict::Unsupported => {}
            }
            prop_assert_eq!(datagram.len(), before.len());
        }
    }
}
