//! Any rules on any session: trying ends, and each rule fires in a set exactly when it fires alone.
//!
//! The input is the text of rules up to a byte 0, then a row of events: a byte of flags (1: from the server), a length in two
//! bytes, and that many bytes.

#![no_main]

use std::collections::BTreeSet;

use libfuzzer_sys::fuzz_target;
use portcullis::base::{Reader, Timestamp};
use portcullis::flow::Direction;
use portcullis::packet::Endpoint;
use portcullis::protocol::tls::Conversation;
use portcullis::protocol::x509::CertificateCache;
use portcullis::rules::{AppProto, FlowRules, HostState, RuleConfig, RuleSet, Scratch, Source, Subject, Transport};

const LONGEST_MESSAGE: usize = 16 << 10;
/// Keywords by which one rule has a say in another.
const SHARED: [&str; 7] = ["bits", "flowint", "threshold", "detection_filter", "rate_filter", "dataset", "tag"];

fuzz_target!(|input: &[u8]| {
    let mut halves = input.splitn(2, |&byte| byte == 0);
    let (Some(text), Some(events)) = (halves.next().and_then(|t| std::str::from_utf8(t).ok()), halves.next()) else { return };
    let set = compile(text);
    let together = play(&set, events);
    let lines: Vec<_> = text.lines().filter(|line| line.starts_with("alert ")).collect();
    let alone = !SHARED.iter().any(|word| text.contains(word)) && lines.len() == text.lines().count();
    if alone && set.len() == lines.len() && lines.len() <= 8 {
        let each: BTreeSet<_> = lines.iter().flat_map(|line| play(&compile(line), events)).collect();
        assert_eq!(together, each);
    }
});

fn compile(text: &str) -> RuleSet {
    RuleSet::compile(&[Source { name: "fuzz", text }], &RuleConfig::default()).0
}

/// Generator, id and direction of the rules that fired.
fn play(set: &RuleSet, events: &[u8]) -> BTreeSet<(u32, u32, bool)> {
    let mut conversation = Conversation::new(Direction::AToB, LONGEST_MESSAGE);
    let mut certificates = CertificateCache::new(1 << 20, 0);
    let (mut flow, mut hosts, mut scratch, mut matches) =
        (FlowRules::default(), HostState::default(), Scratch::default(), Vec::new());
    let mut pending = [Vec::new(), Vec::new()];
    let mut events = Reader::new(events);
    loop {
        let event = events.u8().zip(events.u16());
        match event {
            Some((flags, length)) => {
                let direction = if flags & 1 == 0 { Direction::AToB } else { Direction::BToA };
                let pending = &mut pending[usize::from(flags & 1)];
                pending.extend_from_slice(events.take_lenient(usize::from(length)).0);
                let consumed = conversation.data(direction, pending, &mut certificates);
                pending.drain(..consumed);
            }
            None => {
                conversation.end(Direction::AToB, &pending[0], &mut certificates);
                conversation.end(Direction::BToA, &pending[1], &mut certificates);
            }
        }
        let end = |port| Endpoint { ip: [10, 0, 0, 1].into(), port };
        let app_proto = if conversation.is_tls() { AppProto::Tls } else { AppProto::Unknown };
        let subject = Subject {
            transport: Transport::Tcp,
            client: end(40_000),
            server: end(443),
            established: true,
            app_proto,
            session: Some(conversation.session(Direction::AToB)),
            expects_tls: true,
            one_way: None,
            packet: None,
            now: Timestamp::ZERO,
        };
        set.evaluate(&subject, &mut flow, &mut hosts, &mut scratch, &mut matches);
        if event.is_none() {
            break;
        }
    }
    let told = |m: &portcullis::rules::Match| {
        let rule = set.rule(m.rule).expect("a rule of the set");
        (rule.gid, rule.sid, m.direction == portcullis::rules::FlowDirection::ToServer)
    };
    matches.iter().map(told).collect()
}
