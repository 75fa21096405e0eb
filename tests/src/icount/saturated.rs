//! More frames than the guest can answer, and requests among others.
#![forbid(unsafe_code)]

use std::fs;

use fathom::link::Sent;
use fathom::link::ethernet::Frames;
use rustix::process::{Pid, Signal, kill_process};
use wire::{DEFAULT_PORT, Header};

use super::{BURST, Counted, header};
use crate::station::request;
use crate::timeouts;

/// Requests that are offered in a round, twice as many as the guest has receive buffers.
const OFFERED: u64 = 512;

/// The payload of the requests, in bytes.
const PAYLOAD_LEN: usize = 64;

/// Outcome of offering twice as many requests as the guest can take.
#[derive(Debug, Default)]
pub struct Saturated {
    /// Requests that were put into a receive buffer.
    pub given: u64,
    /// Requests that found none.
    pub without_buffer: u64,
    /// Distances of the answers' time stamps while requests waited, in instructions.
    pub distances: Vec<u64>,
}

impl Counted<'_> {
    /// Offers twice as many requests as the guest has receive buffers, so many `rounds` of them. The guest stands still
    /// while a round is put into its ring, which is so full whenever the guest looks, however slow this host is.
    ///
    /// # Panics
    ///
    /// If a request that was given to it stays unanswered.
    pub fn saturate(&mut self, rounds: usize) -> Saturated {
        let frame = self.frame(DEFAULT_PORT, &request(0, PAYLOAD_LEN));
        let mut saturated = Saturated::default();
        for _ in 0..rounds {
            self.settle();
            let replied = self.counters().replied;
            let stopped = Stopped::stop(self.machine.pid());
            for _ in 0..OFFERED {
                let sent = self.frames.send(&frame).expect("the link is there");
                assert_eq!(sent, Sent::Out, "there is room for more of them than these");
            }
            let without_buffer = self.frames.drop_waiting();
            drop(stopped);
            let given = OFFERED - without_buffer;
            let is_through = || (self.counters().replied >= replied + given).then_some(());
            timeouts::until(timeouts::ANSWER, "the answers to a full ring", is_through);
            let answers: Vec<_> = (0..given).map(|_| self.answer()).collect();
            let distances = answers.windows(2).map(|pair| pair[1].t2_ns - pair[0].t2_ns);
            saturated.distances.extend(distances);
            saturated.given += given;
            saturated.without_buffer += without_buffer;
        }
        saturated
    }

    /// Puts `frames` into the receive ring while the guest stands still: it finds them all, however slow this host is.
    pub(super) fn put(&mut self, frames: &[Vec<u8>]) {
        let _stopped = Stopped::stop(self.machine.pid());
        for frame in frames {
            self.frames.send(frame).expect("the link is there");
        }
    }

    /// Takes the answer to a request.
    fn answer(&mut self) -> Header {
        let packet = self.receive(timeouts::ANSWER.as_nanos() as u64);
        header(&packet.expect("it is sent")).expect("only requests were sent")
    }

    /// Puts requests into the receive ring, as [`Counted::burst`] does, with a frame of `others` in turn before each of
    /// them that `is_behind_another` says. Returns the time stamps of the answers to the requests, in order; other
    /// answers are dropped.
    ///
    /// # Panics
    ///
    /// If a request stays unanswered.
    pub fn burst_among(
        &mut self,
        others: &[Vec<u8>],
        is_behind_another: impl Fn(usize) -> bool,
    ) -> Vec<Header> {
        self.settle();
        let mut others = others.iter().cycle();
        let mut frames = Vec::new();
        let mut requests = 0;
        while frames.len() + 2 <= BURST {
            if is_behind_another(requests) {
                frames.extend(others.next().cloned());
            }
            frames.push(self.frame(DEFAULT_PORT, &request(requests as u64, PAYLOAD_LEN)));
            requests += 1;
        }
        let expected = self.counters().replied + requests as u64;
        self.put(&frames);
        let replied = || (self.counters().replied >= expected).then_some(());
        timeouts::until(timeouts::ANSWER, "the answers to a burst", replied);
        let mut headers = Vec::with_capacity(requests);
        while headers.len() < requests {
            let packet = self.receive(timeouts::ANSWER.as_nanos() as u64);
            headers.extend(header(&packet.expect("it is sent")));
        }
        headers
    }
}

/// A process that stands still until this is dropped.
struct Stopped(Pid);

impl Stopped {
    /// Stops `pid`, and waits until none of its threads runs.
    fn stop(pid: Pid) -> Self {
        let stopped = Self(pid);
        kill_process(pid, Signal::STOP).expect("it runs");
        let tasks = format!("/proc/{}/task", pid.as_raw_nonzero());
        let stands_still = || {
            let mut tasks = fs::read_dir(&tasks).ok()?;
            let all = tasks.all(|task| {
                let stat = task.and_then(|task| fs::read_to_string(task.path().join("stat")));
                // After the name in brackets.
                stat.is_ok_and(|stat| {
                    stat.rsplit_once(") ")
                        .is_some_and(|(_, state)| state.starts_with('T'))
                })
            });
            all.then_some(())
        };
        timeouts::until(timeouts::ANSWER, "QEMU to stand still", stands_still);
        stopped
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        let _ = kill_process(self.0, Signal::CONT);
    }
}
