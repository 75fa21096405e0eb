//! Fuzz target: a front end's messages to the back end, with descriptors and without, and then frames through the queues
//! that they set up. Whatever it says, the back end goes on or hangs up, and takes the next front end.
//!
//! An input is a sequence of messages: a byte for the descriptors that come along ([`DESCRIPTORS`]), the request, the
//! header's flags, and a counted payload. A request of 0 sends the payload without a header.

use std::cell::RefCell;
use std::fs::File;
use std::io::{IoSlice, Read, Write};
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use fathom::link::ethernet::Frames;
use fathom::link::vhost_user::Virtqueues;
use fuzz_harness::{Input, Target, put_counted};
use rustix::event::{EventfdFlags, eventfd};
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

/// The target.
pub const TARGET: Target = Target {
    name: "vhost_user_messages",
    run,
    seeds,
};

/// Lower bits of a message's first byte: how many descriptors come along. The others say which is the first; the next one
/// is the next.
const DESCRIPTORS: u8 = 7;

/// The most messages of an input.
const MAX_MESSAGES: usize = 64;

/// Guest's memory, in bytes, and its address for the front end.
const MEMORY: u64 = 0x1_0000;
const USER_ADDRESS: u64 = 0x7f00_0000_0000;

/// Bounds the wait for a back end that hangs.
const PATIENCE: Duration = Duration::from_secs(20);

/// Messages of the protocol (vhost-user, "Front-end message types").
mod request {
    pub const GET_FEATURES: u32 = 1;
    pub const SET_FEATURES: u32 = 2;
    pub const SET_OWNER: u32 = 3;
    pub const SET_MEM_TABLE: u32 = 5;
    pub const SET_VRING_NUM: u32 = 8;
    pub const SET_VRING_ADDR: u32 = 9;
    pub const SET_VRING_BASE: u32 = 10;
    pub const GET_VRING_BASE: u32 = 11;
    pub const SET_VRING_KICK: u32 = 12;
    pub const SET_VRING_CALL: u32 = 13;
}

/// The back end, and descriptors to send to it.
struct BackEnd {
    frames: Virtqueues,
    socket: OwnedFd,
    files: [File; 4],
}

impl BackEnd {
    fn new() -> Self {
        let (frames, socket) = Virtqueues::listen().expect("a socket of ours");
        // Sealed, for the back end refuses memory that can be made shorter.
        let memory = |len| {
            let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
            let file = File::from(memfd_create("guest", flags).expect("memory"));
            file.set_len(len).expect("its length");
            fcntl_add_seals(&file, SealFlags::SHRINK).expect("a seal");
            file
        };
        let event = || File::from(eventfd(0, EventfdFlags::NONBLOCK).expect("an event"));
        Self {
            frames,
            socket,
            files: [memory(MEMORY), event(), memory(100), event()],
        }
    }

    fn connect(&self) -> UnixStream {
        let path = format!("/proc/self/fd/{}", self.socket.as_raw_fd());
        let stream = UnixStream::connect(path).expect("the back end takes the next front end");
        for set in [UnixStream::set_read_timeout, UnixStream::set_write_timeout] {
            set(&stream, Some(PATIENCE)).expect("not zero");
        }
        stream
    }

    /// Polls as whoever measures does. A guest that breaks the rules is an error, and nothing else.
    fn poll(&mut self) {
        let mut frame = [0; 9230];
        let sent = [0x5a; 9230];
        for len in [60, 60, 1514, 9230] {
            if self.frames.send(&sent[..len]).is_err()
                || self.frames.receive(&mut frame, 0).is_err()
            {
                return;
            }
        }
        self.frames.signals();
    }
}

thread_local! {
    static BACK_END: RefCell<BackEnd> = RefCell::new(BackEnd::new());
}

fn run(data: &[u8]) {
    BACK_END.with_borrow_mut(|back_end| {
        let stream = back_end.connect();
        let mut input = Input::new(data);
        for _ in 0..MAX_MESSAGES {
            if input.is_empty() || send(&stream, &back_end.files, &mut input).is_none() {
                break;
            }
        }
        finish(stream);
        back_end.poll();
    });
}

/// Sends a message; `None` once the back end has hung up.
fn send(stream: &UnixStream, files: &[File; 4], input: &mut Input<'_>) -> Option<()> {
    let descriptors = input.u8();
    let request = input.u32();
    let flags = input.u32();
    let payload = input.counted();
    let mut message = Vec::new();
    if request != 0 {
        message.extend(
            [request, flags, payload.len() as u32]
                .map(u32::to_le_bytes)
                .as_flattened(),
        );
    }
    message.extend(payload);
    let count = usize::from(descriptors & DESCRIPTORS);
    let first = usize::from(descriptors >> DESCRIPTORS.count_ones());
    let files: Vec<BorrowedFd<'_>> = (first..first + count)
        .map(|index| files[index % files.len()].as_fd())
        .collect();
    if files.is_empty() || message.is_empty() {
        let mut stream = stream;
        return stream.write_all(&message).ok();
    }
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(8))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    assert!(ancillary.push(SendAncillaryMessage::ScmRights(&files)));
    let parts = [IoSlice::new(&message)];
    let sent = sendmsg(stream, &parts, &mut ancillary, SendFlags::NOSIGNAL).ok()?;
    let mut stream = stream;
    stream.write_all(&message[sent..]).ok()
}

/// Waits until the back end has taken everything, and is done with this front end.
fn finish(mut stream: UnixStream) {
    // Fails if the back end has hung up already.
    let _ = stream.shutdown(Shutdown::Write);
    let mut replies = [0; 4096];
    loop {
        match stream.read(&mut replies) {
            Ok(0) => return,
            Ok(_) => {}
            // By the fuzzer's timer.
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            // What was left unread when it hung up.
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return,
            Err(error) => panic!("the back end neither goes on nor hangs up: {error}"),
        }
    }
}

/// Appends a message.
fn put(input: &mut Vec<u8>, descriptors: u8, request: u32, words: &[u64]) {
    input.push(descriptors);
    input.extend(request.to_le_bytes());
    input.extend(1_u32.to_le_bytes());
    let payload: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    put_counted(input, &payload);
}

/// Appends what a front end says until both queues run.
fn set_up(input: &mut Vec<u8>) {
    put(input, 0, request::GET_FEATURES, &[]);
    put(input, 0, request::SET_FEATURES, &[1 << 32]);
    put(input, 0, request::SET_OWNER, &[]);
    // One region: where the guest has it, its length, where the front end has it, the offset.
    put(
        input,
        1,
        request::SET_MEM_TABLE,
        &[1, 0, MEMORY, USER_ADDRESS, 0],
    );
    for queue in 0..2_u64 {
        let at = |page: u64| USER_ADDRESS + (queue * 3 + page) * 4096;
        put(input, 0, request::SET_VRING_NUM, &[queue | 8 << 32]);
        put(input, 0, request::SET_VRING_BASE, &[queue]);
        put(
            input,
            0,
            request::SET_VRING_ADDR,
            &[queue, at(0), at(2), at(1), 0],
        );
        put(input, 1 | 1 << 3, request::SET_VRING_CALL, &[queue]);
        put(input, 1 | 3 << 3, request::SET_VRING_KICK, &[queue]);
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let mut whole = Vec::new();
    set_up(&mut whole);
    let mut stopped = whole.clone();
    put(&mut stopped, 0, request::GET_VRING_BASE, &[0]);
    put(&mut stopped, 0, request::GET_VRING_BASE, &[1]);
    let mut short_file = Vec::new();
    put(
        &mut short_file,
        1 | 2 << 3,
        request::SET_MEM_TABLE,
        &[1, 0, MEMORY, USER_ADDRESS, 0],
    );
    let mut two = Vec::new();
    let regions = [
        2,
        0,
        4096,
        USER_ADDRESS,
        0,
        8192,
        4096,
        USER_ADDRESS + 8192,
        8192,
    ];
    put(&mut two, 2, request::SET_MEM_TABLE, &regions);
    vec![whole, stopped, short_file, two]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first seed is of something: after it, the back end answers what it is asked.
    #[test]
    fn the_back_end_is_set_up() {
        let back_end = BackEnd::new();
        let mut stream = back_end.connect();
        let seeds = seeds();
        let mut input = Input::new(&seeds[1]);
        while !input.is_empty() {
            assert!(send(&stream, &back_end.files, &mut input).is_some());
        }
        // The features, and where each queue stands: a header of 12 bytes and 8 bytes each.
        let mut replies = [0; 3 * 20];
        stream.read_exact(&mut replies).expect("three replies");
        assert_eq!(replies[12..20], (1_u64 << 32 | 1 << 30).to_le_bytes());
        finish(stream);
    }
}
