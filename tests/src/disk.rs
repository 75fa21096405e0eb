//! The disk image in a machine: made by `fathom image new`, on a bus, under a firmware.
#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};

use suite::Capability;
use tempfile::TempDir;

use crate::artifacts;
use crate::fathom::Call;
use crate::qemu_lock::QemuLock;

/// OVMF's code and its variables as they are at first.
const OVMF: [&str; 2] = [
    "/usr/share/OVMF/OVMF_CODE_4M.fd",
    "/usr/share/OVMF/OVMF_VARS_4M.fd",
];

/// Firmware that boots the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Firmware {
    /// SeaBIOS, which QEMU brings.
    SeaBios,
    /// OVMF, a UEFI firmware.
    Ovmf,
}

impl Firmware {
    /// Returns whether it is there; skips the calling test if not.
    #[must_use]
    #[track_caller]
    pub fn is_installed(self) -> bool {
        let missing = match self {
            Self::SeaBios => None,
            Self::Ovmf => OVMF.into_iter().find(|file| !Path::new(file).exists()),
        };
        if let Some(file) = missing {
            suite::skip(Capability::Ovmf, format_args!("there is no {file}"));
        }
        missing.is_none()
    }

    /// The least memory of a machine with it and the service, in MiB. Below 64, OVMF itself does not start.
    #[must_use]
    pub const fn least_memory_mib(self) -> u32 {
        match self {
            Self::SeaBios => 20,
            Self::Ovmf => 64,
        }
    }

    fn arguments(self) -> Vec<String> {
        match self {
            Self::SeaBios => Vec::new(),
            Self::Ovmf => {
                let flash = |unit, file, access| {
                    let unit = format!("if=pflash,unit={unit},format=raw,file={file},{access}");
                    ["-drive".to_owned(), unit]
                };
                let [code, variables] = OVMF;
                [
                    flash(0, code, "readonly=on"),
                    flash(1, variables, "snapshot=on"),
                ]
                .concat()
            }
        }
    }
}

/// Bus of the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bus {
    /// virtio-blk.
    Virtio,
    /// SATA, by an AHCI controller.
    Ahci,
    /// USB mass storage, by an xHCI controller.
    Usb,
    /// IDE, which only the board `pc` has.
    Ide,
}

impl Bus {
    /// Returns the board that has it, its controller unless the board brings one, and the disk.
    const fn parts(self) -> (&'static str, Option<&'static str>, &'static str) {
        match self {
            Self::Virtio => ("q35", None, "virtio-blk-pci"),
            Self::Ahci => ("q35", None, "ide-hd,bus=ide.0"),
            Self::Usb => ("q35", Some("qemu-xhci"), "usb-storage"),
            Self::Ide => ("pc", None, "ide-hd"),
        }
    }

    /// Returns QEMU's name of the board that has it.
    #[must_use]
    pub const fn board(self) -> &'static str {
        self.parts().0
    }
}

/// A disk in a machine. QEMU writes nothing to it.
#[derive(Clone, Copy, Debug)]
pub struct Disk<'a> {
    /// Source of its content, as QEMU's `-drive file=` takes it.
    pub source: &'a str,
    /// Bus.
    pub bus: Bus,
    /// Firmware.
    pub firmware: Firmware,
}

impl Disk<'_> {
    /// Returns the arguments for a QEMU with it.
    #[must_use]
    pub fn arguments(&self) -> Vec<String> {
        let mut arguments = self.firmware.arguments();
        let drive = format!(
            "if=none,id=disk,format=raw,snapshot=on,file={}",
            self.source
        );
        arguments.extend(["-drive".to_owned(), drive]);
        let (_, controller, disk) = self.bus.parts();
        if let Some(controller) = controller {
            arguments.extend(["-device", controller].map(str::to_owned));
        }
        // Nothing else is booted, above all no network.
        let disk = format!("{disk},drive=disk,bootindex=0");
        arguments.extend(["-device".to_owned(), disk]);
        arguments
    }
}

/// A disk image in a directory of its own.
#[derive(Debug)]
pub struct Image {
    directory: TempDir,
}

impl Image {
    /// Makes one with these boot arguments, each a word.
    ///
    /// # Panics
    ///
    /// If `fathom image new` can't.
    #[must_use]
    pub fn new(arguments: &str, lock: &QemuLock) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let mut call = Call::new("image new --format raw")
            .with("--out", directory.path())
            .with("--elf", artifacts::image())
            .with("--efi", artifacts::loader("fathom.efi"))
            .with("--bios", artifacts::loader(""));
        for argument in arguments.split_whitespace() {
            call = call.with("--arg", argument);
        }
        let made = call.finish(lock);
        assert_eq!(made.code, Some(0), "{made:#?}");
        Self { directory }
    }

    /// Sets its boot arguments.
    ///
    /// # Panics
    ///
    /// If `fathom image set` can't.
    pub fn set(&self, arguments: &str, lock: &QemuLock) {
        let call = Call::new("image set").with_argument(self.path());
        let words = arguments.split_whitespace();
        let set = words.fold(call, Call::with_argument).finish(lock);
        assert_eq!(set.code, Some(0), "{set:#?}");
    }

    /// Returns the path of the image.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.directory.path().join("fathom.img")
    }

    /// Returns its path as text.
    ///
    /// # Panics
    ///
    /// If it is none.
    #[must_use]
    pub fn source(&self) -> String {
        self.path().to_str().expect("UTF-8").to_owned()
    }
}
