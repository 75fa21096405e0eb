//! Answers to datagrams that were copied out of their frames.

use core::marker::PhantomData;

use wire::Counter;
use wire::limits::Limiter;

use crate::clock::Clock;
use crate::handler::{Handler, Request, Verdict};
use crate::services::{Exchange, FixedPorts, Visitor};

/// A datagram whose payload is in a buffer of its own. A visited service answers it there, if that may be:
/// the result is the length of the reply, if there is one, and the counter that counts the datagram.
pub struct CopiedDatagram<'a, C, F> {
    pub payload: &'a mut [u8],
    pub exchange: Exchange<'a>,
    pub request: Request,
    pub limiter: &'a mut Limiter,
    pub clock: &'a C,
    pub fixed: PhantomData<F>,
}

impl<C: Clock, F: FixedPorts> Visitor for CopiedDatagram<'_, C, F> {
    type Output = (Option<usize>, Counter);

    #[inline(always)]
    fn main(self, handler: &mut impl Handler) -> Self::Output {
        self.answer(handler)
    }

    #[inline(always)]
    fn fixed(self, handler: &mut impl Handler) -> Self::Output {
        self.answer(handler)
    }

    fn none(self, _port: u16) -> Self::Output {
        (None, Counter::DroppedSource)
    }
}

impl<C: Clock, F: FixedPorts> CopiedDatagram<'_, C, F> {
    #[inline(always)]
    fn answer<H: Handler>(self, handler: &mut H) -> (Option<usize>, Counter) {
        if self.request.ip.is_none() {
            return (None, Counter::DroppedSource);
        }
        let (source, received_ns) = (self.request.source.ip(), self.request.received_ns);
        let checked = self.exchange.check::<H, F>();
        if let Err(counter) = checked.and_then(|()| self.limiter.admit(source, received_ns)) {
            return (None, counter);
        }
        let response = handler.handle(self.payload, &self.request, self.clock);
        let len = match response.verdict {
            Verdict::Reply(len) => Some(len.min(self.payload.len())),
            // The stack has taken the datagram already.
            Verdict::Drop | Verdict::Pass => None,
        };
        (len, response.counter)
    }
}
