//! Environment of a measurement. What can't be found out is absent, never guessed.

use std::borrow::Cow;
use std::io;
use std::path::{Path, PathBuf};
use std::thread::available_parallelism;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};

use crate::digest::hex;
use crate::files;
use crate::host::cpuinfo::CpuInfo;
use crate::host::doctor::{self, Depth, Finding};
use crate::host::fingerprint::{Fingerprint, governor};
use crate::host::process::Process;
use crate::host::process_rights::ProcessRights;
use crate::host::topology::Topology;
use crate::host::tree::Tree;

mod builder;

pub use builder::{EnvironmentBuilder, GuestMachine};

/// The revision this program was built from.
pub const GIT_REVISION: Option<&str> = option_env!("FATHOM_GIT_REVISION");

/// Number of a digest's digits that tell images of one name apart.
const SHORT_DIGEST: usize = 8;

/// The most that is read of a machine's id, which has 33 bytes.
const MACHINE_ID_LIMIT: u64 = 100;

/// The host, the tools and the image.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Environment {
    /// Time at which the command was started, in UTC; each run has its own `started_at`.
    #[serde(serialize_with = "as_text", deserialize_with = "from_text")]
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub started_at: Timestamp,
    /// Hash of the contents of `/etc/machine-id`, which tells this machine from others of its kind. The
    /// contents themselves are not to be passed on (machine-id(5)).
    #[serde(default)]
    pub machine: Option<String>,
    /// The processor's name.
    pub cpu_model: Option<String>,
    /// Number of CPUs that this process may use.
    pub cores: Option<usize>,
    /// Groups of CPUs that share a core, among those that this process may use; null where the kernel
    /// does not tell.
    #[serde(default)]
    pub shared_cores: Option<Vec<Vec<usize>>>,
    /// Other properties of this host that decide latencies; null in records of earlier versions.
    #[serde(default)]
    pub fingerprint: Option<Fingerprint>,
    /// The kernel's name, release and version.
    pub kernel: String,
    /// The frequency governor of the first CPU.
    pub governor: Option<String>,
    /// The largest share of all CPU time during any one of the runs that the hypervisor gave to others.
    pub steal_share: Option<f64>,
    /// QEMU's version.
    pub qemu_version: Option<String>,
    /// Rights of QEMU's process; null in records of earlier versions, and without a QEMU.
    #[serde(default)]
    pub qemu_rights: Option<ProcessRights>,
    /// The accelerator: `kvm` or `tcg`.
    pub accel: Option<String>,
    /// Reason for that accelerator.
    pub accel_reason: Option<String>,
    /// State of the host's CPUs when they had nothing to do, and the reason: `poll: ...` or `sleep: ...`.
    #[serde(default)]
    pub host_idle: Option<String>,
    /// Other measurements of this program's on the host at the same time: each disturbed the other.
    #[serde(default)]
    pub concurrent: Vec<Process>,
    /// Image that was booted.
    pub image: Option<Image>,
    /// The revision that this program was built from; `-dirty` if the source had been changed.
    pub git_revision: Option<String>,
    /// Version of this program.
    pub fathom_version: String,
    /// Command line of this program.
    pub command_line: Vec<String>,
    /// Findings on this host that spoil a measurement, right before it.
    #[serde(default)]
    pub doctor: Vec<Finding>,
}

impl Environment {
    /// Returns the environment of this process, now, before anything is started.
    fn now(host_idle: Option<String>) -> Self {
        let uname = rustix::system::uname();
        let kernel = [uname.sysname(), uname.release(), uname.version()]
            .map(|part| part.to_string_lossy())
            .join(" ");
        let tree = Tree::default();
        let cpuinfo = CpuInfo::read(&tree);
        Self {
            started_at: Timestamp::now(),
            machine: files::read(Path::new("/etc/machine-id"), MACHINE_ID_LIMIT)
                .ok()
                .and_then(|id| machine(&String::from_utf8(id).ok()?)),
            cpu_model: cpuinfo.as_ref().and_then(CpuInfo::model),
            cores: available_parallelism().ok().map(usize::from),
            shared_cores: Topology::here().shared_cores(),
            fingerprint: Some(Fingerprint::here()),
            kernel,
            governor: governor(&tree, 0),
            steal_share: None,
            qemu_version: None,
            qemu_rights: None,
            accel: None,
            accel_reason: None,
            host_idle,
            concurrent: Vec::new(),
            image: None,
            git_revision: GIT_REVISION.map(str::to_owned),
            fathom_version: env!("CARGO_PKG_VERSION").to_owned(),
            command_line: std::env::args_os()
                .map(|argument| argument.to_string_lossy().into_owned())
                .collect(),
            doctor: doctor::examine(Depth::Quick),
        }
    }
}

fn as_text<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(at)
}

fn from_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    String::deserialize(deserializer)?
        .parse()
        .map_err(de::Error::custom)
}

/// The first half of a hash of a machine's id, and of what it is wanted for.
fn machine(id: &str) -> Option<String> {
    let id = id.trim();
    // "uninitialized" is what a machine says that has none yet.
    let is_id = id.len() == 32 && id.bytes().all(|digit| digit.is_ascii_hexdigit());
    let hash = is_id.then(|| Sha256::digest(format!("fathom machine {id}")))?;
    Some(
        hash.iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect(),
    )
}

/// An image, as it was when it was booted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Image {
    /// Path of the file.
    pub path: PathBuf,
    /// The SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
    /// Size of the file, in bytes.
    pub bytes: u64,
}

impl Image {
    /// Looks at the image at `path`.
    ///
    /// # Errors
    ///
    /// Whatever reading it fails with.
    pub fn read(path: &Path) -> io::Result<Self> {
        let mut hash = HashWriter(Sha256::new());
        let bytes = io::copy(&mut files::open(path)?, &mut hash)?;
        let sha256 = hash.0.finalize();
        Ok(Self {
            path: path.to_owned(),
            sha256: hex(&sha256),
            bytes,
        })
    }
}

impl Image {
    /// Returns the first digits of the digest, which tell images of one name apart.
    #[must_use]
    pub fn short_digest(&self) -> &str {
        self.sha256.get(..SHORT_DIGEST).unwrap_or(&self.sha256)
    }

    /// Returns the name of the file without its ending.
    #[must_use]
    pub fn stem(&self) -> Cow<'_, str> {
        self.path.file_stem().unwrap_or_default().to_string_lossy()
    }
}

/// A hash as a place to write to.
struct HashWriter(Sha256);

impl io::Write for HashWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_machine_is_known_by_its_id_and_the_id_is_not() {
        let id = "0123456789abcdef0123456789abcdef";
        let known = machine(&format!("{id}\n")).unwrap();
        assert_eq!(known.len(), 16);
        assert!(!id.contains(&known));
        assert_eq!(machine(id).unwrap(), known);
        assert_ne!(machine("f123456789abcdef0123456789abcdef").unwrap(), known);
        assert_eq!((machine(""), machine("uninitialized\n")), (None, None));
    }

    #[test]
    fn an_image_is_known_by_its_bytes() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("image.elf");
        fs::write(&path, "abc").unwrap();
        let image = Image::read(&path).unwrap();
        assert_eq!(image.bytes, 3);
        // FIPS 180-2, appendix B.1.
        assert_eq!(
            image.sha256,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert!(Image::read(&directory.path().join("none")).is_err());
    }
}
