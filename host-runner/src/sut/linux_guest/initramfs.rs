//! The Linux guest's whole file system: the responder as `/init`, the modules that it is to load,
//! and a console. A cpio archive in the "new ASCII" form (the kernel's
//! Documentation/driver-api/early-userspace/buffer-format.rst), uncompressed: under an emulator
//! unpacking takes longer than reading.

use std::io::{self, Write};

use cpio::newc::{Builder, ModeFileType, trailer};

use super::modules::Module;

/// Directory in which the responder looks for modules.
const MODULES: &str = "modules";

/// Writes the archive.
///
/// # Errors
///
/// Whatever `out` fails with.
pub fn write(out: impl Write, responder: &[u8], modules: &[Module]) -> io::Result<()> {
    let mut archive = Archive { out, entries: 0 };
    archive.entry("dev", ModeFileType::Directory, 0o755, &[])?;
    archive.console()?;
    archive.entry("init", ModeFileType::Regular, 0o755, responder)?;
    if !modules.is_empty() {
        archive.entry(MODULES, ModeFileType::Directory, 0o755, &[])?;
        let order: String = modules.iter().map(line).collect();
        let name = format!("{MODULES}/order");
        archive.entry(&name, ModeFileType::Regular, 0o644, order.as_bytes())?;
        for module in modules {
            let name = format!("{MODULES}/{}.ko", module.name);
            archive.entry(&name, ModeFileType::Regular, 0o644, &module.content)?;
        }
    }
    trailer(archive.out)?.flush()
}

/// A module's line in the list that the responder goes by: its file and its parameters. A frame
/// that was sent is forgotten when the next one is sent (`napi_tx=0`); by default its completion
/// is an interrupt of its own, one for every answer.
fn line(module: &Module) -> String {
    match module.name.as_str() {
        "virtio_net" => "virtio_net.ko napi_tx=0\n".to_owned(),
        name => format!("{name}.ko\n"),
    }
}

struct Archive<W> {
    out: W,
    entries: u32,
}

impl<W: Write> Archive<W> {
    fn entry(
        &mut self,
        name: &str,
        kind: ModeFileType,
        mode: u32,
        content: &[u8],
    ) -> io::Result<()> {
        let builder = self.builder(name).mode(mode).set_mode_file_type(kind);
        let len = content.len().try_into().map_err(io::Error::other)?;
        let mut entry = builder.write(&mut self.out, len);
        entry.write_all(content)?;
        entry.finish().map(drop)
    }

    /// Standard input and output of process 1: character device 5, 1 (console(4)).
    fn console(&mut self) -> io::Result<()> {
        let builder = self.builder("dev/console").rdev_major(5).rdev_minor(1);
        let builder = builder.mode(0o600).set_mode_file_type(ModeFileType::Char);
        builder.write(&mut self.out, 0).finish().map(drop)
    }

    fn builder(&mut self, name: &str) -> Builder {
        self.entries += 1;
        // Files with the same number would be links to each other.
        Builder::new(name).ino(self.entries).nlink(1)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use cpio::newc::Reader;

    use super::*;

    fn entries(archive: &[u8]) -> Vec<(String, u32, Vec<u8>)> {
        let mut found = Vec::new();
        let mut rest = archive;
        loop {
            let mut reader = Reader::new(rest).unwrap();
            if reader.entry().is_trailer() {
                return found;
            }
            let (name, mode) = (reader.entry().name().to_owned(), reader.entry().mode());
            let mut content = Vec::new();
            reader.read_to_end(&mut content).unwrap();
            found.push((name, mode, content));
            rest = reader.finish().unwrap();
        }
    }

    fn module(name: &str) -> Module {
        Module {
            name: name.to_owned(),
            content: name.repeat(3).into_bytes(),
        }
    }

    #[test]
    fn holds_the_responder_the_modules_and_their_order() {
        let mut archive = Vec::new();
        write(
            &mut archive,
            b"ELF",
            &[module("virtio"), module("virtio_net")],
        )
        .unwrap();
        let names: Vec<_> = entries(&archive).into_iter().collect();
        let expected: [(&str, u32, &[u8]); 7] = [
            ("dev", 0o040_755, b""),
            ("dev/console", 0o020_600, b""),
            ("init", 0o100_755, b"ELF"),
            ("modules", 0o040_755, b""),
            (
                "modules/order",
                0o100_644,
                b"virtio.ko\nvirtio_net.ko napi_tx=0\n",
            ),
            ("modules/virtio.ko", 0o100_644, b"virtiovirtiovirtio"),
            (
                "modules/virtio_net.ko",
                0o100_644,
                b"virtio_netvirtio_netvirtio_net",
            ),
        ];
        for (found, expected) in names.iter().zip(&expected) {
            let found = (found.0.as_str(), found.1, found.2.as_slice());
            assert_eq!(found, *expected);
        }
        assert_eq!(names.len(), expected.len());
    }

    #[test]
    fn without_modules_there_is_no_list_of_them() {
        let mut archive = Vec::new();
        write(&mut archive, b"ELF", &[]).unwrap();
        let found = entries(&archive);
        assert!(found.iter().all(|(name, ..)| !name.starts_with("modules")));
    }
}
