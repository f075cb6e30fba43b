//! TCP (RFC 9293 §3.1).

use crate::base::Reader;
use crate::packet::{DecodeAnomaly, TcpFlags};

/// The first 20 bytes of a header. Options are left unread: what the engine needs of them, nothing, is worth no time here, and
/// a header that the capture cut within its options still has its ports, numbers and flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Source port.
    pub source: u16,
    /// Destination port.
    pub destination: u16,
    /// Sequence number.
    pub seq: u32,
    /// Acknowledgment number.
    pub ack: u32,
    /// Length of the header with its options, in bytes, as the data offset says: 0 to 60.
    pub len: usize,
    /// Flags.
    pub flags: TcpFlags,
    /// Window.
    pub window: u16,
    /// Urgent pointer.
    pub urgent: u16,
    /// The four bits between data offset and flags.
    pub reserved: u8,
}

impl Header {
    /// Takes the first 20 bytes.
    pub fn read(r: &mut Reader<'_>) -> Result<Self, DecodeAnomaly> {
        r.array().map(|bytes| Self::parse(&bytes)).ok_or(DecodeAnomaly::TcpPktTooSmall)
    }

    /// From the first 20 bytes.
    #[inline]
    pub fn parse(bytes: &[u8; Self::MIN_LEN]) -> Self {
        let [s0, s1, d0, d1, q0, q1, q2, q3, a0, a1, a2, a3, offset, flags, w0, w1, _, _, u0, u1] = *bytes;
        Self {
            source: u16::from_be_bytes([s0, s1]),
            destination: u16::from_be_bytes([d0, d1]),
            seq: u32::from_be_bytes([q0, q1, q2, q3]),
            ack: u32::from_be_bytes([a0, a1, a2, a3]),
            len: usize::from(offset >> 4 << 2),
            flags: TcpFlags(flags),
            window: u16::from_be_bytes([w0, w1]),
            urgent: u16::from_be_bytes([u0, u1]),
            reserved: offset & 0x0f,
        }
    }

    /// Length of the payload, where header and payload together are `len` bytes long.
    #[inline]
    pub fn payload_len(&self, len: usize) -> Result<u32, DecodeAnomaly> {
        if self.len < Self::MIN_LEN {
            return Err(DecodeAnomaly::TcpInvalidOptlen);
        }
        let payload = len.checked_sub(self.len).ok_or(DecodeAnomaly::TcpHlenTooSmall)?;
        Ok(u32::try_from(payload).unwrap_or(u32::MAX))
    }

    /// Length without options.
    pub const MIN_LEN: usize = 20;
}

/// TCP's IP protocol number.
pub const PROTOCOL: u8 = 6;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_where_rfc_9293_has_them() {
        let bytes = [0x9c, 0x40, 0x01, 0xbb, 0, 0, 0, 1, 0, 0, 0, 2, 0x85, 0x18, 0x01, 0x00, 0, 0, 0x02, 0x07];
        let flags = TcpFlags(TcpFlags::ACK | TcpFlags::PSH);
        let (urgent, reserved) = (0x207, 5);
        let header = Header { source: 40_000, destination: 443, seq: 1, ack: 2, len: 32, flags, window: 256, urgent, reserved };
        assert_eq!(Header::read(&mut Reader::new(&bytes)), Ok(header));
        assert_eq!(Header::read(&mut Reader::new(&bytes[..19])), Err(DecodeAnomaly::TcpPktTooSmall));
    }
}
