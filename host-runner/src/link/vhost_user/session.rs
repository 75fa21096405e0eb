//! Messages of the front end, QEMU (vhost-user protocol, QEMU's `docs/interop/vhost-user.rst`):
//! a thread takes its messages and sets up the [`Device`] that another thread polls.
//!
//! The device is behind a lock that the polling thread holds for as long as it waits for a frame;
//! it lets go when a message wants it ([`Shared::is_wanted`]). Messages come when the guest starts,
//! resets or stops its driver, and not in between. It is a spin lock, since it is never fought for,
//! and is let go by a plain store: half of what a mutex of the standard library costs.

use std::fs::File;
use std::io;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use spin::{Mutex, MutexGuard};
use vhost::VhostUserMemoryRegionBase;
use vhost::vhost_user::message::{
    VhostTransferStateDirection, VhostTransferStatePhase, VhostUserConfigFlags, VhostUserInflight,
    VhostUserLog, VhostUserMemoryRegion, VhostUserProtocolFeatures, VhostUserShMemConfig,
    VhostUserSharedMsg, VhostUserSingleMemoryRegion, VhostUserVringAddrFlags, VhostUserVringState,
};
use vhost::vhost_user::{BackendReqHandler, Error, GpuBackend, Result, VhostUserBackendReqHandler};

use super::memory_regions::Memory;
use super::virtio_net::{Addresses, Device};
use crate::host::rights::{self, CapabilityUse};

/// Features that the device offers the driver (virtio 1.2 §6, VIRTIO_F_VERSION_1): nothing that would have
/// it touch frames, or make it answer for more than one buffer at a time.
const F_VERSION_1: u64 = 1 << 32;

/// Feature that the back end offers the front end (vhost-user, VHOST_USER_F_PROTOCOL_FEATURES).
const F_PROTOCOL_FEATURES: u64 = 1 << 30;

/// The device, shared by the thread that takes messages and the one that polls.
#[derive(Debug, Default)]
pub struct Shared {
    device: Mutex<Device>,
    is_wanted: AtomicBool,
}

impl Shared {
    /// The device, for the thread that polls: to be let go as soon as [`Shared::is_wanted`].
    #[inline]
    pub fn lock(&self) -> MutexGuard<'_, Device> {
        self.device.lock()
    }

    /// Returns whether the other thread waits for the device.
    #[inline]
    pub fn is_wanted(&self) -> bool {
        self.is_wanted.load(Ordering::Relaxed)
    }

    /// Does something with the device on behalf of the front end.
    fn with<R>(&self, change: impl FnOnce(&mut Device) -> R) -> R {
        self.is_wanted.store(true, Ordering::Relaxed);
        let mut device = self.lock();
        self.is_wanted.store(false, Ordering::Relaxed);
        change(&mut device)
    }

    /// As [`Shared::with`], for what can be wrong.
    fn change<E>(
        &self,
        change: impl FnOnce(&mut Device) -> std::result::Result<(), E>,
    ) -> Result<()>
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        self.with(change)
            .map_err(|error| Error::ReqHandlerError(io::Error::other(error)))
    }
}

impl From<Device> for Shared {
    fn from(device: Device) -> Self {
        Self {
            device: Mutex::new(device),
            is_wanted: AtomicBool::new(false),
        }
    }
}

/// Takes front ends as they come, one after the other, in a thread that ends with it.
#[derive(Debug)]
pub struct Acceptor(UnixListener);

impl Acceptor {
    /// Connects the front ends that call at `listener` to the device.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn open(listener: UnixListener, shared: Arc<Shared>) -> io::Result<Self> {
        let calls = listener.try_clone()?;
        let receive = move || {
            rights::keep_in_this_thread(CapabilityUse::SharingMemory);
            while let Ok((stream, _)) = calls.accept() {
                shared.with(Device::reset);
                serve(stream, &shared);
            }
        };
        in_thread(receive)?;
        Ok(Self(listener))
    }
}

impl Drop for Acceptor {
    fn drop(&mut self) {
        // The thread's wait for the next front end fails; if it is serving one, it will.
        let _ = rustix::net::shutdown(&self.0, rustix::net::Shutdown::Both);
    }
}

/// Connects the front end at the other end of `stream` to the device, until it is gone, in a thread that ends with it.
///
/// # Errors
///
/// Those of the system.
pub fn serve_alone(stream: UnixStream, shared: Arc<Shared>) -> io::Result<()> {
    in_thread(move || serve(stream, &shared))
}

fn in_thread(receive: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let thread = thread::Builder::new().name("vhost-user".to_owned());
    thread.spawn(receive)?;
    Ok(())
}

/// Takes a front end's messages until it is gone.
fn serve(stream: UnixStream, shared: &Arc<Shared>) {
    let mut messages = BackendReqHandler::from_stream(stream, Arc::clone(shared));
    loop {
        match messages.handle_request() {
            // QEMU 7.2 enables rings although it has not negotiated that they can be. A ring with a
            // kick descriptor runs, so there is nothing to do.
            Ok(()) | Err(Error::InactiveFeature(_) | Error::SocketRetry(_)) => {}
            // The front end is gone, or speaks something else: QEMU then says so itself.
            Err(_) => return,
        }
    }
}

const fn unsupported<T>() -> Result<T> {
    Err(Error::InvalidOperation("not negotiated"))
}

/// Has reading and writing a front end's descriptor never wait: the thread that polls would wait with it.
fn without_waiting(file: File) -> Result<File> {
    let error = |error: rustix::io::Errno| Error::ReqHandlerError(error.into());
    let flags = fcntl_getfl(&file).map_err(error)?;
    fcntl_setfl(&file, flags | OFlags::NONBLOCK).map_err(error)?;
    Ok(file)
}

impl VhostUserBackendReqHandler for Shared {
    fn set_owner(&self) -> Result<()> {
        Ok(())
    }

    fn reset_owner(&self) -> Result<()> {
        self.with(Device::reset);
        Ok(())
    }

    fn reset_device(&self) -> Result<()> {
        self.with(Device::reset);
        Ok(())
    }

    fn get_features(&self) -> Result<u64> {
        Ok(F_VERSION_1 | F_PROTOCOL_FEATURES)
    }

    fn set_features(&self, features: u64) -> Result<()> {
        let has_others = features & !(F_VERSION_1 | F_PROTOCOL_FEATURES) != 0;
        // A legacy driver's header is two bytes shorter (virtio 1.2 §5.1.6.1).
        if has_others || features & F_VERSION_1 == 0 {
            return Err(Error::FeatureMismatch);
        }
        Ok(())
    }

    fn set_mem_table(
        &self,
        regions: &[VhostUserMemoryRegion],
        files: Vec<File>,
        _postcopy_listening: Option<bool>,
    ) -> Result<Option<Vec<VhostUserMemoryRegionBase>>> {
        let memory = Memory::map(regions, files)?;
        self.with(|device| device.set_memory(memory));
        Ok(None)
    }

    fn set_vring_num(&self, index: u32, num: u32) -> Result<()> {
        self.change(|device| device.set_size(index as usize, num))
    }

    fn set_vring_addr(
        &self,
        index: u32,
        _flags: VhostUserVringAddrFlags,
        descriptor: u64,
        used: u64,
        available: u64,
        _log: u64,
    ) -> Result<()> {
        let addresses = Addresses {
            descriptors: descriptor,
            avail: available,
            used,
        };
        self.change(|device| device.set_addresses(index as usize, addresses))
    }

    fn set_vring_base(&self, index: u32, base: u32) -> Result<()> {
        // A split ring's index is 16 bits; the message has room for a packed ring's.
        self.change(|device| device.set_base(index as usize, base as u16))
    }

    fn get_vring_base(&self, index: u32) -> Result<VhostUserVringState> {
        let stopped = self.with(|device| device.stop(index as usize));
        let base = stopped.map_err(|error| Error::ReqHandlerError(io::Error::other(error)))?;
        Ok(VhostUserVringState::new(index, base.into()))
    }

    fn set_vring_kick(&self, index: u8, kick: Option<File>) -> Result<()> {
        let kick = kick.map(without_waiting).transpose()?;
        self.change(|device| device.set_kick(index.into(), kick))
    }

    fn set_vring_call(&self, index: u8, call: Option<File>) -> Result<()> {
        let call = call.map(without_waiting).transpose()?;
        self.change(|device| device.set_call(index.into(), call))
    }

    fn set_vring_err(&self, _index: u8, _error: Option<File>) -> Result<()> {
        // A driver that breaks the rules ends the measurement; there is nobody else to tell.
        Ok(())
    }

    fn get_protocol_features(&self) -> Result<VhostUserProtocolFeatures> {
        Ok(VhostUserProtocolFeatures::empty())
    }

    fn set_protocol_features(&self, _features: u64) -> Result<()> {
        Ok(())
    }

    fn set_vring_enable(&self, _index: u32, _enable: bool) -> Result<()> {
        Ok(())
    }

    fn get_queue_num(&self) -> Result<u64> {
        unsupported()
    }

    fn get_config(&self, _: u32, _: u32, _: VhostUserConfigFlags) -> Result<Vec<u8>> {
        unsupported()
    }

    fn set_config(&self, _: u32, _: &[u8], _: VhostUserConfigFlags) -> Result<()> {
        unsupported()
    }

    fn set_gpu_socket(&self, _: GpuBackend) -> Result<()> {
        unsupported()
    }

    fn get_shared_object(&self, _: VhostUserSharedMsg) -> Result<File> {
        unsupported()
    }

    fn get_inflight_fd(&self, _: &VhostUserInflight) -> Result<(VhostUserInflight, File)> {
        unsupported()
    }

    fn set_inflight_fd(&self, _: &VhostUserInflight, _: File) -> Result<()> {
        unsupported()
    }

    fn get_max_mem_slots(&self) -> Result<u64> {
        unsupported()
    }

    fn add_mem_region(
        &self,
        _: &VhostUserSingleMemoryRegion,
        _: File,
        _: Option<bool>,
    ) -> Result<Option<VhostUserMemoryRegionBase>> {
        unsupported()
    }

    fn remove_mem_region(&self, _: &VhostUserSingleMemoryRegion) -> Result<()> {
        unsupported()
    }

    fn set_device_state_fd(
        &self,
        _: VhostTransferStateDirection,
        _: VhostTransferStatePhase,
        _: File,
    ) -> Result<Option<File>> {
        unsupported()
    }

    fn check_device_state(&self) -> Result<()> {
        unsupported()
    }

    fn get_shmem_config(&self) -> Result<VhostUserShMemConfig> {
        unsupported()
    }

    fn set_log_base(&self, _: &VhostUserLog, _: File) -> Result<()> {
        unsupported()
    }
}

#[cfg(test)]
mod tests;
