//! The path without the reflector (boot argument `path=smoltcp`): every frame goes through the stack.
#![forbid(unsafe_code)]

use core::marker::PhantomData;

use wire::Counter;

use super::copied::CopiedDatagram;
use super::counting::action;
use super::{BURST, Server, ServerError};
use crate::clock::Clock;
use crate::frame_device::{Disposition, FrameDevice};
use crate::handler::{Handler, IpFields, Request};
use crate::net::priority_tag;
use crate::net::reflector;
use crate::net::stack::Intercepted;
use crate::services::{Exchange, FixedPorts, Services};

impl<D, C, M, F> Server<'_, D, C, Services<M, F>>
where
    D: FrameDevice,
    C: Clock,
    M: Handler,
    F: FixedPorts,
{
    /// Answers the frames that have come, each by the stack; its answer goes out before the next is looked at. Returns
    /// that nothing is left to be done.
    #[inline(never)]
    pub(super) fn answer_burst_by_stack(&mut self) -> Result<bool, ServerError> {
        for _ in 0..BURST {
            let mut received_ns = 0;
            let mut is_plain = false;
            let mut intercepted = Intercepted::Passed;
            let mut ip = None;
            let offered = self.device.offer(|frame| {
                priority_tag::remove(frame);
                ip = reflector::ip_fields(frame);
                received_ns = self.clock.stamp_ns();
                is_plain = reflector::is_plain(frame, self.stack.addresses().mac.octets());
                intercepted = self.stack.intercept(frame, received_ns);
                action(intercepted)
            });
            if offered == Disposition::NoFrame {
                break;
            }
            // A socket's datagrams and what the stack refuses: nothing here is in a hurry.
            self.has_rare_counts = true;
            if let Intercepted::Refused(counter) = intercepted {
                self.counters.add(counter);
            }
            self.stack.receive(&mut self.device, received_ns);
            self.answer_datagrams(received_ns, ip.filter(|_| is_plain));
            self.run_stack()?;
        }
        Ok(false)
    }

    /// Answers the datagrams that the stack made of one frame. `ip` are the fields of its IP header that
    /// no socket reports, if it was plain ([`reflector::is_plain`]); else nothing is answered.
    fn answer_datagrams(&mut self, received_ns: u64, ip: Option<IpFields>) {
        while let Some(datagram) = self.stack.take_datagram(self.payload) {
            self.counters.datagrams_received += 1;
            let copied = CopiedDatagram {
                payload: &mut self.payload[..datagram.len],
                exchange: Exchange {
                    own: self.stack.addresses(),
                    main_port: self.services.port,
                    source: datagram.source,
                    destination: datagram.destination,
                },
                request: Request {
                    port: datagram.port,
                    destination: datagram.destination,
                    source: datagram.source,
                    received_ns,
                    ip,
                },
                limiter: self.limiter,
                clock: &self.clock,
                fixed: PhantomData::<F>,
            };
            let (len, counter) = self.services.visit(datagram.port, copied);
            let is_sent =
                len.is_none_or(|len| self.stack.send_back(&datagram, &self.payload[..len]));
            let counter = if is_sent {
                counter
            } else {
                Counter::DroppedTransmit
            };
            self.counters.add(counter);
        }
    }
}
