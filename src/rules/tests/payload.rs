//! Contents without a buffer: what they are looked for in, and how often they match.

use super::*;

/// What the client sends of a stream, packet by packet: the bytes of each follow those before it.
struct Stream<'a>(&'a [&'a [u8]]);

/// The sids that fire on each packet of `stream`.
fn by_packet(set: &RuleSet, stream: &Stream<'_>) -> Vec<Vec<u32>> {
    let (mut flow, mut hosts, mut scratch) = (FlowRules::default(), HostState::default(), Scratch::default());
    let all = stream.0.concat();
    let header = header(FlowDirection::ToServer, TcpFlags::ACK);
    let mut end = 0;
    let fired = stream.0.iter().map(|payload| {
        end += payload.len();
        let segment = Segment { header: &header, headers: &[], payload };
        let raw = Raw { payload, stream: Some(Chunk { bytes: &all[..end], start: 0 }) };
        let packet = Some(Packet { direction: FlowDirection::ToServer, segment, totals: Totals::default(), raw });
        let mut out = Vec::new();
        set.evaluate(&Subject { packet, established: true, ..subject(None) }, &mut flow, &mut hosts, &mut scratch, &mut out);
        out.iter().map(|m| set.rule(m.rule).unwrap().sid).collect()
    });
    fired.collect()
}

/// On which packets, from 0, `rule` fires.
fn packets(rule: &str, stream: &[&[u8]]) -> Vec<usize> {
    let fired = by_packet(&rules(rule), &Stream(stream));
    fired.iter().enumerate().filter(|(_, sids)| !sids.is_empty()).map(|(i, _)| i).collect()
}

#[test]
fn the_protocol_and_flow_tell_packets_from_the_stream() {
    let (whole, cut): (&[&[u8]], &[&[u8]]) = (&[b"xx", b"-abcd-"], &[b"x-ab", b"cd-"]);
    for (rule, on_whole, on_cut) in [
        (r#"alert tcp any any -> any any (content:"abcd"; sid:1;)"#, &[1][..], &[1][..]),
        (r#"alert ip any any -> any any (content:"abcd"; sid:1;)"#, &[1], &[1]),
        (r#"alert tcp-stream any any -> any any (content:"abcd"; sid:1;)"#, &[1], &[1]),
        (r#"alert tcp any any -> any any (flow:only_stream; content:"abcd"; sid:1;)"#, &[1], &[1]),
        (r#"alert tcp-pkt any any -> any any (content:"abcd"; sid:1;)"#, &[1], &[]),
        (r#"alert tcp any any -> any any (flow:no_stream; content:"abcd"; sid:1;)"#, &[1], &[]),
        (r#"alert tcp any any -> any any (ttl:64; content:"abcd"; sid:1;)"#, &[1], &[]),
        (r#"alert tcp any any -> any any (pkt_data; content:"ABCD"; nocase; sid:1;)"#, &[1], &[1]),
        (r#"alert tcp any any -> any any (flow:to_client; content:"abcd"; sid:1;)"#, &[], &[]),
        (r#"alert tcp any any -> any 80 (content:"abcd"; sid:1;)"#, &[], &[]),
        (r#"alert tls any any -> any any (content:"abcd"; sid:1;)"#, &[], &[]),
    ] {
        assert_eq!((&*packets(rule, whole), &*packets(rule, cut)), (on_whole, on_cut), "{rule}");
    }
}

#[test]
fn places_count_from_the_start_of_the_stream_or_of_the_packet() {
    let stream: &[&[u8]] = &[b"ab", b"cd", b"ab"];
    for (rule, expected) in [
        (r#"alert tcp-stream any any -> any any (content:"abcd"; depth:4; sid:1;)"#, &[1][..]),
        (r#"alert tcp-stream any any -> any any (content:"cd"; depth:2; sid:1;)"#, &[]),
        (r#"alert tcp-stream any any -> any any (content:"ab"; offset:4; sid:1;)"#, &[2]),
        (r#"alert tcp-stream any any -> any any (content:"ab"; startswith; sid:1;)"#, &[0]),
        (r#"alert tcp-pkt any any -> any any (content:"cd"; depth:2; sid:1;)"#, &[1]),
        (r#"alert tcp-pkt any any -> any any (content:"ab"; startswith; sid:1;)"#, &[0, 2]),
        (r#"alert tcp any any -> any any (content:"cd"; startswith; sid:1;)"#, &[1]),
    ] {
        assert_eq!(packets(rule, stream), expected, "{rule}");
    }
}

#[test]
fn what_matched_in_the_stream_does_not_match_again() {
    let rule = r#"alert tcp-stream any any -> any any (content:"ab"; sid:1;)"#;
    assert_eq!(packets(rule, &[b"ab", b"cd", b"a", b"b", b"ab"]), [0, 3, 4]);
}

#[test]
fn a_stream_is_looked_at_8_kib_back() {
    let rule = r#"alert tcp-stream any any -> any any (content:"ab"; content:"cd"; distance:0; sid:1;)"#;
    let (near, far) = ([b'.'; 8_000], [b'.'; 9_000]);
    assert_eq!(packets(rule, &[b"ab", &near, b"cd"]), [2]);
    assert_eq!(packets(rule, &[b"ab", &far, b"cd"]), [] as [usize; 0]);
}

#[test]
fn all_that_is_asked_of_bytes_may_be_asked_of_payload() {
    // RFC 6520 §4: a request (1) for 0x4000 bytes in a record of 3 (CVE-2014-0160).
    let heartbeat: &[u8] = &[0x18, 3, 2, 0, 3, 1, 0x40, 0];
    for (options, expected) in [
        ("content:\"|18 03|\"; depth:2; byte_test:2,<,4,3; byte_test:2,>,200,6;", true),
        ("content:\"|18 03|\"; depth:2; byte_test:2,>,200,4,relative;", true),
        ("content:\"|18 03|\"; byte_extract:2,1,n,relative; isdataat:!n,relative;", false),
        ("content:\"|18 03|\"; byte_jump:2,1,relative,post_offset -1; isdataat:!2,relative;", true),
        ("pcre:\"/^\\x18\\x03[\\x00-\\x03]/\";", true),
        ("isdataat:7; isdataat:!8;", true),
        ("content:!\"|19|\";", true),
        ("dsize:8; content:\"|01 40 00|\";", false), // the header in this test says 0
    ] {
        let rule = format!("alert tcp any any -> any any ({options} sid:1;)");
        assert_eq!(!packets(&rule, &[heartbeat]).is_empty(), expected, "{options}");
    }
}

#[test]
fn a_packet_without_payload_has_none_to_match() {
    assert_eq!(packets(r#"alert tcp-pkt any any -> any any (content:!"a"; sid:1;)"#, &[b"", b"b"]), [1]);
}

#[test]
fn a_match_in_the_stream_is_about_the_flow_one_in_a_packet_about_the_packet() {
    for (protocol, verdict) in [("tcp-stream", Verdict::Drop), ("tcp-pkt", Verdict::None)] {
        let set = rules(&format!(r#"drop {protocol} any any -> any any (content:"ab"; sid:1;)"#));
        let header = header(FlowDirection::ToServer, TcpFlags::ACK);
        let raw = Raw { payload: b"ab", stream: Some(Chunk { bytes: b"ab", start: 0 }) };
        let segment = Segment { header: &header, headers: &[], payload: b"ab" };
        let packet = Some(Packet { direction: FlowDirection::ToServer, segment, totals: Totals::default(), raw });
        assert_eq!(play(&set, &[Subject { packet, ..subject(None) }]), (vec![1], verdict), "{protocol}");
    }
}

#[test]
fn payload_and_a_buffer_have_to_hold_at_one_packet() {
    let set = rules(r#"alert tls any any -> any any (content:"ab"; tls.sni; content:"b.test"; sid:1;)"#);
    let session = asking("b.test");
    let header = header(FlowDirection::ToServer, TcpFlags::ACK);
    let with = |payload: &'static [u8]| {
        let segment = Segment { header: &header, headers: &[], payload };
        let raw = Raw { payload, stream: None };
        Subject {
            packet: Some(Packet { direction: FlowDirection::ToServer, segment, totals: Totals::default(), raw }),
            ..subject(Some(&session))
        }
    };
    assert_eq!(play(&set, &[with(b"ab")]).0, [1]);
    assert_eq!(play(&set, &[with(b"xx"), with(b"ab"), with(b"ab")]).0, [1]);
    assert_eq!(play(&set, &[with(b"xx")]).0, [] as [u32; 0]);
}

#[test]
fn only_sets_with_such_rules_want_streams() {
    assert!(rules(r#"alert tcp any any -> any any (content:"ab"; sid:1;)"#).wants_streams());
    assert!(!rules(r#"alert tls any any -> any any (tls.sni; content:"ab"; sid:1;)"#).wants_streams());
}
