//! Protection of the guest's memory: each page is writable or executable, never both, nothing is at page 0, and the
//! processor heeds that in ring 0.
#![forbid(unsafe_code)]

use std::fs;
use std::ops::Range;

use tests::artifacts;
use tests::guest::Machine;
use tests::monitor::Register;
use tests::qemu_lock::lock_qemu;

const STATIC: &str = "ip=10.0.2.15/24";

/// Length of a page, in bytes, and of a large one.
const PAGE: u64 = 4 << 10;
const LARGE_PAGE: u64 = 2 << 20;

/// A mapped page, as QEMU's monitor prints it (`info tlb`).
#[derive(Debug)]
struct Page {
    range: Range<u64>,
    is_writable: bool,
    is_executable: bool,
}

impl Page {
    /// Reads a line: virtual address, physical address, and a letter for each flag of the entry that is set.
    fn read(line: &str) -> Self {
        let fields: Vec<&str> = line
            .split([':', ' '])
            .filter(|part| !part.is_empty())
            .collect();
        let [address, _, flags] = fields[..] else {
            panic!("no page: {line}");
        };
        let start = u64::from_str_radix(address, 16).expect("an address");
        let len = if flags.contains('P') {
            LARGE_PAGE
        } else {
            PAGE
        };
        Self {
            range: start..start.wrapping_add(len),
            is_writable: flags.contains('W'),
            is_executable: !flags.contains('X'),
        }
    }
}

/// Flags of a segment (`p_flags` of an ELF program header).
const PF_X: u64 = 1;
const PF_W: u64 = 2;

/// A segment of the image that is loaded.
struct Segment {
    offset: usize,
    addresses: Range<u64>,
}

/// Finds the first segment of the image that is loaded with these flags of writing and executing.
fn segment(image: &[u8], flags: u64) -> Segment {
    const PT_LOAD: u64 = 1;
    let number = |at: u64, len: usize| {
        let bytes = image[at as usize..][..len].iter().rev();
        bytes.fold(0, |number, byte| number << 8 | u64::from(*byte))
    };
    // `e_phoff`, `e_phentsize` and `e_phnum` of a 64-bit ELF header.
    let (first, len, count) = (number(32, 8), number(54, 2), number(56, 2));
    let mut headers = (0..count).map(|index| first + index * len);
    let header = headers
        .find(|at| number(*at, 4) == PT_LOAD && number(at + 4, 4) & (PF_W | PF_X) == flags)
        .expect("such a segment");
    let address = number(header + 16, 8);
    Segment {
        offset: number(header + 8, 8) as usize,
        addresses: address..address + number(header + 40, 8),
    }
}

#[test]
fn no_page_is_writable_and_executable_and_page_0_is_absent() {
    let image = fs::read(artifacts::image()).expect("the image was built");
    let text = segment(&image, PF_X).addresses;
    let lock = lock_qemu();
    for board in ["pc", "q35"] {
        let machine = Machine {
            board,
            ..Machine::new(STATIC)
        };
        let mut guest = machine.start(&lock);
        guest.ready();
        let printed = guest.monitor().print("info tlb");
        let pages: Vec<Page> = printed.lines().map(Page::read).collect();
        assert!(pages.len() > 512, "{board}: {printed}");
        for page in &pages {
            assert!(page.range.start >= PAGE, "{board}: {page:?}");
            assert!(
                !(page.is_writable && page.is_executable),
                "{board}: {page:x?}"
            );
            let is_text =
                page.range.start >= text.start && page.range.end <= text.end.next_multiple_of(PAGE);
            assert!(!page.is_executable || is_text, "{board}: {page:x?}");
        }
        let executable = pages.iter().filter(|page| page.is_executable).count() as u64;
        assert_eq!(
            executable,
            (text.end - text.start).div_ceil(PAGE),
            "{board}"
        );
        let registers = guest.monitor().print("info registers");
        let register = |name: &str| {
            let mut words = registers.split_whitespace();
            let word = words.find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
            u64::from_str_radix(word.expect("it is printed"), 16).expect("a number")
        };
        // WP, NXE (Intel SDM volume 3, 2.5 and 4.1.1).
        assert_eq!(register("CR0") >> 16 & 1, 1, "{registers}");
        assert_eq!(register("EFER") >> 11 & 1, 1, "{registers}");
    }
}

#[test]
fn text_that_is_written_data_that_is_executed_and_page_0_are_page_faults() {
    /// `movaps [rdi], xmm0`, as the entry code zeroes memory by.
    const STORE: [u8; 3] = [0x0f, 0x29, 0x07];

    let image = fs::read(artifacts::image()).expect("the image was built");
    let Segment {
        offset,
        addresses: text,
    } = segment(&image, PF_X);
    let constants = segment(&image, 0).addresses.start.next_multiple_of(16);
    let data = segment(&image, PF_W).addresses.start;
    let mut windows = image[offset..].windows(STORE.len());
    let store = windows.position(|bytes| bytes == STORE);
    let store = text.start + store.expect("the entry code") as u64;
    let lock = lock_qemu();
    for (rip, rdi, address) in [
        (store, text.start, text.start),
        (store, constants, constants),
        (data, 0, data),
        (0x10, 0, 0x10),
        (store, 0x20, 0x20),
    ] {
        let mut guest = Machine::new(STATIC).start(&lock);
        guest.ready();
        guest
            .monitor()
            .set_registers(&[(Register::Rdi, rdi), (Register::Rip, rip)]);
        let (status, console) = guest.ended();
        assert_ne!(status.code(), Some(0), "{console}");
        let line = console.lines().find(|line| line.contains("[PANIC]"));
        let line = line.unwrap_or_else(|| panic!("{rip:#x} {rdi:#x}: {console}"));
        assert!(line.contains("processor exception 14"), "{line}");
        assert!(line.contains(&format!("CR2 {address:#x}")), "{line}");
    }
}
