//! A million frames of each of five generators: the service survives them, sends nothing longer than what it answers,
//! and answers a request afterwards as before.
//!
//! Each test has its own seed, so a failure is found again.

use super::*;

/// Frames of each generator.
const FRAMES: usize = 1_000_000;

/// Time between two frames: pings and neighbours' questions stay below their limit.
const INTERVAL_NS: u64 = 2_000_000;

/// SplitMix64 (Steele et al. 2014).
struct Random(u64);

impl Random {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.bits() % limit as u64) as usize
    }

    fn is(&mut self, one_in: usize) -> bool {
        self.below(one_in) == 0
    }

    fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let bits = self.bits().to_le_bytes();
            chunk.copy_from_slice(&bits[..chunk.len()]);
        }
    }
}

/// Offset of an IP packet in its frame, in bytes.
const IP: usize = 14;

/// Frames that are answered: of each service and duty, over either family.
fn models() -> Vec<Vec<u8>> {
    let mut status = request(wire::status::STATUS_LEN + 8);
    status[5] = 3;
    let log = wire::log_control::Change::default().request(0xb007, 7, 1000);
    let v6: (Ipv6Addr, Ipv6Addr) = (
        "2001:db8::2".parse().unwrap(),
        "2001:db8::15".parse().unwrap(),
    );
    let ping6 = Icmpv6Repr::EchoRequest {
        ident: 3,
        seq_no: 4,
        data: b"fathom",
    };
    let solicitation = Icmpv6Repr::Ndisc(NdiscRepr::NeighborSolicit {
        target_addr: v6.1,
        lladdr: Some(EthernetAddress(CLIENT_MAC.octets()).into()),
    });
    vec![
        request_frame("10.0.2.2:40000", "10.0.2.15:9000"),
        request_frame("10.0.2.2:40000", "10.0.2.15:7"),
        request_frame("[2001:db8::2]:40000", "[2001:db8::15]:9000"),
        request_frame("[fe80::2]:40000", "[fe80::5054:ff:fe12:3456]:7"),
        udp_frame(
            "10.0.2.2:40000".parse().unwrap(),
            "10.0.2.15:9000".parse().unwrap(),
            &status,
        ),
        udp_frame(
            "10.0.2.2:40000".parse().unwrap(),
            "10.0.2.15:9000".parse().unwrap(),
            &log,
        ),
        ping(CLIENT.into(), OWN.into()),
        icmpv6(v6.0, v6.1, &ping6),
        icmpv6(v6.0, v6.1, &solicitation),
        arp_request(),
    ]
}

/// Makes the checksums of an IPv4 frame right, if its header is plain and there.
fn mend(frame: &mut [u8]) {
    if frame.len() >= 42 && frame[12..15] == [0x08, 0x00, 0x45] {
        crate::testing::mend_checksums(frame);
    }
}

/// Returns true if `frame` is a neighbour solicitation: by RFC 4861 §4.4 its answer has an option that it need not have.
fn is_solicitation(frame: &[u8]) -> bool {
    frame.get(12..14) == Some(&[0x86, 0xdd])
        && frame.get(20..22) == Some(&[58, 255])
        && frame.get(54) == Some(&135)
}

/// Sends the frames that `generate` makes.
fn send(seed: u64, mut generate: impl FnMut(&mut Random, &[Vec<u8>]) -> Vec<u8>) {
    let models = models();
    let mut random = Random(seed);
    let (mut server, clock) = start("ip=10.0.2.15/24 gw=10.0.2.2 ip6=2001:db8::15/64");
    for model in &models {
        let answers = exchange(&mut server, model.clone());
        assert_eq!(answers.len(), 1, "{model:02x?}");
    }
    let mut answered = 0;
    for count in 0..FRAMES {
        clock.set(count as u64 * INTERVAL_NS);
        let frame = generate(&mut random, &models);
        server.device.inbox.push_back(frame.clone());
        assert!(server.poll().is_ok(), "{frame:02x?}");
        for answer in server.device.outbox.drain(..) {
            let most = if is_solicitation(&frame) { 86 } else { 0 };
            let is_no_longer = answer.len() <= frame.len().max(most);
            assert!(is_no_longer, "{answer:02x?} for {frame:02x?}");
            answered += 1;
        }
    }
    // Among the frames were log requests with a wrong boot id, after which none are answered for a while.
    clock.set(FRAMES as u64 * INTERVAL_NS + SECOND_NS);
    for model in &models {
        let answers = exchange(&mut server, model.clone());
        assert_eq!(answers.len(), 1, "after {answered} answers: {model:02x?}");
    }
}

#[test]
fn uniform_bytes() {
    send(1, |random, _| {
        let mut frame = vec![0; 1 + random.below(256)];
        random.fill(&mut frame);
        // Else nearly all would be another host's.
        if frame.len() >= IP && !random.is(8) {
            frame[..6].copy_from_slice(&SERVICE_MAC.octets());
            let types = [[8, 0], [0x86, 0xdd], [8, 6], [frame[12], frame[13]]];
            frame[12..IP].copy_from_slice(&types[random.below(types.len())]);
        }
        frame
    });
}

#[test]
fn mutated_requests() {
    send(2, |random, models| {
        let mut frame = models[random.below(models.len())].clone();
        for _ in 0..=random.below(3) {
            let at = random.below(frame.len());
            frame[at] = random.bits() as u8;
        }
        if random.is(2) {
            mend(&mut frame);
        }
        frame
    });
}

#[test]
fn good_packets_with_any_datagram() {
    send(3, |random, models| {
        let mut frame = models[random.below(2)].clone();
        let len = random.below(200);
        frame.resize(42 + len, 0);
        random.fill(&mut frame[34..38]);
        if !random.is(3) {
            let port: u16 = if random.is(2) { 9000 } else { 7 };
            frame[36..38].copy_from_slice(&port.to_be_bytes());
        }
        random.fill(&mut frame[42..]);
        if random.is(2) && len >= 6 {
            frame[42..46].copy_from_slice(b"FTHM");
            frame[46] = random.below(3) as u8;
            frame[47] = random.below(6) as u8;
        }
        if random.is(4) {
            random.fill(&mut frame[26..30]);
        }
        frame[16..18].copy_from_slice(&(28 + len as u16).to_be_bytes());
        frame[38..40].copy_from_slice(&(8 + len as u16).to_be_bytes());
        mend(&mut frame);
        frame
    });
}

#[test]
fn lengths_at_random() {
    send(4, |random, models| {
        let mut frame = models[random.below(models.len())].clone();
        let is_ipv4 = frame[12..IP] == [8, 0];
        let near = frame.len() as u16;
        let length = |random: &mut Random| match random.below(3) {
            0 => random.bits() as u16,
            1 => random.below(64) as u16,
            _ => near.wrapping_sub(random.below(64) as u16),
        };
        let fields = if is_ipv4 { [16, 38] } else { [18, 58] };
        for field in fields {
            if random.is(2) && frame.len() >= field + 2 {
                let length = length(random);
                frame[field..field + 2].copy_from_slice(&length.to_be_bytes());
            }
        }
        if is_ipv4 && random.is(4) {
            frame[IP] = 0x40 | random.below(16) as u8;
        }
        if random.is(2) {
            let len = 1 + random.below(frame.len() + 40);
            frame.resize(len, 0xaa);
        }
        mend(&mut frame);
        frame
    });
}

#[test]
fn options_fragments_and_extension_headers() {
    send(5, |random, models| {
        let mut frame = models[random.below(models.len() - 1)].clone();
        if frame[12..IP] == [8, 0] {
            if random.is(2) {
                random.fill(&mut frame[20..22]);
            }
            let words = random.below(11);
            let mut options = vec![0; 4 * words];
            random.fill(&mut options);
            frame.splice(34..34, options);
            frame[IP] = 0x45 + words as u8;
            let len = (frame.len() - IP) as u16;
            frame[16..18].copy_from_slice(&len.to_be_bytes());
            frame[24..26].fill(0);
            let checksum = wire::checksum::Sum::of(&frame[IP..34 + 4 * words]).checksum();
            frame[24..26].copy_from_slice(&checksum);
            return frame;
        }
        for _ in 0..=random.below(3) {
            let headers = [0, 43, 44, 50, 51, 59, 60, 135, random.bits() as u8];
            let next = std::mem::replace(&mut frame[20], headers[random.below(headers.len())]);
            let mut header = vec![0; 8 * (1 + random.below(2))];
            random.fill(&mut header);
            header[0] = next;
            if !random.is(4) {
                header[1] = (header.len() / 8 - 1) as u8;
            }
            frame.splice(54..54, header);
        }
        let len = (frame.len() - 54) as u16;
        frame[18..20].copy_from_slice(&len.to_be_bytes());
        frame
    });
}
