//! Given bytes behind the header, in the place of padding: requests to a service of somebody's own, and
//! what it must answer.

use wire::{HEADER_LEN, MAX_JUMBO_PAYLOAD};

/// Bytes that follow the header in every request, and those that must follow it in every reply.
///
/// Borrowed for ever, because a [`Plan`](super::Plan) is copied from run to run and there is one of these in a
/// program's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Content {
    /// Follows the header in a request.
    pub request: &'static [u8],
    /// Follows the header in a reply; `None` if anything may that is no longer than `request`.
    pub reply: Option<&'static [u8]>,
}

/// Reason why bytes can't be the content of a request or of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContentError {
    /// A request without content is one like all others.
    #[error("the file is empty")]
    Empty,
    /// A datagram is too short for so many bytes.
    #[error(
        "{0} bytes do not fit a datagram: at most {MAX_LEN} do, behind the header of {HEADER_LEN}"
    )]
    TooLong(usize),
    /// The reply is longer than the request.
    #[error("a reply is never longer than its request")]
    LongerThanRequest,
}

/// Most bytes that fit a datagram behind the header.
pub const MAX_LEN: usize = MAX_JUMBO_PAYLOAD - HEADER_LEN;

impl Content {
    /// Returns the content of requests that carry `request`, and of replies that are not compared.
    ///
    /// # Errors
    ///
    /// [`ContentError::Empty`] or [`ContentError::TooLong`].
    pub fn new(request: Vec<u8>) -> Result<Self, ContentError> {
        if request.is_empty() {
            return Err(ContentError::Empty);
        }
        Ok(Self {
            request: kept(request)?,
            reply: None,
        })
    }

    /// Returns the same content with `reply` as the only one that is right.
    ///
    /// # Errors
    ///
    /// [`ContentError::TooLong`] or [`ContentError::LongerThanRequest`].
    pub fn expecting(self, reply: Vec<u8>) -> Result<Self, ContentError> {
        let reply = kept(reply)?;
        if reply.len() > self.request.len() {
            return Err(ContentError::LongerThanRequest);
        }
        Ok(Self {
            reply: Some(reply),
            ..self
        })
    }

    /// Returns whether `reply` may follow the header in a reply.
    #[inline]
    #[must_use]
    pub fn is_answered_by(&self, reply: &[u8]) -> bool {
        match self.reply {
            Some(expected) => reply == expected,
            None => reply.len() <= self.request.len(),
        }
    }
}

/// Keeps `bytes`, which fit a datagram, to the end of the program.
fn kept(bytes: Vec<u8>) -> Result<&'static [u8], ContentError> {
    if bytes.len() > MAX_LEN {
        return Err(ContentError::TooLong(bytes.len()));
    }
    Ok(bytes.leak())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_expected_reply_answers_and_nothing_else() {
        let content = Content {
            request: b"abc",
            reply: Some(b"AB"),
        };
        assert!(content.is_answered_by(b"AB"));
        for other in [&b"ab"[..], b"A", b"ABC", b""] {
            assert!(!content.is_answered_by(other));
        }
    }

    #[test]
    fn any_reply_answers_that_is_no_longer_than_its_request() {
        let content = Content {
            request: b"abc",
            reply: None,
        };
        for reply in [&b""[..], b"x", b"xyz"] {
            assert!(content.is_answered_by(reply));
        }
        assert!(!content.is_answered_by(b"wxyz"));
    }
}
