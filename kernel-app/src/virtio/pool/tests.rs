//! Divisions of the buffers' memory.

use super::*;

#[test]
fn buffers_of_every_size_are_apart() {
    for span in 1..=STACK_BUFFERS {
        let mut owners = [0; BUFFERS];
        let receive = ReceiveId::all(span).map(|id| id.index());
        for index in receive.chain(StackId::all(span).map(|id| id.index())) {
            owners[index..index + span].iter_mut().for_each(|n| *n += 1);
        }
        assert!(owners.iter().all(|&n| n <= 1), "{span}");
        let left = owners.iter().filter(|&&n| n == 0).count();
        assert_eq!(left, RECEIVE_BUFFERS % span + STACK_BUFFERS % span);
    }
}

#[test]
fn hands_out_again_what_was_put_back_last() {
    let mut free = FreeList::new();
    assert_eq!(free.take(), None);
    StackId::all(1).take(2).for_each(|id| free.put(id));
    let (last, first) = (free.take().unwrap(), free.take().unwrap());
    assert_eq!([first.number(), last.number()], [0, 1]);
    assert_eq!(free.take(), None);
}

fn memory() -> &'static PoolMemory {
    std::boxed::Box::leak(std::boxed::Box::new(PoolMemory::new()))
}

#[test]
fn memory_is_taken_once_and_buffers_do_not_overlap() {
    let memory = memory();
    let (pool, receive, mut stack) = memory.take().unwrap().divide(BUFFER_LEN);
    assert!(memory.take().is_none());
    let (mut a, mut b) = (receive.last().unwrap(), stack.next().unwrap());
    pool.room_mut(&mut a).fill(1);
    pool.room_mut(&mut b).fill(2);
    pool.clear_header(&mut b);
    assert_eq!(pool.room_mut(&mut a), [1; BUFFER_LEN - HEADER]);
    assert_eq!(pool.room_mut(&mut b), [2; BUFFER_LEN - HEADER]);
    assert_eq!(pool.address(&b) - pool.address(&a), BUFFER_LEN as u64);
}

/// Frames of one byte more than fits `BUFFER_LEN` take two of its buffers.
#[test]
fn a_buffer_has_room_for_the_longest_frame_and_no_more() {
    for (room, span, counts) in [
        (BUFFER_LEN, 1, [256, 64]),
        (BUFFER_LEN + 1, 2, [128, 32]),
        (HEADER + 14 + 9000, 6, [42, 10]),
        (HEADER + 14 + 9216, 6, [42, 10]),
    ] {
        let (pool, receive, stack) = memory().take().unwrap().divide(room);
        assert_eq!((pool.span(), pool.max_frame), (span, room - HEADER));
        let mut receive: std::vec::Vec<_> = receive.collect();
        let mut stack: std::vec::Vec<_> = stack.collect();
        assert_eq!([receive.len(), stack.len()], counts);
        for (number, id) in (0..).zip(&mut receive) {
            pool.room_mut(id).fill(number);
        }
        for id in &mut stack {
            pool.clear_header(id);
            pool.room_mut(id).fill(255);
        }
        for (number, id) in (0..).zip(&mut receive) {
            assert!(pool.room_mut(id).iter().all(|&byte| byte == number));
        }
        let last = receive.pop().unwrap();
        let longest = pool.received(last, room as u32).unwrap();
        assert_eq!(pool.frame(&longest).len(), room - HEADER);
        let mut last = longest.into_buffer();
        for wrong in [0, HEADER - 1, room + 1, u32::MAX as usize] {
            last = pool.received(last, wrong as u32).unwrap_err();
        }
    }
}
