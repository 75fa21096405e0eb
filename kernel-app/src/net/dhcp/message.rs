//! DHCP messages (RFC 2131 §2, RFC 2132): requests put together, and answers taken apart.

use core::net::Ipv4Addr;

use wire::Cidr;
use wire::Mac;
use wire::configuration::HostName;
use wire::peer::is_host_ipv4;

use super::lease::Lease;

/// Length of the messages that are sent, in bytes: the least that every server takes (RFC 1542 §2.1).
pub const LEN: usize = 300;

/// Longest answer that is asked for, in bytes: one frame's.
const MAX_LEN: u16 = 1472;

/// Offsets of fields and options in a message, in bytes.
const ELAPSED: usize = 8;
const OWN: usize = 12;
const YOURS: usize = 16;
const HARDWARE: usize = 28;
const SERVER_NAME: core::ops::Range<usize> = 44..108;
const FILE: core::ops::Range<usize> = 108..236;
const COOKIE: usize = 236;
const OPTIONS: usize = 240;

const MAGIC_COOKIE: [u8; 4] = [99, 130, 83, 99];

const REQUEST: u8 = 1;
const REPLY: u8 = 2;

/// Ethernet, and the length of its addresses.
const ETHERNET: [u8; 2] = [1, 6];

/// Options (RFC 2132; RFC 3442 for the classless routes).
mod option {
    pub const PAD: u8 = 0;
    pub const MASK: u8 = 1;
    pub const ROUTER: u8 = 3;
    pub const HOST_NAME: u8 = 12;
    pub const MTU: u8 = 26;
    pub const REQUESTED: u8 = 50;
    pub const LEASE: u8 = 51;
    pub const OVERLOAD: u8 = 52;
    pub const KIND: u8 = 53;
    pub const SERVER: u8 = 54;
    pub const WANTED: u8 = 55;
    pub const MAX_LEN: u8 = 57;
    pub const RENEW: u8 = 58;
    pub const REBIND: u8 = 59;
    pub const CLIENT: u8 = 61;
    pub const ROUTES: u8 = 121;
    /// Of those for private use: arguments for the service, as text.
    pub const ARGUMENTS: u8 = 224;
    pub const END: u8 = 255;
}

/// Options that are asked for. The classless routes come before the router that they replace (RFC 3442).
const WANTED: [u8; 8] = [
    option::MASK,
    option::ROUTES,
    option::ROUTER,
    option::HOST_NAME,
    option::MTU,
    option::RENEW,
    option::REBIND,
    option::ARGUMENTS,
];

/// A message's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Discover = 1,
    Offer = 2,
    Request = 3,
    Decline = 4,
    Acknowledge = 5,
    Refuse = 6,
}

/// Longest text of arguments, in bytes.
const MAX_TEXT: usize = 512;

/// A text that a server sent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Text {
    bytes: [u8; MAX_TEXT],
    len: u16,
    /// More came than there is room for.
    is_cut: bool,
}

impl Text {
    pub const EMPTY: Self = Self {
        bytes: [0; MAX_TEXT],
        len: 0,
        is_cut: false,
    };

    /// Puts the next part of an option that is longer than one (RFC 3396).
    fn append(&mut self, part: &[u8]) {
        let start = usize::from(self.len);
        match self.bytes.get_mut(start..start + part.len()) {
            Some(room) => {
                room.copy_from_slice(part);
                self.len += part.len() as u16;
            }
            None => self.is_cut = true,
        }
    }

    /// The text, without the zeros that some servers end it with; `None` if it is too long or no text.
    pub fn as_str(&self) -> Option<&str> {
        let text = core::str::from_utf8(&self.bytes[..usize::from(self.len)]).ok()?;
        (!self.is_cut).then(|| text.trim_end_matches('\0'))
    }
}

impl core::fmt::Debug for Text {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.as_str().fmt(f)
    }
}

/// A message of the client's.
#[derive(Clone, Copy, Debug)]
pub struct ClientMessage {
    pub kind: Kind,
    pub mac: Mac,
    pub transaction: u32,
    /// Time since the acquisition or renewal began, in seconds.
    pub elapsed_s: u16,
    /// The address that the client has, and wants to keep.
    pub own: Ipv4Addr,
    /// The address that it wants, or declines, and the server that offered it; an unspecified one, which is not named,
    /// if it has had the address before.
    pub requested: Option<(Ipv4Addr, Ipv4Addr)>,
}

impl ClientMessage {
    /// A request of a client without an address.
    pub const fn new(mac: Mac, transaction: u32) -> Self {
        Self {
            kind: Kind::Request,
            mac,
            transaction,
            elapsed_s: 0,
            own: Ipv4Addr::UNSPECIFIED,
            requested: None,
        }
    }

    /// Writes it over `message`, which is all zero.
    pub fn write(&self, message: &mut [u8; LEN]) {
        message[0] = REQUEST;
        message[1..3].copy_from_slice(&ETHERNET);
        message[4..8].copy_from_slice(&self.transaction.to_be_bytes());
        message[ELAPSED..ELAPSED + 2].copy_from_slice(&self.elapsed_s.to_be_bytes());
        message[OWN..OWN + 4].copy_from_slice(&self.own.octets());
        message[HARDWARE..HARDWARE + 6].copy_from_slice(&self.mac.octets());
        message[COOKIE..OPTIONS].copy_from_slice(&MAGIC_COOKIE);
        let mut at = OPTIONS;
        let mut put = |code: u8, value: &[u8]| {
            message[at] = code;
            message[at + 1] = value.len() as u8;
            message[at + 2..at + 2 + value.len()].copy_from_slice(value);
            at += 2 + value.len();
        };
        let [a, b, c, d, e, f] = self.mac.octets();
        put(option::KIND, &[self.kind as u8]);
        put(option::CLIENT, &[ETHERNET[0], a, b, c, d, e, f]);
        // One that declines wants nothing (RFC 2131 §4.4.1, table 5).
        if self.kind != Kind::Decline {
            put(option::MAX_LEN, &MAX_LEN.to_be_bytes());
            put(option::WANTED, &WANTED);
        }
        if let Some((address, server)) = self.requested {
            put(option::REQUESTED, &address.octets());
            if !server.is_unspecified() {
                put(option::SERVER, &server.octets());
            }
        }
        message[at] = option::END;
    }
}

/// A message of a server's.
#[derive(Clone, Copy, Debug)]
pub struct Offer<'m> {
    pub kind: Kind,
    pub server: Option<Ipv4Addr>,
    pub lease_s: Option<u32>,
    pub renew_s: Option<u32>,
    pub rebind_s: Option<u32>,
    pub arguments: Option<Text>,
    address: Ipv4Addr,
    prefix: Option<u8>,
    router: Option<Ipv4Addr>,
    routes: Option<&'m [u8]>,
    mtu: Option<u16>,
    host: Option<HostName>,
}

impl Offer<'_> {
    /// Returns the lease that it grants. What it leaves out is as in `before`, the lease that it renews
    /// or the offer that it acknowledges; `None` if its address can't be
    /// a host's, as `ip=` has it, or the lease has no length.
    pub fn lease(&self, before: Option<&Lease>) -> Option<Lease> {
        let address = self.address;
        let before = before.filter(|before| before.address == address);
        let prefix = self.prefix.or(before.map(|before| before.prefix));
        let prefix = prefix.unwrap_or_else(|| prefix_of_class(address));
        if self.lease_s == Some(0)
            || !is_host_ipv4(address)
            || !Cidr::new(address, prefix).is_host()
        {
            return None;
        }
        let gateway = match (self.routes, self.router) {
            // Where there are classless routes the router is no route (RFC 3442).
            (Some(routes), _) => default_route(routes),
            (None, Some(router)) => Some(router),
            (None, None) => before.and_then(|before| before.gateway),
        };
        Some(Lease {
            address,
            prefix,
            gateway,
            mtu: self.mtu.or(before.and_then(|before| before.mtu)),
            host: self.host.or(before.and_then(|before| before.host)),
        })
    }
}

/// The prefix of the address' class, for a server that never says (RFC 791 §3.2).
const fn prefix_of_class(address: Ipv4Addr) -> u8 {
    match address.octets()[0] {
        ..128 => 8,
        128..192 => 16,
        _ => 24,
    }
}

/// The router of the route to everywhere (RFC 3442): each route is a prefix length, as many octets of
/// the destination as that takes, and a router.
fn default_route(mut routes: &[u8]) -> Option<Ipv4Addr> {
    loop {
        let (&prefix, rest) = routes.split_first()?;
        let rest = rest.get(usize::from(prefix.min(32)).div_ceil(8)..)?;
        let (router, rest) = rest.split_first_chunk::<4>()?;
        if prefix == 0 {
            return Some(Ipv4Addr::from_octets(*router)).filter(|router| !router.is_unspecified());
        }
        routes = rest;
    }
}

/// A mask's prefix length, if its ones all come first.
const fn prefix_of(mask: u32) -> Option<u8> {
    let prefix = mask.leading_ones();
    match mask.checked_shl(prefix) {
        None | Some(0) => Some(prefix as u8),
        Some(_) => None,
    }
}

/// The options of one area of a message, up to its end, or to where it is broken.
struct Options<'m>(&'m [u8]);

impl<'m> Iterator for Options<'m> {
    type Item = (u8, &'m [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match *self.0.first()? {
                option::END => return None,
                option::PAD => self.0 = &self.0[1..],
                code => {
                    let end = 2 + usize::from(*self.0.get(1)?);
                    let value = self.0.get(2..end)?;
                    self.0 = &self.0[end..];
                    return Some((code, value));
                }
            }
        }
    }
}

/// Takes apart a server's answer to the transaction of the client at `mac`; `None` if it is none.
pub fn parse(message: &[u8], mac: Mac, transaction: u32) -> Option<Offer<'_>> {
    let is_answer = message.first() == Some(&REPLY)
        && message.get(1..3)? == ETHERNET
        && message.get(4..8)? == transaction.to_be_bytes()
        && message.get(HARDWARE..HARDWARE + 6)? == mac.octets()
        && message.get(COOKIE..OPTIONS)? == MAGIC_COOKIE;
    if !is_answer {
        return None;
    }
    let mut kind = None;
    let mut offer = Offer {
        kind: Kind::Offer,
        server: None,
        lease_s: None,
        renew_s: None,
        rebind_s: None,
        arguments: None,
        address: Ipv4Addr::from_octets(*message[YOURS..].first_chunk()?),
        prefix: None,
        router: None,
        routes: None,
        mtu: None,
        host: None,
    };
    // Options may go on in fields that were for something else (RFC 2132 §9.3).
    let mut areas = [Some(&message[OPTIONS..]), None, None];
    for index in 0..areas.len() {
        for (code, value) in Options(areas[index].unwrap_or_default()) {
            let word = value.first_chunk().map(|word| u32::from_be_bytes(*word));
            let address = word.map(Ipv4Addr::from_bits);
            let address = address.filter(|address| !address.is_unspecified());
            match (code, value) {
                (option::KIND, [2]) => kind = Some(Kind::Offer),
                (option::KIND, [5]) => kind = Some(Kind::Acknowledge),
                (option::KIND, [6]) => kind = Some(Kind::Refuse),
                (option::OVERLOAD, [which]) if index == 0 => {
                    areas[1] = (which & 1 != 0).then(|| &message[FILE]);
                    areas[2] = (which & 2 != 0).then(|| &message[SERVER_NAME]);
                }
                (option::MASK, _) => offer.prefix = word.and_then(prefix_of),
                (option::ROUTER, _) => offer.router = address,
                (option::ROUTES, _) => offer.routes = Some(value),
                (option::SERVER, _) => offer.server = address,
                (option::LEASE, _) => offer.lease_s = word,
                (option::RENEW, _) => offer.renew_s = word,
                (option::REBIND, _) => offer.rebind_s = word,
                // No host may have less (RFC 2132 §5.1).
                (option::MTU, &[high, low]) => {
                    let mtu = u16::from_be_bytes([high, low]);
                    offer.mtu = Some(mtu).filter(|&mtu| mtu >= 68);
                }
                (option::HOST_NAME, _) => {
                    let end = value.iter().position(|&byte| byte == 0);
                    offer.host = HostName::new(&value[..end.unwrap_or(value.len())]);
                }
                (option::ARGUMENTS, _) => {
                    offer.arguments.get_or_insert(Text::EMPTY).append(value);
                }
                _ => {}
            }
        }
    }
    offer.kind = kind?;
    Some(offer)
}

#[cfg(test)]
mod tests;
