//! The key of authenticated mode: HMAC-SHA-256, truncated to 16 octets (RFC 8762 §4.4).

use core::fmt;
use core::str::FromStr;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Length of an HMAC in a packet, in octets.
pub const TAG_LEN: usize = 16;

/// An HMAC as packets have it.
pub type Tag = [u8; TAG_LEN];

/// Octets of a key: those of the hash's block at most (RFC 2104 §2), and of an HMAC in a packet at least.
const SECRET_LEN: core::ops::RangeInclusive<usize> = TAG_LEN..=64;

/// A key's octets. Their text is hexadecimal; [`fmt::Debug`] does not show them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Secret {
    octets: [u8; *SECRET_LEN.end()],
    len: u8,
}

impl Secret {
    /// Returns the key of these octets; `None` unless there are 16 to 64.
    #[must_use]
    pub fn new(octets: &[u8]) -> Option<Self> {
        if !SECRET_LEN.contains(&octets.len()) {
            return None;
        }
        let mut secret = Self {
            octets: [0; *SECRET_LEN.end()],
            len: octets.len() as u8,
        };
        secret.octets[..octets.len()].copy_from_slice(octets);
        Some(secret)
    }

    fn octets(&self) -> &[u8] {
        &self.octets[..usize::from(self.len)]
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({} octets)", self.len)
    }
}

/// The octets as hexadecimal digits, which [`FromStr`] reads.
impl fmt::LowerHex for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut octets = self.octets().iter();
        octets.try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

/// The text is no key: 32 to 128 hexadecimal digits, an even number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoSecret;

impl fmt::Display for NoSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected 32 to 128 hexadecimal digits, an even number: 16 to 64 octets")
    }
}

impl core::error::Error for NoSecret {}

impl FromStr for Secret {
    type Err = NoSecret;

    fn from_str(text: &str) -> Result<Self, NoSecret> {
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        if !rest.is_empty() || !SECRET_LEN.contains(&pairs.len()) {
            return Err(NoSecret);
        }
        let mut octets = [0; *SECRET_LEN.end()];
        for (octet, &[high, low]) in octets.iter_mut().zip(pairs) {
            let digit = |digit: u8| char::from(digit).to_digit(16).ok_or(NoSecret);
            *octet = (digit(high)? << 4 | digit(low)?) as u8;
        }
        Self::new(&octets[..pairs.len()]).ok_or(NoSecret)
    }
}

/// A key, ready to use: the hash's state behind the key's block is made once.
#[derive(Clone)]
pub struct Key(Hmac<Sha256>);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key")
    }
}

impl Key {
    /// Creates the key from its octets.
    #[inline(never)]
    #[must_use]
    pub fn new(secret: &Secret) -> Self {
        let mac = Hmac::new_from_slice(secret.octets());
        Self(mac.expect("an HMAC takes a key of any length"))
    }

    fn of(&self, text: &[&[u8]]) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        for part in text {
            mac.update(part);
        }
        mac
    }

    /// Returns the HMAC of `text`, whose parts follow each other, truncated.
    #[inline(never)]
    #[must_use]
    pub fn sign(&self, text: &[&[u8]]) -> Tag {
        let whole = self.of(text).finalize().into_bytes();
        let mut tag = [0; TAG_LEN];
        tag.copy_from_slice(&whole[..TAG_LEN]);
        tag
    }

    /// Returns true if `tag` is the HMAC of `text`. Takes the same time wherever it differs.
    #[inline(never)]
    #[must_use]
    pub fn is_signed(&self, text: &[&[u8]], tag: &Tag) -> bool {
        self.of(text).verify_truncated_left(tag).is_ok()
    }
}
