//! Fuzz target: the device's side of the virtqueues, in memory that holds anything. Frames that come out have a frame's
//! length; a driver that breaks the rules ends the link, and nothing else.
//!
//! An input is a sequence of steps: a byte that says which ([`step`]), and its parameters.

use std::sync::Arc;

use fathom::link::vhost_user::Fault;
use fathom::link::vhost_user::memory_regions::Memory;
use fathom::link::vhost_user::virtio_net::{Addresses, Device, QUEUES, RECEIVE, TRANSMIT};
use fuzz_harness::{Input, Target, put_counted};
use vm_memory::MmapRegion;

/// The target.
pub const TARGET: Target = Target {
    name: "vhost_user_rings",
    run,
    seeds,
};

/// Steps: bytes into the guest's memory; a frame for the driver; frames of the driver's; time to spare; and what a front
/// end says of a queue: its size, where it goes on, its addresses; start and stop.
mod step {
    pub const WRITE: u8 = 0;
    pub const SEND: u8 = 1;
    pub const RECEIVE: u8 = 2;
    pub const SPARE: u8 = 3;
    pub const SIZE: u8 = 4;
    pub const BASE: u8 = 5;
    pub const ADDRESSES: u8 = 6;
    pub const START: u8 = 7;
    pub const STOP: u8 = 8;
    pub const COUNT: u8 = 9;
}

/// The most steps of an input.
const MAX_STEPS: usize = 200;

/// Guest's memory, in bytes: the queues' parts, a page each, and as much for buffers.
const MEMORY: usize = 16 * PAGE;
const PAGE: usize = 4096;

/// Longest frame, in bytes.
const MAX_FRAME: usize = 9230;

/// Entries of a queue, unless a step says otherwise.
const ENTRIES: u16 = 8;

fn addresses(queue: usize) -> Addresses {
    let start = (queue * 3 * PAGE) as u64;
    Addresses {
        descriptors: start,
        avail: start + PAGE as u64,
        used: start + 2 * PAGE as u64,
    }
}

fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let mapping = Arc::new(MmapRegion::new(MEMORY).expect("a little memory"));
    let memory = Memory::of(Arc::clone(&mapping));
    let mut device = Device::default();
    device.set_memory(Memory::of(mapping));
    for queue in 0..QUEUES {
        device
            .set_size(queue, ENTRIES.into())
            .expect("a power of two");
        device
            .set_addresses(queue, addresses(queue))
            .expect("within memory");
        device.set_kick(queue, None).expect("all is known");
    }
    for _ in 0..MAX_STEPS {
        if input.is_empty() {
            break;
        }
        // A front end that says nonsense is refused, and may go on.
        let _ = match input.u8() % step::COUNT {
            step::WRITE => {
                write(&memory, &mut input);
                Ok(())
            }
            step::SEND => match send(&mut device, &mut input) {
                Ok(()) => Ok(()),
                Err(fault) => return check(fault),
            },
            step::RECEIVE => match receive(&mut device) {
                Ok(()) => Ok(()),
                Err(fault) => return check(fault),
            },
            step::SPARE => {
                device.prepare();
                device.settle();
                device.signals();
                Ok(())
            }
            step::SIZE => device.set_size(input.u8().into(), input.u32()),
            step::BASE => device.set_base(input.u8().into(), input.u16()),
            step::ADDRESSES => {
                let queue = input.u8().into();
                let [descriptors, avail, used] = [(); 3].map(|()| input.u32().into());
                let addresses = Addresses {
                    descriptors,
                    avail,
                    used,
                };
                device.set_addresses(queue, addresses)
            }
            step::START => device.set_kick(input.u8().into(), None),
            _ => device.stop(input.u8().into()).map(drop),
        };
    }
}

/// Writes bytes wherever the input says.
fn write(memory: &Memory, input: &mut Input<'_>) {
    let address = usize::from(input.u16()) % MEMORY;
    let bytes = input.counted();
    let len = bytes.len().min(MEMORY - address);
    let place = memory.slice(address as u64, len).expect("within memory");
    place.copy_from(&bytes[..len]);
}

fn send(device: &mut Device, input: &mut Input<'_>) -> Result<(), Fault> {
    let len = usize::from(input.u16()) % MAX_FRAME + 1;
    let frame = [0x5a; MAX_FRAME];
    let is_sent = device.send(&frame[..len])?;
    let is_too_long = device.take_too_long() > 0;
    assert!(is_sent || !is_too_long, "what is dropped is done with");
    Ok(())
}

/// Takes frames until there are no more, or so many that the driver must have made them out of nothing.
fn receive(device: &mut Device) -> Result<(), Fault> {
    let mut frame = [0; MAX_FRAME];
    for _ in 0..2 * ENTRIES {
        match device.receive(&mut frame)? {
            Some(len) => assert!((1..=MAX_FRAME).contains(&len), "a frame of {len} bytes"),
            None => break,
        }
    }
    Ok(())
}

/// Holds what is said of a driver that broke the rules to what can be.
fn check(fault: Fault) {
    match fault {
        Fault::IndexJump { jump, size } => assert!(jump > size),
        Fault::NoSuchDescriptor { index, size } => assert!(index >= size),
        Fault::OutsideMemory { address, len } => {
            let end = u128::from(address) + u128::from(len);
            assert!(address >= MEMORY as u64 || end > MEMORY as u128);
        }
        Fault::FrameLength { len } => assert!(len <= 12 || len > MAX_FRAME),
        Fault::Loop { .. } | Fault::Direction { .. } | Fault::Indirect { .. } => {}
    }
    assert!(!fault.to_string().is_empty());
}

/// Appends a step that writes to memory.
fn put(input: &mut Vec<u8>, address: u64, bytes: &[u8]) {
    input.push(step::WRITE);
    input.extend((address as u16).to_le_bytes());
    put_counted(input, bytes);
}

/// Appends steps that write a chain of descriptors, `(address, len)` each, and make it available as the first.
fn offer(input: &mut Vec<u8>, queue: usize, flags: u16, buffers: &[(u64, u32)]) {
    for (index, &(address, len)) in buffers.iter().enumerate() {
        let has_next = index + 1 < buffers.len();
        let mut descriptor = address.to_le_bytes().to_vec();
        descriptor.extend(len.to_le_bytes());
        descriptor.extend((flags | u16::from(has_next)).to_le_bytes());
        descriptor.extend((index as u16 + 1).to_le_bytes());
        put(
            input,
            addresses(queue).descriptors + 16 * index as u64,
            &descriptor,
        );
    }
    // Flags, index, first entry.
    put(input, addresses(queue).avail, &[0, 0, 1, 0, 0, 0]);
}

fn seeds() -> Vec<Vec<u8>> {
    const BUFFERS: u64 = 8 * PAGE as u64;
    let mut seeds = Vec::new();
    for buffers in [
        &[(BUFFERS, 1526)][..],
        &[(BUFFERS, 12), (BUFFERS + 64, 1514)],
        &[(BUFFERS, 12 + 9014)],
    ] {
        let mut seed = Vec::new();
        offer(&mut seed, RECEIVE, 2, buffers);
        seed.extend([
            step::SPARE,
            step::SEND,
            60,
            0,
            step::SPARE,
            step::SEND,
            60,
            0,
        ]);
        offer(&mut seed, TRANSMIT, 0, buffers);
        seed.extend([step::RECEIVE, step::SPARE, step::STOP, 1, step::START, 1]);
        seeds.push(seed);
    }
    let mut again = vec![
        step::STOP,
        0,
        step::SIZE,
        0,
        64,
        0,
        0,
        0,
        step::BASE,
        0,
        0xff,
        0xff,
    ];
    again.extend([step::ADDRESSES, 0]);
    again.extend(
        [0x8000_u32, 0x9000, 0xa000]
            .map(u32::to_le_bytes)
            .as_flattened(),
    );
    again.extend([step::START, 0, step::SEND, 9, 0]);
    seeds.push(again);
    seeds
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;

    /// The first seed is of something: a frame goes each way.
    #[test]
    fn frames_go_both_ways() {
        let mapping = Arc::new(MmapRegion::new(MEMORY).unwrap());
        let memory = Memory::of(Arc::clone(&mapping));
        let seed = &seeds()[0];
        let mut input = Input::new(seed);
        let mut device = Device::default();
        device.set_memory(Memory::of(mapping));
        for queue in 0..QUEUES {
            device.set_size(queue, ENTRIES.into()).unwrap();
            device.set_addresses(queue, addresses(queue)).unwrap();
            device.set_kick(queue, None).unwrap();
        }
        for _ in 0..2 {
            assert_eq!(input.u8(), step::WRITE);
            write(&memory, &mut input);
        }
        assert_eq!(device.send(&[1; 61]), Ok(true));
        let used = memory.slice(addresses(RECEIVE).used, 4).unwrap();
        assert_eq!(used.load_u16(2, Ordering::Relaxed), 1);
        assert_eq!(device.send(&[1; 61]), Ok(false), "no more buffers");
    }
}
