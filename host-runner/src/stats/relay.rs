//! The way of whole blocks from the measuring thread to a reader, and of empty ones back: a single producer and a single
//! consumer each way, wait-free (crate rtrb).
//!
//! All blocks are made beforehand. A block changes hands as a pointer; the measuring thread never waits, locks, allocates or
//! makes a system call. If the reader has handed back none, the measuring thread goes on with the block that it has: the
//! next one covers a longer time, and nothing is dropped.
#![forbid(unsafe_code)]

use std::mem;

use rtrb::{Consumer, Producer, RingBuffer};

/// The measuring thread's end.
#[derive(Debug)]
pub struct Writer<T> {
    full: Producer<Box<T>>,
    empty: Consumer<Box<T>>,
}

/// The reader's end.
#[derive(Debug)]
pub struct Reader<T> {
    full: Consumer<Box<T>>,
    empty: Producer<Box<T>>,
}

/// Returns both ends of a way with `spares` empty blocks on it, beside the one that the measuring thread fills.
#[must_use]
pub fn relay<T: Default>(spares: usize) -> (Writer<T>, Reader<T>) {
    // Every block that there is has room in either direction.
    let (full_in, full_out) = RingBuffer::new(spares + 1);
    let (mut empty_in, empty_out) = RingBuffer::new(spares + 1);
    for _ in 0..spares {
        let _ = empty_in.push(Box::new(T::default()));
    }
    let writer = Writer {
        full: full_in,
        empty: empty_out,
    };
    let reader = Reader {
        full: full_out,
        empty: empty_in,
    };
    (writer, reader)
}

impl<T> Writer<T> {
    /// Hands `active` over and leaves an empty block in its place, if there is one. Returns whether there was.
    pub fn hand_over(&mut self, active: &mut Box<T>) -> bool {
        let Some(empty) = self.take_empty() else {
            return false;
        };
        self.send(mem::replace(active, empty));
        true
    }

    /// Takes an empty block, if there is one, to be filled and sent at once.
    pub fn take_empty(&mut self) -> Option<Box<T>> {
        self.empty.pop().ok()
    }

    /// Sends a block that is full.
    pub fn send(&mut self, full: Box<T>) {
        // There is room for all blocks that there are.
        let _ = self.full.push(full);
    }
}

impl<T> Reader<T> {
    /// Takes the oldest block that was handed over, if there is one.
    pub fn take(&mut self) -> Option<Box<T>> {
        self.full.pop().ok()
    }

    /// Hands a block back, which the caller has emptied.
    pub fn give_back(&mut self, empty: Box<T>) {
        let _ = self.empty.push(empty);
    }

    /// Returns whether no block will come any more: the writer is gone, and what it has handed over has been taken.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.full.is_abandoned() && self.full.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_writer_goes_on_with_its_block_while_none_comes_back() {
        let (mut writer, mut reader) = relay::<Vec<u32>>(1);
        let mut active = Box::new(vec![1]);
        assert!(writer.hand_over(&mut active));
        assert!(active.is_empty());
        active.push(2);
        assert!(!writer.hand_over(&mut active), "the spare one is away");
        active.push(3);
        let mut block = reader.take().unwrap();
        assert_eq!((*block).clone(), [1]);
        assert!(reader.take().is_none());
        block.clear();
        reader.give_back(block);
        assert!(writer.hand_over(&mut active));
        drop(writer);
        assert!(!reader.is_over(), "a block is on its way");
        assert_eq!(*reader.take().unwrap(), [2, 3]);
        assert!(reader.is_over());
    }

    #[test]
    fn every_number_arrives_once_and_in_order_beside_a_slow_reader() {
        const NUMBERS: u64 = 200_000;
        let (mut writer, mut reader) = relay::<Vec<u64>>(2);
        let written = std::thread::spawn(move || {
            let mut active = Box::new(Vec::new());
            for number in 0..NUMBERS {
                active.push(number);
                writer.hand_over(&mut active);
            }
            *active
        });
        let mut numbers = Vec::new();
        while !reader.is_over() {
            match reader.take() {
                Some(mut block) => {
                    numbers.append(&mut block);
                    reader.give_back(block);
                }
                None => std::thread::yield_now(),
            }
        }
        numbers.extend(written.join().unwrap());
        assert!(numbers.into_iter().eq(0..NUMBERS));
    }

    #[test]
    fn a_writer_outlives_its_reader() {
        let (mut writer, reader) = relay::<Vec<u32>>(1);
        drop(reader);
        let mut active = Box::new(vec![1]);
        writer.hand_over(&mut active);
        active.push(2);
        assert!(!writer.hand_over(&mut active));
        assert_eq!(*active, [2]);
    }
}
