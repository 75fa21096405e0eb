//! A service with state: a key-value store of fixed size.
//!
//! | request, in bytes                             | reply                                        |
//! |-----------------------------------------------|----------------------------------------------|
//! | `s`, key (16), value (32)                     | `+`, or `!` if there is no room for the key  |
//! | `g`, key (16), padding to 33 bytes or more    | `=`, value (32); or `-` if there is no such key |
//! | `c`, padding to 25 bytes or more              | `#`, then the numbers of sets, of gets and of keys, each a 64-bit integer, little-endian |
//!
//! Everything else is dropped. No request takes longer than [`PROBES`] slots do, however full the store
//! is, and no memory is allocated once it serves.
#![no_std]
#![no_main]

extern crate alloc;

use alloc::vec;
use alloc::vec::Vec;

use kernel_app::clock::Clock;
use kernel_app::handler::{Handler, Request, Response};

const KEY: usize = 16;
const VALUE: usize = 32;

/// Slots in the store: a power of two.
const SLOTS: usize = 4096;

/// Slots in which a key may be, counted from the one that its hash names.
const PROBES: usize = 8;

/// A key and its value.
#[derive(Clone, Copy)]
struct Entry {
    key: [u8; KEY],
    value: [u8; VALUE],
}

/// The store, and counts of what was asked of it.
struct Store {
    slots: Vec<Option<Entry>>,
    sets: u64,
    gets: u64,
    keys: u64,
}

impl Store {
    fn new() -> Self {
        Self {
            slots: vec![None; SLOTS],
            sets: 0,
            gets: 0,
            keys: 0,
        }
    }

    /// Returns the slot that has `key`, else the first free one among those it may be in.
    fn slot(&mut self, key: &[u8; KEY]) -> Option<&mut Option<Entry>> {
        let first = hash(key);
        let mut numbers = (0..PROBES).map(|i| (first + i) % SLOTS);
        let is_for_key = |slot: &Option<Entry>| slot.is_none_or(|entry| entry.key == *key);
        let number = numbers.find(|&number| is_for_key(&self.slots[number]))?;
        Some(&mut self.slots[number])
    }

    fn set(&mut self, key: [u8; KEY], value: [u8; VALUE]) -> u8 {
        self.sets += 1;
        match self.slot(&key) {
            None => b'!',
            Some(slot) => {
                let is_new = slot.replace(Entry { key, value }).is_none();
                self.keys += u64::from(is_new);
                b'+'
            }
        }
    }

    fn get(&mut self, key: &[u8; KEY]) -> Option<[u8; VALUE]> {
        self.gets += 1;
        let entry = (*self.slot(key)?)?;
        Some(entry.value)
    }
}

/// FNV-1a. Whoever chooses the keys can choose some that collide, which costs them room and nobody time.
fn hash(key: &[u8; KEY]) -> usize {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
    key.iter().fold(0xcbf2_9ce4_8422_2325, step) as usize
}

impl Handler for Store {
    fn handle(&mut self, payload: &mut [u8], _: &Request, _: &impl Clock) -> Response {
        answer(self, payload).map_or(Response::DROP, Response::reply)
    }
}

/// Makes `payload` the reply: its length, or `None` if it is no request.
fn answer(store: &mut Store, payload: &mut [u8]) -> Option<usize> {
    let (operation, rest) = payload.split_first_mut()?;
    match *operation {
        b's' => {
            let (key, value) = rest.split_first_chunk::<KEY>()?;
            *operation = store.set(*key, *value.first_chunk()?);
            Some(1)
        }
        b'g' => {
            let key = *rest.first_chunk::<KEY>()?;
            let room = rest.first_chunk_mut::<VALUE>()?;
            let Some(value) = store.get(&key) else {
                *operation = b'-';
                return Some(1);
            };
            *room = value;
            *operation = b'=';
            Some(1 + VALUE)
        }
        b'c' => {
            let room = rest.first_chunk_mut::<24>()?;
            let counts = [store.sets, store.gets, store.keys].map(u64::to_le_bytes);
            room.copy_from_slice(counts.as_flattened());
            *operation = b'#';
            Some(25)
        }
        _ => None,
    }
}

kernel_app::serve!(Store::new());
