//! Rules about the headers of a packet, and about what its flow has come to.

use super::*;

/// The SYN of `subject()`'s client, by RFC 791 and RFC 9293: a don't-fragment IPv4 header of id 0x1234 and a TOS of 8 with a router
/// alert, and a TCP header that offers segments of 1460 bytes and a window scale of 7.
const IPV4: [u8; 24] = [0x46, 8, 0, 52, 0x12, 0x34, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 198, 18, 0, 1, 0x94, 4, 0, 0];
const TCP: [u8; 28] = [0x9c, 0x40, 0x01, 0xbb, 0, 0, 3, 0xe8, 0, 0, 0, 0, 0x70, 2, 2, 0, 0, 0, 0, 0, 2, 4, 0x05, 0xb4, 3, 3, 7, 1];
const IPV6: [u8; 40] = {
    let mut header = [0; 40];
    (header[0], header[5], header[6], header[7]) = (0x60, 28, 6, 64);
    header
};

/// Whether a rule of TCP with `options` fires on a packet of the client that has these headers.
fn fires_on(options: &str, ip: &[u8], tcp: &[u8], change: impl Fn(&mut SegmentHeader, &mut Totals)) -> bool {
    let set = rules(&format!("alert tcp any any -> any any (flow:to_server; {options} sid:1;)"));
    let mut header = header(FlowDirection::ToServer, TcpFlags::SYN);
    (header.ip_len, header.tcp_len) = (ip.len().try_into().unwrap(), tcp.len().try_into().unwrap());
    let mut totals = Totals::default();
    change(&mut header, &mut totals);
    let headers = [ip, tcp].concat();
    let segment = Segment { header: &header, headers: &headers, payload: &[] };
    let packet = Packet { direction: FlowDirection::ToServer, segment, totals, raw: Raw::default() };
    !play(&set, &[Subject { packet: Some(packet), ..subject(None) }]).0.is_empty()
}

#[track_caller]
fn check(ip: &[u8], tcp: &[u8], matching: &[&str], others: &[&str]) {
    matching.iter().for_each(|options| assert!(fires_on(options, ip, tcp, |_, _| {}), "{options} has to match"));
    others.iter().for_each(|options| assert!(!fires_on(options, ip, tcp, |_, _| {}), "{options} must not match"));
}

#[test]
fn fields_of_ipv4() {
    let matching = ["id:4660;", "tos:8;", "tos:x08;", "tos:!0;", "fragbits:D;", "fragbits:+D;", "fragbits:*DM;", "fragbits:!M;"];
    let others = ["id:1;", "tos:9;", "tos:!8;", "fragbits:R;", "fragbits:!D;", "fragbits:RD;"];
    check(&IPV4, &TCP, &matching, &others);
    check(&IPV6, &TCP, &[], &["id:4660;", "tos:0;", "tos:!8;", "fragbits:!M;"]);
    check(&[], &TCP, &[], &["id:0;", "tos:!8;", "fragbits:!M;"]);
}

#[test]
fn options_of_ipv4() {
    check(&IPV4, &TCP, &["ipopts:rtralt;", "ipopts:any;"], &["ipopts:rr;", "ipopts:lsrr;"]);
    check(&IPV4[..20], &TCP, &[], &["ipopts:any;", "ipopts:rtralt;"]);
}

#[test]
fn options_of_tcp() {
    check(
        &IPV4,
        &TCP,
        &["tcp.mss:1460;", "tcp.mss:1000-1500;", "tcp.mss:>536;", "tcp.wscale:7;"],
        &["tcp.mss:<536;", "tcp.wscale:>7;"],
    );
    check(&IPV4, &TCP[..20], &[], &["tcp.mss:<536;", "tcp.mss:!1460;", "tcp.wscale:0;"]);
}

#[test]
fn headers_are_buffers() {
    let matching = [
        // The example of Suricata's documentation, but for the direction of the comparison.
        r#"tcp.hdr; content:"|02 04|"; offset:20; byte_test:2,>,536,0,big,relative;"#,
        r#"tcp.hdr; content:"|01 bb|"; offset:2; depth:2; bsize:28;"#,
        r#"ipv4.hdr; content:"|06|"; offset:9; depth:1; content:!"|11|"; offset:9; depth:1;"#,
        r#"ipv6.hdr; absent;"#,
    ];
    let others = [r#"tcp.hdr; content:"|01 bb|"; depth:2;"#, r#"ipv4.hdr; bsize:20;"#, r#"ipv6.hdr; content:!"x";"#];
    check(&IPV4, &TCP, &matching, &others);
    check(&IPV6, &TCP, &[r#"ipv6.hdr; content:"|06|"; offset:6; depth:1;"#], &[r#"ipv4.hdr; content:"|06|";"#]);
}

#[test]
fn only_tcp_udp_and_whole_packets_are_there() {
    let holds =
        ["ip_proto:6;", "ip_proto:TCP;", "ip_proto:!17;", "ip_proto:!udp;", "fragoffset:0;", "fragoffset:<8;", "l3_proto:ipv4;"];
    check(&IPV4, &TCP, &holds, &["l3_proto:ipv6;"]);
    for options in
        ["ip_proto:88;", "ip_proto:PIM;", "ip_proto:>17;", "fragoffset:>0;", "fragoffset:!0;", "fragbits:M;", "fragbits:+MD;"]
    {
        let text = format!("alert tcp any any -> any any ({options} sid:1;)");
        let (_, report) = RuleSet::compile(&[Source { name: "test.rules", text: &text }], &RuleConfig::default());
        assert_eq!((report.loaded, report.notes[0].reason.weight()), (1, Weight::Never), "{options}");
    }
}

#[test]
fn fragments_put_together_are_told_apart() {
    for (ip, only, no) in [(&[][..], true, false), (&IPV4, false, true)] {
        assert_eq!(fires_on("flow:only_frag;", ip, &TCP, |_, _| {}), only);
        assert_eq!(fires_on("flow:no_frag;", ip, &TCP, |_, _| {}), no);
    }
}

#[test]
fn vlan_tags() {
    for (tags, options, expected) in [
        ([0, 0], "vlan.id:!5;", false),
        ([0, 0], "vlan.layers:0;", true),
        ([5, 0], "vlan.id:5;", true),
        ([5, 9], "vlan.id:9;", true),
        ([5, 9], "vlan.id:9,0;", false),
        ([5, 9], "vlan.id:9,1;", true),
        ([5, 9], "vlan.id:9,-1;", true),
        ([5, 9], "vlan.id:5,-2;", true),
        ([5, 9], "vlan.id:>4,all;", true),
        ([5, 9], "vlan.id:>5,all;", false),
        ([5, 9], "vlan.id:>5,any;", true),
        ([5, 9], "vlan.layers:2;", true),
    ] {
        let tagged = |header: &mut SegmentHeader, _: &mut Totals| {
            let Subject { client, server, .. } = subject(None);
            header.key = FlowKey::new(client, server, 6, tags).0;
        };
        assert_eq!(fires_on(options, &IPV4, &TCP, tagged), expected, "{options} with {tags:?}");
    }
}

#[test]
fn what_the_flow_has_come_to() {
    for (options, expected) in [
        ("flow.age:>3600;", false),
        ("flow.age:3600;", true),
        ("flow.pkts:toserver,3;", true),
        ("flow.pkts:toclient,3;", false),
        ("flow.pkts:either,>4;", true),
        ("flow.pkts:both,>3;", false),
        ("flow.pkts_toclient:5;", true),
        ("flow.pkts_toserver:<3;", false),
        ("flow.bytes:both,>=300;", true),
        ("flow.bytes_toserver:300;", true),
        ("flow.bytes_toclient:<500;", false),
    ] {
        let come_to = |_: &mut SegmentHeader, totals: &mut Totals| {
            *totals = Totals { packets: [3, 5], bytes: [300, 500], age: 3_600, ..Totals::default() };
        };
        assert_eq!(fires_on(options, &IPV4, &TCP, come_to), expected, "{options}");
    }
}
