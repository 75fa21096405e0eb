//! QEMU's machine protocol (QMP), as far as the tests need it: one JSON object a line.
#![forbid(unsafe_code)]

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::timeouts;

/// A connection to a QEMU's monitor.
#[derive(Debug)]
pub struct Monitor {
    stream: BufReader<UnixStream>,
    /// Events that the machine sent of its own accord.
    events: Vec<Value>,
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
            .set_read_timeout(Some(timeouts::ANSWER))
            .expect("the patience is not zero");
        let mut monitor = Self {
            stream: BufReader::new(stream),
            events: Vec::new(),
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
            self.events.push(answer);
        }
    }

    /// Returns the time of the last event called `name`, on QEMU's clock, after waiting for one if there was none.
    ///
    /// # Panics
    ///
    /// If it does not come.
    pub fn event(&mut self, name: &str) -> Duration {
        loop {
            let mut last = self.events.iter().rev();
            if let Some(event) = last.find(|event| event["event"] == name) {
                let part = |key: &str| {
                    event["timestamp"][key]
                        .as_u64()
                        .expect("events have a time")
                };
                let micros = Duration::from_micros(part("microseconds"));
                return Duration::from_secs(part("seconds")) + micros;
            }
            let event = self.read();
            self.events.push(event);
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

    /// Executes a command of the human monitor and returns what it printed.
    ///
    /// # Panics
    ///
    /// If there is no human monitor behind this one.
    pub fn print(&mut self, command: &str) -> String {
        let arguments = json!({ "command-line": command });
        let printed = self.execute("human-monitor-command", &arguments);
        printed.as_str().expect("it prints text").to_owned()
    }

    /// Has the guest's processor go on at an address where nothing is, which is an exception.
    ///
    /// # Panics
    ///
    /// If QEMU's debugger does not do as it is told.
    pub fn crash_guest(&mut self) {
        // No canonical address, so that fetching from it is a #GP.
        self.set_registers(&[(Register::Rip, 0x00de_ad00_0000_0000)]);
    }

    /// Has the guest's processor go on with other values in these registers.
    ///
    /// # Panics
    ///
    /// If QEMU's debugger does not do as it is told.
    pub fn set_registers(&mut self, registers: &[(Register, u64)]) {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let socket = dir.path().join("debugger");
        self.print(&format!(
            "gdbserver unix:{},server=on,wait=off",
            socket.display()
        ));
        let mut debugger = Debugger::connect(&socket);
        // Only who has read what registers there are may set one alone.
        debugger.ask("qXfer:features:read:target.xml:0,fff");
        for &(register, value) in registers {
            // The number of the register in hexadecimal, and its bytes, the lowest first.
            let value = value.swap_bytes();
            let answer = debugger.ask(&format!("P{:x}={value:016x}", register as u8));
            assert_eq!(answer, "OK");
        }
        debugger.detach();
    }

    fn read(&mut self) -> Value {
        let mut line = String::new();
        self.stream
            .read_line(&mut line)
            .expect("the monitor answers");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    }
}

/// Register of the guest's processor, by its number in QEMU's debugger.
#[derive(Clone, Copy, Debug)]
pub enum Register {
    /// First operand of a function, and destination of what stores by it.
    Rdi = 5,
    /// Address of the next instruction.
    Rip = 16,
}

/// A connection to QEMU's debugger, which stops the guest until it is closed: GDB's remote protocol.
struct Debugger(BufReader<UnixStream>);

impl Debugger {
    fn connect(socket: &Path) -> Self {
        let stream = UnixStream::connect(socket).expect("QEMU listens there");
        stream
            .set_read_timeout(Some(timeouts::ANSWER))
            .expect("the patience is not zero");
        Self(BufReader::new(stream))
    }

    /// Has the guest go on. What comes after that, an acknowledgement of the answer even, would stop it again.
    fn detach(mut self) {
        self.send("D");
        self.0.skip_until(b'$').expect("the debugger answers");
    }

    /// Sends a packet.
    fn send(&mut self, question: &str) {
        let sum = question.bytes().fold(0_u8, u8::wrapping_add);
        write!(self.0.get_mut(), "${question}#{sum:02x}").expect("the debugger is there");
    }

    /// Sends a packet and returns the answer.
    fn ask(&mut self, question: &str) -> String {
        self.send(question);
        loop {
            // Acknowledgements come in between, and word that the guest has stopped.
            let mut packet = Vec::new();
            self.0.skip_until(b'$').expect("the debugger answers");
            self.0
                .read_until(b'#', &mut packet)
                .expect("a whole packet");
            write!(self.0.get_mut(), "+").expect("the debugger is there");
            if !packet.starts_with(b"T") {
                packet.pop();
                return String::from_utf8_lossy(&packet).into_owned();
            }
        }
    }
}
