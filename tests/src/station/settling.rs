//! Settling: questions whose answers show that the guest has dealt with all that was sent before.

use std::fmt;

use etherparse::ArpOperation;
use wire::{HEADER_LEN, Header};

use super::{MAC, SETTLING, Station, icmp, request, resolution};
use crate::packet::{self, Body};
use crate::timeouts;

impl Station {
    /// Waits until the guest has dealt with all that was sent to it, and returns the frames that it
    /// sent meanwhile.
    ///
    /// The guest answers in the order of arrival, so it is enough to have a request to the service
    /// and then one to the network stack answered. Nothing is inferred from time, nor is anything asked again.
    ///
    /// # Panics
    ///
    /// If one of the two is not answered: the guest is not well.
    pub fn settle(&mut self) -> Vec<Vec<u8>> {
        self.try_settle()
            .unwrap_or_else(|stalled| panic!("{stalled}"))
    }

    /// The same for who knows more to say of a guest that does not answer.
    ///
    /// # Errors
    ///
    /// [`Stalled`] if one of the two is not answered.
    pub fn try_settle(&mut self) -> Result<Vec<Vec<u8>>, Stalled> {
        self.settled = self.settled.wrapping_add(1);
        let mut flow = match self.guest().ip {
            Some(_) => self.to_service(),
            None => self.to_service_v6(),
        };
        flow.from.set_port(SETTLING);
        let request = request(u64::from(self.settled), HEADER_LEN);
        self.send(&flow.udp(&request));
        // The stack must know where to send its answer, and may have forgotten since.
        self.send(&resolution(&flow));
        self.send(&flow.ping(SETTLING, self.settled, b"settle"));

        let mut answered = Stalled::default();
        let mut others = Vec::new();
        while !(answered.service && answered.stack) {
            let Some(frame) = self.receive(timeouts::ANSWER) else {
                return Err(answered);
            };
            match self.settling_answer(&frame) {
                Some(Settling::Service) => answered.service = true,
                Some(Settling::Stack) => answered.stack = true,
                Some(Settling::Resolution) => {}
                None => others.push(frame),
            }
        }
        Ok(others)
    }

    fn settling_answer(&self, frame: &[u8]) -> Option<Settling> {
        let packet = packet::parse(frame).ok()?;
        match packet.body {
            Body::Udp { to, payload, .. } if to.port() == SETTLING => {
                let header = Header::decode(&payload).ok()?;
                (header.seq == u64::from(self.settled)).then_some(Settling::Service)
            }
            Body::Icmp {
                kind: icmp::ECHO_REPLY | icmp::V6_ECHO_REPLY,
                rest,
                ..
            } => {
                let [a, b] = SETTLING.to_be_bytes();
                let [c, d] = self.settled.to_be_bytes();
                rest.starts_with(&[a, b, c, d]).then_some(Settling::Stack)
            }
            Body::Icmp {
                kind: icmp::NEIGHBOUR_ADVERTISEMENT,
                ..
            } => Some(Settling::Resolution),
            Body::Arp(arp) if arp.operation == ArpOperation::REPLY && packet.to == MAC => {
                Some(Settling::Resolution)
            }
            _ => None,
        }
    }
}

/// A guest that does not answer all that [`Station::settle`] asks: what it has answered.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stalled {
    service: bool,
    stack: bool,
}

impl fmt::Display for Stalled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { service, stack } = self;
        write!(
            f,
            "the guest is not well: service answers: {service}, stack: {stack}"
        )
    }
}

/// Maker of the answer that a frame is, of those that [`Station::settle`] waits for.
enum Settling {
    Service,
    Stack,
    Resolution,
}
