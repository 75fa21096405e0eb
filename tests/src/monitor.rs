//! QEMU's machine protocol (QMP), as far as the tests need it: one JSON object a line.
#![forbid(unsafe_code)]

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;

use serde_json::{Value, json};

use crate::patience;

/// A connection to a QEMU's monitor.
#[derive(Debug)]
pub struct Monitor {
    stream: BufReader<UnixStream>,
}

impl Monitor {
    /// Takes up the conversation on `stream`.
    ///
    /// # Panics
    ///
    /// If what is at the other end is no QEMU monitor.
    #[must_use]
    pub fn new(stream: UnixStream) -> Self {
        stream
            .set_read_timeout(Some(patience::ANSWER))
            .expect("the patience is not zero");
        let mut monitor = Self {
            stream: BufReader::new(stream),
        };
        let greeting = monitor.read();
        assert!(
            !greeting["QMP"].is_null(),
            "no monitor's greeting: {greeting}"
        );
        monitor.execute("qmp_capabilities", &json!({}));
        monitor
    }

    /// Executes a command and returns what it returned.
    ///
    /// # Panics
    ///
    /// If the monitor refuses it.
    pub fn execute(&mut self, command: &str, arguments: &Value) -> Value {
        let line = json!({ "execute": command, "arguments": arguments });
        writeln!(self.stream.get_mut(), "{line}").expect("the monitor is there");
        loop {
            let mut answer = self.read();
            match answer.get_mut("return") {
                Some(value) => return value.take(),
                // Events come in between.
                None => assert!(answer.get("error").is_none(), "{command}: {answer}"),
            }
        }
    }

    /// Reads `count` 64-bit words of the guest's physical memory.
    ///
    /// # Panics
    ///
    /// If the monitor prints something else than `count` words.
    pub fn words(&mut self, address: u64, count: usize) -> Vec<u64> {
        let command = format!("xp /{count}gx {address:#x}");
        let printed = self.execute("human-monitor-command", &json!({ "command-line": command }));
        let printed = printed.as_str().expect("the human monitor prints text");
        let words: Option<Vec<u64>> = printed
            .lines()
            .filter_map(|line| line.split_once(':'))
            .flat_map(|(_, words)| words.split_whitespace())
            .map(|word| u64::from_str_radix(word.strip_prefix("0x")?, 16).ok())
            .collect();
        words
            .filter(|words| words.len() == count)
            .unwrap_or_else(|| panic!("{command}: {printed}"))
    }

    fn read(&mut self) -> Value {
        let mut line = String::new();
        self.stream
            .read_line(&mut line)
            .expect("the monitor answers");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    }
}
