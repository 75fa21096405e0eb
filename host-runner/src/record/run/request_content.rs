//! Content of requests and replies that a file gave, as a record knows it.

use serde::{Deserialize, Serialize};

use crate::digest;
use crate::load::Content;

/// Content that all requests carry behind their header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct RequestContent {
    /// Bytes of each request behind its header.
    pub request: Bytes,
    /// Bytes that each reply must carry behind its header, or it counts as corrupted; null if replies are not
    /// compared.
    pub expected_reply: Option<Bytes>,
}

/// Bytes, known by length and digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Bytes {
    /// Their number.
    pub bytes: usize,
    /// Their SHA-256 digest, in hexadecimal digits.
    pub sha256: String,
}

impl From<Content> for RequestContent {
    fn from(content: Content) -> Self {
        let known = |bytes: &[u8]| Bytes {
            bytes: bytes.len(),
            sha256: digest::sha256(bytes),
        };
        Self {
            request: known(content.request),
            expected_reply: content.reply.map(known),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_known_by_length_and_digest() {
        let content = Content::new(b"abc".to_vec()).unwrap();
        let known = RequestContent::from(content);
        // FIPS 180-2, appendix B.1.
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!((known.request.bytes, &*known.request.sha256), (3, abc));
        assert_eq!(known.expected_reply, None);
        let checked = RequestContent::from(content.expecting(Vec::new()).unwrap());
        assert_eq!(checked.request, known.request);
        assert_eq!(checked.expected_reply.map(|reply| reply.bytes), Some(0));
    }
}
