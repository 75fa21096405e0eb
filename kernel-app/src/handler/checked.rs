//! A handler that is held to what it declares: for tests, since each datagram is copied and compared.

use wire::MAX_JUMBO_PAYLOAD;

use super::{Clients, Handler, Request, Response, Verdict};
use crate::clock::Clock;

/// A handler that panics if the one inside breaks the rules of [`Handler`]: if a reply as long as its request
/// differs from that beyond [`Handler::CHANGES`], or if a datagram that is passed on is not as it was.
///
/// In an image, `serve!(Checked::new(handler))`, the panic's message is on the console and the machine ends.
#[derive(Clone, Copy, Debug)]
pub struct Checked<H> {
    inner: H,
    /// The payload as it came.
    before: [u8; MAX_JUMBO_PAYLOAD],
}

impl<H> Checked<H> {
    /// Holds `inner` to what it declares.
    #[must_use]
    pub const fn new(inner: H) -> Self {
        Self {
            inner,
            before: [0; MAX_JUMBO_PAYLOAD],
        }
    }
}

impl<H: Handler> Handler for Checked<H> {
    const CHANGES: usize = H::CHANGES;
    const CLIENTS: Clients = H::CLIENTS;

    fn is_expected(payload: &[u8]) -> bool {
        H::is_expected(payload)
    }

    /// As the handler inside.
    ///
    /// # Panics
    ///
    /// If that breaks a rule, or the payload is longer than [`MAX_JUMBO_PAYLOAD`].
    fn handle(&mut self, payload: &mut [u8], request: &Request, clock: &impl Clock) -> Response {
        let before = &mut self.before[..payload.len()];
        before.copy_from_slice(payload);
        let response = self.inner.handle(payload, request, clock);
        let kept = match response.verdict {
            Verdict::Reply(len) if len < payload.len() || response.is_rewritten => return response,
            Verdict::Reply(_) => H::CHANGES,
            Verdict::Drop => return response,
            Verdict::Pass => 0,
        };
        let mut bytes = before.iter().zip(&*payload).skip(kept);
        if let Some(at) = bytes.position(|(before, after)| before != after) {
            let at = kept + at;
            panic!("the handler changed byte {at} of a payload, and may change the first {kept}");
        }
        response
    }
}

#[cfg(test)]
mod tests;
