//! The other end is rust-vmm's own front end, and an honest driver in memory that both have mapped.

use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

use vhost::vhost_user::Frontend;
use vhost::{VhostBackend, VhostUserMemoryRegionInfo, VringConfigData};
use vm_memory::{FileOffset, MmapRegion};
use vmm_sys_util::eventfd::{EFD_NONBLOCK, EventFd};

use super::super::driver::{self, BUFFER, Driver, Incoming, SIZE, memory_len};
use super::super::rogue_driver::shared_file;
use super::super::virtio_net::{RECEIVE, TRANSMIT};
use super::super::{Frames, Signals, Virtqueues};
use super::*;
use crate::clock;

/// Length of all memory, in bytes.
const MEMORY: usize = memory_len(BUFFER);

/// Address of the guest's memory in the front end's own.
const USER_ADDRESS: u64 = 0x7f00_0000_0000;

/// For anything that is sure to come, in nanoseconds.
const PATIENCE_NS: u64 = 20_000_000_000;
const PATIENCE: Duration = Duration::from_nanos(PATIENCE_NS);

/// More than the front end needs to know of, so that it passes on queue numbers that do not exist.
const MAX_QUEUES: u64 = 100;

/// A machine without a machine: a front end and a driver.
struct Machine {
    front_end: Frontend,
    memory: File,
    driver: Driver,
    kick: EventFd,
    call: EventFd,
}

impl Machine {
    /// Connects to the device behind `socket`, as QEMU does.
    fn connect(socket: &OwnedFd) -> Self {
        let path = format!("/proc/self/fd/{}", socket.as_raw_fd());
        let memory = shared_file(MEMORY as u64);
        let offset = FileOffset::new(memory.try_clone().unwrap(), 0);
        let mapping = MmapRegion::from_file(offset, MEMORY).unwrap();
        Self {
            front_end: Frontend::connect(path, MAX_QUEUES).unwrap(),
            memory,
            driver: Driver::over(Arc::new(mapping), BUFFER),
            kick: EventFd::new(EFD_NONBLOCK).unwrap(),
            call: EventFd::new(EFD_NONBLOCK).unwrap(),
        }
    }

    fn negotiate(&self) {
        let offered = self.front_end.get_features().unwrap();
        assert_eq!(offered, 1 << 32 | 1 << 30);
        self.front_end.set_features(1 << 32).unwrap();
        self.front_end.set_owner().unwrap();
    }

    fn share(&self, len: usize) {
        let region = VhostUserMemoryRegionInfo {
            guest_phys_addr: 0,
            memory_size: len as u64,
            userspace_addr: USER_ADDRESS,
            mmap_offset: 0,
            mmap_handle: self.memory.as_raw_fd(),
        };
        self.front_end.set_mem_table(&[region]).unwrap();
    }

    /// Describes a queue whose parts are `by` bytes beside where they are.
    fn describe(&self, queue: usize, by: u64) {
        let addresses = driver::addresses(queue);
        let at = |address| USER_ADDRESS + address + by;
        let config = VringConfigData {
            queue_max_size: SIZE,
            queue_size: SIZE,
            flags: 0,
            desc_table_addr: at(addresses.descriptors),
            used_ring_addr: at(addresses.used),
            avail_ring_addr: at(addresses.avail),
            log_addr: None,
        };
        self.front_end.set_vring_num(queue, SIZE).unwrap();
        self.front_end.set_vring_base(queue, 0).unwrap();
        self.front_end.set_vring_addr(queue, &config).unwrap();
    }

    fn start(&self, queue: usize) {
        self.front_end.set_vring_call(queue, &self.call).unwrap();
        self.front_end.set_vring_kick(queue, &self.kick).unwrap();
    }

    /// The same where the conversation may have ended with what was said before.
    fn start_if_listened_to(&self, queue: usize) {
        let _ = self.front_end.set_vring_call(queue, &self.call);
        let _ = self.front_end.set_vring_kick(queue, &self.kick);
    }

    /// Returns whether all messages so far were taken: the next one has an answer.
    fn is_served(&self) -> bool {
        self.front_end.get_features().is_ok()
    }

    fn set_up(&self) {
        self.negotiate();
        self.share(MEMORY);
        for queue in [RECEIVE, TRANSMIT] {
            self.describe(queue, 0);
            self.start(queue);
        }
        assert!(self.is_served());
    }

    fn stop(&self) -> [u32; 2] {
        [RECEIVE, TRANSMIT].map(|queue| self.front_end.get_vring_base(queue).unwrap())
    }

    /// Sends a frame to the driver, and back.
    fn exchange(&mut self, frames: &mut Virtqueues, frame: &[u8]) {
        frames.send(frame).unwrap();
        let incoming = self.driver.receive().expect("it is there when it is sent");
        let mut seen = vec![0; incoming.len];
        self.driver.frame(incoming).copy_to(&mut seen);
        assert_eq!(seen, frame);
        self.driver.send(incoming);
        let mut buffer = [0; 2048];
        let deadline_ns = clock::now_ns() + PATIENCE_NS;
        let received = frames.receive(&mut buffer, deadline_ns).unwrap().unwrap();
        assert_eq!(&buffer[..received.len], frame);
    }
}

#[test]
fn one_front_end_after_the_other() {
    let (mut frames, socket) = Virtqueues::listen().unwrap();
    for round in 1..=3 {
        let mut machine = Machine::connect(&socket);
        machine.set_up();
        for i in 0..200_u8 {
            machine.exchange(&mut frames, &vec![i; 60 + 7 * usize::from(i)]);
        }
        machine.kick.write(5).unwrap();
        let doorbells = 5 * round;
        let interrupts = 0;
        let expected = Signals {
            doorbells,
            interrupts,
        };
        assert_eq!(frames.signals(), Some(expected));
        assert_eq!(machine.stop(), [200, 200]);
        // Nothing goes either way now.
        assert_eq!(frames.receive(&mut [0; 2048], 0).unwrap(), None);
        assert_eq!(machine.driver.receive(), None);
    }
}

#[test]
fn a_frame_for_a_stopped_guest_waits_until_it_goes_on() {
    let (mut frames, socket) = Virtqueues::listen().unwrap();
    let mut machine = Machine::connect(&socket);
    machine.set_up();
    machine.exchange(&mut frames, &[1; 60]);
    let [base, _] = machine.stop();
    for i in 2..200 {
        frames.send(&[i; 60]).unwrap();
    }
    assert_eq!(machine.driver.receive(), None);
    let base = base as u16;
    machine.front_end.set_vring_base(RECEIVE, base).unwrap();
    machine.start(RECEIVE);
    assert!(machine.is_served());
    // More than there are buffers, and all in order.
    for i in 2..200 {
        assert_eq!(frames.receive(&mut [0; 2048], 0).unwrap(), None);
        let incoming = machine.driver.receive().unwrap();
        let mut seen = [0; 60];
        machine.driver.frame(incoming).copy_to(&mut seen);
        assert_eq!(seen, [i; 60]);
        machine.driver.release(incoming.buffer);
    }
    assert_eq!(machine.driver.receive(), None);
}

#[test]
fn messages_are_taken_while_frames_are_waited_for() {
    let (mut frames, socket) = Virtqueues::listen().unwrap();
    let waiting = thread::spawn(move || {
        let mut buffer = [0; 2048];
        let deadline_ns = clock::now_ns() + PATIENCE_NS;
        let received = frames.receive(&mut buffer, deadline_ns).unwrap();
        received.map(|received| buffer[..received.len].to_vec())
    });
    let mut machine = Machine::connect(&socket);
    machine.set_up();
    for _ in 0..100 {
        machine.share(MEMORY);
        assert!(machine.is_served());
    }
    let frame = Incoming { buffer: 0, len: 3 };
    machine.driver.frame(frame).copy_from(&[4, 5, 6]);
    machine.driver.send(frame);
    assert_eq!(waiting.join().unwrap(), Some(vec![4, 5, 6]));
}

#[test]
fn an_impossible_message_ends_the_session_and_no_more() {
    let (mut frames, socket) = Virtqueues::listen().unwrap();
    type Lie = fn(&Machine);
    let lies: [(&str, Lie); 9] = [
        ("a feature", |machine| {
            machine.front_end.set_features(1 << 32 | 1 << 15).unwrap();
        }),
        ("a size", |machine| {
            machine.front_end.set_vring_num(TRANSMIT, 96).unwrap();
        }),
        ("a queue", |machine| {
            machine.front_end.set_vring_num(2, 64).unwrap();
        }),
        ("a queue's base", |machine| {
            machine.front_end.set_vring_base(99, 0).unwrap();
        }),
        ("a queue's bell", |machine| {
            machine.front_end.set_vring_call(2, &machine.call).unwrap();
        }),
        ("a queue that is not described", |machine| {
            machine.share(MEMORY);
            machine.start_if_listened_to(TRANSMIT);
        }),
        ("a queue without memory", |machine| {
            machine.describe(TRANSMIT, 0);
            machine.start_if_listened_to(TRANSMIT);
        }),
        ("a misaligned queue", |machine| {
            machine.share(MEMORY);
            machine.describe(TRANSMIT, 8);
            machine.start_if_listened_to(TRANSMIT);
        }),
        ("a file that is too short", |machine| {
            machine.share(2 * MEMORY);
        }),
    ];
    for (what, lie) in lies {
        let machine = Machine::connect(&socket);
        machine.negotiate();
        lie(&machine);
        assert!(!machine.is_served(), "{what}");
        assert_eq!(frames.receive(&mut [0; 2048], 0).unwrap(), None);
    }
    let mut machine = Machine::connect(&socket);
    machine.set_up();
    machine.exchange(&mut frames, &[9; 60]);
}

#[test]
fn a_device_that_is_gone_takes_no_front_end() {
    let (frames, socket) = Virtqueues::listen().unwrap();
    drop(frames);
    let path = format!("/proc/self/fd/{}", socket.as_raw_fd());
    let refused = UnixStream::connect(path).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
}

/// Returns whether reading and writing the open file never wait, as the kernel tells it (proc_pid_fdinfo(5)).
fn never_waits(file: &EventFd) -> bool {
    let information = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", file.as_raw_fd()));
    let information = information.unwrap();
    let flags = information
        .lines()
        .find_map(|line| line.strip_prefix("flags:"));
    let flags = u32::from_str_radix(flags.unwrap().trim(), 8).unwrap();
    flags & OFlags::NONBLOCK.bits() != 0
}

#[test]
fn a_kick_that_would_wait_is_made_not_to() {
    let (_frames, socket) = Virtqueues::listen().unwrap();
    let machine = Machine {
        kick: EventFd::new(0).unwrap(),
        call: EventFd::new(0).unwrap(),
        ..Machine::connect(&socket)
    };
    assert!(!never_waits(&machine.kick) && !never_waits(&machine.call));
    machine.set_up();
    assert!(never_waits(&machine.kick) && never_waits(&machine.call));
}

#[test]
fn a_legacy_driver_is_refused() {
    let (_frames, socket) = Virtqueues::listen().unwrap();
    let machine = Machine::connect(&socket);
    assert!(machine.is_served());
    let _ = machine.front_end.set_features(0);
    assert!(!machine.is_served());
}

/// The crate that reads messages asks for none of these without the feature that has it, and a front end may send them.
#[test]
fn what_is_not_negotiated_is_refused() {
    fn is_refused<T>(result: Result<T>) -> bool {
        matches!(result, Err(Error::InvalidOperation(_)))
    }

    let shared = Shared::default();
    let file = || shared_file(4096);
    let region = VhostUserSingleMemoryRegion::default();
    let inflight = VhostUserInflight::default();
    let (gpu, _front_end) = UnixStream::pair().unwrap();
    let flags = VhostUserConfigFlags::empty();
    let (save, stopped) = (
        VhostTransferStateDirection::SAVE,
        VhostTransferStatePhase::STOPPED,
    );
    let refusals = [
        is_refused(shared.get_queue_num()),
        is_refused(shared.get_config(0, 8, flags)),
        is_refused(shared.set_config(0, &[0; 8], flags)),
        is_refused(shared.set_gpu_socket(GpuBackend::from_stream(gpu))),
        is_refused(shared.get_shared_object(VhostUserSharedMsg::default())),
        is_refused(shared.get_inflight_fd(&inflight)),
        is_refused(shared.set_inflight_fd(&inflight, file())),
        is_refused(shared.get_max_mem_slots()),
        is_refused(shared.add_mem_region(&region, file(), None)),
        is_refused(shared.remove_mem_region(&region)),
        is_refused(shared.set_device_state_fd(save, stopped, file())),
        is_refused(shared.check_device_state()),
        is_refused(shared.get_shmem_config()),
        is_refused(shared.set_log_base(&VhostUserLog::default(), file())),
    ];
    assert_eq!(refusals, [true; 14]);
    let features = shared.get_protocol_features().unwrap();
    assert!(features.is_empty(), "{features:?}");
}

/// A message of the protocol as bytes: the request, the header's flags (version 1), the payload's length, the payload.
fn message(request: u32, payload: &[u8]) -> Vec<u8> {
    let header = [request, 1, payload.len() as u32].map(u32::to_le_bytes);
    [header.as_flattened(), payload].concat()
}

#[test]
fn each_request_of_the_protocol_leaves_the_device_to_the_next_front_end() {
    let (mut frames, socket) = Virtqueues::listen().unwrap();
    let path = format!("/proc/self/fd/{}", socket.as_raw_fd());
    let payloads = [&[][..], &[0; 8], &[0; 16], &[0xff; 40]];
    for request in 0..=64 {
        for payload in payloads {
            let mut front_end = UnixStream::connect(&path).unwrap();
            front_end.set_read_timeout(Some(PATIENCE)).unwrap();
            let sent = front_end.write_all(&message(request, payload));
            // Else the back end has hung up before all of it was there.
            if sent.is_ok() {
                let _ = front_end.shutdown(Shutdown::Write);
            }
            let mut replies = Vec::new();
            let ended = front_end.read_to_end(&mut replies);
            let waits = ended.is_err_and(|error| error.kind() != io::ErrorKind::ConnectionReset);
            assert!(!waits, "request {request} of {} bytes", payload.len());
        }
    }
    let mut machine = Machine::connect(&socket);
    machine.set_up();
    machine.exchange(&mut frames, &[9; 60]);
}
