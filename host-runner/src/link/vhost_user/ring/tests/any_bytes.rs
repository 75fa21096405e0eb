//! Any content of the rings gives frames or a [`Fault`], and never anything else.

use proptest::prelude::*;

use super::*;

/// Numbers that a hostile driver would write: those near a limit, and any.
fn address() -> impl Strategy<Value = u64> {
    prop_oneof![
        near(QUEUE_REGION),
        near(BUFFER_REGION),
        near(BUFFER_REGION + REGION_LEN),
        Just(BUFFER_REGION),
        Just(u64::MAX),
        any::<u64>(),
    ]
}

fn near(limit: u64) -> std::ops::Range<u64> {
    limit - 64..limit + 64
}

fn len() -> impl Strategy<Value = u32> {
    prop_oneof![0..200_u32, 1400..1700_u32, Just(u32::MAX), any::<u32>()]
}

fn index() -> impl Strategy<Value = u16> {
    prop_oneof![0..8_u16, SIZE - 2..SIZE + 2, any::<u16>()]
}

fn flags() -> impl Strategy<Value = u16> {
    prop_oneof![0..4_u16, 0..4_u16, any::<u16>()]
}

fn descriptor() -> impl Strategy<Value = Descriptor> {
    (address(), len(), flags(), index()).prop_map(|(address, len, flags, next)| Descriptor {
        address,
        len,
        flags,
        next,
    })
}

/// Drives a queue until it faults or has nothing more. A frame may be written over the rings
/// themselves, so that there can be more than ever was offered.
fn drive(rogue: &Rogue, queue: usize, ring: &mut Ring, given: &[u8]) {
    let memory = rogue.memory();
    let mut frame = [0x55; MAX_FRAME];
    for _ in 0..2 * SIZE {
        let base = ring.base();
        let outcome = if queue == RECEIVE {
            ring.give(&memory, given)
                .map(|given| given == Given::Delivered)
        } else {
            let taken = ring.take(&memory, &mut frame);
            assert!(!matches!(taken, Ok(Some(len)) if !(1..=MAX_FRAME).contains(&len)));
            taken.map(|len| len.is_some())
        };
        match outcome {
            Ok(true) => assert_eq!((ring.base(), ring.unpublished()), (base.wrapping_add(1), 1)),
            Ok(false) => {
                assert_eq!(ring.base(), base);
                return;
            }
            Err(fault) => {
                assert!(!fault.to_string().is_empty());
                return;
            }
        }
        ring.publish();
        ring.prepare(&memory);
    }
}

/// `len` bytes of a sequence without a pattern (Steele and others' SplitMix64).
fn noise(mut seed: u64, len: u64) -> Vec<u8> {
    let words = (0..len / 8).flat_map(|_| {
        seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let word = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (word ^ (word >> 31)).to_le_bytes()
    });
    words.collect()
}

proptest! {
    #[test]
    fn descriptors_heads_and_indices(
        descriptors in prop::collection::vec(descriptor(), 8),
        heads in prop::collection::vec(index(), 1..16),
        index in prop::option::of(any::<u16>()),
        frame_len in 1..=MAX_FRAME,
    ) {
        for queue in [RECEIVE, TRANSMIT] {
            let mut rogue = Rogue::new();
            let mut ring = rogue.ring(queue);
            for (i, &descriptor) in descriptors.iter().enumerate() {
                rogue.describe(queue, i as u16, descriptor);
            }
            for &head in &heads {
                rogue.offer(queue, head);
            }
            if let Some(index) = index {
                rogue.set_index(queue, index);
            }
            drive(&rogue, queue, &mut ring, &vec![0x55; frame_len]);
        }
    }

    #[test]
    fn noise_all_over_the_memory(seed: u64, heads in 1..=SIZE) {
        for queue in [RECEIVE, TRANSMIT] {
            let mut rogue = Rogue::new();
            let mut ring = rogue.ring(queue);
            rogue.write(QUEUE_REGION, &noise(seed, REGION_LEN));
            // Nearly any index is a jump; this one is believable.
            rogue.set_index(queue, heads);
            drive(&rogue, queue, &mut ring, &[0x55; MAX_FRAME]);
        }
    }

    /// Indices run freely over 16 bits: where they start makes no difference.
    #[test]
    fn rings_go_on_from_any_base(base: u16, batches in prop::collection::vec(1..=SIZE, 1..8)) {
        for queue in [RECEIVE, TRANSMIT] {
            let mut rogue = Rogue::from_base(base);
            let mut ring = rogue.ring(queue);
            let memory = rogue.memory();
            rogue.chain(queue, 0, &[HEADER + FRAME.len()]);
            let step = |ring: &mut Ring| {
                if queue == RECEIVE {
                    let given = ring.give(&memory, &FRAME);
                    given.map(|given| given == Given::Delivered)
                } else {
                    let mut frame = [0; MAX_FRAME];
                    ring.take(&memory, &mut frame).map(|len| len.is_some())
                }
            };
            let mut expected = base;
            for &batch in &batches {
                (0..batch).for_each(|_| rogue.offer(queue, 0));
                for _ in 0..batch {
                    prop_assert_eq!(step(&mut ring), Ok(true));
                    expected = expected.wrapping_add(1);
                    prop_assert_eq!(ring.base(), expected);
                }
                prop_assert_eq!(step(&mut ring), Ok(false));
                prop_assert_eq!(ring.unpublished(), batch);
                ring.publish();
                prop_assert_eq!(rogue.used_ring(queue).1, expected);
            }
        }
    }
}
