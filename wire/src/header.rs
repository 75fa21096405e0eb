//! The header in front of every Fathom datagram.
//!
//! Layout on the wire, 44 bytes, every integer little-endian and of fixed width
//! (`postcard::fixint::le`), followed by padding of any length that a reply carries back:
//!
//! | bytes   | field     | meaning |
//! |---------|-----------|---------|
//! | 0..4    | `magic`   | `b"FTHM"` |
//! | 4       | `version` | [`VERSION`] |
//! | 5       | `kind`    | 0 request, 1 reply, 2 unsupported, 3 status request, 4 status reply, 5 log request, 6 log reply |
//! | 6..8    | `flags`   | zero in version 1; a reply repeats its request's |
//! | 8..12   | `boot_id` | which boot of the service answered; zero in a request, but that a log request is for |
//! | 12..20  | `seq`     | sequence number, chosen by the client |
//! | 20..28  | `t1_ns`   | client send, client's monotonic clock |
//! | 28..36  | `t2_ns`   | guest receive, guest's monotonic clock |
//! | 36..44  | `t3_ns`   | guest transmit, guest's monotonic clock |
//!
//! ```
//! use wire::{HEADER_LEN, Header, MAGIC};
//!
//! // A request with 20 bytes of padding.
//! let mut datagram = [0; HEADER_LEN + 20];
//! Header::request(7, 1_000).encode(&mut datagram)?;
//! assert_eq!(datagram[..4], MAGIC);
//! assert_eq!(Header::decode(&datagram)?.seq, 7);
//! # Ok::<(), wire::header::HeaderError>(())
//! ```

use core::ops::Range;

use serde::{Deserialize, Serialize};

/// The first four bytes of every Fathom datagram.
pub const MAGIC: [u8; 4] = *b"FTHM";

/// The protocol version this crate speaks.
pub const VERSION: u8 = 1;

/// Encoded length of [`Header`], in bytes; also the shortest valid request.
pub const HEADER_LEN: usize = 44;

/// Offsets of the fields in an encoded header, in bytes.
pub mod field {
    use super::Range;

    /// `magic`
    pub const MAGIC: Range<usize> = 0..4;
    /// `version`
    pub const VERSION: usize = 4;
    /// `kind`
    pub const KIND: usize = 5;
    /// `flags`
    pub const FLAGS: Range<usize> = 6..8;
    /// `boot_id`
    pub const BOOT_ID: Range<usize> = 8..12;
    /// `seq`
    pub const SEQ: Range<usize> = 12..20;
    /// `t1_ns`
    pub const T1: Range<usize> = 20..28;
    /// `t2_ns`
    pub const T2: Range<usize> = 28..36;
    /// `t3_ns`
    pub const T3: Range<usize> = 36..44;
}

/// Kind of a datagram. Encoded as one byte, the variant's index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// A client asks for an echo with timestamps.
    Request,
    /// The service's answer to a [`Kind::Request`].
    Reply,
    /// The service's answer to a datagram of another protocol version.
    Unsupported,
    /// A client asks how the service is ([`crate::status`]).
    StatusRequest,
    /// The service's answer to a [`Kind::StatusRequest`].
    StatusReply,
    /// A client asks for the log's settings, or for others ([`crate::log_control`]).
    LogRequest,
    /// The service's answer to a [`Kind::LogRequest`].
    LogReply,
}

impl Kind {
    /// The byte at [`field::KIND`].
    #[must_use]
    pub const fn as_byte(self) -> u8 {
        self as u8
    }
}

/// A decoded header. See the [module documentation](self) for the layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Always [`MAGIC`].
    pub magic: [u8; 4],
    /// Protocol version of the sender.
    pub version: u8,
    /// Kind of the datagram.
    pub kind: Kind,
    /// Zero in version 1; repeated in the reply.
    #[serde(with = "postcard::fixint::le")]
    pub flags: u16,
    /// Number of the boot that answered; zero in a request.
    #[serde(with = "postcard::fixint::le")]
    pub boot_id: u32,
    /// Sequence number, chosen by the client.
    #[serde(with = "postcard::fixint::le")]
    pub seq: u64,
    /// Client send time, nanoseconds of the client's monotonic clock.
    #[serde(with = "postcard::fixint::le")]
    pub t1_ns: u64,
    /// Guest receive time, nanoseconds of the guest's monotonic clock; zero in a request.
    #[serde(with = "postcard::fixint::le")]
    pub t2_ns: u64,
    /// Guest transmit time, nanoseconds of the guest's monotonic clock; zero in a request.
    #[serde(with = "postcard::fixint::le")]
    pub t3_ns: u64,
}

/// Reason that a datagram's header could not be read, or a header not be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderError {
    /// Fewer than [`HEADER_LEN`] bytes.
    TooShort,
    /// The first four bytes are not [`MAGIC`].
    Magic,
    /// The version byte is not [`VERSION`].
    Version(u8),
    /// The kind byte is none of [`Kind`].
    Kind(u8),
}

impl core::fmt::Display for HeaderError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::TooShort => write!(f, "shorter than the {HEADER_LEN}-byte header"),
            Self::Magic => f.write_str("does not start with the magic FTHM"),
            Self::Version(version) => write!(f, "has version {version}, not {VERSION}"),
            Self::Kind(kind) => write!(f, "has the unknown kind {kind}"),
        }
    }
}

impl core::error::Error for HeaderError {}

impl Header {
    /// A request with sequence number `seq`, sent at `t1_ns` of the client's monotonic clock.
    #[must_use]
    pub const fn request(seq: u64, t1_ns: u64) -> Self {
        Self {
            magic: MAGIC,
            version: VERSION,
            kind: Kind::Request,
            flags: 0,
            boot_id: 0,
            seq,
            t1_ns,
            t2_ns: 0,
            t3_ns: 0,
        }
    }

    /// Reads the header in front of `datagram`; what follows it is padding.
    ///
    /// # Errors
    ///
    /// The first of [`HeaderError`]'s conditions, in their order, that `datagram` meets, except
    /// that a wrong magic or version is reported for short datagrams too where it can be seen.
    pub fn decode(datagram: &[u8]) -> Result<Self, HeaderError> {
        let magic = datagram.get(field::MAGIC).ok_or(HeaderError::TooShort)?;
        if magic != MAGIC {
            return Err(HeaderError::Magic);
        }
        let version = *datagram.get(field::VERSION).ok_or(HeaderError::TooShort)?;
        if version != VERSION {
            return Err(HeaderError::Version(version));
        }
        let bytes = datagram.get(..HEADER_LEN).ok_or(HeaderError::TooShort)?;
        // Every field but `kind` takes any bit pattern, so the kind is all that can fail here.
        postcard::from_bytes(bytes).map_err(|_| HeaderError::Kind(bytes[field::KIND]))
    }

    /// Writes the header over the first [`HEADER_LEN`] bytes of `datagram` and leaves the rest.
    ///
    /// # Errors
    ///
    /// [`HeaderError::TooShort`] if `datagram` has no room for it.
    pub fn encode(&self, datagram: &mut [u8]) -> Result<(), HeaderError> {
        let bytes = datagram
            .get_mut(..HEADER_LEN)
            .ok_or(HeaderError::TooShort)?;
        postcard::to_slice(self, bytes)
            .map(|_| ())
            .map_err(|_| HeaderError::TooShort)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The layout table of the module documentation, byte by byte.
    const EXAMPLE: [u8; HEADER_LEN] = [
        b'F', b'T', b'H', b'M', 1, 1, 0x02, 0x01, // magic, version, reply, flags
        0x0d, 0x0c, 0x0b, 0x0a, // boot_id
        8, 7, 6, 5, 4, 3, 2, 1, // seq
        0x18, 0x17, 0x16, 0x15, 0x14, 0x13, 0x12, 0x11, // t1
        0x28, 0x27, 0x26, 0x25, 0x24, 0x23, 0x22, 0x21, // t2
        0x38, 0x37, 0x36, 0x35, 0x34, 0x33, 0x32, 0x31, // t3
    ];

    fn example() -> Header {
        Header {
            magic: MAGIC,
            version: VERSION,
            kind: Kind::Reply,
            flags: 0x0102,
            boot_id: 0x0a0b_0c0d,
            seq: 0x0102_0304_0506_0708,
            t1_ns: 0x1112_1314_1516_1718,
            t2_ns: 0x2122_2324_2526_2728,
            t3_ns: 0x3132_3334_3536_3738,
        }
    }

    #[test]
    fn puts_together_byte_for_byte() {
        let mut bytes = [0; HEADER_LEN];
        example().encode(&mut bytes).unwrap();
        assert_eq!(bytes, EXAMPLE);
    }

    #[test]
    fn takes_apart_byte_for_byte() {
        assert_eq!(Header::decode(&EXAMPLE), Ok(example()));
    }

    #[test]
    fn field_ranges_match_the_encoding() {
        let header = example();
        assert_eq!(EXAMPLE[field::MAGIC], MAGIC);
        assert_eq!(EXAMPLE[field::VERSION], VERSION);
        assert_eq!(EXAMPLE[field::KIND], Kind::Reply.as_byte());
        assert_eq!(EXAMPLE[field::FLAGS], header.flags.to_le_bytes());
        assert_eq!(EXAMPLE[field::BOOT_ID], header.boot_id.to_le_bytes());
        assert_eq!(EXAMPLE[field::SEQ], header.seq.to_le_bytes());
        assert_eq!(EXAMPLE[field::T1], header.t1_ns.to_le_bytes());
        assert_eq!(EXAMPLE[field::T2], header.t2_ns.to_le_bytes());
        assert_eq!(EXAMPLE[field::T3], header.t3_ns.to_le_bytes());
        assert_eq!(field::T3.end, HEADER_LEN);
    }

    #[test]
    fn refuses_what_is_not_a_header() {
        assert_eq!(Header::decode(b""), Err(HeaderError::TooShort));
        assert_eq!(Header::decode(b"FTHM"), Err(HeaderError::TooShort));
        assert_eq!(Header::decode(b"FTHM\x01"), Err(HeaderError::TooShort));
        assert_eq!(Header::decode(b"FTHM\x02"), Err(HeaderError::Version(2)));
        assert_eq!(Header::decode(b"ftHM\x01"), Err(HeaderError::Magic));
        let mut bytes = EXAMPLE;
        bytes[field::KIND] = 7;
        assert_eq!(Header::decode(&bytes), Err(HeaderError::Kind(7)));
        assert_eq!(
            example().encode(&mut [0; HEADER_LEN - 1]),
            Err(HeaderError::TooShort)
        );
    }

    proptest! {
        #[test]
        fn decode_undoes_encode(
            kind in prop_oneof![
                Just(Kind::Request), Just(Kind::Reply), Just(Kind::Unsupported),
                Just(Kind::StatusRequest), Just(Kind::StatusReply),
                Just(Kind::LogRequest), Just(Kind::LogReply),
            ],
            flags: u16, boot_id: u32, seq: u64, t1_ns: u64, t2_ns: u64, t3_ns: u64,
        ) {
            let header = Header {
                magic: MAGIC, version: VERSION, kind, flags, boot_id, seq, t1_ns, t2_ns, t3_ns,
            };
            let mut bytes = [0; HEADER_LEN];
            header.encode(&mut bytes).unwrap();
            prop_assert_eq!(Header::decode(&bytes), Ok(header));
        }

        #[test]
        fn decode_takes_any_bytes(bytes: std::vec::Vec<u8>) {
            let _ = Header::decode(&bytes);
        }
    }
}
