//! Frames, made by etherparse.

use etherparse::{PacketBuilder, VlanId};
use portcullis::base::Timestamp;
use portcullis::packet::{Frame, LinkType};

const CLIENT_MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];
const SERVER_MAC: [u8; 6] = [2, 0, 0, 0, 0, 2];
const CLIENT: [u8; 4] = [10, 0, 0, 1];
const SERVER: [u8; 4] = [198, 18, 0, 1];
const CLIENT_PORT: u16 = 40_000;

/// What a segment says of itself, beside its payload.
#[derive(Clone, Copy, Default)]
pub struct Tcp {
    pub to_server: bool,
    pub syn: bool,
    pub rst: bool,
    pub seq: u32,
    pub ack: Option<u32>,
}

/// A segment in IPv4 in Ethernet.
pub fn ipv4(tcp: Tcp, payload: &[u8]) -> Vec<u8> {
    let (macs, ips, ports) = if tcp.to_server {
        ((CLIENT_MAC, SERVER_MAC), (CLIENT, SERVER), (CLIENT_PORT, 443))
    } else {
        ((SERVER_MAC, CLIENT_MAC), (SERVER, CLIENT), (443, CLIENT_PORT))
    };
    let mut step = PacketBuilder::ethernet2(macs.0, macs.1).ipv4(ips.0, ips.1, 64).tcp(ports.0, ports.1, tcp.seq, 65_535);
    if tcp.syn {
        step = step.syn();
    }
    if tcp.rst {
        step = step.rst();
    }
    if let Some(ack) = tcp.ack {
        step = step.ack(ack);
    }
    let mut frame = Vec::new();
    step.write(&mut frame, payload).unwrap();
    frame
}

/// Data in IPv6 in a VLAN.
pub fn vlan_ipv6(payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    PacketBuilder::ethernet2(CLIENT_MAC, SERVER_MAC)
        .single_vlan(VlanId::try_new(100).unwrap())
        .ipv6([0xfd; 16], [0xfe; 16], 64)
        .tcp(CLIENT_PORT, 443, 1, 65_535)
        .ack(1)
        .write(&mut frame, payload)
        .unwrap();
    frame
}

/// `inner`, a whole frame, in VXLAN (RFC 7348).
pub fn vxlan(inner: &[u8]) -> Vec<u8> {
    let payload = [&[0x08, 0, 0, 0, 0, 0, 42, 0], inner].concat();
    let mut frame = Vec::new();
    PacketBuilder::ethernet2(CLIENT_MAC, SERVER_MAC)
        .ipv4([192, 0, 2, 1], [192, 0, 2, 2], 64)
        .udp(50_000, 4_789)
        .write(&mut frame, &payload)
        .unwrap();
    frame
}

/// `data` as a capture would give it.
pub fn frame(data: &[u8], number: u64, timestamp: Timestamp) -> Frame<'_> {
    let original_len = u32::try_from(data.len()).unwrap();
    Frame { data, link: LinkType::Ethernet, timestamp, original_len, capture: 0, number }
}

/// Gives a frame made by [`ipv4`] another client.
pub fn set_client(frame: &mut [u8], to_server: bool, client: u32) {
    let at = if to_server { 26 } else { 30 };
    frame[at..at + 4].copy_from_slice(&client.to_be_bytes());
}
