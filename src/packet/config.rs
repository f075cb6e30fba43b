//! What a decoder is told.

use super::{OverlapPolicy, PortSet};

/// Settings of a [`Decoder`](super::Decoder).
#[derive(Clone, Debug)]
pub struct DecoderConfig {
    /// Segments from or to one of these TCP ports are decoded; all others are only counted.
    pub ports: PortSet,
    /// UDP datagrams from or to one of these ports are, too.
    pub datagrams: bool,
    /// Leave VLAN ids out of the flow key.
    pub ignore_vlan: bool,
    /// Drop packets whose IPv4 header checksum or TCP checksum is wrong. Off by default, as offloading makes them wrong on the
    /// host that sends. Segments that the capture cut are not verified; reassembled ones are, as a whole.
    pub check_checksums: bool,
    /// Upper bound in bytes for all fragments that wait for others, with what it costs to keep them.
    pub fragment_memory: usize,
    /// Which bytes win where fragments overlap.
    pub overlap: OverlapPolicy,
    /// UDP ports of tunnels that are often moved.
    pub tunnel_ports: TunnelPorts,
    /// How many tunnels inside each other are followed.
    pub max_tunnel_depth: u8,
    /// Keeps others from choosing fragments that collide in the fragment table. Results do not depend on it.
    pub hash_seed: u64,
}

impl Default for DecoderConfig {
    fn default() -> Self {
        Self {
            ports: PortSet::default(),
            datagrams: false,
            ignore_vlan: false,
            check_checksums: false,
            fragment_memory: 32 << 20,
            overlap: OverlapPolicy::default(),
            tunnel_ports: TunnelPorts::default(),
            max_tunnel_depth: 8,
            hash_seed: 0,
        }
    }
}

/// UDP destination ports of VXLAN and Geneve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TunnelPorts {
    /// VXLAN: 4789 (IANA) and 8472 (Linux before that).
    pub vxlan: Vec<u16>,
    /// Geneve: 6081.
    pub geneve: Vec<u16>,
}

impl Default for TunnelPorts {
    fn default() -> Self {
        Self { vxlan: vec![4789, 8472], geneve: vec![6081] }
    }
}
