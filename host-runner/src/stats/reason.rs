//! Reasons why a run, or a percentile of it, does not mean what it seems to: codes with their numbers, of
//! which prose is made. Nothing reads the prose.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::quantity::{count, share, time};

/// Code of a reason.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// The user broke the run off.
    Interrupted,
    /// The machine or the link failed.
    Failed,
    /// Nothing was received.
    NothingReceived,
    /// Replies came from another boot of the service.
    ForeignBoot,
    /// Latencies were beyond what a histogram holds.
    Saturated,
    /// The generator sent late.
    Late,
    /// The host took a CPU of the measurement away.
    Host,
    /// The measuring thread had the CPU of a thread in a request's way, as they share it.
    SharedCpu,
    /// The hypervisor took CPU time away.
    Steal,
    /// The instrument dropped requests itself.
    Dropped,
    /// Requests were lost.
    Censored,
    /// Too few requests for the percentile.
    Few,
    /// Too few separate stalls make up the requests beyond the percentile.
    FewStalls,
    /// Latency had not settled when warm-up ended.
    Unsettled,
    /// The rate of the guest's clock changed, by this share at the least; service times are void if they
    /// are spoilt by it.
    GuestClock,
}

impl Code {
    /// Returns true for a fault of the run as a whole, whatever percentile is asked for.
    #[must_use]
    pub const fn is_structural(self) -> bool {
        match self {
            Self::Interrupted
            | Self::Failed
            | Self::NothingReceived
            | Self::ForeignBoot
            | Self::Saturated => true,
            Self::Late
            | Self::Host
            | Self::SharedCpu
            | Self::Steal
            | Self::Dropped
            | Self::Censored
            | Self::Few
            | Self::FewStalls
            | Self::Unsettled
            | Self::GuestClock => false,
        }
    }

    /// Returns what to do about it; `None` where nothing helps but to look into the failure.
    #[must_use]
    pub const fn advice(self) -> Option<&'static str> {
        match self {
            Self::Interrupted | Self::Failed | Self::NothingReceived => None,
            Self::ForeignBoot => Some("measure again, once the service stays up"),
            Self::Saturated => Some("lower `--timeout`"),
            Self::Late => Some(
                "lower `--rate`, use `--link tap`, where nobody polls, or a host with three CPUs or more",
            ),
            Self::Host => {
                Some("end what else runs (`fathom doctor` names it), or use a host with more CPUs")
            }
            Self::SharedCpu => Some(
                "use a host with three CPUs or more, so that QEMU's main loop has one of its own",
            ),
            Self::Steal => {
                Some("use a host whose CPUs no other virtual machine has, or another time of day")
            }
            Self::Dropped => Some("lower `--rate`"),
            Self::Censored => Some("lower the load, or find out where requests are lost"),
            Self::Few | Self::FewStalls => Some("measure for longer"),
            Self::Unsettled | Self::GuestClock => Some("warm up for longer with `--warmup`"),
        }
    }
}

/// A thread in a request's way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Thread {
    /// The one that measures.
    Measuring,
    /// The one that answers: the virtual CPU's, the process's, the reflector's.
    Answering,
    /// The one that carries messages between both: QEMU's main loop.
    Carrying,
}

impl fmt::Display for Thread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Measuring => "measuring",
            Self::Answering => "answering",
            Self::Carrying => "carrying",
        })
    }
}

/// User of a CPU that a thread in a request's way wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TakenBy {
    /// Other threads of this host, the kernel's own among them, but none of the target's.
    Programs,
    /// Interruptions without the scheduler: interrupts, and other virtual machines.
    Interrupts,
    /// Other virtual machines, by the kernel's account of steal.
    Hypervisor,
}

/// One reason, with its numbers; those that do not apply are absent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Reason {
    /// Code of the reason.
    pub code: Code,
    /// Name of the lowest percentile that it applies to, such as `p99`; absent if it is the whole run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percentile: Option<String>,
    /// A time in nanoseconds: how late, or for how long in all a thread was kept off its CPU by `by`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ns: Option<u64>,
    /// A share, from 0 to 1: of the percentile's value, of the requests beyond it, or of CPU time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<f64>,
    /// A number of requests, samples, stalls or ticks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// For `host`, the thread whose gaps can have hit the most of those requests; for `shared_cpu`, the one
    /// that waited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread: Option<Thread>,
    /// Thread or interrupt that had that thread's CPU meanwhile, for `host`; absent if the kernel does not report it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<TakenBy>,
    /// Words of another program or of the system, for `failed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

impl Reason {
    /// Returns a reason that is its code and nothing else.
    #[must_use]
    pub const fn of(code: Code) -> Self {
        Self {
            code,
            percentile: None,
            ns: None,
            share: None,
            count: None,
            thread: None,
            by: None,
            text: None,
        }
    }

    /// The same for the percentile called `name`.
    #[must_use]
    pub fn at(self, name: &str) -> Self {
        Self {
            percentile: Some(name.to_owned()),
            ..self
        }
    }
}

impl fmt::Display for Reason {
    /// The kind of reason, and after a colon its numbers.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percentile = self.percentile.as_deref().unwrap_or("the run");
        let number = self.count.unwrap_or_default();
        let part = self.share.unwrap_or_default();
        match self.code {
            Code::Interrupted => f.write_str("interrupted"),
            Code::Failed => f.write_str(self.text.as_deref().unwrap_or("failed")),
            Code::NothingReceived => f.write_str("nothing was received"),
            Code::ForeignBoot => write!(
                f,
                "the service was restarted: replies from another boot: {}",
                count(number)
            ),
            Code::Saturated => write!(
                f,
                "latencies beyond what a histogram holds: {}",
                count(number)
            ),
            Code::Late => write!(
                f,
                "the generator was late: {} of {percentile} of latency, {}",
                time(self.ns.unwrap_or_default() as f64),
                share(part)
            ),
            Code::Host => {
                let who = match self.by {
                    Some(TakenBy::Programs) => "other programs",
                    Some(TakenBy::Interrupts) => "interrupts or other virtual machines",
                    Some(TakenBy::Hypervisor) => "other virtual machines",
                    None => "others",
                };
                match (self.thread, self.ns) {
                    (Some(thread), Some(ns)) => write!(
                        f,
                        "{who} had the {thread} thread's CPU for {} in all",
                        time(ns as f64)
                    ),
                    _ => write!(f, "{who} had the CPU"),
                }?;
                write!(
                    f,
                    ": the host's gaps can account for {} of the requests beyond {percentile}",
                    share(part)
                )
            }
            Code::SharedCpu => write!(
                f,
                "the measuring thread had the {} thread's CPU for up to {}: that can account for {} of \
                 the requests beyond {percentile}",
                self.thread.unwrap_or(Thread::Carrying),
                time(self.ns.unwrap_or_default() as f64),
                share(part)
            ),
            Code::Steal => write!(
                f,
                "the hypervisor had the CPU: {} of the time of a CPU in use (steal)",
                share(part)
            ),
            Code::Dropped => write!(
                f,
                "the instrument did not get requests out: {}, over a tenth of those beyond {percentile}",
                count(number)
            ),
            Code::Censored => write!(
                f,
                "requests were lost: {}, so {percentile} is at least the timeout",
                count(number)
            ),
            Code::Few => write!(
                f,
                "there were too few requests: {} for {percentile}",
                count(number)
            ),
            Code::FewStalls => write!(
                f,
                "there were too few separate stalls: {} beyond {percentile}",
                count(number)
            ),
            Code::Unsettled => f.write_str("latency had not settled when warm-up ended"),
            Code::GuestClock => write!(
                f,
                "the rate of the guest's clock changed by {} or more",
                share(part)
            ),
        }
    }
}
