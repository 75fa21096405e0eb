//! The timestamp protocol ([`wire`]) around another service.
//!
//! A request begins with the protocol's header; the inner handler gets what follows. The receive time
//! is taken before it runs and the transmit time after, so their difference is its time.

use wire::status::{self, Status};
use wire::{Counter, HEADER_LEN, Kind, MAGIC, VERSION};

use super::{Clients, Echo, Handler, Request, Response, Verdict};
use crate::clock::Clock;
use crate::logging::LogSettings;
use crate::shared_counters::SharedCounters;

/// A handler of the timestamp protocol, with another service inside.
#[derive(Clone, Copy, Debug)]
pub struct Timestamp<H> {
    inner: H,
    boot_id: u32,
    status: Option<StatusSource>,
    log: Option<&'static LogSettings>,
}

/// Sources of a status reply.
#[derive(Clone, Copy, Debug)]
struct StatusSource {
    counters: &'static SharedCounters,
    version: [u8; status::VERSION_LEN],
}

impl Timestamp<Echo> {
    /// Creates the service that has nothing to do but stamp. Replies carry `boot_id`.
    #[must_use]
    pub const fn new(boot_id: u32) -> Self {
        Self::around(Echo, boot_id)
    }
}

impl<H> Timestamp<H> {
    /// Creates the protocol's handler around `inner`. Replies carry `boot_id`.
    #[must_use]
    pub const fn around(inner: H, boot_id: u32) -> Self {
        Self {
            inner,
            boot_id,
            status: None,
            log: None,
        }
    }

    /// Answers status requests too: with the image's `version`, and with `counters` as of the last poll that
    /// did something.
    #[must_use]
    pub fn with_status(self, counters: &'static SharedCounters, version: &str) -> Self {
        let version = status::version(version);
        Self {
            status: Some(StatusSource { counters, version }),
            ..self
        }
    }

    /// Answers log requests too, which show `settings` and change them; a status has them as well.
    #[must_use]
    pub fn with_log(self, settings: &'static LogSettings) -> Self {
        Self {
            log: Some(settings),
            ..self
        }
    }

    /// Answers what is no request: a status request, a log request, another version's, or nothing at all.
    #[cold]
    #[inline(never)]
    #[cfg_attr(target_os = "none", optimize(size))]
    fn refuse(&self, payload: &mut [u8], received_ns: u64, clock: &impl Clock) -> Response {
        let verdict = wire::handler::refuse(payload);
        let counter = verdict.counter();
        match (verdict, &self.status) {
            (wire::Verdict::Reply | wire::Verdict::Unsupported, _) => {
                Response::reply(payload.len()).counted_as(counter)
            }
            (wire::Verdict::Status, Some(source)) => {
                // The clock began at the boot.
                let status = Status {
                    uptime_ns: received_ns,
                    version: source.version,
                    counters: source.counters.read(),
                    log: self.log.map(LogSettings::get),
                };
                let transmit_ns = || clock.stamp_ns();
                status::answer(payload, &status, self.boot_id, received_ns, transmit_ns);
                let reply = Response::reply(payload.len()).counted_as(counter);
                reply.rewritten()
            }
            (wire::Verdict::LogControl, _) => {
                let Some(log) = self.log else {
                    return Response::DROP;
                };
                let transmit_ns = || clock.stamp_ns();
                let counter = log.answer(payload, self.boot_id, received_ns, &transmit_ns);
                match counter {
                    Counter::LogReplies => Response::reply(payload.len()).rewritten(),
                    _ => Response::DROP,
                }
                .counted_as(counter)
            }
            (wire::Verdict::Status, None) => Response::DROP,
            (wire::Verdict::Drop(_), _) => Response::DROP.counted_as(counter),
        }
    }
}

/// First bytes of a request of this version: magic, version, kind.
const REQUEST: [u8; 6] = {
    let [a, b, c, d] = MAGIC;
    [a, b, c, d, VERSION, Kind::Request.as_byte()]
};

impl<H: Handler> Handler for Timestamp<H> {
    const CHANGES: usize = HEADER_LEN.saturating_add(H::CHANGES);

    /// Requests alone are answered, and no reply is one.
    const CLIENTS: Clients = Clients::AnyPort;

    /// Requests of this version alone: the inner handler answers those.
    #[inline(always)]
    fn is_expected(payload: &[u8]) -> bool {
        let Some((header, inner)) = payload.split_first_chunk::<HEADER_LEN>() else {
            return false;
        };
        header[..REQUEST.len()] == REQUEST && H::is_expected(inner)
    }

    #[inline(always)]
    fn handle(&mut self, payload: &mut [u8], request: &Request, clock: &impl Clock) -> Response {
        let Some((header, inner)) = wire::handler::split_request(payload) else {
            return self.refuse(payload, request.received_ns, clock);
        };
        let response = self.inner.handle(inner, request, clock);
        let Verdict::Reply(len) = response.verdict else {
            return response;
        };
        wire::handler::make_reply(header, self.boot_id, request.received_ns, || {
            clock.stamp_ns()
        });
        Response {
            verdict: Verdict::Reply(HEADER_LEN + len),
            counter: Counter::Replied,
            ..response
        }
    }
}

#[cfg(test)]
mod tests;
