//! Indices that move: by too much, and round.

use super::*;

#[test]
fn an_index_may_move_by_as_much_as_the_ring_holds() {
    let size = SIZE;
    for base in [0, 1, u16::MAX - 1] {
        for jump in [size + 1, 2 * size, u16::MAX - 1, u16::MAX] {
            let mut rogue = Rogue::from_base(base);
            let mut ring = rogue.ring(TRANSMIT);
            rogue.set_index(TRANSMIT, base.wrapping_add(jump));
            let fault = take(&rogue, &mut ring);
            assert_eq!(fault, Err(Fault::IndexJump { jump, size }));
        }
        let mut rogue = Rogue::from_base(base);
        let mut ring = rogue.ring(TRANSMIT);
        rogue.chain(TRANSMIT, 0, &[HEADER + 1]);
        rogue.set_index(TRANSMIT, base.wrapping_add(size));
        for _ in 0..size {
            assert_eq!(take(&rogue, &mut ring), Ok(Some(vec![0])));
        }
        assert_eq!(take(&rogue, &mut ring), Ok(None));
        // Back by one, after so many good ones.
        rogue.set_index(TRANSMIT, base.wrapping_add(size - 1));
        let jump = u16::MAX;
        assert_eq!(
            take(&rogue, &mut ring),
            Err(Fault::IndexJump { jump, size })
        );
    }
}

#[test]
fn indices_go_round_at_65536() {
    let base = u16::MAX - 5;
    let mut rogue = Rogue::from_base(base);
    let mut ring = rogue.ring(TRANSMIT);
    for i in 0..20_u16 {
        let frame = [i as u8; 20];
        rogue.offer_frame(&frame);
        assert_eq!(take(&rogue, &mut ring), Ok(Some(frame.to_vec())));
        assert_eq!(ring.unpublished(), 1);
        ring.publish();
        assert_eq!(ring.unpublished(), 0);
        let index = base.wrapping_add(i + 1);
        assert_eq!((rogue.used_ring(TRANSMIT).1, ring.base()), (index, index));
    }
    assert_eq!(take(&rogue, &mut ring), Ok(None));
}
