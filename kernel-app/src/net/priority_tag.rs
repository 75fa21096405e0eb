//! Priority tags: VLAN tags of no virtual LAN (IEEE 802.1Q §6.9), which switches and hypervisors put into frames for
//! the priority alone.
//!
//! No unsafe code.
#![forbid(unsafe_code)]

/// EtherType of a VLAN tag.
const TAG: [u8; 2] = [0x81, 0x00];

/// Length of a tag, in bytes.
const TAG_LEN: usize = 4;

/// Offset of the EtherType, or of the tag before it, in bytes.
const ETHERTYPE: usize = 12;

/// Removes the priority tag of `frame`: what follows it moves to the front, and the last bytes stay as they are. Returns
/// false, with the frame unchanged, if it has none, or another tag behind it.
#[cold]
#[inline(never)]
pub fn remove(frame: &mut [u8]) -> bool {
    let is_tagged = matches!(
        frame.get(ETHERTYPE..),
        Some(&[t0, t1, high, 0, e0, e1, ..])
            // The lower 12 bits are the virtual LAN's.
            if [t0, t1] == TAG && high & 0x0f == 0 && [e0, e1] != TAG
    );
    if is_tagged {
        frame.copy_within(ETHERTYPE + TAG_LEN.., ETHERTYPE);
    }
    is_tagged
}
