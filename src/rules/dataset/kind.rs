//! What the values of a data set are: how a file writes them, and how they are looked up.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::super::network::Network;
use crate::base::{base64, hex};

/// What the values of a data set are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatasetKind {
    /// Any bytes, written in Base64.
    Text,
    /// The 16 bytes of a digest, written in hexadecimal.
    Md5,
    /// The 32 bytes of a digest, written in hexadecimal.
    Sha256,
    /// IPv4 addresses, and networks of them.
    Ipv4,
    /// Addresses of both families, and networks of them.
    Ip,
    /// Networks of both families, and addresses.
    Cidr,
}

/// A value, as it is put in and looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::rules) enum Item<'v> {
    /// Found by itself.
    Value(Cow<'v, [u8]>),
    /// Found by itself or a network around it.
    Network(Network),
}

impl DatasetKind {
    /// The one that rules call `word`.
    pub fn from_word(word: &str) -> Option<Self> {
        Some(match word {
            "string" => Self::Text,
            "md5" => Self::Md5,
            "sha256" => Self::Sha256,
            "ipv4" => Self::Ipv4,
            "ip" => Self::Ip,
            "cidr" => Self::Cidr,
            _ => return None,
        })
    }

    /// The number, from 1, of the first line of `text` that is neither empty nor a value: it is no file of such a set.
    pub fn first_other_line(self, text: &str) -> Option<u32> {
        let mut lines = (1_u32..).zip(text.lines().map(str::trim));
        lines.find(|(_, line)| !line.is_empty() && self.read(line).is_none()).map(|(number, _)| number)
    }

    /// Whether its values are addresses or networks.
    pub(in crate::rules) const fn is_of_addresses(self) -> bool {
        matches!(self, Self::Ipv4 | Self::Ip | Self::Cidr)
    }

    /// How many bytes all values have, where they are digests.
    pub const fn width(self) -> Option<usize> {
        match self {
            Self::Md5 => Some(MD5),
            Self::Sha256 => Some(SHA256),
            Self::Text | Self::Ipv4 | Self::Ip | Self::Cidr => None,
        }
    }

    /// What a line looks like.
    pub(super) const fn form(self) -> &'static str {
        match self {
            Self::Text => "Base64",
            Self::Md5 => "32 hexadecimal digits",
            Self::Sha256 => "64 hexadecimal digits",
            Self::Ipv4 => "an IPv4 address",
            Self::Ip => "an address",
            Self::Cidr => "a network",
        }
    }

    /// The value that a line stands for.
    pub(super) fn read(self, line: &str) -> Option<Item<'static>> {
        let value = match self {
            Self::Text => base64::decode(line),
            Self::Md5 => hex::decode(line).filter(|b| b.len() == MD5),
            Self::Sha256 => hex::decode(line).filter(|b| b.len() == SHA256),
            Self::Ipv4 | Self::Ip | Self::Cidr => {
                return Network::parse(line).filter(|n| self != Self::Ipv4 || n.is_ipv4()).map(Item::Network);
            }
        };
        value.map(|value| Item::Value(value.into()))
    }

    /// The value that `text` is, where text is written as it is.
    pub(super) fn read_plain(self, text: &str) -> Option<Item<'static>> {
        match self {
            Self::Text => Some(Item::Value(text.as_bytes().to_vec().into())),
            _ => self.read(text),
        }
    }

    /// What such a value looks like: one of these.
    pub(super) const fn plain_form(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
            Self::Ipv4 => "IPv4 address",
            Self::Ip => "address",
            Self::Cidr => "network",
        }
    }

    /// The line for the value with this key.
    pub(in crate::rules) fn write(self, key: &[u8]) -> String {
        match self {
            Self::Text => base64::encode(key),
            Self::Md5 | Self::Sha256 => hex::lower(key),
            Self::Ipv4 | Self::Ip | Self::Cidr => Network::from_bytes(key).map(|n| n.to_string()).unwrap_or_default(),
        }
    }

    /// What `value` of a buffer is; of an address the network of `mask` bits. `None` where it could not be in a set: it is no digest
    /// of this length, or no address of this kind.
    pub(super) fn item(self, value: &[u8], mask: Option<u8>) -> Option<Item<'_>> {
        let fits = match self {
            Self::Text => true,
            Self::Md5 => value.len() == MD5,
            Self::Sha256 => value.len() == SHA256,
            Self::Ipv4 | Self::Ip | Self::Cidr => {
                let network = Network::host(address(value)?);
                let network = mask.map_or(network, |bits| network.masked(bits));
                return (self != Self::Ipv4 || network.is_ipv4()).then_some(Item::Network(network));
            }
        };
        fits.then_some(Item::Value(value.into()))
    }
}

impl Item<'_> {
    /// The key that it has in a set.
    pub fn key(&self) -> Cow<'_, [u8]> {
        match self {
            Self::Value(value) => Cow::Borrowed(value),
            Self::Network(network) => network.to_bytes().to_vec().into(),
        }
    }

    /// That key.
    pub fn into_key(self) -> Box<[u8]> {
        match self {
            Self::Value(value) => value.into_owned().into(),
            Self::Network(network) => network.to_bytes().into(),
        }
    }

    /// Itself, to be kept.
    pub fn into_owned(self) -> Item<'static> {
        match self {
            Self::Value(value) => Item::Value(value.into_owned().into()),
            Self::Network(network) => Item::Network(network),
        }
    }
}

/// The address that a buffer has in its bytes.
fn address(value: &[u8]) -> Option<IpAddr> {
    let v4 = || <[u8; 4]>::try_from(value).ok().map(|v4| Ipv4Addr::from(v4).into());
    v4().or_else(|| <[u8; 16]>::try_from(value).ok().map(|v6| Ipv6Addr::from(v6).into()))
}

const MD5: usize = 16;
const SHA256: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    /// The notes on file formats in Suricata's guide; of an address in IPv6 form it says that it is the IPv4 address.
    #[test]
    fn a_line_is_read_and_written_back() {
        let md5 = "900150983cd24fb0d6963f7d28e17f72";
        let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        for (kind, line, written) in [
            ("string", "TW96aWxsYS80LjAgKGNvbXBhdGlibGU7ICk=", Some("TW96aWxsYS80LjAgKGNvbXBhdGlibGU7ICk=")),
            ("string", "TW96*", None),
            ("md5", md5, Some(md5)),
            ("md5", sha256, None),
            ("sha256", &sha256.to_uppercase(), Some(sha256)),
            ("ipv4", "10.0.0.1", Some("10.0.0.1")),
            ("ipv4", "2001:db8::1", None),
            ("ip", "2001:0db8::1", Some("2001:db8::1")),
            ("ip", "::ffff:10.0.0.1", Some("10.0.0.1")),
            ("ip", "10.0.0.0/8", Some("10.0.0.0/8")),
            ("ip", "host.test", None),
            ("cidr", "fc00::/7", Some("fc00::/7")),
            ("cidr", "192.168.1.5/32", Some("192.168.1.5")),
        ] {
            let kind = DatasetKind::from_word(kind).unwrap();
            assert_eq!(kind.read(line).map(|item| kind.write(&item.into_key())).as_deref(), written, "{kind:?} {line}");
        }
        assert_eq!(DatasetKind::from_word("ipv6"), None);
    }
}
