//! Configuration and command line, as they are found on a disk and in UEFI's load options.

use crate::start_info::MAX_COMMAND_LINE_LEN;

/// Returns `file` without the blanks, newlines and zeros around its text: the image's writer fills the file's
/// cluster with them, so that the file can be edited in place.
#[must_use]
pub fn trimmed(file: &[u8]) -> &[u8] {
    let is_text = |byte: &u8| !matches!(byte, 0 | b' ' | b'\t' | b'\r' | b'\n');
    let Some(start) = file.iter().position(is_text) else {
        return &[];
    };
    let end = file
        .iter()
        .rposition(is_text)
        .map_or(start, |last| last + 1);
    file.get(start..end).unwrap_or_default()
}

/// A command line, in ASCII.
#[derive(Clone, Debug)]
pub struct CommandLine {
    bytes: [u8; MAX_COMMAND_LINE_LEN],
    len: usize,
}

impl CommandLine {
    /// No arguments.
    pub const EMPTY: Self = Self {
        bytes: [0; MAX_COMMAND_LINE_LEN],
        len: 0,
    };

    /// The arguments, with the blanks between them.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        trimmed(self.bytes.get(..self.len).unwrap_or_default())
    }

    /// Reads the load options of an EFI program: UTF-16, by custom; any bytes, by the specification (UEFI 2.10,
    /// 9.1.1). Firmware's own boot entries carry binary data there, so what is not printable ASCII throughout
    /// counts as no command line. A shell puts the program's own name first, which is left out.
    #[must_use]
    pub fn of_load_options(options: &[u8]) -> Self {
        let mut line = Self::EMPTY;
        if !options.len().is_multiple_of(2) {
            return line;
        }
        for unit in options.chunks_exact(2) {
            let byte = match (unit[1], unit[0]) {
                (0, 0) => break,
                (0, byte @ (b' '..=b'~' | b'\t')) => byte,
                _ => return Self::EMPTY,
            };
            let Some(place) = line.bytes.get_mut(line.len) else {
                return Self::EMPTY;
            };
            *place = byte;
            line.len += 1;
        }
        if line.as_bytes().is_empty() {
            return Self::EMPTY;
        }
        let name = program_name_len(trimmed(&line.bytes));
        let blanks = line
            .bytes
            .iter()
            .take_while(|byte| byte.is_ascii_whitespace())
            .count();
        line.bytes[..blanks + name].fill(b' ');
        line
    }
}

/// Length of a program's name at the start of `line`: a path, or what ends with `.efi`; it may be quoted.
/// Arguments have an equals sign before any backslash.
fn program_name_len(line: &[u8]) -> usize {
    let quoted = line.first() == Some(&b'"');
    let end = if quoted {
        let closing = line.iter().skip(1).position(|&byte| byte == b'"');
        closing.map_or(line.len(), |at| at + 2)
    } else {
        let blank = line.iter().position(u8::is_ascii_whitespace);
        blank.unwrap_or(line.len())
    };
    let word = line.get(..end).unwrap_or_default();
    let name = word.strip_suffix(b"\"").unwrap_or(word);
    let extension = name.len().checked_sub(4).and_then(|at| name.get(at..));
    let is_program = extension.is_some_and(|tail| tail.eq_ignore_ascii_case(b".efi"))
        || word
            .split(|&byte| byte == b'=')
            .next()
            .is_some_and(|key| key.contains(&b'\\'));
    if is_program { end } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    fn read(options: &[u8]) -> String {
        let line = CommandLine::of_load_options(options);
        String::from_utf8(line.as_bytes().to_vec()).unwrap()
    }

    #[test]
    fn a_file_is_read_without_its_filling() {
        assert_eq!(trimmed(b"ip=dhcp\r\n\n\n   \0\0"), b"ip=dhcp");
        assert_eq!(trimmed(b"\n # a\nport=1 \n"), b"# a\nport=1");
        assert_eq!(trimmed(b"\n\n \0"), b"");
        assert_eq!(trimmed(b""), b"");
    }

    #[test]
    fn load_options_are_the_command_line() {
        assert_eq!(read(&utf16("ip=dhcp port=7")), "ip=dhcp port=7");
        assert_eq!(read(&utf16("ip=dhcp\0\0garbage")), "ip=dhcp");
        assert_eq!(read(&utf16("  ip=dhcp  \0")), "ip=dhcp");
        assert_eq!(read(b""), "");
    }

    #[test]
    fn the_programs_own_name_is_no_argument() {
        for options in [
            "fathom.efi ip=dhcp",
            "FATHOM.EFI ip=dhcp\0",
            r"\EFI\BOOT\BOOTX64.EFI ip=dhcp",
            r"FS0:\EFI\BOOT\bootx64 ip=dhcp",
            r#" "FS0:\my programs\fathom.efi" ip=dhcp"#,
        ] {
            assert_eq!(read(&utf16(options)), "ip=dhcp", "{options}");
        }
        assert_eq!(read(&utf16(r"\EFI\BOOT\BOOTX64.EFI")), "");
        assert_eq!(read(&utf16(r"path=\a")), r"path=\a");
    }

    #[test]
    fn bytes_that_are_no_text_are_no_command_line() {
        // What EDK2 marks its own boot entries with, as 16 bytes.
        let edk2 = [
            0x81, 0x08, 0xac, 0x4e, 0x9f, 0x11, 0x4d, 0x4d, 0x85, 0x0e, 0xe2, 0x1a, 0x52, 0x2c,
            0x59, 0xb2,
        ];
        assert_eq!(read(&edk2), "");
        assert_eq!(read(b"ip=dhcp\0"), "");
        assert_eq!(read(&utf16("ip=dhcp")[..13]), "");
        assert_eq!(read(&utf16("ip=dhcp \u{7f}")), "");
        assert_eq!(read(&utf16(&"x".repeat(MAX_COMMAND_LINE_LEN + 1))), "");
        assert_eq!(
            read(&utf16(&"x".repeat(MAX_COMMAND_LINE_LEN))).len(),
            MAX_COMMAND_LINE_LEN
        );
    }
}
