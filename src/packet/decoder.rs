//! The decoder: one loop from layer to layer, down to TCP, and to UDP where that is wanted.

use std::sync::Arc;

use super::counters::bump;
use super::fragments::{Fragment, FragmentKey, Fragments};
use super::walk::{Lengths, Source, Walk, datagram_header, segment_header};
use super::wire::{Layer, capwap, checksum, erspan, ethernet, geneve, gre, gtpu, ipv4, ipv6, llc, mpls, null, ppp, pppoe};
use super::wire::{sll, sll2, tcp, teredo, udp, vlan, vxlan, wlan};
use super::{DecodeAnomaly, DecoderConfig, DecoderCounters, Frame, IpFields, LinkType, Segment, SegmentHeader};
use crate::base::{Reader, Timestamp};
use crate::packet::key::FlowKey;

/// Makes segments of frames. Its only memory is that of fragments.
#[derive(Debug)]
pub struct Decoder {
    pub(super) config: DecoderConfig,
    pub(super) counters: DecoderCounters,
    fragments: Fragments,
    /// Of which datagram the last frame held a fragment.
    last_fragment: Option<FragmentKey>,
}

/// What a frame turned out to be.
#[derive(Clone, Debug)]
pub enum Decoded {
    /// A TCP segment from or to a watched port; or a UDP datagram, where [`DecoderConfig::datagrams`] wants those.
    Segment(DecodedSegment),
    /// A TCP segment of other ports.
    NotWatched,
    /// Neither TCP nor a datagram that is wanted, nor anything that can be followed there.
    NotTcp,
    /// A fragment that waits for others.
    FragmentHeld,
    /// Broken, and given up.
    Malformed(DecodeAnomaly),
    /// Of a link type that cannot be decoded, by its LINKTYPE_ number.
    Unsupported(u16),
}

/// A segment, apart from the bytes of its payload.
#[derive(Clone, Debug)]
pub struct DecodedSegment {
    /// All but the payload.
    pub header: SegmentHeader,
    /// Where the payload is.
    pub payload: PayloadRef,
    /// What is wrong with the packet although it could be decoded: fragments that contradict each other.
    pub anomaly: Option<DecodeAnomaly>,
}

/// Where a payload is: small, and not bound to the frame's lifetime.
#[derive(Clone, Debug)]
pub enum PayloadRef {
    /// In the frame.
    InFrame {
        /// Offset in the frame's data.
        start: u32,
        /// Captured length.
        len: u32,
    },
    /// In a datagram that was put together from fragments.
    Reassembled {
        /// The datagram's payload.
        bytes: Arc<[u8]>,
        /// Offset in `bytes`.
        start: u32,
        /// Length.
        len: u32,
    },
}

impl PayloadRef {
    /// The payload, given the data of the frame that it came from.
    pub fn slice<'a>(&'a self, frame: &'a [u8]) -> &'a [u8] {
        let (bytes, start, len) = self.place(frame);
        bytes.get(start..start.saturating_add(len)).unwrap_or_default()
    }

    /// The segment, given its header and the data of the frame that it came from.
    #[inline]
    pub fn segment<'a>(&'a self, header: &'a SegmentHeader, frame: &'a [u8]) -> Segment<'a> {
        let (bytes, start, _) = self.place(frame);
        let len = usize::from(header.ip_len).saturating_add(usize::from(header.tcp_len));
        let headers = bytes.get(start.saturating_sub(len)..start).unwrap_or_default();
        Segment { header, headers, payload: self.slice(frame) }
    }

    /// The bytes that it lies in, where, and its length.
    fn place<'a>(&'a self, frame: &'a [u8]) -> (&'a [u8], usize, usize) {
        match self {
            Self::InFrame { start, len } => (frame, *start as usize, *len as usize),
            Self::Reassembled { bytes, start, len } => (bytes, *start as usize, *len as usize),
        }
    }
}

impl Decoder {
    /// A decoder that has seen nothing yet.
    pub fn new(config: DecoderConfig) -> Self {
        let fragments = Fragments::new(config.fragment_memory, config.overlap, config.hash_seed);
        Self { config, counters: DecoderCounters::default(), fragments, last_fragment: None }
    }

    /// What was counted so far.
    pub const fn counters(&self) -> &DecoderCounters {
        &self.counters
    }

    /// Whether UDP datagrams of watched ports are wanted from the next frame on. Once they are, they stay so: flows that were dropped are to
    /// be dropped on.
    pub const fn want_datagrams(&mut self, wanted: bool) {
        self.config.datagrams |= wanted;
    }

    /// Bytes that waiting fragments take: `defrag.memuse`.
    pub const fn fragment_memory(&self) -> usize {
        self.fragments.memory()
    }

    /// Of which datagram the frame decoded last held a fragment, if of any; to be asked once for each frame.
    pub const fn take_fragment(&mut self) -> Option<FragmentKey> {
        self.last_fragment.take()
    }

    /// Decodes one frame.
    #[inline]
    pub fn decode(&mut self, frame: &Frame<'_>) -> Decoded {
        let len = u64::from(frame.original_len);
        bump(&mut self.counters.pkts);
        self.counters.bytes = self.counters.bytes.wrapping_add(len);
        self.counters.max_pkt_size = self.counters.max_pkt_size.max(len);
        match self.decode_common(frame) {
            Some(decoded) => decoded,
            None => self.decode_any(frame),
        }
    }

    /// Decodes a frame of any kind, layer by layer.
    #[inline(never)]
    pub(super) fn decode_any(&mut self, frame: &Frame<'_>) -> Decoded {
        let mut layer = match self.outermost(frame.link) {
            Ok(layer) => layer,
            Err(number) => return Decoded::Unsupported(number),
        };
        let mut walk = Walk::new(frame);
        let mut source = Source::Frame(frame.data);
        loop {
            match self.step(layer, &mut walk, &source, frame) {
                Ok(Step::Next(next)) => layer = next,
                Ok(Step::Reassembled(next, bytes)) => {
                    walk.restart(bytes.len());
                    source = Source::Datagram(bytes);
                    layer = next;
                }
                Ok(Step::Done(decoded)) => return decoded,
                Err(anomaly) => {
                    bump(&mut self.counters.invalid);
                    self.counters.count_anomaly(anomaly);
                    return Decoded::Malformed(anomaly);
                }
            }
        }
    }

    /// What a frame of `link` starts with, or the number of a link type that is not supported.
    fn outermost(&mut self, link: LinkType) -> Result<Layer, u16> {
        Ok(match link {
            LinkType::Ethernet => Layer::Ethernet,
            LinkType::LinuxSll => Layer::Sll,
            LinkType::LinuxSll2 => Layer::Sll2,
            LinkType::Null | LinkType::Loop => Layer::Null,
            LinkType::Ppp => Layer::Ppp,
            LinkType::Raw | LinkType::Ipv4 | LinkType::Ipv6 => {
                bump(&mut self.counters.raw);
                Layer::Ip
            }
            LinkType::Unsupported(number) => {
                bump(&mut self.counters.unsupported_link);
                return Err(number);
            }
        })
    }

    /// Reads one header, and says what is behind it.
    fn step(&mut self, layer: Layer, walk: &mut Walk, source: &Source<'_>, frame: &Frame<'_>) -> Result<Step, DecodeAnomaly> {
        walk.enter_layer()?;
        let mut r = Reader::new(walk.rest(source));
        let before = r.len();
        let next = match layer {
            Layer::Ethernet | Layer::Null | Layer::Sll | Layer::Sll2 | Layer::Ppp | Layer::Pppoe | Layer::Mpls | Layer::Wlan => {
                self.link(layer, &mut r)?
            }
            Layer::Llc => llc::Header::read(&mut r)?.next(),
            Layer::Vlan => {
                let tag = vlan::Header::read(&mut r)?;
                walk.add_vlan(tag.id, &mut self.counters);
                tag.next()
            }
            Layer::Ip => match r.rest().first().map(|first| first >> 4) {
                Some(4) => Layer::Ipv4,
                Some(6) => Layer::Ipv6,
                _ => return Err(DecodeAnomaly::IprawInvalidIpVersion),
            },
            Layer::Ipv4 => return self.ipv4(walk, source, frame),
            Layer::Ipv6 => self.ipv6(walk, &mut r)?,
            Layer::Ipv6Fragment => return self.ipv6_fragment(walk, source, frame),
            Layer::Ipv6Extension => ipv6::Extension::read(&mut r)?.next(),
            Layer::Ipv6Routing => {
                let header = ipv6::Extension::read(&mut r)?;
                walk.ip.is_final &= header.segments_left == 0;
                header.next()
            }
            Layer::Authentication => ipv6::Authentication::read(&mut r)?.next(),
            Layer::Ipv4InIp | Layer::Ipv6InIp => self.ip_in_ip(layer, walk)?,
            Layer::Gre => self.gre(walk, &mut r)?,
            Layer::Erspan(kind) => {
                let header = erspan::Header::read(kind, &mut r)?;
                if header.vlan != 0 {
                    walk.add_vlan(header.vlan, &mut self.counters);
                }
                header.next()
            }
            Layer::Udp => {
                let header = udp::Header::read(&mut r)?;
                bump(&mut self.counters.udp);
                match header.next(&self.config.tunnel_ports) {
                    next if next != Layer::Other && !self.is_datagram(&header) => next,
                    _ => return self.datagram(walk.at, walk, source, frame),
                }
            }
            Layer::Vxlan | Layer::Geneve | Layer::GtpU | Layer::Teredo | Layer::Capwap => match self.udp_tunnel(layer, &mut r) {
                Some(next) => {
                    walk.enter_tunnel(self.config.max_tunnel_depth)?;
                    next
                }
                None => return self.datagram(walk.at.saturating_sub(udp::Header::LEN), walk, source, frame),
            },
            Layer::Tcp => return self.tcp(walk, source, frame),
            Layer::Arp | Layer::UnknownEthertype | Layer::Other => return Ok(Step::Done(self.not_tcp(layer))),
        };
        walk.advance(before.saturating_sub(r.len()));
        Ok(Step::Next(next))
    }

    /// Headers below IP that only say what follows.
    fn link(&mut self, layer: Layer, r: &mut Reader<'_>) -> Result<Layer, DecodeAnomaly> {
        let count = &mut self.counters;
        let (next, counter) = match layer {
            Layer::Ethernet => (ethernet::Header::read(r)?.next(), &mut count.ethernet),
            Layer::Null => (null::Header::read(r)?.next()?, &mut count.null),
            Layer::Sll => (sll::Header::read(r)?.next(), &mut count.sll),
            Layer::Sll2 => (sll2::Header::read(r)?.next(), &mut count.sll2),
            Layer::Ppp => (ppp::Header::read(r)?.next()?, &mut count.ppp),
            Layer::Pppoe => (pppoe::Header::read(r)?.next(), &mut count.pppoe),
            Layer::Mpls => (mpls::Header::read(r)?.next(), &mut count.mpls),
            Layer::Wlan => (wlan::Header::read(r).map_or(Layer::Other, |header| header.next()), &mut count.wlan),
            _ => return Ok(layer),
        };
        bump(counter);
        Ok(next)
    }

    fn ipv4(&mut self, walk: &mut Walk, source: &Source<'_>, frame: &Frame<'_>) -> Result<Step, DecodeAnomaly> {
        let header = ipv4::Header::read(&mut Reader::new(walk.rest(source)))?;
        bump(&mut self.counters.ipv4);
        if self.config.check_checksums && !checksum::ipv4_is_valid(header.bytes()) {
            return Err(DecodeAnomaly::Ipv4InvalidChecksum);
        }
        if let Some(len) = header.total_len()? {
            walk.limit(len).map_err(|_| DecodeAnomaly::Ipv4TruncPkt)?;
        }
        let (start, len) = (walk.at, walk.wire_len(0));
        walk.advance(header.bytes().len());
        let (from, to) = header.addresses();
        walk.ip_start = start;
        walk.enter_ipv4(from, to, header.ttl(), IpFields { len, id: u32::from(header.id()), tos: header.tos() });
        if !header.is_fragment() {
            return Ok(Step::Next(header.next()));
        }
        if header.next() == Layer::Other {
            return Ok(Step::Done(Decoded::NotTcp)); // nobody needs ICMP and the like whole
        }
        let (offset, more) = header.fragment();
        let key = self.fragment_key(walk, u32::from(header.id()), header.protocol());
        let bytes = walk.rest(source);
        self.fragment(walk, &Fragment { key, offset, more, bytes, next: header.next(), ttl: header.ttl() }, frame.timestamp)
    }

    fn ipv6(&mut self, walk: &mut Walk, r: &mut Reader<'_>) -> Result<Layer, DecodeAnomaly> {
        let header = ipv6::Header::read(r)?;
        bump(&mut self.counters.ipv6);
        if let Some(len) = header.payload_len() {
            walk.limit(ipv6::Header::LEN.saturating_add(len)).map_err(|_| DecodeAnomaly::Ipv6TruncPkt)?;
        }
        let (from, to) = header.addresses();
        walk.ip_start = walk.at;
        let len = walk.wire_len(ipv6::Header::LEN);
        walk.enter_ipv6(from, to, header.hop_limit(), IpFields { len, id: header.flow_label(), tos: header.traffic_class() });
        Ok(header.next())
    }

    fn ipv6_fragment(&mut self, walk: &mut Walk, source: &Source<'_>, frame: &Frame<'_>) -> Result<Step, DecodeAnomaly> {
        let mut r = Reader::new(walk.rest(source));
        let header = ipv6::Fragment::read(&mut r)?;
        if std::mem::replace(&mut walk.ip.is_fragment, true) {
            return Err(DecodeAnomaly::Ipv6ExthdrDuplFh);
        }
        walk.advance(ipv6::Fragment::LEN);
        if header.is_atomic() {
            return Ok(Step::Next(header.next()));
        }
        let key = self.fragment_key(walk, header.id, 0);
        let (offset, more, next, ttl) = (header.offset, header.more, header.next(), walk.ip.ttl);
        self.fragment(walk, &Fragment { key, offset, more, bytes: r.rest(), next, ttl }, frame.timestamp)
    }

    const fn fragment_key(&self, walk: &Walk, id: u32, protocol: u8) -> FragmentKey {
        let (is_v4, source, destination) = (walk.ip.is_v4, walk.ip.source, walk.ip.destination);
        FragmentKey { is_v4, source, destination, id, protocol, vlan: walk.vlan(self.config.ignore_vlan) }
    }

    fn fragment(&mut self, walk: &mut Walk, fragment: &Fragment<'_>, now: Timestamp) -> Result<Step, DecodeAnomaly> {
        if walk.is_cut() {
            return Err(if walk.ip.is_v4 { DecodeAnomaly::Ipv4FragIgnored } else { DecodeAnomaly::Ipv6FragIgnored });
        }
        self.last_fragment = Some(fragment.key);
        let Some(datagram) = self.fragments.insert(fragment, now, &mut self.counters)? else {
            return Ok(Step::Done(Decoded::FragmentHeld));
        };
        walk.ip.ttl = datagram.ttl;
        if datagram.conflict {
            walk.anomaly = Some(fragment.key.overlap_anomaly());
        }
        Ok(Step::Reassembled(datagram.next, datagram.bytes))
    }

    /// IP directly in IP has no header of its own.
    fn ip_in_ip(&mut self, layer: Layer, walk: &mut Walk) -> Result<Layer, DecodeAnomaly> {
        walk.enter_tunnel(self.config.max_tunnel_depth)?;
        let count = &mut self.counters;
        let (next, counter) = match (layer, walk.ip.is_v4) {
            (Layer::Ipv4InIp, true) => (Layer::Ipv4, &mut count.ipv4_in_ipv4),
            (Layer::Ipv4InIp, false) => (Layer::Ipv4, &mut count.ipv4_in_ipv6),
            (_, true) => (Layer::Ipv6, &mut count.ipv6_in_ipv4),
            (_, false) => (Layer::Ipv6, &mut count.ipv6_in_ipv6),
        };
        bump(counter);
        Ok(next)
    }

    fn gre(&mut self, walk: &mut Walk, r: &mut Reader<'_>) -> Result<Layer, DecodeAnomaly> {
        let header = gre::Header::read(r)?;
        bump(&mut self.counters.gre);
        walk.enter_tunnel(self.config.max_tunnel_depth)?;
        if header.is_erspan() {
            bump(&mut self.counters.erspan);
        }
        Ok(header.next())
    }

    /// What is in a tunnel over UDP; `None` where it is something else on a tunnel's port.
    fn udp_tunnel(&mut self, layer: Layer, r: &mut Reader<'_>) -> Option<Layer> {
        let count = &mut self.counters;
        let (next, counter) = match layer {
            Layer::Vxlan => (vxlan::Header::read(r)?.next(), &mut count.vxlan),
            Layer::Geneve => (geneve::Header::read(r)?.next(), &mut count.geneve),
            Layer::GtpU => (gtpu::Header::read(r)?.next(), &mut count.gtpu),
            Layer::Teredo => (teredo::Header::read(r)?.next(), &mut count.teredo),
            Layer::Capwap => (capwap::Header::read(r)?.next(), &mut count.capwap),
            _ => return None,
        };
        bump(counter);
        Some(next)
    }

    fn tcp(&mut self, walk: &Walk, source: &Source<'_>, frame: &Frame<'_>) -> Result<Step, DecodeAnomaly> {
        let bytes = walk.rest(source);
        let header = tcp::Header::read(&mut Reader::new(bytes))?;
        bump(&mut self.counters.tcp);
        if !self.config.ports.contains(header.source) && !self.config.ports.contains(header.destination) {
            return Ok(Step::Done(Decoded::NotWatched));
        }
        bump(&mut self.counters.watched);
        let on_wire = walk.wire_end.saturating_sub(walk.at);
        let payload_len = header.payload_len(on_wire)?;
        // What a routing header does not lead to yet has the checksum of another destination.
        let verifiable = self.config.check_checksums && !walk.is_cut() && walk.ip.is_final;
        if verifiable && !checksum::tcp_is_valid(walk.ip.source, walk.ip.destination, bytes) {
            return Err(DecodeAnomaly::TcpInvalidChecksum);
        }
        let (from, to) = ((walk.ip.source, header.source), (walk.ip.destination, header.destination));
        let flow = FlowKey::from_packet(from, to, tcp::PROTOCOL, walk.vlan(self.config.ignore_vlan));
        let start = walk.at.saturating_add(header.len).min(walk.end);
        let lengths = Lengths::new(walk.at.saturating_sub(walk.ip_start), start.saturating_sub(walk.at), payload_len);
        Ok(Step::Done(Decoded::Segment(DecodedSegment {
            header: segment_header(frame, &header, flow, (walk.ip.ttl, walk.ip.fields), walk.tunnels(), lengths),
            payload: source.payload(start, walk.end),
            anomaly: walk.anomaly,
        })))
    }

    /// Whether what looks like a tunnel by one port is a datagram of another one that is watched: who may choose a port must not choose so
    /// that no rule sees what is sent. Where all ports are watched, none tells.
    fn is_datagram(&self, header: &udp::Header) -> bool {
        let is_plain = |port| self.config.ports.contains(port) && !udp::Header::is_of_tunnel(port, &self.config.tunnel_ports);
        self.config.datagrams && (is_plain(header.source) || is_plain(header.destination)) && !self.config.ports.is_any()
    }

    /// The datagram whose header is at `at`, where it is wanted.
    fn datagram(&self, at: usize, walk: &Walk, source: &Source<'_>, frame: &Frame<'_>) -> Result<Step, DecodeAnomaly> {
        let bytes = source.bytes().get(at..walk.end).unwrap_or_default();
        let header = udp::Header::read(&mut Reader::new(bytes))?;
        let is_watched = self.config.ports.contains(header.source) || self.config.ports.contains(header.destination);
        if !self.config.datagrams || !is_watched {
            return Ok(Step::Done(Decoded::NotTcp));
        }
        let payload_len = header.payload_len(walk.wire_end.saturating_sub(at));
        let start = at.saturating_add(udp::Header::LEN);
        let (end, wire_end) = (start.saturating_add(payload_len).min(walk.end), start.saturating_add(payload_len));
        let verifiable = self.config.check_checksums && end == wire_end && walk.ip.is_final;
        let whole = source.bytes().get(at..end).unwrap_or_default();
        if verifiable && !checksum::udp_is_valid(walk.ip.source, walk.ip.destination, whole) {
            return Err(DecodeAnomaly::UdpInvalidChecksum);
        }
        let (from, to) = ((walk.ip.source, header.source), (walk.ip.destination, header.destination));
        let flow = FlowKey::from_packet(from, to, udp::PROTOCOL, walk.vlan(self.config.ignore_vlan));
        let payload_len = u32::try_from(payload_len).unwrap_or(u32::MAX);
        let lengths = Lengths::new(at.saturating_sub(walk.ip_start), udp::Header::LEN, payload_len);
        Ok(Step::Done(Decoded::Segment(DecodedSegment {
            header: datagram_header(frame, flow, (walk.ip.ttl, walk.ip.fields), walk.tunnels(), lengths),
            payload: source.payload(start, end),
            anomaly: walk.anomaly,
        })))
    }

    fn not_tcp(&mut self, layer: Layer) -> Decoded {
        match layer {
            Layer::Arp => bump(&mut self.counters.arp),
            Layer::UnknownEthertype => bump(&mut self.counters.unknown_ethertype),
            _ => {}
        }
        Decoded::NotTcp
    }
}

/// What came of reading one header.
enum Step {
    /// Another header follows.
    Next(Layer),
    /// A datagram became whole: go on in it.
    Reassembled(Layer, Arc<[u8]>),
    /// That was the last one.
    Done(Decoded),
}

#[cfg(test)]
mod tests;
