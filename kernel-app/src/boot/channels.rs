//! The texts that configure the service, as far as they are there at boot: command line, SMBIOS, file.
//!
//! They are copied while the image boots, because the memory that they lie in is soon the kernel's. What is
//! in them is for [`args`](crate::args) to read; which of them wins is the order that they come in.
//!
//! Unsafe here, on bare metal: the static that the copies are in.

use core::fmt::{self, Write as _};
use core::ops::Range;

use super::firmware::Firmware;
use super::memory::{MAX_TEXT, Memory};
use super::smbios;
use crate::args::Channel;

/// The channels that there are at boot, in the order of precedence.
const CHANNELS: [Channel; 3] = [Channel::CommandLine, Channel::Smbios, Channel::File];

/// Reason that a text can't be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChannelError {
    /// Longer than a page.
    TooLong(Channel),
    /// Not UTF-8.
    NotUtf8(Channel),
}

impl fmt::Display for ChannelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong(channel) => write!(
                f,
                "the boot arguments of the {} are too long: expected {MAX_TEXT} bytes at most",
                description(*channel)
            ),
            Self::NotUtf8(channel) => {
                let channel = description(*channel);
                write!(f, "the boot arguments of the {channel} are not UTF-8")
            }
        }
    }
}

const fn description(channel: Channel) -> &'static str {
    match channel {
        Channel::CommandLine => "command line",
        Channel::Smbios => "SMBIOS",
        Channel::File => "configuration file",
        Channel::Dhcp => "DHCP server",
    }
}

/// Copies of the texts.
#[derive(Debug)]
pub struct Texts {
    bytes: [u8; CHANNELS.len() * MAX_TEXT],
    len: usize,
    ranges: [Range<usize>; CHANNELS.len()],
}

impl Texts {
    /// No text.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            bytes: [0; CHANNELS.len() * MAX_TEXT],
            len: 0,
            ranges: [0..0, 0..0, 0..0],
        }
    }

    /// Copies what is in the machine's memory.
    ///
    /// # Errors
    ///
    /// [`ChannelError`] if a channel's text is longer than [`MAX_TEXT`] or not UTF-8.
    pub fn keep(
        &mut self,
        firmware: &Firmware<'_>,
        memory: &impl Memory,
    ) -> Result<(), ChannelError> {
        let arguments = of_the_application(firmware.command_line);
        self.put(Channel::CommandLine, [arguments.as_bytes()].into_iter())?;
        let strings = smbios::strings(memory, firmware.smbios);
        self.put(Channel::Smbios, strings)?;
        self.put(
            Channel::File,
            firmware.file.into_iter().map(without_filling),
        )
    }

    /// Copies the parts of a channel's text, with a space between them.
    fn put<'t>(
        &mut self,
        channel: Channel,
        parts: impl Iterator<Item = &'t [u8]>,
    ) -> Result<(), ChannelError> {
        let start = self.len;
        let room = self.bytes.get_mut(start..start + MAX_TEXT);
        let mut to = Writer {
            bytes: room.unwrap_or_default(),
            len: 0,
        };
        for part in parts {
            let text = str::from_utf8(part).map_err(|_| ChannelError::NotUtf8(channel))?;
            let separator = if to.len == 0 { "" } else { " " };
            write!(to, "{separator}{text}").map_err(|fmt::Error| ChannelError::TooLong(channel))?;
        }
        self.len += to.len;
        self.ranges[channel as usize] = start..self.len;
        Ok(())
    }

    /// Returns the texts that are there, with the channel of each, in the order of precedence.
    pub fn iter(&self) -> impl Iterator<Item = (Channel, &str)> + Clone {
        CHANNELS.into_iter().filter_map(|channel| {
            let text = self.bytes.get(self.ranges[channel as usize].clone())?;
            // Only whole texts were put there.
            let text = str::from_utf8(text).unwrap_or_default();
            (!text.is_empty()).then_some((channel, text))
        })
    }
}

impl Default for Texts {
    fn default() -> Self {
        Self::new()
    }
}

struct Writer<'b> {
    bytes: &'b mut [u8],
    len: usize,
}

impl fmt::Write for Writer<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.len + text.len();
        let room = self.bytes.get_mut(self.len..end).ok_or(fmt::Error)?;
        room.copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }
}

/// Returns what follows the word `--`, which ends the kernel's own arguments; without it, everything.
fn of_the_application(command_line: &str) -> &str {
    let mut from = 0;
    for word in command_line.split(|c: char| c.is_ascii_whitespace()) {
        let end = from + word.len();
        if word == "--" {
            return &command_line[end..];
        }
        from = end + 1;
    }
    command_line
}

/// Returns the text of a file that is filled up to its cluster's end, or written with a byte order mark.
fn without_filling(file: &[u8]) -> &[u8] {
    let file = file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file);
    let is_filling = |byte: &u8| byte.is_ascii_whitespace() || *byte == 0;
    let len = file.iter().rposition(|byte| !is_filling(byte));
    &file[..len.map_or(0, |last| last + 1)]
}

#[cfg(target_os = "none")]
pub use kept::{channels, keep};

#[cfg(target_os = "none")]
mod kept {
    use core::ptr::{addr_of, addr_of_mut};

    use super::{Channel, ChannelError, Firmware, Memory, Texts};

    static mut TEXTS: Texts = Texts::new();

    /// Keeps the texts for [`channels`].
    ///
    /// # Errors
    ///
    /// [`ChannelError`] if a channel's text is longer than [`MAX_TEXT`](super::MAX_TEXT) or not UTF-8.
    ///
    /// # Safety
    ///
    /// To be called once, while nothing else runs.
    pub unsafe fn keep(firmware: &Firmware<'_>, memory: &impl Memory) -> Result<(), ChannelError> {
        // SAFETY: nothing else runs, and no reference was given out yet.
        unsafe { &mut *addr_of_mut!(TEXTS) }.keep(firmware, memory)
    }

    /// Returns the texts that were found at boot, with the channel of each, in the order of precedence: the
    /// command line (what follows its `--`, if it has one), SMBIOS, the configuration file.
    pub fn channels() -> impl Iterator<Item = (Channel, &'static str)> + Clone {
        // SAFETY: written by `keep` alone, before anything that calls this ran.
        unsafe { &*addr_of!(TEXTS) }.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boot::firmware::MemoryMap;
    use crate::boot::memory::fake::FakeMemory;

    fn firmware<'m>(command_line: &'m str, file: Option<&'m [u8]>) -> Firmware<'m> {
        Firmware {
            memory_map: MemoryMap::new(&[], 24),
            command_line,
            rsdp: None,
            smbios: Some(0x5000),
            file,
        }
    }

    /// Memory with an entry point at 0x5000 and a table of these strings.
    fn smbios(strings: &[&[u8]]) -> FakeMemory {
        let mut table = vec![11, 5, 0, 0, strings.len() as u8];
        for string in strings {
            table.extend([*string, b"\0"].concat());
        }
        table.push(0);
        let mut entry_point = b"_SM3_\0\x18\x03\x00\x00\x01\x00".to_vec();
        entry_point.extend((table.len() as u32).to_le_bytes());
        entry_point.extend(0x7000_u64.to_le_bytes());
        entry_point[5] = crate::boot::memory::checksum(&entry_point).wrapping_neg();
        entry_point.resize(32, 0);
        let mut memory = FakeMemory::default();
        memory.put(0x5000, &entry_point).put(0x7000, &table);
        memory
    }

    fn kept(
        firmware: &Firmware<'_>,
        memory: &FakeMemory,
    ) -> Result<Vec<(Channel, String)>, ChannelError> {
        let mut texts = Texts::new();
        texts.keep(firmware, memory)?;
        let texts = texts.iter();
        Ok(texts
            .map(|(channel, text)| (channel, text.to_owned()))
            .collect())
    }

    #[test]
    fn all_that_is_there_comes_in_the_order_of_precedence() {
        let memory = smbios(&[b"fathom:port=1", b"other", b"fathom:log=info"]);
        let file = b"\xef\xbb\xbfip=dhcp\r\nport=3\n\n   \0\0";
        let all = kept(
            &firmware("-freq 2000 -- ip=10.0.0.1/8", Some(file)),
            &memory,
        )
        .unwrap();
        let expected = [
            (Channel::CommandLine, " ip=10.0.0.1/8"),
            (Channel::Smbios, "port=1 log=info"),
            (Channel::File, "ip=dhcp\r\nport=3"),
        ];
        assert_eq!(all, expected.map(|(channel, text)| (channel, text.into())));
        let nothing = FakeMemory::default();
        assert_eq!(kept(&firmware("", Some(b" \n")), &nothing), Ok(vec![]));
        assert_eq!(kept(&firmware("", None), &nothing), Ok(vec![]));
    }

    #[test]
    fn words_after_the_separator_are_the_applications() {
        for (command_line, expected) in [
            ("a b", "a b"),
            ("-- a", " a"),
            ("-freq 1 --  a b", "  a b"),
            ("a\t--\tb -- c", "\tb -- c"),
            ("--", ""),
            ("a --b --", ""),
            ("--a", "--a"),
        ] {
            assert_eq!(of_the_application(command_line), expected, "{command_line}");
        }
    }

    #[test]
    fn a_text_that_cannot_be_used_is_named() {
        let nothing = FakeMemory::default();
        let long = [b'x'; MAX_TEXT + 1];
        let page = &long[..MAX_TEXT];
        let of_file = |file| kept(&firmware("", Some(file)), &nothing);
        assert_eq!(of_file(&long), Err(ChannelError::TooLong(Channel::File)));
        assert_eq!(of_file(b"\xff"), Err(ChannelError::NotUtf8(Channel::File)));
        // All three at their longest fit.
        let text = str::from_utf8(page).unwrap();
        let part = [b"fathom:", &page[..2047]].concat();
        let memory = smbios(&[&part, &part]);
        let all = kept(&firmware(text, Some(page)), &memory).unwrap();
        assert_eq!(all.len(), 3);
        assert_eq!(all[1].1.len(), 4095);
        let part = [b"fathom:", page].concat();
        let memory = smbios(&[&part, b"fathom:x"]);
        let error = kept(&firmware("", None), &memory);
        assert_eq!(error, Err(ChannelError::TooLong(Channel::Smbios)));
        let memory = smbios(&[b"fathom:\xff"]);
        let error = kept(&firmware("", None), &memory);
        assert_eq!(error, Err(ChannelError::NotUtf8(Channel::Smbios)));
    }
}
