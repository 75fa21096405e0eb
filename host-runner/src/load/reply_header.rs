//! The header of a reply, taken apart field by field: what [`wire::Header`] does with any header, for the one kind that
//! comes a million times a second. Which datagrams are valid is `wire`'s word; the tests hold this module to it.

use std::ops::Range;

use wire::header::field;
use wire::stamp::ErrorEstimate;
use wire::{HEADER_LEN, Kind};

/// The fields that matter of the header of a received datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplyHeader {
    /// True if it is a reply, and not another kind of datagram.
    pub is_reply: bool,
    /// True if all fields that a service writes are as they are in a request.
    pub is_as_sent: bool,
    /// Flags.
    pub flags: u16,
    /// Identifier of the boot of the service that answered.
    pub boot_id: u32,
    /// The number of the request that it answers.
    pub seq: u64,
    /// Time at which that was sent.
    pub t1_ns: u64,
    /// Time at which the guest had the request.
    pub t2_ns: u64,
    /// Time at which the guest sent the reply.
    pub t3_ns: u64,
    /// Error estimate of the clock behind the last two, where the protocol has one.
    pub error_estimate: Option<ErrorEstimate>,
}

impl ReplyHeader {
    /// Reads the header in front of `datagram`; `None` if [`Header::decode`] refuses it.
    #[must_use]
    #[inline]
    pub fn read(datagram: &[u8]) -> Option<Self> {
        let bytes: &[u8; HEADER_LEN] = datagram.first_chunk()?;
        let is_ours = bytes[field::MAGIC] == wire::header::MAGIC
            && bytes[field::VERSION] == wire::header::VERSION
            && bytes[field::KIND] <= Kind::StatusReply.as_byte();
        is_ours.then(|| {
            let kind = bytes[field::KIND];
            let boot_id = u32::from_le_bytes(array(bytes, field::BOOT_ID));
            let t2_ns = u64::from_le_bytes(array(bytes, field::T2));
            let t3_ns = u64::from_le_bytes(array(bytes, field::T3));
            Self {
                is_reply: kind == Kind::Reply.as_byte(),
                is_as_sent: kind == Kind::Request.as_byte() && boot_id == 0 && (t2_ns | t3_ns) == 0,
                flags: u16::from_le_bytes(array(bytes, field::FLAGS)),
                boot_id,
                seq: u64::from_le_bytes(array(bytes, field::SEQ)),
                t1_ns: u64::from_le_bytes(array(bytes, field::T1)),
                t2_ns,
                t3_ns,
                error_estimate: None,
            }
        })
    }
}

/// The `N` bytes of a field that is as long.
fn array<const N: usize>(bytes: &[u8; HEADER_LEN], range: Range<usize>) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(&bytes[range]);
    array
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use wire::Header;

    use super::*;

    fn as_wire_reads_it(datagram: &[u8]) -> Option<ReplyHeader> {
        let header = Header::decode(datagram).ok()?;
        Some(ReplyHeader {
            is_reply: header.kind == Kind::Reply,
            is_as_sent: header.kind == Kind::Request
                && (header.boot_id, header.t2_ns, header.t3_ns) == (0, 0, 0),
            flags: header.flags,
            boot_id: header.boot_id,
            seq: header.seq,
            t1_ns: header.t1_ns,
            t2_ns: header.t2_ns,
            t3_ns: header.t3_ns,
            error_estimate: None,
        })
    }

    proptest! {
        #[test]
        fn reads_what_wire_reads(
            mut datagram in prop::collection::vec(any::<u8>(), 0..80),
            start in prop::option::weighted(0.9, (0..3u8, 0..5u8)),
        ) {
            // Mostly with a beginning that is nearly right, or all would be refused at once.
            if let Some((version, kind)) = start {
                let start = [b'F', b'T', b'H', b'M', version, kind];
                let len = start.len().min(datagram.len());
                datagram[..len].copy_from_slice(&start[..len]);
            }
            prop_assert_eq!(ReplyHeader::read(&datagram), as_wire_reads_it(&datagram));
        }
    }
}
