//! The request handler: answers one datagram of the timestamp protocol.
//!
//! Works in place, so a reply is exactly as long as its request: there is no amplification to abuse,
//! and a receive buffer can become the transmit buffer. Checks the datagram, not its sender: call
//! [`crate::peer::check`] first.
//!
//! A service that is measured with this protocol stands between [`split_request`] and [`make_reply`].

use crate::counters::Counter;
use crate::header::{HEADER_LEN, Header, HeaderError, Kind, MAGIC, VERSION, field};
use crate::log_control::LOG_LEN;
use crate::status::STATUS_LEN;

/// Verdict of [`handle`] on a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    /// The buffer now holds the reply: send it back.
    Reply,
    /// The buffer now holds an answer of kind [`Kind::Unsupported`]: send it back.
    Unsupported,
    /// A status request: the buffer is as it was, [`crate::status::answer`] makes it the answer.
    Status,
    /// A log request: the buffer is as it was, [`crate::log_control::answer`] makes it the answer if the boot id is
    /// the service's. A service without a log drops it.
    LogControl,
    /// Send nothing; the buffer is as it was.
    Drop(DropReason),
}

impl Verdict {
    /// Returns the counter of datagrams with this verdict.
    #[must_use]
    pub const fn counter(self) -> Counter {
        match self {
            Self::Reply => Counter::Replied,
            Self::Unsupported => Counter::Unsupported,
            Self::Status => Counter::StatusReplies,
            Self::LogControl => Counter::LogReplies,
            Self::Drop(DropReason::Magic) => Counter::DroppedMagic,
            Self::Drop(DropReason::TooShort) => Counter::DroppedShort,
            Self::Drop(DropReason::NotARequest) => Counter::DroppedNotARequest,
        }
    }
}

/// Reasons why a datagram is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropReason {
    /// Does not start with the magic: it was meant for something else.
    Magic,
    /// Has our magic but is too short for what it claims to be.
    TooShort,
    /// No request: a reply, an "unsupported", or a kind this version does not have.
    /// Answering one could set two services echoing each other for ever.
    NotARequest,
}

/// Answers `datagram` in place.
///
/// `received_ns` is when it was taken from the network, and `transmit_ns` reads the same clock
/// again, last of all, for the transmit time. On a reply, `boot_id`, `t2_ns` and `t3_ns` are filled
/// in, and flags, sequence number, `t1_ns` and padding are as they came.
///
/// ```
/// use wire::{HEADER_LEN, Header, Kind, Verdict, handle};
///
/// let mut datagram = [0; HEADER_LEN];
/// Header::request(7, 1_000).encode(&mut datagram)?;
/// // Received at 5,000 ns of the service's clock, sent at 5,200 ns.
/// assert_eq!(handle(&mut datagram, 42, 5_000, || 5_200), Verdict::Reply);
/// let reply = Header::decode(&datagram)?;
/// assert_eq!((reply.kind, reply.seq, reply.boot_id), (Kind::Reply, 7, 42));
/// assert_eq!(reply.t3_ns - reply.t2_ns, 200);
/// # Ok::<(), wire::header::HeaderError>(())
/// ```
#[inline(always)]
pub fn handle(
    datagram: &mut [u8],
    boot_id: u32,
    received_ns: u64,
    transmit_ns: impl FnOnce() -> u64,
) -> Verdict {
    if let Some((header, _)) = split_request(datagram) {
        make_reply(header, boot_id, received_ns, transmit_ns);
        return Verdict::Reply;
    }
    refuse(datagram)
}

/// Splits a request of this version into its header and what follows; `None` if `datagram` is no such
/// request, and [`refuse`] has the verdict.
#[inline(always)]
pub fn split_request(datagram: &mut [u8]) -> Option<(&mut [u8; HEADER_LEN], &mut [u8])> {
    let (header, rest) = datagram.split_first_chunk_mut::<HEADER_LEN>()?;
    (header[..REQUEST.len()] == REQUEST).then_some((header, rest))
}

/// Makes a request's header its reply's. `transmit_ns` is read last of all.
///
/// A reply is its request with four fields filled in: decoding the header and encoding it again would
/// cost as much as everything else that is done to a frame.
#[inline(always)]
pub fn make_reply(
    header: &mut [u8; HEADER_LEN],
    boot_id: u32,
    received_ns: u64,
    transmit_ns: impl FnOnce() -> u64,
) {
    header[field::KIND] = Kind::Reply.as_byte();
    header[field::BOOT_ID].copy_from_slice(&boot_id.to_le_bytes());
    header[field::T2].copy_from_slice(&received_ns.to_le_bytes());
    header[field::T3].copy_from_slice(&transmit_ns().to_le_bytes());
}

/// First bytes of a request of this version: magic, version, kind.
const REQUEST: [u8; 6] = {
    let [a, b, c, d] = MAGIC;
    [a, b, c, d, VERSION, Kind::Request.as_byte()]
};

/// Answers a datagram that is no request of this version, as [`handle`] does.
#[cold]
pub fn refuse(datagram: &mut [u8]) -> Verdict {
    match Header::decode(datagram) {
        Ok(header) => {
            let (len, verdict) = match header.kind {
                Kind::StatusRequest => (STATUS_LEN, Verdict::Status),
                Kind::LogRequest => (LOG_LEN, Verdict::LogControl),
                _ => return Verdict::Drop(DropReason::NotARequest),
            };
            if datagram.len() < len {
                return Verdict::Drop(DropReason::TooShort);
            }
            verdict
        }
        Err(HeaderError::Kind(_)) => Verdict::Drop(DropReason::NotARequest),
        Err(HeaderError::Version(_)) => unsupported(datagram),
        Err(HeaderError::TooShort) => Verdict::Drop(DropReason::TooShort),
        Err(HeaderError::Magic) => Verdict::Drop(DropReason::Magic),
    }
}

/// Answers a datagram of another version: all that both versions are sure to share is the magic,
/// the version and the kind, so only those two bytes change.
fn unsupported(datagram: &mut [u8]) -> Verdict {
    match datagram.get_mut(field::KIND) {
        None => Verdict::Drop(DropReason::TooShort),
        Some(kind) if *kind != Kind::Request.as_byte() => Verdict::Drop(DropReason::NotARequest),
        Some(kind) => {
            *kind = Kind::Unsupported.as_byte();
            datagram[field::VERSION] = VERSION;
            Verdict::Unsupported
        }
    }
}

const _: () = assert!(field::MAGIC.start == 0 && field::MAGIC.end == field::VERSION);
const _: () = assert!(field::KIND == field::VERSION + 1 && REQUEST.len() == field::KIND + 1);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use std::vec::Vec;

    use super::*;

    fn request(len: usize) -> Vec<u8> {
        let mut datagram: Vec<u8> = (0..len).map(|i| i as u8).collect();
        Header::request(7, 1000).encode(&mut datagram).unwrap();
        datagram
    }

    #[test]
    fn answers_a_request() {
        let mut datagram = request(64);
        let padding = datagram[HEADER_LEN..].to_vec();
        assert_eq!(handle(&mut datagram, 9, 2000, || 3000), Verdict::Reply);
        let expected = Header {
            kind: Kind::Reply,
            boot_id: 9,
            t2_ns: 2000,
            t3_ns: 3000,
            ..Header::request(7, 1000)
        };
        assert_eq!(Header::decode(&datagram), Ok(expected));
        assert_eq!(datagram[HEADER_LEN..], padding);
    }

    #[test]
    fn answers_another_version_with_unsupported_once() {
        let mut datagram = request(50);
        datagram[field::VERSION] = 2;
        let mut expected = datagram.clone();
        expected[field::VERSION] = VERSION;
        expected[field::KIND] = Kind::Unsupported.as_byte();
        assert_eq!(handle(&mut datagram, 9, 0, || 0), Verdict::Unsupported);
        assert_eq!(datagram, expected);
        assert_eq!(
            handle(&mut datagram, 9, 0, || 0),
            Verdict::Drop(DropReason::NotARequest)
        );
    }

    #[test]
    fn drops_replies_and_unknown_kinds_of_any_version() {
        for version in [VERSION, 2] {
            let requests = [Kind::StatusRequest, Kind::LogRequest].map(Kind::as_byte);
            for kind in (1..=255).filter(|kind| !requests.contains(kind)) {
                let mut datagram = request(HEADER_LEN);
                datagram[field::VERSION] = version;
                datagram[field::KIND] = kind;
                let verdict = handle(&mut datagram, 0, 0, || 0);
                assert_eq!(
                    verdict,
                    Verdict::Drop(DropReason::NotARequest),
                    "kind {kind}"
                );
            }
        }
    }

    #[test]
    fn every_length_is_answered_or_dropped_as_documented() {
        for len in 0..=crate::MAX_PAYLOAD {
            let mut datagram = request(len.max(HEADER_LEN));
            datagram.truncate(len);
            let verdict = handle(&mut datagram, 0, 0, || 0);
            let expected = match len {
                0..HEADER_LEN => Verdict::Drop(DropReason::TooShort),
                _ => Verdict::Reply,
            };
            assert_eq!(verdict, expected, "length {len}");
        }
    }

    proptest! {
        #[test]
        fn a_dropped_datagram_is_untouched_and_no_answer_changes_length(
            with_magic: bool, mut datagram: Vec<u8>,
        ) {
            if with_magic && datagram.len() >= MAGIC.len() {
                datagram[field::MAGIC].copy_from_slice(&MAGIC);
            }
            let before = datagram.clone();
            match handle(&mut datagram, 1, 2, || 3) {
                Verdict::Drop(_) | Verdict::Status | Verdict::LogControl => {
                    prop_assert_eq!(datagram, before);
                }
                Verdict::Reply | Verdict::Unsupported => {
                    prop_assert_eq!(datagram.len(), before.len());
                    prop_assert_eq!(&datagram[field::MAGIC], &MAGIC);
                    prop_assert_ne!(datagram[field::KIND], Kind::Request.as_byte());
                }
            }
        }

        #[test]
        fn a_reply_keeps_everything_the_client_wrote(
            seq: u64, t1_ns: u64, flags: u16, padding: Vec<u8>,
        ) {
            let mut datagram = std::vec![0; HEADER_LEN];
            let header = Header { flags, ..Header::request(seq, t1_ns) };
            header.encode(&mut datagram).unwrap();
            datagram.extend(&padding);
            prop_assert_eq!(handle(&mut datagram, 4, 5, || 6), Verdict::Reply);
            let reply = Header::decode(&datagram).unwrap();
            let expected = Header { kind: Kind::Reply, boot_id: 4, t2_ns: 5, t3_ns: 6, ..header };
            prop_assert_eq!(reply, expected);
            prop_assert_eq!(&datagram[HEADER_LEN..], &padding[..]);
        }
    }
}
