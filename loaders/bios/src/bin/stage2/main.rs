//! The second stage: reads the unikernel and its configuration from the disk, and enters it.
//!
//! See the library for what the disk looks like, for the memory, and for how 32-bit code calls a BIOS.

#![cfg_attr(target_arch = "x86", no_std, no_main)]

#[cfg(target_arch = "x86")]
mod stage {
    use core::arch::asm;
    use core::convert::Infallible;

    use bios::disk::{Disk, MAX_SECTORS};
    use bios::fat::{self, CONFIG_NAME};
    use bios::parameters::Parameters;
    use bios::{Message, SECTOR_LEN, call, console, machine};
    use handover::elf::{Layout, Segment};
    use handover::memory_map::Kind;
    use handover::start_info::{Handover, MAX_CONFIG_LEN, MAX_LEN};
    use handover::text::trimmed;

    /// Address of the start info.
    const START_INFO: u32 = 0x2_0000;

    #[unsafe(no_mangle)]
    extern "C" fn stage2_main(drive: u8) -> ! {
        console::say("continues on serial port 1");
        // SAFETY: the BIOS booted from it; the buffer is the library's.
        let disk = unsafe { Disk::new(drive) };
        let Err(message) = start(disk);
        console::fail(message)
    }

    fn start(mut disk: Disk) -> Result<Infallible, Message> {
        let parameters = call::parameters()?;
        machine::open_a20()?;
        let mut memory_map = machine::memory_map()?;
        // What the unikernel is told has to outlive its first allocations.
        let start_info = u64::from(START_INFO);
        memory_map.add(start_info..start_info + MAX_LEN as u64, Kind::Reserved);

        let head = disk.read(parameters.elf_lba, MAX_SECTORS)?;
        let head = head.get(parameters.elf_offset_in_sector as usize..);
        let layout = Layout::read(head.unwrap_or_default(), parameters.elf_bytes)
            .map_err(|error| error.message())?;
        if !memory_map.is_ram(&layout.memory()) {
            return Err("there is no memory where the unikernel is linked to, from 2 MiB");
        }
        load(&mut disk, &parameters, &layout)?;

        let handover = Handover {
            memory_map: &memory_map,
            command_line: b"",
            config: read_config(&mut disk, &parameters)?,
            rsdp: machine::root_pointer(),
            // The unikernel finds it where a BIOS leaves it.
            smbios: None,
        };
        // SAFETY: nobody else uses that memory.
        let room = unsafe {
            let start = core::ptr::with_exposed_provenance_mut(START_INFO as usize);
            core::slice::from_raw_parts_mut(start, MAX_LEN)
        };
        handover
            .write(room, START_INFO)
            .ok_or("the start info is too long")?;
        // SAFETY: the segments are at their addresses.
        unsafe { enter(layout.entry) }
    }

    /// Reads the ELF piece by piece, and copies what each has of the segments to their addresses.
    fn load(disk: &mut Disk, parameters: &Parameters, layout: &Layout) -> Result<(), Message> {
        let piece_len = MAX_SECTORS * SECTOR_LEN as u32;
        // Positions in the disk's sectors, of which the first begins a little before the file.
        let before = parameters.elf_offset_in_sector;
        let end = before
            .checked_add(parameters.elf_bytes)
            .ok_or("the disk was not finished: make it by `fathom image new`")?;
        for start in (0..end).step_by(piece_len as usize) {
            let len = piece_len.min(end - start);
            let lba = parameters.elf_lba + start / SECTOR_LEN as u32;
            let piece = disk.read(lba, len.div_ceil(SECTOR_LEN as u32))?;
            let (skipped, file_start) =
                (before.saturating_sub(start), start.saturating_sub(before));
            for segment in layout.segments() {
                let part = segment.file_part(file_start..start + len - before);
                let from = (part.start.saturating_sub(file_start) + skipped) as usize;
                let bytes = piece.get(from..from + part.len()).unwrap_or_default();
                // SAFETY: the segment is memory, above 1 MiB, where nothing of ours lies; the part is within it.
                unsafe {
                    let to = address(segment, part.start - segment.file_offset);
                    to.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
                }
            }
        }
        for segment in layout.segments() {
            // SAFETY: as above; what the file does not have of the segment is zero.
            unsafe {
                let zeros = (segment.memory_len - segment.file_len) as usize;
                address(segment, segment.file_len).write_bytes(0, zeros);
            }
        }
        Ok(())
    }

    fn address(segment: &Segment, offset: u32) -> *mut u8 {
        core::ptr::with_exposed_provenance_mut((segment.address + offset) as usize)
    }

    /// Reads the configuration file; `None` if the disk has none.
    fn read_config<'d>(
        disk: &'d mut Disk,
        parameters: &Parameters,
    ) -> Result<Option<&'d [u8]>, Message> {
        let directory = disk.read(parameters.root_dir_lba, parameters.root_dir_sectors)?;
        let Some(file) = fat::find(directory, &CONFIG_NAME) else {
            return Ok(None);
        };
        let len = file.len as usize;
        if len == 0 {
            return Ok(None);
        }
        if len > MAX_CONFIG_LEN || len > parameters.sectors_per_cluster as usize * SECTOR_LEN {
            return Err(
                "FATHOM.CFG is too long: it has to fit into one cluster of the disk, of 4096 bytes at most",
            );
        }
        let lba = parameters
            .cluster_lba(file.first_cluster)
            .ok_or("the disk's file system is damaged")?;
        let cluster = disk.read(lba, parameters.sectors_per_cluster)?;
        Ok(cluster.get(..len).map(trimmed))
    }

    /// Enters the unikernel as PVH demands: flat 32-bit segments, which there are, CR0 with protection alone, `ebx` the
    /// start info.
    ///
    /// # Safety
    ///
    /// The unikernel is at its addresses, and `entry` is its PVH entry.
    unsafe fn enter(entry: u32) -> ! {
        // SAFETY: the caller's contract.
        unsafe {
            asm!(
                "cli",
                "mov ebx, {start_info}",
                "xor ecx, ecx",
                "mov cr4, ecx",
                "inc ecx",
                "mov cr0, ecx",
                "jmp eax",
                start_info = const START_INFO,
                in("eax") entry,
                options(noreturn),
            )
        }
    }
}

/// Elsewhere it is compiled for lints only.
#[cfg(not(target_arch = "x86"))]
fn main() {}
