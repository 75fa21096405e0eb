//! The guest's memory: a file without a name (memfd_create(2)) that QEMU maps, all of it before the guest
//! starts (`prealloc=on`), and that this process maps and locks as well.
//!
//! Without the first, the guest's first touch of a page is a fault on the host in the middle of the
//! measurement; without the second, the host may page memory out under pressure. QEMU has an option for
//! the lock (`-overcommit mem-lock=on`), but that locks everything QEMU ever maps, hundreds of MiB for
//! the code that TCG translates to among it, and QEMU does not start where the limit is lower. Locked
//! here, it is the guest's memory alone, on every link alike, and a limit is no obstacle.
#![forbid(unsafe_code)]

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create};
use rustix::mm::{MapFlags, ProtFlags};
use vm_memory::{FileOffset, MmapRegion};

use crate::host::memory_lock::explained;

/// The most memory that is allocated before the start, in MiB: it takes a second for every few GiB.
const MOST_MIB: u32 = 512;

/// A guest's memory, locked for as long as this is kept, if it could be.
#[derive(Debug)]
pub(super) struct GuestMemory {
    file: File,
    lock: Result<MmapRegion, String>,
}

impl GuestMemory {
    /// Makes the memory of a guest of `mib` MiB.
    ///
    /// # Errors
    ///
    /// Those of memfd_create(2), ftruncate(2) and fcntl(2).
    pub fn new(mib: u32) -> io::Result<Self> {
        let bytes = u64::from(mib) << 20;
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let file = File::from(memfd_create("guest memory", flags)?);
        ftruncate(&file, bytes)?;
        // Whoever has it mapped would die of an access beyond its end (SIGBUS).
        let seals = SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
        fcntl_add_seals(&file, seals)?;
        let lock = if is_allocated_early(mib) {
            lock(file.try_clone()?, bytes)
        } else {
            Err(format!("a guest of more than {MOST_MIB} MiB is not locked"))
        };
        Ok(Self { file, lock })
    }

    /// Returns a descriptor for QEMU.
    ///
    /// # Errors
    ///
    /// Those of dup(2).
    pub fn descriptor(&self) -> io::Result<OwnedFd> {
        Ok(self.file.try_clone()?.into())
    }

    /// Returns why the memory is not locked, if it is not.
    pub fn obstacle(&self) -> Option<&str> {
        self.lock.as_ref().err().map(String::as_str)
    }
}

/// Returns whether the memory of a guest of `mib` MiB is allocated before the guest starts.
pub(super) const fn is_allocated_early(mib: u32) -> bool {
    mib <= MOST_MIB
}

fn lock(file: File, bytes: u64) -> Result<MmapRegion, String> {
    let size = usize::try_from(bytes).map_err(|error| error.to_string())?;
    let flags = MapFlags::SHARED | MapFlags::LOCKED | MapFlags::NORESERVE;
    let (flags, protection) = (flags.bits(), ProtFlags::READ | ProtFlags::WRITE);
    let flags = i32::try_from(flags).map_err(|error| error.to_string())?;
    let protection = i32::try_from(protection.bits()).map_err(|error| error.to_string())?;
    let offset = Some(FileOffset::new(file, 0));
    MmapRegion::build(offset, size, protection, flags).map_err(|error| match error {
        vm_memory::mmap::MmapRegionError::Mmap(error) => explained(&error),
        error => error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Returns the memory that this process has locked, in KiB (proc(5), `VmLck`).
    fn locked_kib() -> u64 {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmLck:"));
        let kib = line.unwrap().trim_end_matches("kB").trim();
        kib.parse().unwrap()
    }

    #[test]
    fn small_memory_is_locked_and_there_before_anybody_touches_it() {
        let memory = GuestMemory::new(2).unwrap();
        let length = memory.file.metadata().unwrap();
        assert_eq!(length.len(), 2 << 20);
        for len in [1 << 20, 3 << 20] {
            assert!(memory.file.set_len(len).is_err(), "it is sealed");
        }
        if let Some(obstacle) = memory.obstacle() {
            assert!(obstacle.contains("ulimit -l"), "{obstacle}");
            return;
        }
        use std::os::unix::fs::MetadataExt as _;
        assert_eq!(length.blocks() * 512, 2 << 20, "allocated");
        assert!(locked_kib() >= 2048);
    }

    #[test]
    fn large_memory_is_left_as_it_is() {
        let memory = GuestMemory::new(MOST_MIB + 1).unwrap();
        assert!(memory.obstacle().unwrap().contains("512 MiB"));
        assert!(!is_allocated_early(MOST_MIB + 1) && is_allocated_early(MOST_MIB));
    }
}
