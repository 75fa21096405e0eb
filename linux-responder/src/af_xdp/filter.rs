//! The program that a device runs for each frame (RFC 9669 for its instructions): requests for our
//! address and port, in one piece and without options, go to our socket; the kernel gets the rest.
#![forbid(unsafe_code)]

use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd, BorrowedFd};

/// One instruction, as the kernel takes it (`struct bpf_insn`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Instruction {
    code: u8,
    /// Destination register in the low half, source in the high one.
    registers: u8,
    offset: i16,
    immediate: i32,
}

/// Loads of a byte, and of 16 and 32 bits, from an address in a register.
const LOAD_8: u8 = 0x71;
const LOAD_16: u8 = 0x69;
const LOAD_32: u8 = 0x61;
/// A 64-bit number in two instructions; with source 1 it is the map that a descriptor stands for.
const LOAD_MAP: u8 = 0x18;
const MAP_BY_DESCRIPTOR: u8 = 1;
const MOVE: u8 = 0xbf;
const SET: u8 = 0xb7;
const ADD: u8 = 0x07;
const AND: u8 = 0x57;
/// Jumps: if greater than another register, if the low 32 bits are not the immediate.
const JUMP_IF_ABOVE: u8 = 0x2d;
const JUMP_IF_NOT: u8 = 0x56;
const CALL: u8 = 0x85;
const EXIT: u8 = 0x95;

/// Context of a call by the kernel (`struct xdp_md`): where the frame begins and ends, and its queue.
const CONTEXT_DATA: i16 = 0;
const CONTEXT_END: i16 = 4;
const CONTEXT_QUEUE: i16 = 16;

/// `bpf_redirect_map(map, key, otherwise)`, and what leaves a frame to the kernel.
const REDIRECT_MAP: i32 = 51;
const PASS: i32 = 2;

/// Ethernet, IPv4 without options and UDP: what must be there of a frame.
const HEADERS_LEN: i32 = 14 + 20 + 8;

/// A field of the frame that must have a value, and how to look at it.
struct Field {
    load: u8,
    at: i16,
    mask: Option<u16>,
    value: i32,
}

/// The program, for requests to `ip` and `port`; their frames go where `map` says for their queue.
#[must_use]
pub fn program(ip: Ipv4Addr, port: u16, map: BorrowedFd<'_>) -> Vec<Instruction> {
    let field = |load, at, mask, value| Field {
        load,
        at,
        mask,
        value,
    };
    // Values as they are loaded: in the order of the network.
    let network = |value: u16| i32::from(value.to_be());
    let fields = [
        field(LOAD_16, 12, None, network(0x0800)),
        // Version 4, and no options.
        field(LOAD_8, 14, None, 0x45),
        // Neither a fragment nor one to follow (RFC 791 §3.1).
        field(LOAD_16, 20, Some(0x3fff_u16.to_be()), 0),
        field(LOAD_8, 23, None, 17),
        field(
            LOAD_32,
            30,
            None,
            u32::from_ne_bytes(ip.octets()).cast_signed(),
        ),
        field(LOAD_16, 36, None, network(port)),
    ];
    let mut code = vec![
        instruction(LOAD_32, 2, 1, CONTEXT_DATA, 0),
        instruction(LOAD_32, 3, 1, CONTEXT_END, 0),
        instruction(MOVE, 4, 2, 0, 0),
        instruction(ADD, 4, 0, 0, HEADERS_LEN),
        instruction(JUMP_IF_ABOVE, 4, 3, TO_PASS, 0),
    ];
    for field in fields {
        code.push(instruction(field.load, 4, 2, field.at, 0));
        if let Some(mask) = field.mask {
            code.push(instruction(AND, 4, 0, 0, i32::from(mask)));
        }
        code.push(instruction(JUMP_IF_NOT, 4, 0, TO_PASS, field.value));
    }
    code.extend([
        instruction(LOAD_32, 2, 1, CONTEXT_QUEUE, 0),
        instruction(LOAD_MAP, 1, MAP_BY_DESCRIPTOR, 0, map.as_raw_fd()),
        instruction(0, 0, 0, 0, 0),
        instruction(SET, 3, 0, 0, PASS),
        instruction(CALL, 0, 0, 0, REDIRECT_MAP),
        instruction(EXIT, 0, 0, 0, 0),
    ]);
    let pass = code.len();
    code.extend([
        instruction(SET, 0, 0, 0, PASS),
        instruction(EXIT, 0, 0, 0, 0),
    ]);
    // A jump counts from the instruction after it.
    for (at, instruction) in code.iter_mut().enumerate() {
        if instruction.offset == TO_PASS {
            instruction.offset = (pass - at - 1) as i16;
        }
    }
    code
}

/// An offset that none of the program's has: a jump to where the frame is passed on.
const TO_PASS: i16 = i16::MAX;

const fn instruction(code: u8, to: u8, from: u8, offset: i16, immediate: i32) -> Instruction {
    Instruction {
        code,
        registers: to | from << 4,
        offset,
        immediate,
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use super::*;

    #[test]
    fn every_jump_leads_to_where_the_frame_is_passed_on() {
        let map = std::fs::File::open("/dev/null").unwrap();
        let code = program(Ipv4Addr::new(10, 0, 2, 15), 9000, map.as_fd());
        let pass = code.len() - 2;
        assert_eq!(code[pass].immediate, PASS);
        let jumps = code
            .iter()
            .enumerate()
            .filter(|(_, instruction)| matches!(instruction.code, JUMP_IF_ABOVE | JUMP_IF_NOT));
        let targets: Vec<_> = jumps
            .map(|(at, jump)| at + 1 + jump.offset as usize)
            .collect();
        assert_eq!(targets, [pass; 7]);
    }
}
