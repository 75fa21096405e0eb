//! First contact with a service before a measurement: requests that show the protocol that the service speaks.

use std::net::SocketAddr;

use wire::MAX_JUMBO_PAYLOAD;

use crate::clock;
use crate::experiment::{ExperimentError, Interrupt};
use crate::link::{Link, LinkError};
use crate::load::datagram::Requests;
use crate::load::{Plan, Protocol};

/// Number of requests that a silent service gets.
const TRIES: u64 = 5;
/// Time to wait for the reply to each of them, in nanoseconds.
const TRY_NS: u64 = 200_000_000;

/// Number of replies of another protocol that show that the service speaks that.
const PROOF: u32 = 3;

/// Interval in nanoseconds between checks for an interruption by the user.
const CHECK_INTERVAL_NS: u64 = 20_000_000;

/// Kind of a received datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    /// A reply of this protocol.
    Of(Protocol),
    /// Anything else.
    Other,
}

/// The requests sent so far, and the number of datagrams received.
struct Contact<'a> {
    link: &'a mut dyn Link,
    plan: &'a Plan,
    /// One builder for each protocol that has the same requests, and differs in what is a reply.
    requests: Vec<(Protocol, Requests)>,
    last: Vec<u8>,
    sent_ns: Vec<u64>,
    answers: u64,
}

/// Sends requests of `plan`, at most five, until one is answered, and returns their number. A service that does not
/// answer is no error here: the measurement records the losses.
///
/// # Errors
///
/// [`ExperimentError::OtherProtocol`] if the service at `peer` speaks another protocol than the plan's,
/// [`ExperimentError::Link`] if the link fails, [`ExperimentError::Interrupted`] on an interrupt.
pub fn establish(
    link: &mut dyn Link,
    peer: SocketAddr,
    plan: &Plan,
    interrupt: &Interrupt,
) -> Result<u64, ExperimentError> {
    let mut contact = Contact::new(link, plan);
    let mut others = 0;
    let mut other = None;
    for _ in 0..TRIES {
        contact.send()?;
        let until_ns = clock::now_ns().saturating_add(TRY_NS);
        match contact.answer(until_ns, interrupt)? {
            Some(Answer::Of(protocol)) if protocol == plan.protocol => {
                contact.await_the_rest(interrupt)?;
                return Ok(contact.sent_ns.len() as u64);
            }
            Some(Answer::Of(protocol)) => {
                others += 1;
                other = Some(protocol);
            }
            Some(Answer::Other) | None => {}
        }
        if others >= PROOF {
            break;
        }
    }
    match other {
        Some(speaks) => Err(ExperimentError::OtherProtocol {
            address: peer.to_string(),
            replies: others,
            speaks,
        }),
        None => Ok(contact.sent_ns.len() as u64),
    }
}

/// Sends requests of `plan`, at most five, and returns true if one is answered: the service is there.
///
/// # Errors
///
/// [`ExperimentError::Link`] if the link fails, [`ExperimentError::Interrupted`] on an interrupt.
pub fn is_answered(
    link: &mut dyn Link,
    plan: &Plan,
    interrupt: &Interrupt,
) -> Result<bool, ExperimentError> {
    let mut contact = Contact::new(link, plan);
    for _ in 0..TRIES {
        contact.send()?;
        let until_ns = clock::now_ns().saturating_add(TRY_NS);
        while let Some(answer) = contact.answer(until_ns, interrupt)? {
            if let Answer::Of(_) = answer {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

impl<'a> Contact<'a> {
    fn new(link: &'a mut dyn Link, plan: &'a Plan) -> Self {
        let protocols: &[Protocol] = match plan.protocol {
            Protocol::Fathom | Protocol::Echo => &[Protocol::Fathom, Protocol::Echo],
            Protocol::Stamp => &[Protocol::Stamp],
            Protocol::TwampLight => &[Protocol::TwampLight],
        };
        let requests = protocols.iter().map(|&protocol| {
            let plan = Plan {
                protocol,
                content: None,
                ..*plan
            };
            (protocol, Requests::of_plan(&plan))
        });
        Self {
            link,
            plan,
            requests: requests.collect(),
            last: Vec::new(),
            sent_ns: Vec::new(),
            answers: 0,
        }
    }

    fn send(&mut self) -> Result<(), LinkError> {
        let at_ns = clock::now_ns();
        let seq = self.sent_ns.len() as u64;
        self.sent_ns.push(at_ns);
        if let Some((_, requests)) = self.requests.first_mut() {
            requests.prepare(seq);
            self.last = requests.stamped(at_ns).to_vec();
        }
        // A request that this host refuses to send has no reply: the measurement says why.
        let _ = self.link.send(&self.last)?;
        Ok(())
    }

    /// Waits for the next datagram; `None` if none comes by `until_ns`.
    fn answer(
        &mut self,
        until_ns: u64,
        interrupt: &Interrupt,
    ) -> Result<Option<Answer>, ExperimentError> {
        let mut buffer = [0; MAX_JUMBO_PAYLOAD + 1];
        loop {
            if interrupt.is_set() {
                return Err(ExperimentError::Interrupted);
            }
            let now_ns = clock::now_ns();
            let check_ns = until_ns.min(now_ns.saturating_add(CHECK_INTERVAL_NS));
            if let Some(received) = self.link.receive(&mut buffer, check_ns)? {
                self.answers += 1;
                return Ok(Some(self.read(&buffer[..received.len.min(buffer.len())])));
            }
            if now_ns >= until_ns {
                return Ok(None);
            }
        }
    }

    fn read(&self, datagram: &[u8]) -> Answer {
        let answers = |(_, requests): &&(Protocol, Requests)| {
            let header = requests.read(datagram, self.sent_ns.len() as u64);
            header.is_some_and(|header| {
                let seq = usize::try_from(header.seq).ok();
                let sent_ns = seq.and_then(|seq| self.sent_ns.get(seq));
                sent_ns.is_some_and(|&sent_ns| requests.is_echoed_by(&header, sent_ns, datagram))
            })
        };
        match self.requests.iter().find(answers) {
            Some(&(protocol, _)) => Answer::Of(protocol),
            None if datagram == self.last => Answer::Of(Protocol::Echo),
            None => Answer::Other,
        }
    }

    /// Waits for the replies to earlier requests, which would otherwise arrive during the measurement.
    fn await_the_rest(&mut self, interrupt: &Interrupt) -> Result<(), ExperimentError> {
        let until_ns = clock::now_ns().saturating_add(TRY_NS.min(self.plan.timeout_ns));
        while self.answers < self.sent_ns.len() as u64
            && self.answer(until_ns, interrupt)?.is_some()
        {}
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;
    use crate::link::{Received, Sent};
    use crate::load::Limit;

    /// A service that answers each request with `answers`, at once.
    struct Service<F> {
        answers: F,
        waiting: VecDeque<Vec<u8>>,
        requests: u64,
    }

    impl<F: FnMut(u64, &[u8]) -> Vec<Vec<u8>>> Link for Service<F> {
        fn name(&self) -> &'static str {
            "service"
        }

        fn send(&mut self, datagram: &[u8]) -> Result<Sent, LinkError> {
            let answers = (self.answers)(self.requests, datagram);
            self.requests += 1;
            self.waiting.extend(answers);
            Ok(Sent::Out)
        }

        fn receive(
            &mut self,
            buffer: &mut [u8],
            deadline_ns: u64,
        ) -> Result<Option<Received>, LinkError> {
            let at_ns = clock::now_ns();
            let Some(answer) = self.waiting.pop_front() else {
                let left_ns = deadline_ns.saturating_sub(at_ns);
                std::thread::sleep(std::time::Duration::from_nanos(left_ns));
                return Ok(None);
            };
            buffer[..answer.len()].copy_from_slice(&answer);
            let len = answer.len();
            Ok(Some(Received { len, at_ns }))
        }
    }

    fn contact(
        protocol: Protocol,
        answers: impl FnMut(u64, &[u8]) -> Vec<Vec<u8>>,
    ) -> (Result<u64, ExperimentError>, usize) {
        let mut service = Service {
            answers,
            waiting: VecDeque::new(),
            requests: 0,
        };
        let plan = Plan {
            measure: Limit::NOTHING,
            seed: 3,
            protocol,
            ..Plan::FIXTURE
        };
        let peer = ([127, 0, 0, 1], 7007).into();
        let made = establish(&mut service, peer, &plan, &Interrupt::default());
        (made, service.waiting.len())
    }

    fn echo(_: u64, request: &[u8]) -> Vec<Vec<u8>> {
        vec![request.to_vec()]
    }

    fn fathom(_: u64, request: &[u8]) -> Vec<Vec<u8>> {
        let mut reply = request.to_vec();
        let _ = wire::handle(&mut reply, 7, 1, || 2);
        vec![reply]
    }

    #[test]
    fn a_service_that_is_gone_answers_no_more() {
        let is_answered = |answers: fn(u64, &[u8]) -> Vec<Vec<u8>>| {
            let mut service = Service {
                answers,
                waiting: VecDeque::from([b"late".to_vec()]),
                requests: 0,
            };
            super::is_answered(&mut service, &Plan::FIXTURE, &Interrupt::default()).unwrap()
        };
        assert!(is_answered(fathom));
        assert!(is_answered(|number, request| match number {
            0 => Vec::new(),
            number => fathom(number, request),
        }));
        assert!(!is_answered(|_, _| Vec::new()));
    }

    #[test]
    fn a_service_that_speaks_the_protocol_gets_one_request() {
        assert_eq!(contact(Protocol::Fathom, fathom).0.unwrap(), 1);
        assert_eq!(contact(Protocol::Echo, echo).0.unwrap(), 1);
    }

    fn stamp(_: u64, request: &[u8]) -> Vec<Vec<u8>> {
        let mut reply = request.to_vec();
        let arrival = wire::stamp::Arrival {
            source: ([127, 0, 0, 1], 7).into(),
            own: ([127, 0, 0, 1], 862).into(),
            received_ns: 1,
            hop_limit: None,
            traffic_class: None,
        };
        let mut reflector = wire::stamp::Reflector::new(None, None);
        let clock = wire::stamp::ClockState::SINCE_BOOT;
        let _ = reflector.reflect(&mut reply, &arrival, clock, || 2);
        vec![reply]
    }

    #[test]
    fn a_reflector_gets_one_request_and_an_echo_is_recognised() {
        for protocol in [Protocol::Stamp, Protocol::TwampLight] {
            assert_eq!(contact(protocol, stamp).0.unwrap(), 1);
            let error = contact(protocol, echo).0.unwrap_err();
            assert!(error.to_string().contains("`--protocol echo`"), "{error}");
        }
        // Another protocol's request is none to a reflector of ours, which is silent.
        assert_eq!(
            contact(Protocol::Stamp, |_, _| Vec::new()).0.unwrap(),
            TRIES
        );
    }

    #[test]
    fn a_plain_echo_is_recognised_and_so_is_fathoms_service() {
        let error = contact(Protocol::Fathom, echo).0.unwrap_err();
        let text = error.to_string();
        assert!(text.contains("127.0.0.1:7007"), "{text}");
        assert!(text.contains("sends requests back unchanged"), "{text}");
        assert!(text.contains("`--protocol echo`"), "{text}");
        let error = contact(Protocol::Echo, fathom).0.unwrap_err();
        assert!(error.to_string().contains("`--protocol echo`"), "{error}");
    }

    #[test]
    fn a_first_request_may_be_lost_and_answers_that_come_late_are_waited_for() {
        // The second request is answered with the first one's reply as well.
        let mut first = Vec::new();
        let late = |number, request: &[u8]| {
            if number == 0 {
                first = fathom(0, request);
                return Vec::new();
            }
            [first.clone(), fathom(1, request)].concat()
        };
        let (made, left) = contact(Protocol::Fathom, late);
        assert_eq!((made.unwrap(), left), (2, 0));
    }

    #[test]
    fn silence_and_noise_are_no_errors() {
        let noise = |_, _: &[u8]| vec![b"noise".to_vec()];
        assert_eq!(contact(Protocol::Fathom, noise).0.unwrap(), TRIES);
        assert_eq!(contact(Protocol::Echo, |_, _| Vec::new()).0.unwrap(), TRIES);
    }
}
