//! Origin of a service's configuration, as the ready line states it.
//!
//! Arguments come by several [`Channel`]s. [`Sources`] names the channel of each argument that came
//! neither by the command line nor by default, which are what a reader expects.

use core::fmt;
use core::net::Ipv4Addr;
use core::str::FromStr;

/// The names of the arguments that there are, in the order in which the ready line lists them.
pub const ARGUMENTS: [&str; 21] = [
    "ip",
    "gw",
    "ip6",
    "port",
    "path",
    "idle",
    "quiet",
    "nap",
    "tsc_khz",
    "log",
    "nic",
    "panic",
    "echo",
    "stamp",
    "stamp-mode",
    "stamp-key",
    "allow",
    "rate",
    "rate-all",
    "stack-rate",
    "log-budget",
];

/// By which way an argument came. The first that has an argument wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Channel {
    /// The kernel's command line.
    CommandLine,
    /// Strings of SMBIOS type 11 that begin with `fathom:`.
    Smbios,
    /// The configuration file: of the disk, or given to the boot loader.
    File,
    /// A DHCP server.
    Dhcp,
}

impl Channel {
    /// All channels, in the order of precedence.
    pub const ALL: [Self; 4] = [Self::CommandLine, Self::Smbios, Self::File, Self::Dhcp];

    /// Name in the ready line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CommandLine => "cmdline",
            Self::Smbios => "smbios",
            Self::File => "file",
            Self::Dhcp => "dhcp",
        }
    }
}

/// The channel that each argument came by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sources([Option<Channel>; ARGUMENTS.len()]);

impl Sources {
    /// Notes that the argument called `name` came by `channel`. A name that is none of
    /// [`ARGUMENTS`] is not noted.
    pub fn set(&mut self, name: &str, channel: Channel) {
        if let Some(index) = ARGUMENTS.iter().position(|&argument| argument == name) {
            self.0[index] = Some(channel);
        }
    }

    /// The channel that the argument called `name` came by; `None` if it has its default.
    #[must_use]
    pub fn of(&self, name: &str) -> Option<Channel> {
        let index = ARGUMENTS.iter().position(|&argument| argument == name)?;
        self.0[index]
    }

    /// Returns the arguments that came neither by the command line nor by default.
    fn beyond_command_line(&self) -> impl Iterator<Item = (&'static str, Channel)> + '_ {
        ARGUMENTS
            .iter()
            .zip(self.0)
            .filter_map(|(&name, channel)| Some((name, channel?)))
            .filter(|&(_, channel)| channel != Channel::CommandLine)
    }
}

/// `ip:smbios,port:file`, or nothing.
impl fmt::Display for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, channel)) in self.beyond_command_line().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{name}:{}", channel.name())?;
        }
        Ok(())
    }
}

/// The text is no list of arguments and channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoSources;

impl FromStr for Sources {
    type Err = NoSources;

    /// Reads what [`fmt::Display`] writes. An argument or a channel that this version does not have
    /// is passed over.
    fn from_str(text: &str) -> Result<Self, NoSources> {
        let mut sources = Self::default();
        for entry in text.split(',') {
            let (name, channel) = entry.split_once(':').ok_or(NoSources)?;
            let channels = Channel::ALL.into_iter();
            if let Some(channel) = channels.into_iter().find(|known| known.name() == channel) {
                sources.set(name, channel);
            }
        }
        Ok(sources)
    }
}

/// Longest host name, in bytes (RFC 1035 §2.3.4, the longest label).
const MAX_HOST_NAME: usize = 63;

/// A host name of letters, digits, dots and hyphens (RFC 952, RFC 1123 §2.1).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct HostName {
    bytes: [u8; MAX_HOST_NAME],
    len: u8,
}

impl HostName {
    /// `text` as a host name, if it can be one.
    #[must_use]
    pub fn new(text: &[u8]) -> Option<Self> {
        let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
        if text.is_empty() || !text.iter().all(is_name) {
            return None;
        }
        let mut bytes = [0; MAX_HOST_NAME];
        bytes.get_mut(..text.len())?.copy_from_slice(text);
        Some(Self {
            bytes,
            len: text.len() as u8,
        })
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // It is ASCII, which `new` has seen to.
        core::str::from_utf8(&self.bytes[..usize::from(self.len)]).unwrap_or_default()
    }
}

impl fmt::Debug for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

/// The fields of the ready line about how a service was configured. Each is left out of the line if
/// there is nothing to say, and a line without them has [`Configuration::default`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Configuration {
    /// `gw=`: the default gateway, if the service has one.
    pub gateway: Option<Ipv4Addr>,
    /// `mtu=`: what the network carries, in bytes: the DHCP server's word or else a router's, and no more than the
    /// network device's.
    pub mtu: Option<u16>,
    /// `host=`: the name that a DHCP server has for the service.
    pub host: Option<HostName>,
    /// `from=`: the channels of arguments.
    pub sources: Sources,
    /// `ignored=`: how many words of boot loaders and machine monitors were passed over.
    pub ignored: u16,
}

impl fmt::Display for Configuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(gateway) = self.gateway {
            write!(f, " gw={gateway}")?;
        }
        if let Some(mtu) = self.mtu {
            write!(f, " mtu={mtu}")?;
        }
        if let Some(host) = &self.host {
            write!(f, " host={}", host.as_str())?;
        }
        if self.sources.beyond_command_line().next().is_some() {
            write!(f, " from={}", self.sources)?;
        }
        if self.ignored != 0 {
            write!(f, " ignored={}", self.ignored)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn sources_name_what_came_by_another_channel() {
        let mut sources = Sources::default();
        assert_eq!(sources.to_string(), "");
        sources.set("port", Channel::CommandLine);
        sources.set("log", Channel::Dhcp);
        sources.set("ip", Channel::Smbios);
        sources.set("bogus", Channel::File);
        assert_eq!(sources.to_string(), "ip:smbios,log:dhcp");
        assert_eq!(sources.of("port"), Some(Channel::CommandLine));
        assert_eq!(sources.of("gw"), None);
        let read: Sources = "ip:smbios,log:dhcp,later:file,port:carrier-pigeon"
            .parse()
            .unwrap();
        assert_eq!(read.to_string(), sources.to_string());
        assert_eq!("ip".parse::<Sources>(), Err(NoSources));
    }

    #[test]
    fn host_names_are_plain_and_short() {
        assert_eq!(
            HostName::new(b"web-1.example").unwrap().as_str(),
            "web-1.example"
        );
        assert!(HostName::new(&[b'a'; 63]).is_some());
        for bad in [&b""[..], b"a b", b"a=b", b"a\n", b"\xff", &[b'a'; 64]] {
            assert_eq!(HostName::new(bad), None, "{bad:?}");
        }
    }
}
