//! The Linux guest: a stock kernel, booted directly, and a file system that holds the responder.
//!
//! - [`modules`] and [`initramfs`]: what it boots with;
//! - [`command_line`]: the kernel's options.

use std::io::{self, BufWriter, Read};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use wire::{Cidr, Mode};

use super::address::Ip;
use super::{
    BootImage, Counting, CountingClock, LaunchPlan, LinkChoice, RequestQueue, Responder, SutError,
    System, SystemKind, SystemSpec, boot_args, built, guest, linux_service,
};
use crate::files::{self, Destination};
use crate::link::Family;

pub mod command_line;
pub mod initramfs;
pub mod modules;

pub use super::LinuxSpec;

/// The least memory that Debian's cloud kernel boots in with this file system, in MiB: in 72 it
/// finds no room to unpack itself.
pub const MIN_MEMORY_MIB: u32 = 80;

/// The memory that a guest is given unless told otherwise, in MiB: with room for a larger kernel.
pub const DEFAULT_MEMORY_MIB: u32 = 128;

/// Remedy for a missing part.
const REMEDY: &str = "run `make linux-guest`, or name a kernel with `--kernel PATH`";

/// Default path of the kernel, under the directory of built things.
const KERNEL: &str = "linux-guest/vmlinuz";

/// Path of its modules.
const MODULES: &str = "linux-guest/modules";

/// Mark of a bzImage, in its setup header.
const SETUP_MARK: &[u8] = b"HdrS";
const SETUP_MARK_AT: usize = 0x202;

/// First bytes of a 64-bit, little-endian ELF file.
const ELF_MARK: &[u8] = b"\x7fELF\x02\x01";

/// The most bytes that a responder may have.
const MAX_RESPONDER: u64 = 64 << 20;

/// Number of bytes of a kernel that are read.
const HEAD_LEN: u64 = 1024;

/// The service as the only process of a Linux guest.
#[derive(Debug)]
pub struct LinuxGuest;

impl System for LinuxGuest {
    fn kind(&self) -> SystemKind {
        SystemKind::LinuxGuest
    }

    fn answered_by(&self, responder: Option<&str>) -> Option<&'static str> {
        Some(match responder {
            Some("busy") => "answered by a program that polls its guest kernel's UDP socket",
            Some("io_uring") => {
                "answered by a program through io_uring and its guest kernel's UDP socket"
            }
            _ => "answered by a program that sleeps on its guest kernel's UDP socket",
        })
    }

    fn responder(&self, name: &str) -> Result<Responder, String> {
        linux_service::responder_named(name)
    }

    fn default_responder(&self) -> Option<Responder> {
        Some(Responder::default())
    }

    fn default_link(&self) -> LinkChoice {
        guest::DEFAULT_LINK
    }

    fn link_problem(&self, link: LinkChoice) -> Option<&'static str> {
        guest::link_problem(link)
    }

    fn problem(&self, spec: &SystemSpec) -> Option<&'static str> {
        let guest = &spec.guest;
        if spec.family == Family::V6 {
            Some("the Linux guest's service has no IPv6 address: leave out `--ipv6`")
        } else if guest.ip6.is_some() {
            Some("the Linux guest's service has no IPv6 address: leave out `--ip6`")
        } else if guest.ip == Some(Ip::Dhcp) {
            Some("the Linux guest asks no DHCP server: use `--ip A.B.C.D/N`")
        } else if !(guest.boot_args.iter()).all(|word| command_line::is_responders(word))
            || guest.log.is_some()
        {
            Some(
                "`--log` and `--boot-arg` are the unikernel's, all but allow=, rate=, rate-all=, stamp=, \
                 stamp-mode= and stamp-key=: leave them out",
            )
        } else if guest.image.is_some() {
            Some("the Linux guest has no image: name a kernel with `--kernel PATH`")
        } else if spec.responder == Some(Responder::Linux(Mode::AfXdp)) {
            Some(linux_service::AF_XDP_NEEDS_A_WIRE)
        } else {
            None
        }
    }

    fn without_foreign_options(&self, spec: SystemSpec) -> SystemSpec {
        guest::without_vhost_elsewhere(SystemSpec {
            guest: spec.guest.without_unikernel().without_log(),
            ..spec
        })
    }

    fn prepare(&self, spec: &SystemSpec, scratch: &Path) -> Result<LaunchPlan, SutError> {
        let LinuxSpec { kernel, modules } = spec.linux.clone();
        let parts = Parts {
            tsc_khz: boot_args::guest_tsc_khz(&spec.guest),
            boot_args: spec.guest.clone().serving(&spec.service).boot_args,
            ..Parts::locate(&built(linux_service::RESPONDER)?, kernel, modules)
        };
        let (ip, gateway) = boot_args::static_network(&spec.guest);
        let network = Network {
            ip,
            gateway,
            port: spec.guest.port,
        };
        let memory_mib = spec.guest.memory_mib.unwrap_or(DEFAULT_MEMORY_MIB);
        let responder = spec.responder.unwrap_or_default();
        let image = parts.assemble(scratch.join("initrd"), responder, network, memory_mib)?;
        Ok(LaunchPlan::Guest(image))
    }

    fn start_s(&self) -> f64 {
        3.5
    }

    fn counting(&self) -> Option<Counting> {
        Some(Counting {
            traced_s: 6.0,
            counted_s: 12.0,
            queue: RequestQueue::Ring,
            clock: CountingClock::Calibrated(command_line::TSC_KHZ),
        })
    }
}

/// The parts that a guest is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parts {
    /// The kernel.
    pub kernel: PathBuf,
    /// Directory of its modules; without one, it has built in what it needs.
    pub modules: Option<PathBuf>,
    /// The responder.
    pub responder: PathBuf,
    /// The least memory that the kernel boots in, in MiB, where that is known.
    pub least_memory_mib: u32,
    /// Frequency of the guest's time stamp counter in kHz, where that is known.
    pub tsc_khz: Option<u32>,
    /// Further arguments of the responder, each of which replaces one of the same name.
    pub boot_args: Vec<String>,
}

/// Network of the guest's service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// Address and prefix length.
    pub ip: Cidr<Ipv4Addr>,
    /// Gateway.
    pub gateway: Option<Ipv4Addr>,
    /// UDP port.
    pub port: u16,
}

impl Parts {
    /// The parts: those asked for, else those under `built`, the directory of built things. A
    /// kernel that was asked for comes with its own modules or none.
    #[must_use]
    pub fn locate(built: &Path, kernel: Option<PathBuf>, modules: Option<PathBuf>) -> Self {
        let own_modules = kernel.is_none().then(|| built.join(MODULES));
        let least_memory_mib = if kernel.is_none() { MIN_MEMORY_MIB } else { 0 };
        Self {
            modules: modules.or(own_modules),
            kernel: kernel.unwrap_or_else(|| built.join(KERNEL)),
            responder: linux_service::program(built),
            least_memory_mib,
            tsc_khz: None,
            boot_args: Vec::new(),
        }
    }

    /// Puts the guest together: writes its file system to `initrd`.
    ///
    /// # Errors
    ///
    /// [`SutError`] if a part is missing or the memory does not do.
    pub fn assemble(
        &self,
        initrd: PathBuf,
        responder: Responder,
        network: Network,
        memory_mib: u32,
    ) -> Result<BootImage, SutError> {
        if memory_mib < self.least_memory_mib {
            return Err(SutError::TooLittleMemory {
                memory_mib,
                least_mib: self.least_memory_mib,
            });
        }
        let missing = |what, path: &Path| {
            let path = path.to_owned();
            move |source| SutError::Missing {
                what,
                path,
                remedy: REMEDY,
                source,
            }
        };
        let is_kernel = files::open(&self.kernel).and_then(is_kernel);
        if !is_kernel.map_err(missing("Linux kernel", &self.kernel))? {
            let path = self.kernel.clone();
            return Err(SutError::NotAKernel { path });
        }
        let program = files::read(&self.responder, MAX_RESPONDER)
            .map_err(missing("responder", &self.responder))?;
        let modules = match &self.modules {
            Some(directory) => modules::find(directory)?,
            None => Vec::new(),
        };
        Destination::from(&initrd)
            .create()
            .and_then(|file| initramfs::write(BufWriter::new(file), &program, &modules))
            .map_err(|source| SutError::Initramfs {
                path: initrd.clone(),
                source,
            })?;
        Ok(BootImage {
            image: self.kernel.clone(),
            initrd: Some(initrd),
            boot_args: command_line::line(responder, network, self.tsc_khz, &self.boot_args),
            memory_mib,
            modern_device: false,
        })
    }
}

/// Returns whether a file begins as what QEMU's `-kernel` takes: a bzImage, whose setup header has a mark
/// (the kernel's Documentation/arch/x86/boot.rst), or a 64-bit ELF file. QEMU itself takes whatever is
/// not for a kernel of the nineties, and starts it.
fn is_kernel(mut file: impl Read) -> io::Result<bool> {
    let mut head = Vec::new();
    file.by_ref().take(HEAD_LEN).read_to_end(&mut head)?;
    let is_image = head
        .get(SETUP_MARK_AT..)
        .is_some_and(|content| content.starts_with(SETUP_MARK));
    Ok(is_image || head.starts_with(ELF_MARK))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const NETWORK: Network = Network {
        ip: Cidr::new(Ipv4Addr::new(10, 0, 2, 15), 24),
        gateway: None,
        port: 9000,
    };

    fn assemble(built: &Path, memory_mib: u32) -> Result<BootImage, SutError> {
        let parts = Parts::locate(built, None, None);
        parts.assemble(
            built.join("initrd"),
            Responder::Linux(Mode::Busy),
            NETWORK,
            memory_mib,
        )
    }

    #[test]
    fn a_kernel_of_ones_own_does_not_get_the_others_modules() {
        let built = Path::new("target");
        let parts = Parts::locate(built, None, None);
        assert_eq!(parts.kernel, Path::new("target/linux-guest/vmlinuz"));
        assert_eq!(parts.modules, Some("target/linux-guest/modules".into()));
        let parts = Parts::locate(built, Some("/boot/vmlinuz".into()), None);
        assert_eq!(
            (parts.kernel, parts.modules),
            ("/boot/vmlinuz".into(), None)
        );
        assert_eq!(parts.least_memory_mib, 0, "who knows");
        let parts = Parts::locate(built, None, Some("/lib/modules/6.1".into()));
        assert_eq!(parts.modules, Some("/lib/modules/6.1".into()));
    }

    #[test]
    fn each_missing_part_is_named_with_what_to_do() {
        let built = tempfile::tempdir().unwrap();
        let built = built.path();
        fs::create_dir_all(built.join(MODULES)).unwrap();
        for part in [KERNEL, linux_service::RESPONDER] {
            let error = assemble(built, DEFAULT_MEMORY_MIB).unwrap_err().to_string();
            assert!(
                error.contains(part) && error.contains("make linux-guest"),
                "{error}"
            );
            fs::write(built.join(part), a_kernel()).unwrap();
        }
        let guest = assemble(built, DEFAULT_MEMORY_MIB).unwrap();
        assert_eq!(guest.image, built.join(KERNEL));
        assert!(guest.boot_args.ends_with("mode=busy"));
        let initrd = fs::read(guest.initrd.unwrap()).unwrap();
        assert!(initrd.starts_with(b"070701"), "new ASCII");
    }

    /// Returns bytes that pass for a kernel.
    fn a_kernel() -> Vec<u8> {
        let mut kernel = vec![0; SETUP_MARK_AT];
        kernel.extend_from_slice(SETUP_MARK);
        kernel
    }

    #[test]
    fn a_file_that_is_no_kernel_is_reported_before_the_boot() {
        for (content, is_one) in [
            (&b"no kernel"[..], false),
            (&[0; 4096], false),
            (&a_kernel(), true),
            (b"\x7fELF\x02\x01", true),
        ] {
            assert_eq!(is_kernel(content).unwrap(), is_one);
        }
        let built = tempfile::tempdir().unwrap();
        fs::write(built.path().join("kernel"), "no kernel").unwrap();
        let parts = Parts::locate(built.path(), Some(built.path().join("kernel")), None);
        let initrd = built.path().join("initrd");
        let error = parts.assemble(
            initrd,
            Responder::Linux(Mode::Busy),
            NETWORK,
            DEFAULT_MEMORY_MIB,
        );
        let error = error.unwrap_err().to_string();
        assert!(error.contains("kernel is no Linux kernel"), "{error}");
    }

    #[test]
    fn too_little_memory_is_said_before_the_boot() {
        let error = assemble(Path::new("/nonexistent"), MIN_MEMORY_MIB - 1).unwrap_err();
        assert!(error.to_string().contains("it needs 80"), "{error}");
    }
}
