//! Rules on UDP.

use super::*;
use crate::packet::wire::udp;

/// A datagram of `subject()`'s client.
fn datagram(payload: &[u8]) -> SegmentHeader {
    let Subject { client, server, .. } = subject(None);
    let (key, sender) = FlowKey::new(client, server, udp::PROTOCOL, [0; 2]);
    SegmentHeader { key, sender, payload_len: payload.len() as u32, ..header(FlowDirection::ToServer, 0) }
}

/// The sids of `text` that fire on a datagram with `payload` of a flow that speaks `app_proto`, in order, and the verdict on the flow.
fn on_datagram(text: &str, app_proto: AppProto, payload: &[u8]) -> (Vec<u32>, Verdict) {
    let header = datagram(payload);
    let segment = Segment { header: &header, headers: &[], payload };
    let raw = Raw { payload, stream: None };
    let packet = Packet { direction: FlowDirection::ToServer, segment, totals: Totals::default(), raw };
    let subject = Subject { transport: Transport::Udp, app_proto, packet: Some(packet), ..subject(None) };
    play(&rules(text), &[subject])
}

/// The weights of what is noted of a rule, or why it does not load.
fn said(rule: &str) -> Result<Vec<Weight>, String> {
    let (_, report) = RuleSet::compile(&[Source { name: "x", text: rule }], &RuleConfig::default());
    match report.errors.first() {
        Some(error) => Err(error.reason.to_string()),
        None => Ok(report.notes.iter().map(|note| note.reason.weight()).collect()),
    }
}

#[test]
fn a_header_says_what_carries_its_flows() {
    for (protocol, over_udp, over_tcp) in
        [("udp", 1, 0), ("ip", 1, 1), ("tcp", 0, 1), ("tcp-pkt", 0, 1), ("tls", 0, 0), ("quic", 0, 0)]
    {
        let text = format!("alert {protocol} any any -> any 443 (sid:1;)");
        assert_eq!(on_datagram(&text, AppProto::NotTls, b"x").0.len(), over_udp, "{protocol}");
        let [syn, ..] = headers();
        assert_eq!(play(&rules(&text), &[at(&syn, subject(None))]).0.len(), over_tcp, "{protocol}");
    }
}

#[test]
fn payload_sizes_addresses_and_directions_are_asked_as_of_any_packet() {
    for (options, expected) in [
        ("content:\"ping\"; offset:1; depth:4;", true),
        ("content:\"pong\";", false),
        ("pcre:\"/p.ng$/\";", true),
        ("dsize:5;", true),
        ("dsize:>5;", false),
        ("ip_proto:17;", true),
        ("ip_proto:!udp;", false),
        ("ip.src; content:\"|0a 00 00 01|\";", true),
        ("flow:to_server;", true),
        ("flow:to_client;", false),
        ("flow:established;", false),
        ("flow:not_established;", true),
        ("flow:only_stream; content:\"ping\";", false),
        ("flowbits:set,a;", true),
        ("flowbits:isset,a;", false),
        ("app-layer-protocol:failed;", true),
        ("app-layer-protocol:!quic;", true),
        ("app-layer-protocol:quic;", false),
    ] {
        let text = format!("alert ip any any -> any any ({options} sid:1;)");
        assert_eq!(on_datagram(&text, AppProto::NotTls, b"1ping").0.len(), usize::from(expected), "{options}");
    }
}

/// A datagram's flags and numbers of TCP are none, and not 0.
#[test]
fn what_only_tcp_has_is_asked_of_tcp_alone() {
    for options in ["flags:0;", "flags:!A;", "seq:0;", "ack:0;", "window:0;", "tcp.mss:!1;", "tcp.hdr; content:!\"x\";"] {
        let options = format!("{options} sid:1;");
        assert_eq!(on_datagram(&format!("alert ip any any -> any any ({options})"), AppProto::NotTls, b"x").0, [0; 0], "{options}");
        let refused = said(&format!("alert udp any any -> any any ({options})"));
        assert_eq!(refused, Err("it can never match: its protocol has no such thing".to_owned()), "{options}");
    }
    assert!(said("alert tcp any any -> any any (ip_proto:17; sid:1;)").is_err());
    assert!(said("alert udp any any -> any any (stream_size:client,>,1; sid:1;)").is_err());
}

#[test]
fn quic_is_a_protocol_of_rules_and_its_verdict_is_about_the_flow() {
    let text = "drop quic any any -> any 443 (sid:1;)";
    assert_eq!(on_datagram(text, AppProto::Quic, b"x"), (vec![1], Verdict::Drop));
    assert_eq!(on_datagram(text, AppProto::NotTls, b"x"), (vec![], Verdict::None));
    let of_packet = "drop udp any any -> any 443 (dsize:1; sid:1;)";
    assert_eq!(on_datagram(of_packet, AppProto::Quic, b"x"), (vec![1], Verdict::None), "about the datagram alone");
    let by_option = "drop udp any any -> any 443 (app-layer-protocol:quic; sid:1;)";
    assert_eq!(on_datagram(by_option, AppProto::Quic, b"x"), (vec![1], Verdict::Drop));
}

#[test]
fn what_quic_carries_never_matches_and_that_is_said() {
    for rule in [
        "alert quic any any -> any any (tls.sni; content:\"a\"; sid:1;)",
        "alert udp any any -> any any (ja3.hash; bsize:32; sid:1;)",
    ] {
        assert_eq!(said(rule), Ok(vec![Weight::Never]), "{rule}");
        assert_eq!(on_datagram(rule, AppProto::Quic, b"a").0, [0; 0], "{rule}");
    }
    assert_eq!(said("alert quic any any -> any 443 (sid:1;)"), Ok(vec![]));
}

#[test]
fn datagrams_are_wanted_where_a_rule_may_match_them() {
    for (rule, wanted) in [
        ("alert udp any any -> any any (sid:1;)", true),
        ("alert quic any any -> any any (sid:1;)", true),
        ("alert ip any any -> any any (content:\"x\"; sid:1;)", true),
        ("alert ip any any -> any any (ip_proto:!6; sid:1;)", true),
        ("alert ip any any -> any any (flags:S; sid:1;)", false),
        ("alert ip any any -> any any (tls.sni; content:\"x\"; sid:1;)", false),
        ("alert tcp any any -> any any (content:\"x\"; sid:1;)", false),
        ("alert tls any any -> any any (sid:1;)", false),
        ("alert quic any any -> any any (tls.sni; content:\"x\"; sid:1;)", false),
    ] {
        assert_eq!(rules(rule).wants_datagrams(), wanted, "{rule}");
    }
    assert!(!RuleSet::compile(SHIPPED, &RuleConfig::default()).0.wants_datagrams(), "the rules that ship cost nothing there");
}
