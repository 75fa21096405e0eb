//! The registers of the device in memory.

use virtio_drivers::transport::{DeviceStatus, DeviceType, InterruptStatus, Transport};
use wire::Mac;
use zerocopy::{FromBytes, Immutable, IntoBytes};

use super::super::Features;
use super::{FakeDevice, FakeQueue, STEPS};

impl Transport for FakeDevice {
    fn device_type(&self) -> DeviceType {
        DeviceType::Network
    }

    fn read_device_features(&mut self) -> u64 {
        self.0.borrow().features
    }

    fn write_driver_features(&mut self, features: u64) {
        let mut state = self.0.borrow_mut();
        assert_eq!(features & !state.features, 0, "not offered");
        if state.status == DeviceStatus::ACKNOWLEDGE | DeviceStatus::DRIVER {
            state.taken_features = features;
        }
    }

    fn max_queue_size(&mut self, _queue: u16) -> u32 {
        self.0.borrow().queue_size
    }

    fn notify(&mut self, _queue: u16) {
        panic!("the driver has doorbells");
    }

    fn get_status(&self) -> DeviceStatus {
        let mut state = self.0.borrow_mut();
        state.status_reads += 1;
        if state.reset_reads > 0 {
            state.reset_reads -= 1;
            return STEPS.into_iter().collect();
        }
        state.status
    }

    fn set_status(&mut self, status: DeviceStatus) {
        let mut state = self.0.borrow_mut();
        if status.is_empty() {
            state.status = status;
            state.taken_features = 0;
            state.queues = [FakeQueue::default(); 2];
            state.reset_reads = state.reads_per_reset;
            return;
        }
        if status.contains(DeviceStatus::FAILED) {
            state.status |= DeviceStatus::FAILED;
            return;
        }
        let set: DeviceStatus = STEPS
            .into_iter()
            .take_while(|&step| state.status.contains(step))
            .collect();
        let next = STEPS.into_iter().find(|&step| !set.contains(step));
        let is_next = state.reset_reads == 0 && state.status == set && next == Some(status - set);
        let has_needed = state.taken_features & state.needed_features == state.needed_features;
        let is_refused = status - set == DeviceStatus::FEATURES_OK && !has_needed;
        if is_next && status.contains(set) && !is_refused {
            state.status = status;
        }
        if state.cannot_start && state.status.contains(DeviceStatus::DRIVER_OK) {
            state.status |= DeviceStatus::DEVICE_NEEDS_RESET;
        }
    }

    fn set_guest_page_size(&mut self, _size: u32) {}

    fn requires_legacy_layout(&self) -> bool {
        false
    }

    fn queue_set(&mut self, queue: u16, size: u32, descriptors: u64, avail: u64, used: u64) {
        assert!(size.is_power_of_two());
        let mut state = self.0.borrow_mut();
        let before = state.status;
        if before.contains(DeviceStatus::FEATURES_OK) && !before.contains(DeviceStatus::DRIVER_OK) {
            state.queues[usize::from(queue)] = FakeQueue {
                size: size as u16,
                descriptors,
                avail,
                used,
                ..FakeQueue::default()
            };
        }
    }

    fn queue_unset(&mut self, _queue: u16) {}

    fn queue_used(&mut self, queue: u16) -> bool {
        self.queue(queue).descriptors != 0
    }

    fn ack_interrupt(&mut self) -> InterruptStatus {
        InterruptStatus::empty()
    }

    fn read_config_generation(&self) -> u32 {
        0
    }

    fn read_config_space<T: FromBytes + IntoBytes>(
        &self,
        offset: usize,
    ) -> virtio_drivers::Result<T> {
        let state = self.0.borrow();
        // What it has not it does not show either.
        let has_mac = Features(state.features).contain(Features::MAC);
        let mac = if has_mac { state.mac } else { Mac::UNSPECIFIED };
        let mut config = mac.octets().to_vec();
        // The third is for another feature.
        for field in [state.is_link_up.into(), 0, state.mtu] {
            config.extend(field.to_le_bytes());
        }
        T::read_from_prefix(&config[offset..])
            .map(|(value, _)| value)
            .map_err(|_| virtio_drivers::Error::ConfigSpaceTooSmall)
    }

    fn write_config_space<T: IntoBytes + Immutable>(
        &mut self,
        _offset: usize,
        _value: T,
    ) -> virtio_drivers::Result<()> {
        panic!("the driver has nothing to write there")
    }
}
