//! Every format around the same TCP segment: whatever the wrapping, the segment that comes out is the same.

use etherparse::{IpNumber, PacketBuilder};
use proptest::prelude::*;

use super::*;
use crate::packet::key::Endpoint;
use crate::packet::{OverlapPolicy, PortSet, TcpFlags};

const PAYLOAD: &[u8] = b"\x16\x03\x01\x00\x05hello";

/// A TCP segment in IPv4, 10.1.1.1:40000 to 198.51.100.7:443.
fn tcp4() -> Vec<u8> {
    let mut out = Vec::new();
    let builder = PacketBuilder::ipv4([10, 1, 1, 1], [198, 51, 100, 7], 61).tcp(40_000, 443, 1_000, 4_096).ack(7).psh();
    builder.write(&mut out, PAYLOAD).unwrap();
    out
}

/// A TCP segment in IPv6, 2001:db8::1 port 40000 to 2001:db8::2 port 443.
fn tcp6() -> Vec<u8> {
    let mut out = Vec::new();
    let builder = PacketBuilder::ipv6(V6_SOURCE, V6_DESTINATION, 61).tcp(40_000, 443, 1_000, 4_096).ack(7).psh();
    builder.write(&mut out, PAYLOAD).unwrap();
    out
}

const V6_SOURCE: [u8; 16] = [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
const V6_DESTINATION: [u8; 16] = [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2];

fn join(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

fn ethernet(ethertype: u16, payload: &[u8]) -> Vec<u8> {
    join(&[&[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2], &ethertype.to_be_bytes(), payload])
}

fn vlan(id: u16, ethertype: u16, payload: &[u8]) -> Vec<u8> {
    join(&[&id.to_be_bytes(), &ethertype.to_be_bytes(), payload])
}

/// `payload` as that of an outer IPv4 packet, 192.0.2.1 to 192.0.2.2.
fn ipv4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    PacketBuilder::ipv4([192, 0, 2, 1], [192, 0, 2, 2], 64).write(&mut out, IpNumber(protocol), payload).unwrap();
    out
}

/// `payload` as that of an outer IPv6 packet.
fn ipv6(next_header: u8, payload: &[u8]) -> Vec<u8> {
    let len = u16::try_from(payload.len()).unwrap();
    join(&[&[0x60, 0, 0, 0], &len.to_be_bytes(), &[next_header, 64], &V6_DESTINATION, &V6_SOURCE, payload])
}

fn udp(port: u16, payload: &[u8]) -> Vec<u8> {
    let len = u16::try_from(payload.len() + 8).unwrap();
    ipv4(17, &join(&[&50_000u16.to_be_bytes(), &port.to_be_bytes(), &len.to_be_bytes(), &[0, 0], payload]))
}

fn gre(flags: u16, protocol: u16, optional: &[u8], payload: &[u8]) -> Vec<u8> {
    ipv4(47, &join(&[&flags.to_be_bytes(), &protocol.to_be_bytes(), optional, payload]))
}

fn frame(link: LinkType, data: &[u8]) -> Frame<'_> {
    let original_len = u32::try_from(data.len()).unwrap();
    Frame { data, link, timestamp: Timestamp::from_parts(100, 0), original_len, capture: 0, number: 1 }
}

fn decoder() -> Decoder {
    Decoder::new(DecoderConfig::default())
}

fn decode(link: LinkType, data: &[u8]) -> Decoded {
    decoder().decode(&frame(link, data))
}

fn segment(decoded: Decoded) -> DecodedSegment {
    match decoded {
        Decoded::Segment(segment) => segment,
        other => panic!("{other:?}"),
    }
}

/// What every wrapping must leave as it is.
#[track_caller]
fn assert_is_the_segment(link: LinkType, data: &[u8]) -> SegmentHeader {
    let segment = segment(decode(link, data));
    let header = segment.header;
    let port = |endpoint: Endpoint| endpoint.port;
    assert_eq!(segment.payload.slice(data), PAYLOAD);
    assert_eq!(header.payload_len as usize, PAYLOAD.len());
    let whole = segment.payload.segment(&header, data);
    assert_eq!(
        (whole.ip_header()[0] >> 4, whole.payload),
        (if header.key.sender(header.sender).ip.is_ipv4() { 4 } else { 6 }, PAYLOAD)
    );
    let tcp = whole.tcp_header();
    assert_eq!((tcp.len(), &tcp[..4]), (usize::from(tcp[12] >> 4) * 4, &[0x9c, 0x40, 0x01, 0xbb][..]), "data offset and ports");
    assert_eq!((port(header.key.sender(header.sender)), port(header.key.receiver(header.sender))), (40_000, 443));
    assert_eq!((header.seq, header.ack, header.window, header.ttl), (1_000, 7, 4_096, 61));
    assert_eq!(header.flags, TcpFlags(TcpFlags::ACK | TcpFlags::PSH));
    header
}

/// All wrappings, by name: how many tunnels they have, and which VLAN ids.
#[expect(clippy::type_complexity, reason = "a table")]
fn samples() -> Vec<(&'static str, LinkType, Vec<u8>, u8, &'static [u16])> {
    use LinkType::*;
    let (four, six) = (tcp4(), tcp6());
    let eth4 = ethernet(0x0800, &four);
    let ppp4 = join(&[&[0x00, 0x21], &four]);
    let snap = join(&[&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0], &four]);
    let gre_routes = [0, 0, 0, 0, 8, 0, 0, 4, 10, 0, 0, 1, 0, 0, 0, 0];
    let erspan3 = [0x20, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];
    let extensions =
        join(&[&[43, 0, 1, 4, 0, 0, 0, 0, 60, 0, 0, 0, 0, 0, 0, 0, 135, 0, 1, 4, 0, 0, 0, 0], &[51, 0, 0, 0, 0, 0, 0, 0]]);
    let authentication = join(&[&[6, 4], &[0; 22]]);
    let deep = {
        let in_six = ethernet(0x86dd, &ipv6(41, &six));
        let vxlan = udp(4789, &join(&[&[8, 0, 0, 0, 0, 0, 1, 0], &ethernet(0x8100, &vlan(7, 0x86dd, &in_six[14..]))]));
        ethernet(0x8100, &vlan(3, 0x0800, &gre(0, 0x0800, &[], &vxlan)))
    };
    let mut list = vec![
        ("Ethernet IPv4", Ethernet, eth4.clone(), 0, &[][..]),
        ("Ethernet IPv6", Ethernet, ethernet(0x86dd, &six), 0, &[]),
        ("802.3 with SNAP", Ethernet, ethernet(u16::try_from(snap.len()).unwrap(), &snap), 0, &[]),
        ("VLAN", Ethernet, ethernet(0x8100, &vlan(0x2064, 0x0800, &four)), 0, &[100]),
        ("QinQ", Ethernet, ethernet(0x88a8, &vlan(5, 0x8100, &vlan(6, 0x86dd, &six))), 0, &[5, 6]),
        ("old QinQ", Ethernet, ethernet(0x9100, &vlan(5, 0x9200, &vlan(6, 0x0800, &four))), 0, &[5, 6]),
        ("three tags", Ethernet, ethernet(0x8100, &vlan(1, 0x8100, &vlan(2, 0x8100, &vlan(3, 0x0800, &four)))), 0, &[1, 2]),
        ("MPLS IPv4", Ethernet, ethernet(0x8847, &join(&[&[0, 1, 0, 64, 0, 2, 1, 64], &four])), 0, &[]),
        ("MPLS IPv6", Ethernet, ethernet(0x8848, &join(&[&[0, 2, 1, 64], &six])), 0, &[]),
        ("MPLS pseudowire", Ethernet, ethernet(0x8847, &join(&[&[0, 2, 1, 64, 0, 0, 0, 0], &eth4])), 0, &[]),
        ("MPLS pseudowire, no control word", Ethernet, ethernet(0x8847, &join(&[&[0, 2, 1, 64], &eth4])), 0, &[]),
        ("PPPoE", Ethernet, ethernet(0x8864, &join(&[&[0x11, 0, 0, 1, 0, 72], &ppp4])), 0, &[]),
        ("SLL", LinuxSll, join(&[&[0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 8, 0], &four]), 0, &[]),
        ("SLL with VLAN", LinuxSll, join(&[&[0; 14], &[0x81, 0, 0, 9, 8, 0], &four]), 0, &[9]),
        ("SLL2", LinuxSll2, join(&[&[0x86, 0xdd], &[0; 18], &six]), 0, &[]),
        ("raw IPv4", Raw, four.clone(), 0, &[]),
        ("raw IPv6", Raw, six.clone(), 0, &[]),
        ("IPv4 alone", Ipv4, four.clone(), 0, &[]),
        ("IPv6 alone", Ipv6, six.clone(), 0, &[]),
        ("NULL", Null, join(&[&[2, 0, 0, 0], &four]), 0, &[]),
        ("NULL, big-endian", Null, join(&[&[0, 0, 0, 30], &six]), 0, &[]),
        ("LOOP", Loop, join(&[&[0, 0, 0, 24], &six]), 0, &[]),
        ("PPP", Ppp, ppp4.clone(), 0, &[]),
        ("PPP in HDLC framing", Ppp, join(&[&[0xff, 3, 0x00, 0x57], &six]), 0, &[]),
        ("PPP compressed", Ppp, join(&[&[0x21], &four]), 0, &[]),
        ("GRE", Raw, gre(0, 0x0800, &[], &four), 1, &[]),
        ("GRE with all fields", Raw, gre(0xf000, 0x86dd, &join(&[&gre_routes[..4], &[0; 8], &gre_routes[4..]]), &six), 1, &[]),
        ("GRE bridging", Raw, gre(0x2000, 0x6558, &[0; 4], &eth4), 1, &[]),
        ("PPTP", Raw, gre(0x3081, 0x880b, &[0; 12], &ppp4), 1, &[]),
        ("ERSPAN I", Raw, gre(0, 0x88be, &[], &eth4), 1, &[]),
        ("ERSPAN II", Raw, gre(0x1000, 0x88be, &[0; 4], &join(&[&[0x10, 100, 0, 1, 0, 0, 0, 0], &eth4])), 1, &[100]),
        ("ERSPAN III", Raw, gre(0x1000, 0x22eb, &[0; 4], &join(&[&erspan3, &eth4])), 1, &[]),
        ("VXLAN", Raw, udp(4789, &join(&[&[8, 0, 0, 0, 0, 0, 1, 0], &eth4])), 1, &[]),
        ("VXLAN GPE", Raw, udp(4790, &join(&[&[12, 0, 0, 2, 0, 0, 1, 0], &six])), 1, &[]),
        ("Geneve", Raw, udp(6081, &join(&[&[1, 0, 0x65, 0x58, 0, 0, 1, 0, 9, 9, 9, 9], &eth4])), 1, &[]),
        ("GTP-U", Raw, udp(2152, &join(&[&[0x30, 255, 0, 60, 0, 0, 0, 1], &four])), 1, &[]),
        ("GTP-U, extended", Raw, udp(2152, &join(&[&[0x34, 255, 0, 60, 0, 0, 0, 1, 0, 0, 0, 0x85, 1, 0, 9, 0], &six])), 1, &[]),
        ("Teredo", Raw, udp(3544, &six), 1, &[]),
        ("CAPWAP with 802.11", Raw, udp(5247, &join(&[&[0, 0x10, 3, 0, 0, 0, 0, 0], &[0x88, 1], &[0; 24], &snap])), 1, &[]),
        ("IP in IP", Raw, ipv4(4, &four), 1, &[]),
        ("6in4", Raw, ipv4(41, &six), 1, &[]),
        ("4in6", Raw, ipv6(4, &four), 1, &[]),
        ("6in6", Raw, ipv6(41, &six), 1, &[]),
        ("MPLS in IP", Raw, ipv4(137, &join(&[&[0, 2, 1, 64], &four])), 0, &[]),
        ("deep", Ethernet, deep, 3, &[3, 7]),
    ];
    let mut chained = six[..40].to_vec();
    chained[6] = 0;
    let len = u16::try_from(extensions.len() + authentication.len() + six.len() - 40).unwrap();
    chained[4..6].copy_from_slice(&len.to_be_bytes());
    list.push(("IPv6 extension headers", Raw, join(&[&chained, &extensions, &authentication, &six[40..]]), 0, &[]));
    list
}

/// pnet decodes the same headers in a way of its own: an oracle for the plain case, IPv4 options and all.
#[test]
fn agrees_with_pnet_on_plain_segments() {
    use pnet_packet::Packet as _;
    use pnet_packet::{ethernet::EthernetPacket, ipv4::Ipv4Packet, tcp::TcpPacket};

    for (port, options, payload) in [(40_000, 0, &b""[..]), (1, 4, b"x"), (65_535, 40, &[7; 1_000])] {
        let options = etherparse::Ipv4Options::try_from(&[1; 40][..options]).unwrap();
        let ip = etherparse::Ipv4Header {
            options,
            dscp: 46.try_into().unwrap(),
            ecn: 1.try_into().unwrap(),
            identification: 0xabcd,
            ..etherparse::Ipv4Header::new(0, 64, 6.into(), [10, 0, 0, 1], [10, 9, 8, 7]).unwrap()
        };
        let builder = etherparse::PacketBuilder::ethernet2([2; 6], [4; 6]).ip(etherparse::IpHeaders::Ipv4(ip, Default::default()));
        let mut bytes = Vec::new();
        builder.tcp(port, 443, 0x0102_0304, 5).psh().urg(77).ack(9).write(&mut bytes, payload).unwrap();

        let ethernet = EthernetPacket::new(&bytes).unwrap();
        let ip = Ipv4Packet::new(ethernet.payload()).unwrap();
        let tcp = TcpPacket::new(ip.payload()).unwrap();
        let frame = Frame {
            data: &bytes,
            link: LinkType::Ethernet,
            timestamp: Timestamp::ZERO,
            original_len: bytes.len() as u32,
            capture: 0,
            number: 1,
        };
        let Decoded::Segment(ours) = Decoder::new(DecoderConfig::default()).decode(&frame) else { panic!("not a segment") };
        let (header, sender) = (ours.header, ours.header.key.sender(ours.header.sender));
        assert_eq!((sender.ip, sender.port), (ip.get_source().into(), tcp.get_source()));
        assert_eq!((header.seq, header.ack, header.window), (tcp.get_sequence(), tcp.get_acknowledgement(), tcp.get_window()));
        assert_eq!((header.flags.0, header.ttl), (tcp.get_flags(), ip.get_ttl()));
        assert_eq!((header.reserved, header.urgent), (tcp.get_reserved(), tcp.get_urgent_ptr()));
        let (len, id) = (u32::from(ip.get_total_length()), u32::from(ip.get_identification()));
        assert_eq!(header.ip, IpFields { len, id, tos: ip.get_dscp() << 2 | ip.get_ecn() });
        assert_eq!(ours.payload.slice(&bytes), tcp.payload());
    }
}

/// RFC 8200 §3: version, traffic class, flow label, payload length; with an extension header the whole payload counts.
#[test]
fn an_ipv6_header_has_class_and_label() {
    let mut packet = tcp6();
    packet[..4].copy_from_slice(&[0x6b, 0x81, 0x23, 0x45]);
    let plain = join(&[&[2; 12], &[0x86, 0xdd], &packet]);
    let payload = u32::try_from(packet.len() - 40).unwrap();
    let mut extended = join(&[&packet[..40], &[6, 0, 1, 4, 0, 0, 0, 0], &packet[40..]]);
    (extended[5], extended[6]) = (extended[5] + 8, 60);
    let extended = join(&[&[2; 12], &[0x86, 0xdd], &extended]);
    for (frame, len) in [(plain, payload), (extended, payload + 8)] {
        let header = segment(decode(LinkType::Ethernet, &frame)).header;
        assert_eq!(header.ip, IpFields { len, id: 0x1_2345, tos: 0xb8 });
    }
}

#[test]
fn every_wrapping_gives_the_segment() {
    for (name, link, data, tunnels, vlan) in samples() {
        println!("{name}");
        let header = assert_is_the_segment(link, &data);
        assert_eq!(header.tunnel_depth, tunnels);
        assert_eq!(header.key.vlan().collect::<Vec<_>>(), vlan);
    }
}

#[test]
fn no_prefix_of_a_frame_is_a_whole_segment() {
    for (name, link, data, ..) in samples() {
        for len in 0..data.len() {
            // The capture cut it: what is there is given, and how long it was is still known.
            let cut = Frame { original_len: u32::try_from(data.len()).unwrap(), ..frame(link, &data[..len]) };
            if let Decoded::Segment(segment) = decoder().decode(&cut) {
                let got = segment.payload.slice(&data[..len]);
                assert!(PAYLOAD.starts_with(got) && got.len() < PAYLOAD.len(), "{name} {len}");
                assert_eq!(segment.header.payload_len as usize, PAYLOAD.len());
            }
            // It was so short on the wire: then an IP length is wrong.
            assert!(!matches!(decode(link, &data[..len]), Decoded::Segment(_)), "{name} {len}");
        }
    }
}

#[test]
fn vlan_ids_can_be_ignored() {
    let data = ethernet(0x8100, &vlan(100, 0x0800, &tcp4()));
    for link_data in [data, ethernet(0x8100, &vlan(100, 0x8864, &join(&[&[0x11, 0, 0, 1, 0, 72, 0, 0x21], &tcp4()])))] {
        let mut decoder = Decoder::new(DecoderConfig { ignore_vlan: true, ..Default::default() });
        let header = segment(decoder.decode(&frame(LinkType::Ethernet, &link_data))).header;
        assert_eq!(header.key.vlan().count(), 0);
        assert_eq!(decoder.counters().vlan, 1);
    }
}

#[test]
fn padding_is_no_payload_and_options_are_skipped() {
    let mut packet = Vec::new();
    let builder = PacketBuilder::ethernet2([1; 6], [2; 6])
        .ip(etherparse::IpHeaders::Ipv4(
            etherparse::Ipv4Header {
                options: [0x94, 4, 0, 0].into(),
                ..etherparse::Ipv4Header::new(0, 61, IpNumber(6), [10, 1, 1, 1], [10, 1, 1, 2]).unwrap()
            },
            Default::default(),
        ))
        .tcp(40_000, 443, 1_000, 4_096)
        .options_raw(&[2, 4, 5, 0xb4, 1, 1, 1, 0])
        .unwrap()
        .ack(7)
        .psh();
    builder.write(&mut packet, PAYLOAD).unwrap();
    packet.extend([0xee; 9]);
    assert_is_the_segment(LinkType::Ethernet, &packet);
    let mut plain = ethernet(0x0800, &tcp4());
    plain.extend([0xee; 9]);
    assert_is_the_segment(LinkType::Ethernet, &plain);
}

#[test]
fn a_length_of_zero_means_to_the_end() {
    let mut four = tcp4();
    four[2..4].copy_from_slice(&[0, 0]);
    assert_is_the_segment(LinkType::Ethernet, &ethernet(0x0800, &four));
    let mut six = tcp6();
    six[4..6].copy_from_slice(&[0, 0]);
    assert_is_the_segment(LinkType::Ethernet, &ethernet(0x86dd, &six));
}

#[test]
fn a_header_cut_within_its_options_still_counts() {
    let mut data = Vec::new();
    let builder = PacketBuilder::ethernet2([1; 6], [2; 6]).ipv4([10, 1, 1, 1], [10, 1, 1, 2], 61);
    builder.tcp(40_000, 443, 1_000, 4_096).options_raw(&[1; 12]).unwrap().write(&mut data, PAYLOAD).unwrap();
    let original_len = u32::try_from(data.len()).unwrap();
    let segment = segment(decoder().decode(&Frame { original_len, ..frame(LinkType::Ethernet, &data[..14 + 20 + 24]) }));
    assert_eq!(segment.payload.slice(&data), b"");
    assert_eq!(segment.header.payload_len as usize, PAYLOAD.len());
}

#[test]
fn other_ports_are_only_counted() {
    let mut data = ethernet(0x0800, &tcp4());
    data[14 + 20 + 3] = 80;
    data[14 + 20 + 2] = 0;
    let mut decoder = decoder();
    assert!(matches!(decoder.decode(&frame(LinkType::Ethernet, &data)), Decoded::NotWatched));
    assert!(matches!(decoder.decode(&frame(LinkType::Raw, &data[14..])), Decoded::NotWatched));
    assert_eq!((decoder.counters().tcp, decoder.counters().watched), (2, 0));
    let mut any = Decoder::new(DecoderConfig { ports: PortSet::any(), ..Default::default() });
    assert!(matches!(any.decode(&frame(LinkType::Ethernet, &data)), Decoded::Segment(_)));
}

#[test]
fn what_is_not_tcp_is_no_error() {
    for data in [
        ethernet(0x0806, &[0; 28]),
        ethernet(0x88cc, &[0; 46]),
        ethernet(0x1234, &[0; 46]),
        ethernet(0x0800, &ipv4(1, &[8, 0, 0, 0])),
        ethernet(0x0800, &udp(53, &[0; 12])),
        ethernet(0x0800, &udp(4789, &[0; 12])), // not VXLAN, only its port
        ethernet(0x86dd, &ipv6(59, &[])),
        ethernet(0x0026, &[0x42, 0x42, 3, 0, 0, 0]),
    ] {
        assert!(matches!(decode(LinkType::Ethernet, &data), Decoded::NotTcp), "{data:x?}");
    }
    assert!(matches!(decode(LinkType::Unsupported(147), &[0; 60]), Decoded::Unsupported(147)));
}

#[test]
fn what_is_broken_has_a_name() {
    let change = |at: usize, value: u8| {
        let mut packet = tcp4();
        packet[at] = value;
        packet
    };
    let short_tcp = ipv4(6, &tcp4()[20..39]);
    for (data, anomaly) in [
        (change(0, 0x44), DecodeAnomaly::Ipv4HlenTooSmall),
        (change(3, 0xff), DecodeAnomaly::Ipv4TruncPkt),
        (change(3, 10), DecodeAnomaly::Ipv4IplenSmallerThanHlen),
        (change(32, 0x40), DecodeAnomaly::TcpInvalidOptlen),
        (change(32, 0xf0), DecodeAnomaly::TcpHlenTooSmall),
        (short_tcp, DecodeAnomaly::TcpPktTooSmall),
        (vec![0x50; 20], DecodeAnomaly::IprawInvalidIpVersion),
        (ipv4(4, &tcp6()), DecodeAnomaly::Ipv4WrongIpVersion),
        (ipv6(0, &[6, 1, 0, 0, 0, 0, 0, 0]), DecodeAnomaly::Ipv6TruncExthdr),
        (gre(0x0003, 0x0800, &[], &tcp4()), DecodeAnomaly::GreWrongVersion),
    ] {
        let mut decoder = decoder();
        let decoded = decoder.decode(&frame(LinkType::Raw, &data));
        assert!(matches!(decoded, Decoded::Malformed(found) if found == anomaly), "{anomaly}: {decoded:?}");
        assert_eq!((decoder.counters().invalid, decoder.counters().anomaly(anomaly)), (1, 1));
    }
}

#[test]
fn tunnels_and_headers_without_end_are_given_up() {
    let mut russian_doll = tcp4();
    for _ in 0..9 {
        russian_doll = ipv4(4, &russian_doll);
    }
    let tags = std::iter::repeat_n(vlan(1, 0x8100, &[]), 200).flatten().collect::<Vec<_>>();
    for (link, data) in [(LinkType::Raw, russian_doll), (LinkType::Ethernet, ethernet(0x8100, &tags))] {
        assert!(matches!(decode(link, &data), Decoded::Malformed(DecodeAnomaly::TooManyLayers)));
    }
}

#[test]
fn checksums_are_verified_on_demand_only() {
    let mut bad_tcp4 = tcp4();
    *bad_tcp4.last_mut().unwrap() ^= 1;
    let mut bad_tcp6 = tcp6();
    *bad_tcp6.last_mut().unwrap() ^= 1;
    let mut bad_ip = tcp4();
    bad_ip[8] -= 1;
    let strict = || Decoder::new(DecoderConfig { check_checksums: true, ..Default::default() });
    for good in [tcp4(), tcp6()] {
        assert!(matches!(strict().decode(&frame(LinkType::Raw, &good)), Decoded::Segment(_)));
    }
    for (data, anomaly) in [
        (bad_tcp4, DecodeAnomaly::TcpInvalidChecksum),
        (bad_tcp6, DecodeAnomaly::TcpInvalidChecksum),
        (bad_ip, DecodeAnomaly::Ipv4InvalidChecksum),
    ] {
        assert!(matches!(decode(LinkType::Raw, &data), Decoded::Segment(_)));
        assert!(matches!(strict().decode(&frame(LinkType::Raw, &data)), Decoded::Malformed(found) if found == anomaly));
        // A capture that cut the segment leaves nothing to verify.
        let cut = Frame { original_len: u32::try_from(data.len()).unwrap(), ..frame(LinkType::Raw, &data[..data.len() - 1]) };
        assert!(anomaly == DecodeAnomaly::Ipv4InvalidChecksum || matches!(strict().decode(&cut), Decoded::Segment(_)));
    }
}

/// `packet`, cut into IPv4 fragments of `size` bytes of payload.
fn fragments4(packet: &[u8], size: usize, id: u8) -> Vec<Vec<u8>> {
    let (header, payload) = packet.split_at(20);
    let count = payload.chunks(size).len();
    let fragment = |(i, part): (usize, &[u8])| {
        let mut header = header.to_vec();
        let more = if i + 1 < count { 0x2000 } else { 0 };
        header[2..4].copy_from_slice(&u16::try_from(20 + part.len()).unwrap().to_be_bytes());
        header[5] = id;
        header[6..8].copy_from_slice(&(more | u16::try_from(i * size / 8).unwrap()).to_be_bytes());
        join(&[&header, part])
    };
    payload.chunks(size).enumerate().map(fragment).collect()
}

/// `packet`, cut into IPv6 fragments of `size` bytes of payload.
fn fragments6(packet: &[u8], size: usize) -> Vec<Vec<u8>> {
    let (header, payload) = packet.split_at(40);
    let count = payload.chunks(size).len();
    let fragment = |(i, part): (usize, &[u8])| {
        let mut header = header.to_vec();
        header[4..6].copy_from_slice(&u16::try_from(8 + part.len()).unwrap().to_be_bytes());
        let offset_more = u16::try_from(i * size).unwrap() | u16::from(i + 1 < count);
        let next_header = std::mem::replace(&mut header[6], 44);
        join(&[&header, &[next_header, 0], &offset_more.to_be_bytes(), &[0, 0, 0, 7], part])
    };
    payload.chunks(size).enumerate().map(fragment).collect()
}

/// Feeds frames in order; all but the last must be held.
#[track_caller]
fn decode_last(decoder: &mut Decoder, link: LinkType, frames: &[Vec<u8>]) -> DecodedSegment {
    let (last, held) = frames.split_last().unwrap();
    for data in held {
        assert!(matches!(decoder.decode(&frame(link, data)), Decoded::FragmentHeld));
    }
    segment(decoder.decode(&frame(link, last)))
}

#[test]
fn fragments_in_any_order_give_the_whole() {
    for (fragments, ttl) in [(fragments4(&tcp4(), 8, 1), 61), (fragments6(&tcp6(), 8), 61), (fragments4(&tcp4(), 24, 1), 61)] {
        let mut backwards = fragments.clone();
        backwards.reverse();
        for frames in [fragments, backwards] {
            let mut decoder = decoder();
            let segment = decode_last(&mut decoder, LinkType::Raw, &frames);
            assert_eq!(segment.payload.slice(&[]), PAYLOAD);
            assert_eq!((segment.header.seq, segment.header.ttl), (1_000, ttl));
            let whole = segment.payload.segment(&segment.header, &[]);
            assert_eq!((whole.ip_header(), &whole.tcp_header()[..4]), (&[][..], &[0x9c, 0x40, 0x01, 0xbb][..]));
            assert_eq!(segment.header.frame_len as usize, frames.last().unwrap().len());
            assert_eq!(decoder.fragment_memory(), 0);
        }
    }
}

#[test]
fn a_fragmented_tunnel_is_followed_inside() {
    // A fragmented packet in a fragmented VXLAN packet in a VLAN.
    let mut decoder = decoder();
    let inner = fragments4(&tcp4(), 24, 1);
    let mut frames = Vec::new();
    for (id, data) in (2..).zip(&inner) {
        let outer = udp(4789, &join(&[&[8, 0, 0, 0, 0, 0, 1, 0], &ethernet(0x0800, data)]));
        frames.extend(fragments4(&outer, 16, id).iter().map(|data| ethernet(0x8100, &vlan(9, 0x0800, data))));
    }
    let segment = decode_last(&mut decoder, LinkType::Ethernet, &frames);
    assert_eq!(segment.payload.slice(&[]), PAYLOAD);
    assert_eq!((segment.header.tunnel_depth, segment.header.key.vlan().next()), (1, Some(9)));
    assert_eq!(decoder.counters().ipv4_reassembled, 3);
}

#[test]
fn an_atomic_fragment_waits_for_nothing() {
    let fragments = fragments6(&tcp6(), 512);
    assert_eq!(fragments.len(), 1);
    assert_is_the_segment(LinkType::Raw, &fragments[0]);
}

#[test]
fn fragments_of_other_vlans_stay_apart() {
    let fragments = fragments4(&tcp4(), 24, 1);
    let tagged = |id, i: usize| ethernet(0x8100, &vlan(id, 0x0800, &fragments[i]));
    let mut decoder = decoder();
    assert!(matches!(decoder.decode(&frame(LinkType::Ethernet, &tagged(1, 0))), Decoded::FragmentHeld));
    assert!(matches!(decoder.decode(&frame(LinkType::Ethernet, &tagged(2, 1))), Decoded::FragmentHeld));
    assert!(matches!(decoder.decode(&frame(LinkType::Ethernet, &tagged(1, 1))), Decoded::Segment(_)));
}

#[test]
fn a_fragment_that_the_capture_cut_is_not_used() {
    let fragments = fragments4(&tcp4(), 24, 1);
    let original_len = u32::try_from(fragments[0].len()).unwrap();
    let cut = Frame { original_len, ..frame(LinkType::Raw, &fragments[0][..30]) };
    assert!(matches!(decoder().decode(&cut), Decoded::Malformed(DecodeAnomaly::Ipv4FragIgnored)));
}

#[test]
fn contradicting_fragments_are_reported_with_the_segment() {
    let whole = fragments4(&tcp4(), 24, 1);
    let mut other = whole[0].clone();
    *other.last_mut().unwrap() ^= 0xff; // the last byte of the first fragment is in the TCP payload
    for (overlap, first_bytes) in [(OverlapPolicy::First, &PAYLOAD[..4]), (OverlapPolicy::Last, &b"\x16\x03\x01\xff"[..])] {
        let mut decoder = Decoder::new(DecoderConfig { overlap, ..Default::default() });
        let segment = decode_last(&mut decoder, LinkType::Raw, &[whole[0].clone(), other.clone(), whole[1].clone()]);
        assert_eq!(segment.anomaly, Some(DecodeAnomaly::Ipv4FragOverlap));
        assert_eq!(decoder.counters().anomaly(DecodeAnomaly::Ipv4FragOverlap), 1);
        assert_eq!(&segment.payload.slice(&[])[..4], first_bytes);
    }
}

/// What is left of a decoding to compare.
fn outline(decoded: &Decoded, data: &[u8]) -> String {
    match decoded {
        Decoded::Segment(segment) => format!("{:?} {:?}", segment.header, segment.payload.slice(data)),
        other => format!("{other:?}"),
    }
}

fn link() -> impl Strategy<Value = LinkType> {
    use LinkType::*;
    prop::sample::select(vec![Null, Ethernet, Ppp, Raw, Loop, LinuxSll, Ipv4, Ipv6, LinuxSll2])
}

proptest! {
    #[test]
    fn random_bytes_never_panic(link in link(), data in prop::collection::vec(any::<u8>(), 0..200), more in 0u32..2_000) {
        let original_len = u32::try_from(data.len()).unwrap() + more;
        let mut decoder = Decoder::new(DecoderConfig { ports: PortSet::any(), ..Default::default() });
        decoder.decode(&Frame { original_len, ..frame(link, &data) });
    }

    #[test]
    fn the_short_way_answers_as_the_long_one(
        sample in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in 0usize..12,
        more in 0u32..40,
        ignore_vlan: bool,
    ) {
        let samples = samples();
        let (_, link, mut data, ..) = samples[sample.index(samples.len())].clone();
        for (at, value) in changes {
            let at = at.index(data.len());
            data[at] = value;
        }
        data.truncate(data.len() - cut);
        let original_len = u32::try_from(data.len()).unwrap() + more;
        let frame = Frame { original_len, ..frame(link, &data) };
        let config = DecoderConfig { ports: PortSet::any(), ignore_vlan, ..Default::default() };
        let (mut short, mut long) = (Decoder::new(config.clone()), Decoder::new(config));
        let by_short = short.decode(&frame);
        let by_long = long.decode_any(&frame);
        prop_assert_eq!(outline(&by_short, &data), outline(&by_long, &data));
        let mut counters = short.counters().clone();
        (counters.pkts, counters.bytes, counters.max_pkt_size) = (0, 0, 0); // those that `decode` itself counts
        prop_assert_eq!(&counters, long.counters());
    }
}
