//! The names of protocols that rules may write.

/// Those that a rule may be about here.
pub(super) const SUPPORTED: &[&str] = &["tls", "tcp", "tcp-pkt", "tcp-stream", "ip", "udp", "quic"];

/// Protocols below the application that Suricata has rules for.
pub(super) const LOWER: &[&str] =
    &["icmp", "icmpv4", "icmpv6", "igmp", "sctp", "ipv4", "ip4", "ipv6", "ip6", "pkthdr", "ether", "arp", "esp", "gre"];

/// Protocols of applications that Suricata recognises, but for TLS.
pub(super) const APPLICATIONS: &[&str] = &[
    "bittorrent-dht",
    "dcerpc",
    "dhcp",
    "dnp3",
    "dns",
    "doh2",
    "enip",
    "ftp",
    "ftp-data",
    "http",
    "http1",
    "http2",
    "ike",
    "imap",
    "krb5",
    "ldap",
    "mdns",
    "modbus",
    "mqtt",
    "nfs",
    "ntp",
    "pgsql",
    "pop3",
    "quic",
    "rdp",
    "rfb",
    "sip",
    "smb",
    "smtp",
    "snmp",
    "ssh",
    "telnet",
    "tftp",
    "websocket",
];

/// A set of what a flow may be found to speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Protocols(u16);

impl Protocols {
    /// All, and what is not known yet.
    pub const ALL: Self = Self(u16::MAX);
    /// None.
    pub const NONE: Self = Self(0);

    /// Those with these names.
    pub fn named(names: &[&str]) -> Self {
        let bits = (0_u32..).zip(RECOGNISED).filter(|(_, known)| names.contains(known));
        Self(bits.fold(0, |set, (bit, _)| set | 1_u16.checked_shl(bit).unwrap_or(0)))
    }

    /// What is not known yet.
    pub const fn unknown() -> Self {
        Self(1 << (u16::BITS - 1))
    }

    /// What flows that are known speak over UDP, and what is not known yet.
    pub fn over_udp() -> Self {
        Self::named(&["quic", "failed"]).and(Self::unknown())
    }

    /// Those of either.
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Those of both.
    pub const fn within(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// All others.
    pub const fn others(self) -> Self {
        Self(!self.0)
    }

    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// What flows are found to be, by the names that they then have. At most 15.
pub(super) const RECOGNISED: &[&str] =
    &["tls", "failed", "quic", "http", "http2", "ssh", "rdp", "smb", "smtp", "ftp", "imap", "pop3", "rfb"];
