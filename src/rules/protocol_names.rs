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
