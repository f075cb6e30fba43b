//! Whatever the text: loading ends, each rule loads or has a reason with a place in the text, and what loaded can be reviewed,
//! explained and tried.

#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis::base::Timestamp;
use portcullis::packet::{Endpoint, FlowKey, IpFields, Segment, SegmentHeader, TcpFlags};
use portcullis::protocol::tls::{ClientHello, Session};
use portcullis::rules::{
    AppProto, Chunk, FlowDirection, FlowRules, HostState, Packet, Raw, RuleConfig, RuleSet, Scratch, Source, Subject, Totals,
    Transport,
};

fuzz_target!(|text: &str| {
    let config = RuleConfig { review: true, portability: true, ..RuleConfig::default() };
    let (rules, report) = RuleSet::compile(&[Source { name: "fuzz", text }], &config);
    assert_eq!(rules.len(), report.loaded);
    let lines = text.lines().count().max(1) as u32;
    for error in report.errors.iter().chain(&report.findings) {
        assert!((1..=lines).contains(&error.line) && error.column > 0, "{error}");
    }
    rules.rules().for_each(|rule| assert!(rules.explain(Some(rule.gid), rule.sid).count() > 0));
    let hello = ClientHello { server_names: ["www.portcullis.example"].into(), complete: true, ..ClientHello::default() };
    let session = Session { client_hello: Some(hello), ..Session::default() };
    let end = |port| Endpoint { ip: [10, 0, 0, 1].into(), port };
    let (key, sender) = FlowKey::new(end(40_000), end(443), 6, [0; 2]);
    let header = SegmentHeader {
        key,
        sender,
        flags: TcpFlags(TcpFlags::ACK),
        seq: 1,
        ack: 1,
        window: 512,
        ttl: 64,
        ip: IpFields::default(),
        urgent: 0,
        reserved: 0,
        tunnel_depth: 0,
        tcp_len: 20,
        ip_len: 20,
        payload_len: 0,
        frame_len: 54,
        timestamp: Timestamp::ZERO,
        number: 1,
        capture: 0,
    };
    let payload = text.as_bytes();
    let segment = Segment { header: &header, headers: payload, payload };
    let raw = Raw { payload, stream: Some(Chunk { bytes: payload, start: 0 }) };
    let subject = Subject {
        client: end(40_000),
        server: end(443),
        established: true,
        transport: Transport::Tcp,
        app_proto: AppProto::Tls,
        session: Some(&session),
        expects_tls: true,
        one_way: None,
        now: Timestamp::ZERO,
        packet: Some(Packet { direction: FlowDirection::ToServer, segment, totals: Totals::default(), raw }),
    };
    let (mut flow, mut scratch, mut matches) = (FlowRules::default(), Scratch::default(), Vec::new());
    rules.evaluate(&subject, &mut flow, &mut HostState::default(), &mut scratch, &mut matches);
    assert!(matches.iter().all(|m| rules.rule(m.rule).is_some()));
});
