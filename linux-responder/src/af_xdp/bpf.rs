//! bpf(2), as much of it as it takes: a map of sockets, a program, and a link that holds it to a device
//! until the link's last descriptor is closed.
//!
//! Unsafe are the system calls, which point to memory. The descriptions are the kernel's
//! (`union bpf_attr`, `linux/bpf.h`), each as long as what is used of it: the kernel takes the rest to be
//! zero.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use super::filter::Instruction;

/// Commands.
const MAP_CREATE: libc::c_long = 0;
const MAP_UPDATE_ELEM: libc::c_long = 2;
const PROG_LOAD: libc::c_long = 5;
const LINK_CREATE: libc::c_long = 28;

/// `BPF_MAP_TYPE_XSKMAP`, `BPF_PROG_TYPE_XDP`, `BPF_XDP`.
const SOCKET_MAP: u32 = 17;
const XDP_PROGRAM: u32 = 6;
const XDP_ATTACHMENT: u32 = 37;

/// Licence of the program, on which depends what it may call; what this one calls is free for all.
const LICENSE: &std::ffi::CStr = c"MIT";

#[repr(C)]
struct MapCreate {
    kind: u32,
    key_size: u32,
    value_size: u32,
    max_entries: u32,
}

#[repr(C)]
struct MapUpdate {
    map: u32,
    _pad: u32,
    key: u64,
    value: u64,
    flags: u64,
}

#[repr(C)]
struct ProgramLoad {
    kind: u32,
    instruction_count: u32,
    instructions: u64,
    license: u64,
}

#[repr(C)]
struct LinkCreate {
    program: u32,
    device: u32,
    kind: u32,
    flags: u32,
}

/// A map from queues to sockets, for `queues` of them.
///
/// # Errors
///
/// The error of bpf(2): without CAP_BPF, or without memory.
pub fn socket_map(queues: u32) -> io::Result<OwnedFd> {
    let description = MapCreate {
        kind: SOCKET_MAP,
        key_size: size_of::<u32>() as u32,
        value_size: size_of::<u32>() as u32,
        max_entries: queues,
    };
    // SAFETY: the description is the command's, and points nowhere.
    unsafe { descriptor(MAP_CREATE, &description) }
}

/// Has `map` lead from `queue` to `socket`.
///
/// # Errors
///
/// The error of bpf(2): for a queue that the map has no room for.
pub fn insert(map: BorrowedFd<'_>, queue: u32, socket: BorrowedFd<'_>) -> io::Result<()> {
    let socket = socket.as_raw_fd();
    let description = MapUpdate {
        map: number(map),
        _pad: 0,
        key: address(&raw const queue),
        value: address(&raw const socket),
        flags: 0,
    };
    // SAFETY: the description is the command's; it points to a key and a value, which live until the
    // call is over and have the sizes that the map was made with.
    unsafe { bpf(MAP_UPDATE_ELEM, &description) }.map(drop)
}

/// Loads a program that a device runs for each frame.
///
/// # Errors
///
/// The error of bpf(2): without CAP_BPF and CAP_NET_ADMIN, or if the kernel's verifier refuses the program.
pub fn load(program: &[Instruction]) -> io::Result<OwnedFd> {
    let description = ProgramLoad {
        kind: XDP_PROGRAM,
        instruction_count: program.len() as u32,
        instructions: address(program.as_ptr()),
        license: address(LICENSE.as_ptr()),
    };
    // SAFETY: the description is the command's; it points to as many instructions as it says and to a
    // string with an end, which live until the call is over.
    unsafe { descriptor(PROG_LOAD, &description) }
}

/// Has the device with the number `device` run `program`, for as long as the descriptor is open.
///
/// # Errors
///
/// The error of bpf(2): the device may have such a program already.
pub fn attach(program: BorrowedFd<'_>, device: u32) -> io::Result<OwnedFd> {
    let description = LinkCreate {
        program: number(program),
        device,
        kind: XDP_ATTACHMENT,
        flags: 0,
    };
    // SAFETY: the description is the command's, and points nowhere.
    unsafe { descriptor(LINK_CREATE, &description) }
}

fn number(fd: BorrowedFd<'_>) -> u32 {
    // An open descriptor's number is not negative.
    fd.as_raw_fd().cast_unsigned()
}

fn address<T>(pointer: *const T) -> u64 {
    pointer.expose_provenance() as u64
}

/// A command that makes something, and a descriptor of that.
///
/// # Safety
///
/// As for [`bpf`], and the command must return a new descriptor.
unsafe fn descriptor<T>(command: libc::c_long, description: &T) -> io::Result<OwnedFd> {
    // SAFETY: this function's caller vouches for it.
    let fd = unsafe { bpf(command, description) }?;
    // SAFETY: the descriptor is new, so nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as libc::c_int) })
}

/// The system call.
///
/// # Safety
///
/// `description` must begin as the kernel's description for `command` does, and what it points to must be
/// what the kernel takes it to be until the call is over.
unsafe fn bpf<T>(command: libc::c_long, description: &T) -> io::Result<libc::c_long> {
    // SAFETY: the kernel reads `size` bytes of `description`, which is that long; this function's
    // caller vouches for the rest.
    let outcome = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            command,
            std::ptr::from_ref(description),
            size_of::<T>(),
        )
    };
    if outcome < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(outcome)
    }
}
