//! Frames that a client must not heed, beside those that it must.

use std::boxed::Box;
use std::vec::Vec;

use super::virtual_network::VirtualNetwork;
use super::virtual_server::{Answer, Conduct, Server};
use super::{DAY_NS, LOSSES, SECOND_NS, check_outages};
use crate::testing::udp_frame;

/// Frames that a client must not heed: what came before, and what is for others, broken or cut off.
fn noise(answer: &Answer) -> Vec<Vec<u8>> {
    let message = answer.message();
    let changed = |at: usize, value: u8| {
        let mut message = message.clone();
        message[at] ^= value;
        answer.frame(&message)
    };
    let mut noise = vec![
        changed(4, 1),
        changed(7, 0x80),
        changed(33, 1),
        changed(1, 7),
        changed(0, 3),
        changed(236, 1),
    ];
    // Cut off within the options, before the type of the message.
    noise.extend([0, 100, 239, 240, 241, 242].map(|len| answer.frame(&message[..len])));
    // A type that no server sends.
    noise.extend([0, 1, 3, 4, 7, 8, 255].map(|kind| {
        let mut message = message.clone();
        message[242] = kind;
        answer.frame(&message)
    }));
    noise.push({
        let mut frame = answer.frame(&message);
        let last = frame.len() - 1;
        frame[last] ^= 1;
        frame
    });
    let (from, to) = (
        "10.0.2.3:68".parse().unwrap(),
        "10.0.2.15:68".parse().unwrap(),
    );
    noise.push(udp_frame(from, to, &message));
    noise
}

#[test]
fn duplicates_late_answers_and_broken_ones() {
    for loss in LOSSES {
        let server = Server::new(3, 600);
        // Each answer three times, the last of them when all is over; by broadcast, and as long as every host takes.
        let conduct: Conduct = Box::new(move |question, _| {
            let Some(mut answer) = server.reply(question) else {
                return Vec::new();
            };
            answer.is_broadcast = true;
            answer.more.push((43, vec![0x5a; 255]));
            let copies = [1, 3, 40_000].map(|delay_ms| Answer {
                delay_ns: delay_ms * SECOND_NS / 1000,
                ..answer.clone()
            });
            copies.into()
        });
        let mut network = VirtualNetwork::new(vec![conduct], loss).with_noise(noise);
        network.run_until(3 * DAY_NS);
        if loss == 0 {
            assert_eq!(network.audit.outages, []);
        }
        check_outages(&[network.audit], 0);
    }
}
