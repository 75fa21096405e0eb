//! A serial port of the PC, an 8250 or its successors (National Semiconductor PC16550D).
//!
//! A machine may have none. Its registers then read as all ones, or as zero under some VMMs, and neither is to be
//! taken for a port that is ready or busy: what is written to the scratch register comes back only from one
//! that is there. Nothing is waited for without a bound. No unsafe code: the registers are behind [`Registers`].
#![forbid(unsafe_code)]

use crate::logging::Port;

/// Registers of the port, by offset from its first.
pub mod register {
    /// Data to send.
    pub const DATA: u16 = 0;
    /// Interrupts that are enabled; the divisor's high byte.
    pub const INTERRUPTS: u16 = 1;
    /// FIFO control.
    pub const FIFO: u16 = 2;
    /// Line control.
    pub const LINE: u16 = 3;
    /// Modem control.
    pub const MODEM: u16 = 4;
    /// Line status.
    pub const STATUS: u16 = 5;
    /// Scratch.
    pub const SCRATCH: u16 = 7;
}

/// Line control: the divisor's registers are shown.
const DIVISOR: u8 = 0x80;
/// Line control: 8 bits, no parity, 1 stop bit.
const EIGHT_BITS: u8 = 0x03;
/// Divisor of 115,200 baud.
const FASTEST: u8 = 1;
/// FIFO control: on, and emptied.
const FIFO_ON: u8 = 0x07;
/// Interrupt identification: both bits are set if there is a FIFO that works.
const FIFO_WORKS: u8 = 0xc0;
/// Characters that fit the FIFO.
const FIFO_LEN: u32 = 16;
/// Modem control: data terminal ready, request to send.
const TERMINAL_READY: u8 = 0x03;
/// Line status: there is room, for a whole FIFO if there is one.
const ROOM: u8 = 0x20;

/// Readings of the line status until a port counts as stuck: each takes a tenth of a microsecond or more, and
/// a FIFO's characters take 1.4 ms.
const PATIENCE: u32 = 200_000;

/// The registers of a serial port.
pub trait Registers {
    /// Reads one.
    fn read(&mut self, register: u16) -> u8;
    /// Writes one.
    fn write(&mut self, register: u16, value: u8);
}

/// A serial port that is only written to.
#[derive(Debug)]
pub struct SerialPort<R> {
    registers: R,
    is_there: bool,
    /// Characters that fit into a port that says that there is room.
    room: u32,
    /// The port did not get ready the last time.
    is_stuck: bool,
}

impl<R: Registers> SerialPort<R> {
    /// Sets the port up, if there is one.
    pub fn new(mut registers: R) -> Self {
        let is_there = [0x5a, 0xa5].into_iter().all(|pattern| {
            registers.write(register::SCRATCH, pattern);
            registers.read(register::SCRATCH) == pattern
        });
        let mut room = 1;
        if is_there {
            for (register, value) in [
                (register::INTERRUPTS, 0),
                (register::LINE, DIVISOR),
                (register::DATA, FASTEST),
                (register::INTERRUPTS, 0),
                (register::LINE, EIGHT_BITS),
                (register::FIFO, FIFO_ON),
                (register::MODEM, TERMINAL_READY),
            ] {
                registers.write(register, value);
            }
            if registers.read(register::FIFO) & FIFO_WORKS == FIFO_WORKS {
                room = FIFO_LEN;
            }
        }
        Self {
            registers,
            is_there,
            room,
            is_stuck: false,
        }
    }

    /// Sends `bytes`, as far as there is a port that takes them.
    pub fn send(&mut self, bytes: &[u8]) {
        if !self.is_there {
            return;
        }
        for piece in bytes.chunks(self.room as usize) {
            // A port that was stuck gets no second wait until it is ready again.
            let patience = if self.is_stuck { 1 } else { PATIENCE };
            let is_ready = (0..patience).any(|_| self.registers.read(register::STATUS) & ROOM != 0);
            self.is_stuck = !is_ready;
            if is_ready {
                for &byte in piece {
                    self.registers.write(register::DATA, byte);
                }
            }
        }
    }
}

/// A port that is not there has room, and what is sent to it is lost.
impl<R: Registers> Port for SerialPort<R> {
    fn room(&mut self) -> u32 {
        if self.is_there && self.registers.read(register::STATUS) & ROOM == 0 {
            0
        } else {
            self.room
        }
    }

    fn put(&mut self, character: u8) {
        if self.is_there {
            self.registers.write(register::DATA, character);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A port, or what answers in its place.
    struct FakePort {
        /// Value that every register reads as, if there is no port.
        nothing: Option<u8>,
        has_fifo: bool,
        /// Readings of the status from one time that it is ready to the next.
        busy: u32,
        readings: u32,
        scratch: u8,
        line: u8,
        sent: Vec<u8>,
        /// Characters since the status said that there is room.
        since_room: u32,
    }

    impl FakePort {
        fn new() -> Self {
            Self {
                nothing: None,
                has_fifo: true,
                busy: 3,
                readings: 0,
                scratch: 0,
                line: 0,
                sent: Vec::new(),
                since_room: u32::MAX,
            }
        }
    }

    impl Registers for &mut FakePort {
        fn read(&mut self, register: u16) -> u8 {
            if let Some(value) = self.nothing {
                self.readings += 1;
                return value;
            }
            match register {
                register::SCRATCH => self.scratch,
                register::FIFO if self.has_fifo => 0xc1,
                register::FIFO => 0x01,
                register::STATUS => {
                    self.readings += 1;
                    if self.readings.is_multiple_of(self.busy) {
                        self.since_room = 0;
                        return 0x60;
                    }
                    0
                }
                _ => panic!("register {register}"),
            }
        }

        fn write(&mut self, register: u16, value: u8) {
            match register {
                register::SCRATCH => self.scratch = value,
                register::LINE => self.line = value,
                register::DATA if self.line & DIVISOR == 0 && self.nothing.is_none() => {
                    self.since_room = self.since_room.saturating_add(1);
                    let fits = if self.has_fifo { FIFO_LEN } else { 1 };
                    assert!(self.since_room <= fits, "there is room for {fits}");
                    self.sent.push(value);
                }
                register::DATA if self.nothing.is_some() => {
                    self.sent.push(value);
                }
                _ => {}
            }
        }
    }

    const TEXT: &[u8] = b"FATHOM READY and more than sixteen characters\n";

    #[test]
    fn sends_what_a_port_has_room_for() {
        for has_fifo in [true, false] {
            let mut port = FakePort {
                has_fifo,
                ..FakePort::new()
            };
            SerialPort::new(&mut port).send(TEXT);
            assert_eq!(port.sent, TEXT);
        }
    }

    #[test]
    fn a_port_that_is_ready_has_room_for_its_fifo() {
        for (has_fifo, room) in [(true, 16), (false, 1)] {
            let mut port = FakePort {
                has_fifo,
                ..FakePort::new()
            };
            let mut serial = SerialPort::new(&mut port);
            // Every third reading finds it ready.
            for expected in [0, 0, room, 0, 0, room] {
                assert_eq!(serial.room(), expected);
                for &character in &TEXT[..expected as usize] {
                    serial.put(character);
                }
            }
            assert_eq!(port.sent, TEXT[..room as usize].repeat(2));
        }
    }

    #[test]
    fn a_port_that_is_not_there_has_room_and_loses_all() {
        let mut port = FakePort {
            nothing: Some(0xff),
            ..FakePort::new()
        };
        let mut serial = SerialPort::new(&mut port);
        assert_eq!(serial.room(), 1);
        serial.put(b'x');
        assert_eq!(port.sent, []);
    }

    #[test]
    fn no_character_goes_where_there_is_no_port() {
        for nothing in [0x00, 0xff, 0x60] {
            let mut port = FakePort {
                nothing: Some(nothing),
                ..FakePort::new()
            };
            SerialPort::new(&mut port).send(TEXT);
            assert_eq!(port.sent, []);
            assert!(port.readings <= 2, "{nothing:#x}");
        }
    }

    #[test]
    fn a_port_that_never_gets_ready_costs_one_wait() {
        let mut port = FakePort {
            busy: u32::MAX,
            ..FakePort::new()
        };
        let mut serial = SerialPort::new(&mut port);
        serial.send(TEXT);
        serial.send(TEXT);
        assert_eq!(port.sent, []);
        assert!(port.readings < PATIENCE + 10, "{}", port.readings);
    }
}
