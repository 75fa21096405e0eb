//! The measurement of a service that is already running, wherever it runs.
//!
//! - [`endpoint`]: addresses of the service and of its client; [`service_address`]: the former as it is written;
//! - [`targets`]: the same of several services, without an end; [`target_list`]: a file that names them;
//!   [`continuous_options`]: options that mean nothing there;
//! - [`contact`]: the protocol that the service speaks;
//! - [`status_query`]: what the service reports of itself; [`log_control`]: its log; [`exchange`]: a request and its
//!   reply, for both.

use std::fmt;
use std::net::SocketAddr;

use super::exclusive::ExclusiveHost;
use super::measure::{Conditions, measure};
use super::progress::Subject;
use super::sweep::{Ladder, Runs};
use super::{Caller, ExperimentError, HostSpec, Results, Validity, generator};
use crate::clock;
use crate::host::kernel_counters::Threads;
use crate::link::dscp::Dscp;
use crate::link::flows::Flows;
use crate::link::source::Source;
use crate::link::udp::UdpLink;
use crate::link::{Family, Link};
use crate::load::{Arrivals, Plan, PlanError, Tally};
use crate::quantity;
use crate::record::run::{ClientLabels, Readings};
use crate::record::{RunFacts, RunLabels};
use crate::sut::LinkChoice;

pub mod contact;
pub mod continuous_options;
pub mod endpoint;
pub mod exchange;
pub mod log_control;
pub mod service_address;
pub mod status_query;
pub mod target_list;
pub mod targets;

use endpoint::NumericAddress;

/// Name in records of a service that was not started for the measurement.
pub(super) const TARGET: &str = "remote";

/// Name in records of the link to it, an ordinary socket.
pub(super) const LINK: &str = "udp";

/// Specification of the measurement of a running service, or of a sweep of its load.
#[derive(Clone, Debug)]
pub struct ProbeSpec {
    /// The service, as HOST:PORT.
    pub address: String,
    /// The client.
    pub client: ClientSpec,
    /// The load, with the protocol of the service; of a sweep, that of the pipeline which comes first.
    pub plan: Plan,
    /// Arrivals of a sweep's open loops; `None` for a single measurement.
    pub sweep: Option<Arrivals>,
    /// Requirements that the result has to meet.
    pub validity: Validity,
    /// Conditions on this host.
    pub host: HostSpec,
}

/// A client on ordinary sockets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientSpec {
    /// Source address and first source port; `None` for the choice of this host.
    pub bind: Option<NumericAddress>,
    /// Network device that requests leave by; `None` for the choice of the routes.
    pub interface: Option<String>,
    /// Number of source ports, which send in turn.
    pub flows: u16,
    /// Class of requests; `None` for the default one.
    pub dscp: Option<Dscp>,
}

/// The measurement of a service that has been reached, on a host that is free for it.
pub struct Probe<'a> {
    spec: &'a ProbeSpec,
    peer: SocketAddr,
    link: Box<dyn Link>,
    /// Number of requests before the measurement.
    first_requests: u64,
    host: ExclusiveHost,
}

impl<'a> Probe<'a> {
    /// Resolves the address, opens a link, checks the protocol of the service, and waits for the host.
    ///
    /// # Errors
    ///
    /// [`ExperimentError::Resolve`] or [`ExperimentError::Address`] if an address can't be used,
    /// [`ExperimentError::Link`] if no socket can be opened, [`ExperimentError::Plan`] if a request takes more than
    /// one packet, [`ExperimentError::OtherProtocol`] if the service speaks another protocol,
    /// [`ExperimentError::Lock`] if the host is taken, [`ExperimentError::Interrupted`] on an interrupt.
    pub fn prepare(spec: &'a ProbeSpec, caller: Caller<'_>) -> Result<Self, ExperimentError> {
        let ClientSpec {
            bind, interface, ..
        } = &spec.client;
        let from = bind.as_ref().map(|bind| bind.ip);
        let peer = endpoint::resolve(&spec.address, interface.as_deref(), from)?;
        let (mut link, path_mtu) = connect(&spec.client, peer)?;
        check_payload(&spec.plan, peer, path_mtu)?;
        let first_requests = contact::establish(link.as_mut(), peer, &spec.plan, caller.interrupt)?;
        let host = ExclusiveHost::take(&spec.host, None, caller)?;
        Ok(Self {
            spec,
            peer,
            link,
            first_requests,
            host,
        })
    }

    /// Measures the service, and writes the results to `results`.
    ///
    /// # Errors
    ///
    /// Those of [`Runs::conclude`].
    pub fn carry_out(
        mut self,
        results: &dyn Results,
        caller: Caller<'_>,
    ) -> Result<(), ExperimentError> {
        let spec = self.spec;
        let (_cpu_latency, environment) = self.host.examine();
        let labels = RunLabels {
            target: TARGET.to_owned(),
            address: self.peer.to_string(),
            link: self.link.name().to_owned(),
            client: ClientLabels {
                bind: spec.client.bind.as_ref().map(ToString::to_string),
                interface: spec.client.interface.clone(),
                flows: spec.client.flows,
                dscp: spec.client.dscp.map(Dscp::number),
            },
            ..RunLabels::default()
        };
        let ladder = spec.sweep.map(|arrivals| Ladder {
            arrivals,
            // A socket of this host's as well, on whichever CPU.
            generator: generator::limits(LinkChoice::Loopback, None, &spec.plan, arrivals),
        });
        let mut silence = None;
        let mut runs = Runs::new(environment, results, caller.monitor);
        runs.measure(&spec.plan, ladder, |plan, position| {
            let live_view = caller.monitor.subject(&Subject {
                target: &spec.address,
                link: &labels.link,
                position,
                plan,
                cpus: None,
                thread: rustix::thread::gettid(),
            });
            let conditions = Conditions {
                settle_ns: None,
                boot_id: None,
                threads: Threads::default(),
                validity: spec.validity,
                observed: None,
                keeper: None,
                own_threads: &|| None,
                health: &|| Ok(()),
                caller,
            };
            let measured = measure(plan, &conditions, self.link.as_mut());
            silence = Silence::at_the_end_of(&measured.tally, clock::now_ns());
            let run = measured.record(RunFacts {
                labels: RunLabels {
                    live_view,
                    ..labels.clone()
                },
                position,
                plan,
                readings: Readings {
                    // The first requests of all are warm-up, once.
                    first_requests: std::mem::take(&mut self.first_requests),
                    ..Readings::default()
                },
                percentiles: results.percentiles(),
            });
            (run, measured)
        });
        runs.measured_beside(self.host.others());
        if let Some(silence) = silence
            && let Ok(false) =
                contact::is_answered(self.link.as_mut(), &spec.plan, caller.interrupt)
        {
            caller.monitor.message(&format_args!(
                "the service at {} does not answer any more: {silence}",
                self.peer
            ));
        }
        runs.conclude()
    }
}

/// Time without an answer before the end of a measurement, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Silence(u64);

impl Silence {
    /// Returns the silence before `now_ns`, the end of a measurement; `None` if every request was answered, or none.
    fn at_the_end_of(tally: &Tally, now_ns: u64) -> Option<Self> {
        let unanswered = tally.lost + tally.dropped_locally + tally.send_errors.lasting();
        let is_known = tally.received > 0 && unanswered > 0;
        is_known.then(|| Self(now_ns.saturating_sub(tally.last_reply_ns)))
    }
}

impl fmt::Display for Silence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = quantity::time(self.0 as f64);
        write!(
            f,
            "the last answer came {length} before the end of the measurement"
        )
    }
}

/// Opens a link to `peer`, and returns it with the longest packet that the path is believed to carry, in bytes.
fn connect(
    client: &ClientSpec,
    peer: SocketAddr,
) -> Result<(Box<dyn Link>, Option<u32>), ExperimentError> {
    let interface = client.interface.as_deref();
    let bound = |bind| endpoint::source(bind, interface, peer);
    let source = Source {
        address: client.bind.as_ref().map(bound).transpose()?,
        interface: client.interface.clone(),
        dscp: client.dscp,
    };
    Ok(if client.flows > 1 {
        let link = Flows::connect_from(LINK, &source, client.flows, peer)?;
        let path_mtu = link.path_mtu();
        (Box::new(link), path_mtu)
    } else {
        let link = UdpLink::connect_from(LINK, &source, peer)?;
        let path_mtu = link.path_mtu();
        (Box::new(link), path_mtu)
    })
}

/// Refuses a payload that takes more than one packet: the service answers no fragments.
fn check_payload(plan: &Plan, peer: SocketAddr, path_mtu: Option<u32>) -> Result<(), PlanError> {
    let family = if endpoint::is_ipv4(peer) {
        Family::V4
    } else {
        Family::V6
    };
    plan.check_packet(family, path_mtu)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silence_is_one_only_after_answers_and_losses() {
        let tally = |received, lost| Tally {
            received,
            lost,
            last_reply_ns: 1_000_000_000,
            ..Tally::default()
        };
        let silence = |tally: Tally| Silence::at_the_end_of(&tally, 3_500_000_000);
        assert_eq!(silence(tally(10, 0)), None);
        assert_eq!(silence(tally(0, 10)), None);
        let text = silence(tally(10, 1)).unwrap().to_string();
        assert!(text.contains("came 2.50 s before the end"), "{text}");
    }

    #[test]
    fn a_payload_is_no_longer_than_a_packet_of_the_services_family() {
        let check = |address: &str, payload_len, path_mtu| {
            let plan = Plan {
                payload_len,
                ..Plan::FIXTURE
            };
            let peer = endpoint::resolve(address, None, None).unwrap();
            check_payload(&plan, peer, path_mtu)
        };
        let v4 = "127.0.0.1:9";
        for v6 in ["[::1]:9", "[2001:db8::1]:9"] {
            for (longest, path_mtu) in [
                (1452, None),
                (1452, Some(1500)),
                (8952, Some(9000)),
                (9168, Some(9216)),
                (9168, Some(65_536)),
            ] {
                assert_eq!(check(v6, longest, path_mtu), Ok(()));
                let error = check(v6, longest + 1, path_mtu).unwrap_err();
                let expected = format!("44 to {longest}");
                assert!(error.to_string().contains(&expected), "{error}");
            }
        }
        for v4 in [v4, "[::ffff:127.0.0.1]:9"] {
            assert_eq!(check(v4, 1472, None), Ok(()));
            assert!(check(v4, 1473, None).is_err());
            assert_eq!(check(v4, 8972, Some(9000)), Ok(()));
            assert!(check(v4, 8973, Some(9000)).is_err());
            assert_eq!(check(v4, 9188, Some(65_536)), Ok(()));
        }
        // A tunnel on the path.
        let error = check(v4, 1393, Some(1420)).unwrap_err();
        assert!(error.to_string().contains("44 to 1392"), "{error}");
        assert_eq!(check(v4, 1392, Some(1420)), Ok(()));
    }
}
