//! QEMU's machine protocol (QEMU's `docs/interop/qmp-spec.txt`): one JSON object per line, over a
//! socket. A greeting, then a command at a time; events in between are none of our business.
#![forbid(unsafe_code)]

use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Maximum time for QEMU to answer one command, whatever else it says meanwhile.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);

/// The same after a command that was not answered in time: one that answers again does so at once, and one
/// that stands still is not waited for again and again.
const LATE_ANSWER_TIMEOUT: Duration = Duration::from_millis(200);

/// Longer answers than this are refused: nothing that is asked here has one.
const MAX_ANSWER: usize = 64 * 1024;

/// Reason why the monitor did not do as it was told.
#[derive(Debug, thiserror::Error)]
pub enum QmpError {
    /// The socket failed, or the answer took too long.
    #[error("its socket failed")]
    Io(#[from] std::io::Error),
    /// QEMU closed the socket.
    #[error("it closed the connection")]
    Closed,
    /// QEMU refused.
    #[error("it refused: {0}")]
    Refused(String),
    /// The answer is not what the protocol promises.
    #[error("it gave an answer that makes no sense: {0}")]
    Nonsense(String),
}

/// A connection to QEMU's monitor.
#[derive(Debug)]
pub(super) struct Monitor {
    lines: BufReader<UnixStream>,
    /// Bytes of the next line so far.
    line: Vec<u8>,
    /// QEMU's version, from the greeting; the handshake is done on first use.
    version: Option<String>,
    /// Maximum time to wait for an answer.
    patience: Duration,
    /// Commands whose answers have not come yet; they come in order.
    unanswered: usize,
    /// True if the last command was not answered in time.
    is_late: bool,
}

impl Monitor {
    /// Takes our end of the monitor's socket. QEMU is not waited for.
    pub fn new(socket: UnixStream) -> Result<Self, QmpError> {
        socket.set_write_timeout(Some(ANSWER_TIMEOUT))?;
        Ok(Self {
            lines: BufReader::new(socket),
            line: Vec::new(),
            version: None,
            patience: ANSWER_TIMEOUT,
            unanswered: 0,
            is_late: false,
        })
    }

    /// Returns whether QEMU has not answered the last command in time.
    pub const fn is_late(&self) -> bool {
        self.is_late
    }

    /// QEMU's version, such as `7.2.22`.
    pub fn version(&mut self) -> Result<String, QmpError> {
        if let Some(version) = &self.version {
            return Ok(version.clone());
        }
        let deadline = self.deadline();
        let greeting = self.message(deadline)?;
        let part = |name: &str| greeting["QMP"]["version"]["qemu"][name].as_u64();
        let (Some(major), Some(minor), Some(micro)) = (part("major"), part("minor"), part("micro"))
        else {
            return Err(QmpError::Nonsense(greeting.to_string()));
        };
        let version = format!("{major}.{minor}.{micro}");
        // There is no second greeting, even if this command is answered late.
        self.version = Some(version.clone());
        self.command(&json!({ "execute": "qmp_capabilities" }))?;
        Ok(version)
    }

    /// Reads `N` 64-bit words of guest memory at the physical `address`, while the guest runs.
    pub fn read_words<const N: usize>(&mut self, address: u64) -> Result<[u64; N], QmpError> {
        self.version()?;
        let line = format!("xp /{N}gx {address:#x}");
        let answer = self.command(&json!({
            "execute": "human-monitor-command",
            "arguments": { "command-line": line },
        }))?;
        let text = answer.as_str().unwrap_or_default();
        parse_words(text, address)
            .and_then(|words| words.try_into().ok())
            .ok_or_else(|| QmpError::Nonsense(format!("to `{line}`: {text}")))
    }

    /// The thread that runs the guest's first virtual CPU.
    pub fn vcpu_thread(&mut self) -> Result<i32, QmpError> {
        self.version()?;
        let answer = self.command(&json!({ "execute": "query-cpus-fast" }))?;
        answer[0]["thread-id"]
            .as_i64()
            .and_then(|thread| thread.try_into().ok())
            .ok_or_else(|| QmpError::Nonsense(answer.to_string()))
    }

    /// Returns whether a back end outside QEMU serves the guest's network device. (QEMU 7.2 and later.)
    pub fn vhost_has_started(&mut self) -> Result<bool, QmpError> {
        self.version()?;
        let devices = self.command(&json!({ "execute": "x-query-virtio" }))?;
        let devices = devices.as_array().into_iter().flatten();
        let paths = devices
            .filter(|device| device["name"] == "virtio-net")
            .filter_map(|device| device["path"].as_str());
        let first = paths.map(str::to_owned).next();
        if let Some(path) = first {
            let status = self.command(&json!({
                "execute": "x-query-virtio-status",
                "arguments": { "path": path },
            }))?;
            return status["vhost-started"]
                .as_bool()
                .ok_or_else(|| QmpError::Nonsense(status.to_string()));
        }
        Ok(false)
    }

    /// Asks QEMU to end, without waiting for an answer.
    pub fn quit(&mut self) -> Result<(), QmpError> {
        if self.version.is_none() {
            self.send(&json!({ "execute": "qmp_capabilities" }))?;
        }
        self.send(&json!({ "execute": "quit" }))
    }

    fn command(&mut self, command: &Value) -> Result<Value, QmpError> {
        self.send(command)?;
        self.unanswered += 1;
        // Events may go on for ever.
        let deadline = self.deadline();
        loop {
            let mut message = self.message(deadline)?;
            if message.get("return").is_some() || message.get("error").is_some() {
                self.unanswered -= 1;
                if self.unanswered > 0 {
                    // The answer to an earlier command, for which nobody waits any more.
                    continue;
                }
            }
            if let Some(answer) = message.get_mut("return") {
                return Ok(answer.take());
            }
            if let Some(error) = message.get("error") {
                let text = error["desc"].as_str().unwrap_or("for no stated reason");
                return Err(QmpError::Refused(text.to_owned()));
            }
            if message.get("event").is_none() {
                return Err(QmpError::Nonsense(message.to_string()));
            }
        }
    }

    fn send(&mut self, command: &Value) -> Result<(), QmpError> {
        let line = format!("{command}\n");
        Ok(self.lines.get_mut().write_all(line.as_bytes())?)
    }

    fn deadline(&self) -> Instant {
        let patience = match self.is_late {
            true => self.patience.min(LATE_ANSWER_TIMEOUT),
            false => self.patience,
        };
        Instant::now() + patience
    }

    /// The next line, however slowly it comes, if it is there by `deadline`.
    fn message(&mut self, deadline: Instant) -> Result<Value, QmpError> {
        self.is_late = true;
        self.read_line(deadline)?;
        self.is_late = false;
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            return Err(QmpError::Closed);
        }
        let text = String::from_utf8_lossy(&line);
        serde_json::from_str(&text).map_err(|_| QmpError::Nonsense(text.trim_end().to_owned()))
    }

    /// Reads the rest of a line. What has come of it by `deadline` is kept.
    fn read_line(&mut self, deadline: Instant) -> io::Result<()> {
        while self.line.last() != Some(&b'\n') && self.line.len() < MAX_ANSWER {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(ErrorKind::TimedOut.into());
            }
            self.lines.get_ref().set_read_timeout(Some(left))?;
            let chunk = match self.lines.fill_buf() {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                chunk => chunk?,
            };
            if chunk.is_empty() {
                break;
            }
            let end = chunk.iter().position(|&byte| byte == b'\n');
            let len = end.map_or(chunk.len(), |end| end + 1);
            self.line.extend_from_slice(&chunk[..len]);
            self.lines.consume(len);
        }
        Ok(())
    }
}

/// The words in the monitor's memory dump: lines of `address: 0xword 0xword`, in which each
/// address must follow on from the words before it.
fn parse_words(text: &str, address: u64) -> Option<Vec<u64>> {
    let hex = |text: &str| u64::from_str_radix(text, 16).ok();
    let mut words = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let (at, dumped) = line.split_once(':')?;
        if hex(at.trim())? != address + 8 * words.len() as u64 {
            return None;
        }
        for word in dumped.split_whitespace() {
            words.push(hex(word.strip_prefix("0x")?)?);
        }
    }
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GREETING: &str = r#"{"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}, "package": "Debian"}, "capabilities": ["oob"]}}"#;

    /// A monitor that finds `answers` waiting for it, and the other end of its socket.
    fn monitor(answers: &[&str]) -> (Monitor, UnixStream) {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        for answer in answers {
            theirs.write_all(answer.as_bytes()).unwrap();
            theirs.write_all(b"\r\n").unwrap();
        }
        theirs.shutdown(std::net::Shutdown::Write).unwrap();
        (Monitor::new(ours).unwrap(), theirs)
    }

    #[test]
    fn reads_memory_past_events() {
        let dump = r#"{"return": "0000000000001000: 0x0000000000000001 0x00000000000000ff\r\n0000000000001010: 0x8000000000000000\r\n"}"#;
        let event = r#"{"event": "RESUME", "timestamp": {"seconds": 1, "microseconds": 2}}"#;
        let (mut monitor, theirs) = monitor(&[GREETING, r#"{"return": {}}"#, event, dump]);
        assert_eq!(monitor.read_words(0x1000).unwrap(), [1, 0xff, 1 << 63]);
        assert_eq!(monitor.version().unwrap(), "7.2.22");
        let sent: Vec<_> = BufReader::new(theirs)
            .lines()
            .take(2)
            .map(Result::unwrap)
            .collect();
        assert_eq!(sent[0], r#"{"execute":"qmp_capabilities"}"#);
        assert_eq!(
            sent[1],
            r#"{"arguments":{"command-line":"xp /3gx 0x1000"},"execute":"human-monitor-command"}"#
        );
    }

    #[test]
    fn says_how_it_failed() {
        let (mut refusing, _theirs) = monitor(&[
            GREETING,
            r#"{"error": {"class": "GenericError", "desc": "no"}}"#,
        ]);
        assert!(matches!(refusing.version(), Err(QmpError::Refused(text)) if text == "no"));
        let (mut closed, _theirs) = monitor(&[]);
        assert!(matches!(closed.version(), Err(QmpError::Closed)));
        let (mut noise, _theirs) = monitor(&["hello"]);
        assert!(matches!(noise.version(), Err(QmpError::Nonsense(text)) if text == "hello"));
        let (mut empty, _theirs) = monitor(&["{}"]);
        assert!(matches!(empty.version(), Err(QmpError::Nonsense(_))));
    }

    #[test]
    fn events_without_end_and_a_line_that_drips_in_are_no_answer() {
        let event = b"{\"event\": \"NIC_RX_FILTER_CHANGED\"}\r\n";
        let drip = b"{";
        for (said, pause) in [
            (&event[..], Duration::ZERO),
            (drip, Duration::from_millis(2)),
        ] {
            let (ours, mut theirs) = UnixStream::pair().unwrap();
            let patience = Duration::from_millis(50);
            let talker = std::thread::spawn(move || {
                let began = Instant::now();
                // Until nobody listens any more, or for long.
                while began.elapsed() < Duration::from_secs(20) && theirs.write_all(said).is_ok() {
                    std::thread::sleep(pause);
                }
            });
            let mut monitor = Monitor::new(ours).unwrap();
            monitor.patience = patience;
            monitor.version = Some("7.2.22".to_owned());
            let error = monitor.vcpu_thread().unwrap_err();
            assert!(matches!(error, QmpError::Io(_)), "{error:?}");
            assert!(!talker.is_finished(), "it talked all the while");
            drop(monitor);
            talker.join().unwrap();
        }
    }

    #[test]
    fn a_late_answer_is_not_taken_for_that_of_a_later_command() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let mut monitor = Monitor::new(ours).unwrap();
        monitor.patience = Duration::from_millis(20);
        let thread = |id| format!("{{\"return\": [{{\"thread-id\": {id}}}]}}\n");
        // The greeting, half of it, is late too.
        let (first, rest) = GREETING.split_at(20);
        theirs.write_all(first.as_bytes()).unwrap();
        assert!(matches!(monitor.version(), Err(QmpError::Io(_))));
        assert!(monitor.is_late());
        theirs.write_all(rest.as_bytes()).unwrap();
        theirs.write_all(b"\n{\"return\": {}}\n").unwrap();
        assert_eq!(monitor.version().unwrap(), "7.2.22");
        assert!(!monitor.is_late());
        assert!(matches!(monitor.vcpu_thread(), Err(QmpError::Io(_))));
        theirs.write_all(thread(1).as_bytes()).unwrap();
        theirs.write_all(thread(2).as_bytes()).unwrap();
        assert_eq!(monitor.vcpu_thread().unwrap(), 2);
        theirs.write_all(thread(3).as_bytes()).unwrap();
        assert_eq!(monitor.vcpu_thread().unwrap(), 3);
    }

    #[test]
    fn one_that_does_not_answer_is_waited_for_once() {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        let mut monitor = Monitor::new(ours).unwrap();
        monitor.patience = Duration::from_millis(20);
        assert!(matches!(monitor.vcpu_thread(), Err(QmpError::Io(_))));
        // From now on the other time counts, which is shorter.
        monitor.patience = Duration::from_secs(60);
        let began = Instant::now();
        assert!(matches!(monitor.vcpu_thread(), Err(QmpError::Io(_))));
        assert!(began.elapsed() < monitor.patience);
    }

    #[test]
    fn a_dump_must_be_of_what_was_asked_for() {
        assert_eq!(
            parse_words("0000000000000008: 0x1 0x2\n", 8),
            Some(vec![1, 2])
        );
        assert_eq!(parse_words("0000000000000010: 0x1 0x2\n", 8), None);
        assert_eq!(
            parse_words("0000000000000008: Cannot access memory\n", 8),
            None
        );
        assert_eq!(parse_words("invalid char\n", 8), None);
    }
}
