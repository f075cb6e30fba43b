//! Whether a receiver takes a segment, by its acknowledgment and its options.
//!
//! A segment that its receiver drops can hide from a detector that reads it what comes in its place. What the receiver knows is not
//! known here for certain, since packets may be missing or out of order: so a segment is only found doubtful, and waits for what tells.

use crate::flow::{Direction, Pair};
use crate::packet::wire::options::options;
use crate::packet::{Segment, SegmentHeader, TcpFlags};

/// What both sides' segments are judged by.
#[derive(Debug, Default)]
pub(super) struct Acceptance(Pair<Side>);

/// What was seen of one side.
#[derive(Debug, Default)]
struct Side {
    /// Sequence number of its first byte, where its SYN was seen.
    first: Option<u32>,
    /// Sequence number behind the last that it used: SND.NXT, as far as was seen.
    sent: Option<u32>,
    /// The same of payload alone.
    sent_payload: Option<u32>,
    /// Up to where the other side acknowledged it: SND.UNA, or RCV.NXT of the other side.
    acknowledged: Option<u32>,
    /// Its time stamp that the other side compares with: TS.Recent.
    time_stamp: Option<u32>,
    /// Its segments are signed.
    is_signed: bool,
}

/// The options that a receiver may drop a segment for.
#[derive(Debug, Default)]
struct Options {
    time_stamp: Option<u32>,
    is_signed: bool,
}

/// Bytes of a doubtful segment, which wait for what tells whether the receiver took them.
#[derive(Debug)]
pub(super) struct Doubtful {
    /// Sequence number of the first byte.
    pub seq: u32,
    /// What the segment acknowledges.
    pub ack: u32,
    /// The payload, as captured.
    pub bytes: Box<[u8]>,
    /// It is only its acknowledgment that is in doubt.
    by_ack: bool,
}

impl Acceptance {
    /// `direction` begins behind `isn`, the sequence number of a SYN that counts.
    pub fn anchor(&mut self, direction: Direction, isn: u32) {
        let first = isn.wrapping_add(1);
        *self.0.get_mut(direction) = Side { first: Some(first), sent: Some(first), acknowledged: Some(isn), ..Side::default() };
    }

    /// `direction` begins behind `isn`, by a SYN that came behind segments of the connection: what those told stands.
    pub fn begin(&mut self, direction: Direction, isn: u32) {
        let (side, first) = (self.0.get_mut(direction), isn.wrapping_add(1));
        side.first.get_or_insert(first);
        side.sent.get_or_insert(first);
        side.acknowledged.get_or_insert(isn);
    }

    /// Takes in what the segment tells of both sides; to be called for each. Answers its payload where its receiver may drop it: the
    /// segment acknowledges what was never sent, or was before the connection (RFC 9293 §3.10.7.4, RFC 5961 §5.2), its time stamp is older
    /// than the last (PAWS, RFC 7323 §5), or it is signed where the other side's are not (RFC 2385, RFC 5925). Of a side whose start was
    /// not seen nothing is known to judge the other's segments by.
    pub fn take(&mut self, segment: &Segment<'_>) -> Option<Doubtful> {
        let header = segment.header;
        if header.flags.has(TcpFlags::RST) {
            self.note_acknowledgement(header);
            return None;
        }
        let own = self.0.get(header.sender);
        let reads_options = header.payload_len > 0 || header.flags.has(TcpFlags::SYN) || own.time_stamp.is_none();
        let options = if reads_options { Options::of(segment) } else { Options::default() };
        let doubt = self.doubt(segment, &options);
        self.note(segment, &options, doubt.is_some());
        doubt.filter(|_| !segment.payload.is_empty()).map(|by_ack| Doubtful {
            seq: header.seq,
            ack: header.ack,
            bytes: segment.payload.into(),
            by_ack,
        })
    }

    /// Whether the segment is doubtful; if so, whether it is by its acknowledgment alone.
    fn doubt(&self, segment: &Segment<'_>, options: &Options) -> Option<bool> {
        let header = segment.header;
        let (own, peer) = (self.0.get(header.sender), self.0.get(header.sender.reverse()));
        if !header.flags.has(TcpFlags::ACK) || header.flags.has(TcpFlags::SYN) {
            return None;
        }
        let by_ack = !peer.can_be_acknowledged(header.ack)?;
        let is_old = match (options.time_stamp, own.time_stamp, peer.time_stamp) {
            (Some(new), Some(last), Some(_)) => is_before(new, last),
            _ => false,
        };
        let by_options = is_old || options.is_signed && !peer.is_signed;
        (by_ack || by_options).then_some(!by_options)
    }

    fn note(&mut self, segment: &Segment<'_>, options: &Options, is_doubtful: bool) {
        let header = segment.header;
        let control = u32::from(header.flags.has(TcpFlags::SYN)).wrapping_add(u32::from(header.flags.has(TcpFlags::FIN)));
        let end = header.seq.wrapping_add(header.payload_len).wrapping_add(control);
        let own = self.0.get_mut(header.sender);
        let sent = own.sent.get_or_insert(end);
        if end.wrapping_sub(*sent) <= WINDOW {
            *sent = end;
        }
        if is_doubtful {
            return;
        }
        let payload_end = header.seq.wrapping_add(header.payload_len);
        if header.payload_len > 0 && own.sent_payload.is_none_or(|to| payload_end.wrapping_sub(to) <= WINDOW) {
            own.sent_payload = Some(payload_end);
        }
        own.is_signed |= options.is_signed;
        let is_in_order = header.flags.has(TcpFlags::SYN) || own.acknowledged.is_none_or(|to| !is_before(to, header.seq));
        let is_later = |new: &u32| own.time_stamp.is_none_or(|last| !is_before(*new, last));
        if let Some(new) = options.time_stamp.filter(is_later).filter(|_| is_in_order) {
            own.time_stamp = Some(new);
        }
        self.note_acknowledgement(header);
    }

    fn note_acknowledgement(&mut self, header: &SegmentHeader) {
        let peer = self.0.get_mut(header.sender.reverse());
        if header.flags.has(TcpFlags::ACK)
            && let Some(sent) = peer.sent
        {
            let acknowledged = peer.acknowledged.get_or_insert(header.ack);
            if header.ack.wrapping_sub(*acknowledged) <= sent.wrapping_sub(*acknowledged) {
                *acknowledged = header.ack;
            }
        }
    }

    /// Whether it has turned out that the receiver took what `direction` sent: it acknowledged all of it, or has sent what is acknowledged.
    pub fn is_proven(&self, direction: Direction, doubtful: &Doubtful) -> bool {
        let peer = self.0.get(direction.reverse());
        self.is_acknowledged(direction, doubtful.end()) || doubtful.by_ack && peer.can_be_acknowledged(doubtful.ack) == Some(true)
    }

    /// The receiver took it: what it acknowledges was sent, wherever that side seemed to begin.
    pub fn learn(&mut self, direction: Direction, doubtful: &Doubtful) {
        let peer = self.0.get_mut(direction.reverse());
        if peer.can_be_acknowledged(doubtful.ack) == Some(false) {
            (peer.first, peer.sent) = (Some(doubtful.ack), Some(doubtful.ack));
        }
    }

    /// Whether the other side acknowledged all payload that `direction` is known to have sent.
    pub fn is_all_acknowledged(&self, direction: Direction) -> bool {
        let own = self.0.get(direction);
        own.sent_payload.is_some_and(|to| self.is_acknowledged(direction, to))
    }

    /// Whether the other side acknowledged all that `direction` sent before `seq`.
    pub fn is_acknowledged(&self, direction: Direction, seq: u32) -> bool {
        self.0.get(direction).acknowledged.is_some_and(|to| !is_before(to, seq))
    }
}

impl Side {
    /// Whether `ack` acknowledges something that it sent, as far as was seen; `None` where its start was not.
    fn can_be_acknowledged(&self, ack: u32) -> Option<bool> {
        let (first, sent) = (self.first?, self.sent?);
        Some(ack.wrapping_sub(first) <= sent.wrapping_sub(first))
    }
}

impl Doubtful {
    /// Sequence number behind the last byte.
    pub fn end(&self) -> u32 {
        self.seq.wrapping_add(u32::try_from(self.bytes.len()).unwrap_or(u32::MAX))
    }
}

impl Options {
    fn of(segment: &Segment<'_>) -> Self {
        let mut found = Self::default();
        let Some(bytes) = segment.tcp_header().get(TCP_FIXED..).filter(|bytes| !bytes.is_empty()) else { return found };
        for (kind, value) in options(bytes) {
            match (kind, value) {
                (TIMESTAMPS, &[a, b, c, d, _, _, _, _]) => found.time_stamp = Some(u32::from_be_bytes([a, b, c, d])),
                (MD5_SIGNATURE | AUTHENTICATION, _) => found.is_signed = true,
                _ => {}
            }
        }
        found
    }
}

/// Whether `a` comes before `b`, by the arithmetic of sequence numbers and time stamps.
const fn is_before(a: u32, b: u32) -> bool {
    a.wrapping_sub(b).cast_signed() < 0
}

/// A segment further ahead than this tells nothing of what was sent: it is not read either.
const WINDOW: u32 = 1 << 20;
/// Bytes of a TCP header before its options.
const TCP_FIXED: usize = 20;
/// RFC 7323 §3.2.
const TIMESTAMPS: u8 = 8;
/// RFC 2385 §3.0.
const MD5_SIGNATURE: u8 = 19;
/// RFC 5925 §2.2.
const AUTHENTICATION: u8 = 29;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Timestamp;
    use crate::packet::{FlowKey, IpFields};
    use std::net::Ipv4Addr;

    const CLIENT: Direction = Direction::AToB;
    const SERVER: Direction = Direction::BToA;

    /// A segment with four bytes of payload, sent by `sender`, of which only these numbers count.
    fn header(sender: Direction, flags: u8, seq: u32, ack: u32) -> SegmentHeader {
        let end = |last, port| (crate::packet::Address::from_v4(Ipv4Addr::new(10, 0, 0, last).octets()), port);
        let (key, _) = FlowKey::from_packet(end(1, 40_000), end(2, 443), 6, [0; 2]);
        SegmentHeader {
            key,
            sender,
            flags: TcpFlags(flags),
            seq,
            ack,
            window: 1_000,
            ttl: 64,
            ip: IpFields::default(),
            urgent: 0,
            reserved: 0,
            tunnel_depth: 0,
            tcp_len: 20,
            ip_len: 0,
            payload_len: 4,
            frame_len: 58,
            timestamp: Timestamp::ZERO,
            number: 1,
            capture: 0,
        }
    }

    fn take(acceptance: &mut Acceptance, header: &SegmentHeader) -> Option<Doubtful> {
        acceptance.take(&Segment { header, headers: &[0; 20], payload: b"data" })
    }

    #[test]
    fn what_can_be_acknowledged_is_what_was_sent_since_the_syn() {
        for isn in [1_000, u32::MAX - 2] {
            let mut acceptance = Acceptance::default();
            acceptance.anchor(CLIENT, 50);
            acceptance.anchor(SERVER, isn);
            assert!(take(&mut acceptance, &header(SERVER, TcpFlags::ACK, isn.wrapping_add(1), 51)).is_none());
            for (after, is_doubtful) in [(0, true), (1, false), (5, false), (6, true), (1 << 31, true), (u32::MAX, true)] {
                let segment = header(CLIENT, TcpFlags::ACK, 51, isn.wrapping_add(after));
                assert_eq!(take(&mut acceptance, &segment).is_some(), is_doubtful, "{isn} {after}");
            }
        }
    }

    #[test]
    fn where_the_other_side_began_unseen_nothing_is_in_doubt() {
        let mut acceptance = Acceptance::default();
        acceptance.anchor(CLIENT, 50);
        assert!(take(&mut acceptance, &header(SERVER, TcpFlags::ACK, 1_001, 51)).is_none());
        assert!(take(&mut acceptance, &header(CLIENT, TcpFlags::ACK, 51, 77)).is_none());
    }

    #[test]
    fn a_doubtful_segment_is_proven_by_its_acknowledgement_or_by_what_it_acknowledges() {
        let began = || {
            let mut acceptance = Acceptance::default();
            acceptance.anchor(CLIENT, 50);
            acceptance.anchor(SERVER, 1_000);
            let doubtful = take(&mut acceptance, &header(CLIENT, TcpFlags::ACK, 51, 1_005)).unwrap();
            assert!(!acceptance.is_proven(CLIENT, &doubtful));
            (acceptance, doubtful)
        };
        for (seq, ack, is_proven) in [(1_001, 51, true), (900, 55, true), (900, 54, false)] {
            let (mut acceptance, doubtful) = began();
            take(&mut acceptance, &header(SERVER, TcpFlags::ACK, seq, ack));
            assert_eq!(acceptance.is_proven(CLIENT, &doubtful), is_proven, "{seq} {ack}");
        }
    }
}
