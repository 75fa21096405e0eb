//! Given bytes behind the header, in the place of padding: requests to a service of somebody's own, and
//! what it must answer.

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

impl Content {
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
