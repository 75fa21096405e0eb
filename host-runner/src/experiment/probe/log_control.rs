//! The log of a running service: its level and budget, and others in their place.

use std::net::SocketAddr;

use boot_args::log_budget;
use wire::log_control::{Budget, Change, Level, decode_answer};

use super::exchange::{Silence, exchange};
use super::status_query;
use crate::experiment::ExperimentError;
use crate::record::{ServiceLog, ServiceStatus};

/// Returns the level called `name`.
///
/// # Errors
///
/// A message if there is none.
pub fn level(name: &str) -> Result<Level, String> {
    let mut levels = Level::ALL.into_iter();
    let named = levels.find(|level| level.name() == name);
    named.ok_or_else(|| format!("there is no level `{name}`"))
}

/// Reads a log's budget, such as `1KiB/s`.
///
/// # Errors
///
/// A message if it is none.
pub fn budget(text: &str) -> Result<Budget, &'static str> {
    let expected = "expected a number of B/s, KiB/s or MiB/s, from 1B/s to 10000000B/s";
    log_budget(text).map_err(|_| expected)
}

/// Makes the change of the log's settings at the service at `peer`, and returns its status with those in force.
///
/// The service takes no request without its boot id, so its status is asked for first.
///
/// # Errors
///
/// [`ExperimentError::NoStatus`] if the service replies with no status, or has no log; [`ExperimentError::Link`] if the
/// socket fails.
pub fn change(peer: SocketAddr, change: Change) -> Result<ServiceStatus, ExperimentError> {
    let status = status_query::query(peer)?;
    if status.log.is_none() {
        return Err(ExperimentError::NoStatus {
            address: peer.to_string(),
            problem: "has no log that can be changed: it is the service on Linux, or of a version without"
                .to_owned(),
        });
    }
    let boot_id = status.boot_id;
    let read = |datagram: &[u8], seq: u64, _: u64| {
        let (header, settings) = decode_answer(datagram)?;
        (header.seq <= seq && header.boot_id == boot_id).then_some(settings)
    };
    let request = |seq, sent_ns| change.request(boot_id, seq, sent_ns).to_vec();
    let settings = exchange(peer, request, read, |silence| {
        match silence {
        Silence::Others => "answers, but not to a log request".to_owned(),
        Silence::Nothing => {
            "answers status requests, but no log request: it was booted anew meanwhile, or others sent requests with \
             wrong boot ids (the counter `log_forged`) or more than `rate=` allows; try again in a second"
                .to_owned()
        }
    }
    })?;
    Ok(ServiceStatus {
        log: Some(ServiceLog::from(settings)),
        ..status
    })
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use wire::log_control::{self, Budget, Level, Settings};
    use wire::status::{self, STATUS_LEN, Status};
    use wire::{Counters, Verdict};

    use super::*;

    const BOOT_ID: u32 = 0xb007;

    /// Changes the log of a service with that boot id to `info` and 1 KiB/s; of one without a log if `has_log` is
    /// false. The service loses the first log request.
    fn changed(has_log: bool) -> Result<ServiceStatus, ExperimentError> {
        let service = UdpSocket::bind("127.0.0.1:0").unwrap();
        let peer = service.local_addr().unwrap();
        std::thread::spawn(move || {
            let mut buffer = [0; 2048];
            let mut settings = Settings {
                level: Level::Warn,
                budget: Budget::DEFAULT,
            };
            let mut log_requests = 0;
            while let Ok((len, client)) = service.recv_from(&mut buffer) {
                let datagram = &mut buffer[..len];
                match wire::handle(datagram, BOOT_ID, 1, || 2) {
                    Verdict::Status => {
                        assert!(len >= STATUS_LEN);
                        let status = Status {
                            uptime_ns: 1,
                            version: status::version("1.2.3"),
                            counters: Counters::ZERO,
                            log: has_log.then_some(settings),
                        };
                        status::answer(datagram, &status, BOOT_ID, 1, || 2);
                    }
                    Verdict::LogControl => {
                        log_requests += 1;
                        let request = datagram.first_chunk_mut().unwrap();
                        if log_requests == 1 || log_control::boot_id(request) != BOOT_ID {
                            continue;
                        }
                        let change = Change::requested(request).unwrap();
                        settings.level = change.level.unwrap_or(settings.level);
                        settings.budget = change.budget.unwrap_or(settings.budget);
                        log_control::answer(request, settings, 1, || 2);
                    }
                    _ => continue,
                }
                let _ = service.send_to(datagram, client);
            }
        });
        let wanted = Change {
            level: Some(Level::Info),
            budget: Budget::new(1024),
        };
        change(peer, wanted)
    }

    #[test]
    fn a_request_carries_the_boot_id_and_its_reply_the_settings_in_force() {
        let status = changed(true).unwrap();
        assert_eq!(status.boot_id, BOOT_ID);
        let log = status.log.unwrap();
        assert_eq!((&log.level[..], log.budget_bytes_per_s), ("info", 1024));
    }

    #[test]
    fn a_service_without_a_log_is_named_as_such() {
        let error = changed(false).unwrap_err();
        assert!(error.to_string().contains("has no log"), "{error}");
    }
}
