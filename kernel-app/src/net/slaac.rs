//! Stateless address autoconfiguration (RFC 4862): an IPv6 address from a router's advertisements (RFC 4861).
//!
//! Asks for advertisements up to three times and then listens. Takes one address, of the first prefix of 64 bits that is
//! for autoconfiguration, with the identifier that the link-local address has (EUI-64), and uses it once nobody
//! has objected for a second. The prefix's lifetimes are kept, by the two-hour rule; when it is deprecated and another is
//! advertised, that one's address is used instead. Replies go back to where their requests came from, so that routes
//! are not kept.
//!
//! Knows messages and times, and no device. No unsafe code.
#![forbid(unsafe_code)]

use core::net::Ipv6Addr;

use wire::Mac;

use super::addresses::eui_64;
use crate::clock::NEVER_NS;

const SECOND_NS: u64 = 1_000_000_000;

/// Number of solicitations and the time between them (RFC 4861 §10).
const SOLICITATIONS: u8 = 3;
const SOLICITATION_INTERVAL_NS: u64 = 4 * SECOND_NS;

/// Wait for objections to an address (RETRANS_TIMER in RFC 4861 §10, once: DupAddrDetectTransmits in RFC 4862 §5.1).
const PROBE_NS: u64 = SECOND_NS;

/// Valid lifetime, in nanoseconds, below which an unauthenticated router can't take the address away at once (RFC 4862 §5.5.3).
const TWO_HOURS_NS: u64 = 7200 * SECOND_NS;

/// A lifetime without end (RFC 4861 §4.6.2).
const INFINITE_S: u32 = u32::MAX;

/// Options of advertisements (RFC 4861 §4.6).
const PREFIX_INFORMATION: u8 = 3;
const MTU: u8 = 5;

/// Flag of a prefix that is for autoconfiguration.
const AUTONOMOUS: u8 = 0x40;

/// Length of prefixes that leave room for an EUI-64, in bits.
pub const PREFIX_LEN: u8 = 64;

/// Least MTU of a link with IPv6, in bytes (RFC 8200 §5).
const MIN_MTU: u32 = 1280;

/// A message to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    /// Asks routers for advertisements.
    RouterSolicitation,
    /// Asks whether anybody has the address.
    Probe(Ipv6Addr),
}

/// Progress of duplicate address detection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Detection {
    /// The probe is due.
    New,
    /// The probe was sent, and nobody may object until this time.
    Tentative(u64),
    Unique,
    Duplicate,
}

/// The address of an advertised prefix.
#[derive(Clone, Copy, Debug)]
struct Autoconfigured {
    prefix: [u8; 8],
    address: Ipv6Addr,
    detection: Detection,
    preferred_until_ns: u64,
    valid_until_ns: u64,
}

impl Autoconfigured {
    fn is_duplicate(&self) -> bool {
        self.detection == Detection::Duplicate
    }
}

/// Autoconfiguration on one link.
#[derive(Clone, Copy, Debug)]
pub struct Slaac {
    mac: Mac,
    solicitations_left: u8,
    solicit_ns: u64,
    autoconfigured: Option<Autoconfigured>,
    mtu: Option<u16>,
}

impl Slaac {
    /// Autoconfiguration of the host at `mac`, which begins now.
    pub const fn new(mac: Mac, now_ns: u64) -> Self {
        Self {
            mac,
            solicitations_left: SOLICITATIONS,
            solicit_ns: now_ns,
            autoconfigured: None,
            mtu: None,
        }
    }

    /// Asks for advertisements anew.
    pub const fn solicit(&mut self, now_ns: u64) {
        self.solicitations_left = SOLICITATIONS;
        self.solicit_ns = now_ns;
    }

    /// Returns the address, if there is one that may be used.
    pub fn address(&self) -> Option<Ipv6Addr> {
        let autoconfigured = self.autoconfigured?;
        (autoconfigured.detection == Detection::Unique).then_some(autoconfigured.address)
    }

    /// Returns the link's MTU, in bytes, if a router has advertised one.
    pub const fn mtu(&self) -> Option<u16> {
        self.mtu
    }

    /// Returns the time at which [`Slaac::poll`] has something to do, in nanoseconds.
    pub fn due_ns(&self) -> u64 {
        let address_ns = match self.autoconfigured {
            None => NEVER_NS,
            Some(autoconfigured) => match autoconfigured.detection {
                Detection::New => 0,
                Detection::Tentative(until_ns) => until_ns.min(autoconfigured.valid_until_ns),
                Detection::Unique | Detection::Duplicate => autoconfigured.valid_until_ns,
            },
        };
        address_ns.min(self.solicit_ns)
    }

    /// Does what is due: returns the message to send, if there is one.
    pub fn poll(&mut self, now_ns: u64) -> Option<Message> {
        if let Some(autoconfigured) = &mut self.autoconfigured {
            match autoconfigured.detection {
                _ if now_ns >= autoconfigured.valid_until_ns => self.autoconfigured = None,
                Detection::New => {
                    autoconfigured.detection = Detection::Tentative(now_ns + PROBE_NS);
                    return Some(Message::Probe(autoconfigured.address));
                }
                Detection::Tentative(until_ns) if now_ns >= until_ns => {
                    autoconfigured.detection = Detection::Unique;
                }
                _ => {}
            }
        }
        if now_ns < self.solicit_ns {
            return None;
        }
        self.solicitations_left -= 1;
        self.solicit_ns = match self.solicitations_left {
            0 => NEVER_NS,
            _ => now_ns + SOLICITATION_INTERVAL_NS,
        };
        Some(Message::RouterSolicitation)
    }

    /// Takes another host's claim to `address`. Returns true if that is the address that we are about to use, which we
    /// then do not.
    pub fn is_objection(&mut self, address: Ipv6Addr) -> bool {
        let Some(autoconfigured) = &mut self.autoconfigured else {
            return false;
        };
        let is_tentative = matches!(
            autoconfigured.detection,
            Detection::New | Detection::Tentative(_)
        );
        let is_ours = is_tentative && autoconfigured.address == address;
        if is_ours {
            autoconfigured.detection = Detection::Duplicate;
        }
        is_ours
    }

    /// Takes a router advertisement: the ICMPv6 message, of which headers and checksum were good.
    pub fn receive(&mut self, message: &[u8], now_ns: u64) {
        let options = Options(message.get(16..).unwrap_or(&[0; 2]));
        // One option without a length makes the whole message invalid (RFC 4861 §6.1.2).
        if options.clone().any(|option| option.is_none()) {
            return;
        }
        self.solicit_ns = NEVER_NS;
        for option in options.flatten() {
            match (option[0], option.len()) {
                (PREFIX_INFORMATION, 32) => self.take_prefix(option, now_ns),
                (MTU, 8) if word(option, 4) >= MIN_MTU => {
                    self.mtu = u16::try_from(word(option, 4)).ok();
                }
                _ => {}
            }
        }
    }

    /// RFC 4862 §5.5.3
    fn take_prefix(&mut self, option: &[u8], now_ns: u64) {
        let (valid_s, preferred_s) = (word(option, 4), word(option, 8));
        let prefix: [u8; 8] = *option[16..].first_chunk().expect("an option of 32 bytes");
        let is_usable = option[2] == PREFIX_LEN
            && option[3] & AUTONOMOUS != 0
            && preferred_s <= valid_s
            // Neither link-local, multicast nor unspecified.
            && !matches!(prefix, [0xfe, 0x80..=0xbf, ..] | [0xff, ..] | [0, 0, 0, 0, 0, 0, 0, 0]);
        if !is_usable {
            return;
        }
        let until_ns = |lifetime_s: u32| match lifetime_s {
            INFINITE_S => NEVER_NS,
            _ => now_ns + u64::from(lifetime_s) * SECOND_NS,
        };
        let (valid_until_ns, preferred_until_ns) = (until_ns(valid_s), until_ns(preferred_s));
        match &mut self.autoconfigured {
            Some(ours) if ours.prefix == prefix => {
                ours.preferred_until_ns = preferred_until_ns;
                // Who takes an address away has to leave it for two hours.
                let least_ns = ours.valid_until_ns.min(now_ns + TWO_HOURS_NS);
                ours.valid_until_ns = valid_until_ns.max(least_ns);
            }
            Some(ours) if now_ns < ours.preferred_until_ns && !ours.is_duplicate() => {}
            _ if preferred_s > 0 => {
                self.autoconfigured = Some(Autoconfigured {
                    prefix,
                    address: eui_64(prefix, self.mac),
                    detection: Detection::New,
                    preferred_until_ns,
                    valid_until_ns,
                });
            }
            _ => {}
        }
    }
}

/// The 32-bit word at an offset in an option.
fn word(option: &[u8], at: usize) -> u32 {
    option[at..]
        .first_chunk()
        .map_or(0, |word| u32::from_be_bytes(*word))
}

/// The options of a message; `None` stands for one that has no length or is cut off, and ends them.
#[derive(Clone)]
struct Options<'m>(&'m [u8]);

impl<'m> Iterator for Options<'m> {
    type Item = Option<&'m [u8]>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let len = self.0.get(1).map_or(0, |units| 8 * usize::from(*units));
        let option = self.0.get(..len).filter(|option| !option.is_empty());
        self.0 = option.map_or(&[], |_| &self.0[len..]);
        Some(option)
    }
}

#[cfg(test)]
mod tests;
