//! A network in virtual time: the service, DHCP servers, other hosts, and what gets lost between them.

use std::collections::BTreeMap;
use std::vec::Vec;

use wire::Configuration;

use super::super::{SECOND_NS, TestServer, exchange, request_frame, start};
use super::lease_audit::LeaseAudit;
use super::virtual_server::{Answer, Conduct, Question};
use crate::frame_device::Link;
use crate::testing::TestClock;

/// Time between two requests to the service.
const CHECK_NS: u64 = 1800 * SECOND_NS;

/// A frame on its way to the service, and the message in it if it is one that a client must heed.
struct Delivery {
    frame: Vec<u8>,
    answer: Option<Answer>,
}

/// Another host's answer to an ARP packet of the service's.
pub type Host = fn(&[u8], u64) -> Option<Vec<u8>>;

pub struct VirtualNetwork {
    service: TestServer,
    clock: TestClock,
    pub now_ns: u64,
    servers: Vec<Conduct>,
    /// Frames that come with each answer: to be ignored.
    noise: fn(&Answer) -> Vec<Vec<u8>>,
    host: Host,
    deliveries: BTreeMap<(u64, u64), Delivery>,
    random: u64,
    loss_per_mille: u64,
    pub audit: LeaseAudit,
    pub announcements: u64,
}

impl VirtualNetwork {
    pub fn new(servers: Vec<Conduct>, loss_per_mille: u64) -> Self {
        let (service, clock) = start("ip=dhcp");
        Self {
            service,
            clock,
            now_ns: 0,
            servers,
            noise: |_| Vec::new(),
            host: |_, _| None,
            deliveries: BTreeMap::new(),
            random: 0x1234_5678_9abc_def1,
            loss_per_mille,
            audit: LeaseAudit::default(),
            announcements: 0,
        }
    }

    /// Returns what the service says of its configuration.
    pub fn configuration(&self) -> Configuration {
        self.service.ready(0).configuration
    }

    pub fn with_noise(self, noise: fn(&Answer) -> Vec<Vec<u8>>) -> Self {
        Self { noise, ..self }
    }

    pub fn with_host(self, host: Host) -> Self {
        Self { host, ..self }
    }

    /// Returns true if a frame gets lost (Marsaglia's xorshift).
    fn is_lost(&mut self) -> bool {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        let is_lost = self.random % 1000 < self.loss_per_mille;
        self.audit.losses += u64::from(is_lost);
        is_lost
    }

    fn deliver(&mut self, delay_ns: u64, frame: Vec<u8>, answer: Option<Answer>) {
        let key = (self.now_ns + delay_ns, self.deliveries.len() as u64);
        let mut key = key;
        while self.deliveries.contains_key(&key) {
            key.1 += 1;
        }
        self.deliveries.insert(key, Delivery { frame, answer });
    }

    /// Takes what the service has sent.
    fn collect(&mut self) {
        while let Some(frame) = self.service.device.outbox.pop_front() {
            if frame[12..14] == [0x08, 0x06] {
                self.announcements +=
                    u64::from(super::super::announcements::is_announcement(&frame));
                if let Some(answer) = (self.host)(&frame, self.now_ns) {
                    self.deliver(SECOND_NS / 1000, answer, None);
                }
            } else if frame[12..14] == [0x08, 0x00] && frame[23] == 17 {
                let question = Question::read(&frame);
                self.audit.sent(question, self.now_ns);
                if !self.is_lost() {
                    self.serve(&question);
                }
            }
        }
    }

    fn serve(&mut self, question: &Question) {
        for index in 0..self.servers.len() {
            for answer in (self.servers[index])(question, self.now_ns) {
                for noise in (self.noise)(&answer) {
                    self.deliver(answer.delay_ns / 2, noise, None);
                }
                if !self.is_lost() {
                    let frame = answer.frame(&answer.message());
                    self.deliver(answer.delay_ns, frame, Some(answer));
                }
            }
        }
    }

    /// Takes the link away and gives it back.
    pub fn interrupt_link(&mut self) {
        self.clock.set(self.now_ns);
        for link in [Link::Down, Link::Up] {
            self.service.device.link = Some(link);
            self.service.check_device().unwrap();
        }
        self.audit.reconnected();
    }

    /// Lets time pass until `end_ns`.
    pub fn run_until(&mut self, end_ns: u64) {
        self.collect();
        let mut check_ns = self.now_ns + CHECK_NS;
        loop {
            let arrival_ns = self.deliveries.first_key_value().map(|(key, _)| key.0);
            let next_ns = self
                .service
                .due_ns
                .min(arrival_ns.unwrap_or(u64::MAX))
                .min(check_ns);
            if next_ns > end_ns {
                self.now_ns = end_ns;
                self.audit.end(end_ns);
                return;
            }
            self.now_ns = next_ns.max(self.now_ns);
            self.clock.set(self.now_ns);
            if arrival_ns == Some(next_ns) {
                let (_, delivery) = self.deliveries.pop_first().unwrap();
                self.service.device.inbox.push_back(delivery.frame);
                if let Some(answer) = delivery.answer {
                    self.audit.received(&answer, self.now_ns);
                } else if self.service.device.inbox[0][12..14] == [0x08, 0x06] {
                    self.audit.is_taken(self.now_ns);
                }
            }
            self.service.poll().unwrap();
            self.collect();
            let address = self
                .service
                .stack
                .addresses()
                .ipv4
                .map(|(address, _)| address);
            assert_eq!(
                address,
                self.audit.address(self.now_ns),
                "at {} ms",
                self.now_ns / 1_000_000
            );
            if next_ns >= check_ns {
                self.check_service();
                check_ns = self.now_ns + CHECK_NS;
            }
        }
    }

    /// The service answers at the address that it has, and at no other.
    fn check_service(&mut self) {
        let own = self.audit.address(self.now_ns);
        for last in [15, 16] {
            let frame = request_frame("192.0.2.1:5", &std::format!("10.0.2.{last}:9000"));
            let is_own = own.is_some_and(|own| own.octets() == [10, 0, 2, last]);
            let answers = exchange(&mut self.service, frame);
            assert_eq!(answers.len(), usize::from(is_own), "at {}", self.now_ns);
        }
    }
}
