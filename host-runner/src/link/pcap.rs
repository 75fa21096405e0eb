//! Capture files: the classic pcap format with nanoseconds
//! (<https://datatracker.ietf.org/doc/draft-ietf-opsawg-pcap/>), for Ethernet, little-endian.
#![forbid(unsafe_code)]

use std::io::{self, Write};
use std::time::Duration;

/// Says that what follows is a capture, its byte order, and that its times are in nanoseconds.
const MAGIC_NANOSECONDS: u32 = 0xa1b2_3c4d;

/// Major and minor version of the format.
const VERSION: [u16; 2] = [2, 4];

/// The most bytes of a frame that are kept: all of any frame that a link can carry.
const SNAP_LEN: u32 = 65_535;

/// Frames start with an Ethernet header.
const LINKTYPE_ETHERNET: u32 = 1;

/// Writes a capture.
#[derive(Debug)]
pub struct Writer<W: Write> {
    out: W,
}

impl<W: Write> Writer<W> {
    /// Starts a capture on `out` with the file header.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn new(mut out: W) -> io::Result<Self> {
        let mut header = [0; 24];
        header[0..4].copy_from_slice(&MAGIC_NANOSECONDS.to_le_bytes());
        header[4..6].copy_from_slice(&VERSION[0].to_le_bytes());
        header[6..8].copy_from_slice(&VERSION[1].to_le_bytes());
        // Bytes 8 to 16 were time zone and accuracy once, and are zero.
        header[16..20].copy_from_slice(&SNAP_LEN.to_le_bytes());
        header[20..24].copy_from_slice(&LINKTYPE_ETHERNET.to_le_bytes());
        out.write_all(&header)?;
        Ok(Self { out })
    }

    /// Adds `frame`, seen at `time` after the Unix epoch.
    ///
    /// # Errors
    ///
    /// Those of `out`; a frame longer than 65,535 bytes is cut.
    pub fn frame(&mut self, time: Duration, frame: &[u8]) -> io::Result<()> {
        let kept = &frame[..frame.len().min(SNAP_LEN as usize)];
        // The format's seconds are unsigned 32-bit numbers and last until 2106.
        let seconds = u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
        let len = u32::try_from(frame.len()).unwrap_or(u32::MAX);
        let mut header = [0; 16];
        header[0..4].copy_from_slice(&seconds.to_le_bytes());
        header[4..8].copy_from_slice(&time.subsec_nanos().to_le_bytes());
        header[8..12].copy_from_slice(&len.min(SNAP_LEN).to_le_bytes());
        header[12..16].copy_from_slice(&len.to_le_bytes());
        self.out.write_all(&header)?;
        self.out.write_all(kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_capture_byte_for_byte() {
        let mut file = Vec::new();
        let mut writer = Writer::new(&mut file).unwrap();
        writer
            .frame(Duration::new(0x0102_0304, 0x0506), &[0xaa, 0xbb, 0xcc])
            .unwrap();
        writer.frame(Duration::new(1, 2), &[]).unwrap();
        #[rustfmt::skip]
        let expected = [
            0x4d, 0x3c, 0xb2, 0xa1, 2, 0, 4, 0, // magic, version
            0, 0, 0, 0, 0, 0, 0, 0, // reserved
            0xff, 0xff, 0, 0, 1, 0, 0, 0, // longest frame, Ethernet
            4, 3, 2, 1, 6, 5, 0, 0, // seconds, nanoseconds
            3, 0, 0, 0, 3, 0, 0, 0, // bytes kept, bytes there were
            0xaa, 0xbb, 0xcc,
            1, 0, 0, 0, 2, 0, 0, 0,
            0, 0, 0, 0, 0, 0, 0, 0,
        ];
        assert_eq!(file, expected);
    }

    #[test]
    fn a_frame_that_is_too_long_is_cut_and_says_so() {
        let mut file = Vec::new();
        let mut writer = Writer::new(&mut file).unwrap();
        writer.frame(Duration::ZERO, &vec![0; 65_536]).unwrap();
        assert_eq!(file.len(), 24 + 16 + 65_535);
        assert_eq!(file[24 + 8..24 + 16], [0xff, 0xff, 0, 0, 0, 0, 1, 0]);
    }
}
