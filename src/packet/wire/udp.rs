//! UDP (RFC 768): what rules are tried on, and the tunnels that it carries.

use etherparse::UdpHeaderSlice;

use super::Layer;
use crate::base::Reader;
use crate::packet::{DecodeAnomaly, TunnelPorts};

/// A header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Source port.
    pub source: u16,
    /// Destination port.
    pub destination: u16,
    /// Bytes of header and payload, as the sender says.
    pub len: u16,
}

/// Its number in IP (IANA).
pub const PROTOCOL: u8 = 17;

impl Header {
    /// Bytes of it.
    pub const LEN: usize = 8;

    /// Takes the eight bytes of the header.
    pub fn read(r: &mut Reader<'_>) -> Result<Self, DecodeAnomaly> {
        let slice = UdpHeaderSlice::from_slice(r.rest()).map_err(|_| DecodeAnomaly::UdpPktTooSmall)?;
        r.take(slice.slice().len());
        Ok(Self { source: slice.source_port(), destination: slice.destination_port(), len: slice.length() })
    }

    /// Bytes of the payload, where `room` bytes of IP's are left for header and payload. A length that cannot be counts as none: then all
    /// that is left is payload, so that nothing of it goes by unseen.
    pub fn payload_len(&self, room: usize) -> usize {
        let len = usize::from(self.len);
        let len = if (Self::LEN..=room).contains(&len) { len } else { room };
        len.saturating_sub(Self::LEN)
    }

    /// Whether `port` alone makes what follows a tunnel, at either end.
    pub fn is_of_tunnel(port: u16, ports: &TunnelPorts) -> bool {
        let end = |source, destination| Self { source, destination, len: 0 }.next(ports) != Layer::Other;
        end(0, port) || end(port, 0)
    }

    /// What follows. VXLAN and Geneve are told by their destination port, as their source port is a hash of the flow inside;
    /// the others by either.
    pub fn next(&self, ports: &TunnelPorts) -> Layer {
        match self.destination {
            port if ports.vxlan.contains(&port) => return Layer::Vxlan,
            port if ports.geneve.contains(&port) => return Layer::Geneve,
            VXLAN_GPE => return Layer::Vxlan,
            _ => {}
        }
        match (self.source, self.destination) {
            (GTP_U, _) | (_, GTP_U) => Layer::GtpU,
            (TEREDO, _) | (_, TEREDO) => Layer::Teredo,
            (CAPWAP_DATA, _) | (_, CAPWAP_DATA) => Layer::Capwap,
            _ => Layer::Other,
        }
    }
}

/// Ports assigned by IANA.
const GTP_U: u16 = 2152;
const TEREDO: u16 = 3544;
const VXLAN_GPE: u16 = 4790;
const CAPWAP_DATA: u16 = 5247;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tunnels_are_known_by_their_ports() {
        let ports = TunnelPorts::default();
        for (source, destination, next) in [
            (50_000, 4789, Layer::Vxlan),
            (50_000, 8472, Layer::Vxlan),
            (50_000, 4790, Layer::Vxlan),
            (4789, 50_000, Layer::Other),
            (50_000, 6081, Layer::Geneve),
            (2152, 50_000, Layer::GtpU),
            (50_000, 3544, Layer::Teredo),
            (5247, 50_000, Layer::Capwap),
            (50_000, 443, Layer::Other),
        ] {
            assert_eq!(Header { source, destination, len: 8 }.next(&ports), next, "{source} {destination}");
        }
    }

    #[test]
    fn a_length_that_cannot_be_hides_no_payload() {
        for (len, room, payload) in [(12, 12, 4), (12, 40, 4), (8, 40, 0), (0, 40, 32), (7, 40, 32), (41, 40, 32)] {
            assert_eq!(Header { source: 1, destination: 2, len }.payload_len(room), payload, "{len} of {room}");
        }
    }
}
