//! Instructions of the guest per echo, at full load.
//!
//! QEMU counts them ([`COUNTING`]): one instruction takes one nanosecond of the guest's time, so the
//! difference of two of its time stamps is the number of instructions in between, exactly and on any machine.
//! (Linux calibrates its time stamp counter itself, which counts the instructions: to 999.993 MHz by the timer
//! chip and then to 1000.000 MHz.)
//!
//! The count covers all that the guest does between receiving one request and receiving the next: system
//! calls, scheduler, interrupts, timer, and the reception of as many frames as it answers. The next request is
//! always there before the one before it is answered, so that no instruction is spent on waiting. As many
//! requests are in flight as the guest takes without loss ([`FeedRate`]), so that a guest that receives many
//! frames at a time, as Linux does, has the full advantage of that. A busy host may send too late all the same,
//! and a guest may lose a request: echoes around either are not counted.
//!
//! The figure is a median over windows, few of which contain a timer tick: ticks are trimmed, which favours a
//! guest that has them by up to a hundredth. Each iteration of a `rep movs` counts, which is one instruction on
//! hardware. A kernel that patches itself by the CPU model is counted with that model (`--cpu`, by default
//! `max`; the command line is in the record).

use std::time::{Duration, Instant};

use super::{CostError, EchoClient};

/// QEMU's arguments that make it count instructions. The accelerator must be TCG.
pub const COUNTING: [&str; 2] = ["-icount", "shift=0"];

/// Boot argument of a Hermit image whose instructions are counted: its time stamp counter runs at 1 GHz, not
/// at the host's frequency. A measurement by the guest would yield an inexact value.
pub const HERMIT_CLOCK: &str = "tsc_khz=1000000";

/// Rule by which requests are fed to a guest to keep it busy. Counts are in requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeedRate {
    /// Requests that are sent together.
    burst: u64,
    /// Most requests in flight at which the next burst is sent.
    low_watermark: u64,
    /// With fewer requests in flight than this the guest may have to wait, for the next request or for the
    /// notification of it.
    starvation_threshold: u64,
    /// Echoes that are counted together: work that is done once for a burst is in a window in proportion, and
    /// so is work that is done whenever the link reports another 16 replies.
    window: usize,
    /// Duration of a wait for the guest after which the client sleeps.
    sleep_after: Duration,
}

impl FeedRate {
    /// For a guest that loses no request that its receive ring holds. Two bursts at most are in flight;
    /// with the 16 replies that the link may hold back before it reports them, they fill the unikernel's 64
    /// buffers: one more, and a request would wait outside of the ring, unseen by the guest.
    pub const RING: Self = Self {
        burst: 24,
        low_watermark: 24,
        starvation_threshold: 12,
        window: 48,
        sleep_after: Duration::from_micros(300),
    };

    /// For Hermit's own sockets: their kernel empties the ring into a socket with four places, and drops
    /// requests that find none. smoltcp may need one place itself, at the end of the socket's buffer
    /// (`PacketBuffer`). So three requests are in flight, one in the service's hands and two behind it.
    ///
    /// Requests are sent one by one, as they are answered: of requests that arrive together, all are received
    /// before the first is answered, and the time between their stamps is an echo without its reception, some
    /// two thirds of the whole. With so few in flight the next must be sent within an echo or two, or the guest
    /// waits. An echo is long there, some 80,000 instructions, which leaves time to sleep; a busy host is late
    /// now and then all the same, so the windows are short.
    pub const SOCKET: Self = Self {
        burst: 1,
        low_watermark: 2,
        starvation_threshold: 2,
        window: 16,
        sleep_after: Duration::ZERO,
    };

    /// Returns the number of echoes that are not counted after the guest may have waited, until sending and
    /// answering are in step again.
    const fn recovery(self) -> usize {
        (self.low_watermark + self.burst) as usize
    }
}

/// Echoes before the first that is counted: by then a driver has used each entry of its rings.
const WARMUP: usize = 1024;

/// Number of windows that make a figure. One in five to ten contains a timer tick of Linux.
const WINDOWS: usize = 128;

/// Time without a reply after which the requests in flight count as lost.
const SILENCE: Duration = Duration::from_secs(1);

/// Instructions per echo over the windows. One window in five to ten contains a timer tick, which is thus
/// beyond the upper quartile: neither figure includes it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InstructionsPerEcho {
    /// The median.
    pub median: f64,
    /// The lower and the upper quartile.
    pub quartiles: [f64; 2],
}

/// Counts the instructions per echo of the guest at the end of `client`'s link, which was booted with
/// [`COUNTING`].
///
/// # Errors
///
/// [`CostError::ClockWentBackwards`] if the guest's time stamps are not in order, and the errors of
/// [`EchoClient::try_recv`] and [`EchoClient::check`].
pub fn per_echo(
    client: &mut EchoClient<'_>,
    feed_rate: FeedRate,
) -> Result<InstructionsPerEcho, CostError> {
    let mut windows = Windows::new(feed_rate);
    // A guest answers in order: all requests before this one are answered, or lost.
    let mut next = client.sent();
    let mut idle_since = Instant::now();
    let mut silent_since = idle_since;
    loop {
        // At most as many at a time as can be in flight: unsolicited replies may never end.
        for _ in 0..=feed_rate.low_watermark + feed_rate.burst {
            let Some(reply) = client.try_recv()? else {
                break;
            };
            silent_since = Instant::now();
            if reply.seq != next {
                windows.starve();
            }
            windows.add(reply.t2_ns)?;
            next = next.max(reply.seq + 1);
        }
        if let Some(median) = windows.median() {
            return Ok(InstructionsPerEcho {
                median,
                quartiles: [1, 3].map(|quarter| windows.quartile(quarter)),
            });
        }
        let in_flight = client.sent() - next;
        if in_flight < feed_rate.starvation_threshold {
            windows.starve();
        }
        if in_flight > feed_rate.low_watermark {
            client.back_off(idle_since, feed_rate.sleep_after)?;
            if silent_since.max(idle_since).elapsed() > SILENCE {
                next = client.sent();
            }
            continue;
        }
        client.check()?;
        for _ in 0..feed_rate.burst {
            client.send()?;
        }
        idle_since = Instant::now();
    }
}

/// Windows of echoes in which the guest did not wait.
#[derive(Debug)]
struct Windows {
    feed_rate: FeedRate,
    /// Number of echoes still to leave out.
    to_skip: usize,
    /// The guest's time at the beginning of the current window, and the number of echoes in it.
    began_ns: u64,
    len: usize,
    latest_ns: u64,
    /// Duration of each complete window, in nanoseconds of the guest's clock.
    durations_ns: Vec<u64>,
}

impl Windows {
    fn new(feed_rate: FeedRate) -> Self {
        Self {
            feed_rate,
            to_skip: WARMUP,
            began_ns: 0,
            len: 0,
            latest_ns: 0,
            durations_ns: Vec::with_capacity(WINDOWS),
        }
    }

    /// Adds a request that the guest received at `t2_ns` of its clock.
    fn add(&mut self, t2_ns: u64) -> Result<(), CostError> {
        if t2_ns < self.latest_ns {
            return Err(CostError::ClockWentBackwards);
        }
        self.latest_ns = t2_ns;
        if self.to_skip > 0 {
            self.to_skip -= 1;
            (self.began_ns, self.len) = (t2_ns, 0);
            return Ok(());
        }
        self.len += 1;
        if self.len == self.feed_rate.window {
            self.durations_ns.push(t2_ns - self.began_ns);
            (self.began_ns, self.len) = (t2_ns, 0);
        }
        Ok(())
    }

    /// Notes that the guest may have waited since the last request it received, or has lost one.
    fn starve(&mut self) {
        self.to_skip = self.to_skip.max(self.feed_rate.recovery());
    }

    /// Returns the median, in instructions per echo, once there are enough windows: a host that stalls at a
    /// bad moment is in few of them.
    fn median(&mut self) -> Option<f64> {
        (self.durations_ns.len() >= WINDOWS).then(|| {
            self.durations_ns.sort_unstable();
            self.quartile(2)
        })
    }

    /// Returns quartile number `quarter`, in instructions per echo. The windows must be sorted.
    fn quartile(&self, quarter: usize) -> f64 {
        let index = self.durations_ns.len() * quarter / 4;
        self.durations_ns[index] as f64 / self.feed_rate.window as f64
    }
}

#[cfg(test)]
mod tests;
