//! Random rules on random sessions: the set fires the same rules as trying each of them does.

use proptest::prelude::*;
use proptest::strategy::ValueTree;

use super::*;
use crate::rules::compile::Plan;
use crate::rules::payload::{Progress, Seen};
use crate::rules::state::{FlowVars, States};
use crate::rules::subject::Facts;

/// Words that rules and sessions are both made of, so that they meet.
const WORDS: &[&str] =
    &["a.b.test", "b.test", ".b.test", "test", ".test", "A.B", "ab", "b", "CN=b.test", "a", "bb", ".", "a.b.Test.b"];

fn word() -> impl Strategy<Value = &'static str> {
    prop::sample::select(WORDS)
}

fn content() -> impl Strategy<Value = String> {
    let modifiers = prop::sample::select(vec![
        "",
        "",
        "nocase;",
        "endswith;",
        "endswith; nocase;",
        "startswith;",
        "startswith; endswith;",
        "distance:0;",
        "distance:1;",
        "fast_pattern;",
        "within:12;",
        "offset:1;",
        "depth:10;",
        "distance:-2; within:12;",
        "fast_pattern; nocase; endswith;",
    ]);
    (prop::bool::weighted(0.2), word(), modifiers)
        .prop_map(|(negated, word, m)| format!("content:{}\"{word}\"; {m}", if negated { "!" } else { "" }))
}

fn inspection() -> impl Strategy<Value = String> {
    let buffer = prop::sample::select(vec![
        "tls.sni;",
        "tls.sni; dotprefix;",
        "tls.cert_subject;",
        "tls.certs;",
        "ja3.hash;",
        "ja3s.hash;",
        "tls.alpn;",
        "tls.cert_issuer; dotprefix;",
        "tls.sni; to_lowercase;",
        "tls.sni; tld; dotprefix;",
        "tls.certs; domain;",
        "ja3.hash; to_md5;",
        r#"tls.sni; pcrexform:"^([^.]+)";"#,
        r#"tls.alpn; xor:"20";"#,
        "tls.alpn; absent:or_else;",
        "ja3s.hash; absent:or_else;",
        "tls.subjectaltname; absent:or_else;",
        "tls.sni; strip_whitespace; absent:or_else;",
    ]);
    let size = prop::sample::select(vec![
        "",
        "",
        "",
        "bsize:6;",
        "bsize:8;",
        "bsize:>2;",
        "dataset:set,a,type string;",
        "dataset:isset,a,type string;",
        "dataset:unset,a,type string;",
    ]);
    let last = prop::sample::select(vec![
        "",
        "",
        "",
        "isdataat:!1,relative;",
        r#"pcre:"/^\.?[ab]/R";"#,
        r#"pcre:!"/test/i";"#,
        r#"pcre:"/(?<!a)b/";"#,
        "byte_test:1,>,0x60,0;",
        "byte_jump:1,0,relative,bitmask 3; isdataat:1,relative;",
        r#"byte_extract:1,0,n,bitmask 3; content:"b"; offset:n;"#,
    ]);
    (buffer, prop::collection::vec(content(), 1..4), size, last).prop_map(|(b, c, s, l)| format!("{b} {} {s} {l}", c.concat()))
}

fn rule() -> impl Strategy<Value = String> {
    let action = prop::sample::select(vec!["alert", "alert", "alert", "alert", "pass", "drop", "reject"]);
    let header = prop::sample::select(vec![
        "tls any any -> any any",
        "tls $HOME_NET any -> $EXTERNAL_NET any",
        "tls $EXTERNAL_NET any -> $HOME_NET any",
        "tcp any any <> any 443",
        "tls any any => any any",
        "ip any any -> any any",
        "tls any 443 -> any any",
    ]);
    let other = prop::sample::select(vec![
        "",
        "",
        "",
        "",
        "ssl_version:tls1.2;",
        "tls.cert_chain_len:2;",
        "flow:established;",
        "flow:not_established;",
        "flow:to_client;",
        "app-layer-protocol:tls;",
        "app-layer-protocol:!tls;",
        "app-layer-protocol:!ssh;",
        "app-layer-protocol:failed;",
        "flags:A;",
        "flags:S+;",
        "flowbits:set,a;",
        "flowbits:isset,a;",
        "flowbits:isset,a; flowbits:set,b;",
        "flowbits:isnotset,b; flowbits:toggle,a;",
        "flowbits:isset,a|b; flowbits:unset,a;",
        "flowint:n,+,1;",
        "flowint:n,>,1; flowbits:set,c;",
        "xbits:set,x,track ip_src;",
        "xbits:isset,x,track ip_dst;",
        "ssl_state:server_hello|client_keyx;",
        "app-layer-event:tls.invalid_certificate;",
        "tls.hrr:no;",
        "priority:2;",
    ]);
    let payload = prop::sample::select(vec![
        "",
        "",
        "",
        "",
        "",
        "",
        "",
        "",
        "",
        "",
        "",
        "",
        r#"content:"ab";"#,
        r#"content:"A.B"; nocase; content:"test"; distance:0;"#,
        r#"content:"b"; startswith;"#,
        r#"content:"testa"; flow:only_stream;"#,
        r#"content:"b.test"; flow:no_stream;"#,
        r#"content:!"CN";"#,
    ]);
    let inspections = prop::collection::vec(inspection(), 0..3);
    (action, header, other, payload, inspections).prop_map(|(a, h, o, p, i)| format!("{a} {h} ({o} {p} {}", i.concat()))
}

/// A session, complete: [`steps`] shows it bit by bit.
fn any_session() -> impl Strategy<Value = Session> {
    let certificates = || prop::collection::vec((word(), word()).prop_map(|(s, i)| certificate(s, i)), 0..3);
    // Whether the ends of hello, answer and certificates are missing, and the session is of TLS 1.3.
    let view = prop::array::uniform4(prop::bool::weighted(0.25));
    (word(), prop::collection::vec(word(), 0..3), word(), certificates(), certificates(), view).prop_map(
        |(sni, alpn, ja, server, client, [client_cut, server_cut, chain_cut, tls13])| {
            let mut s = session();
            let hello = s.client_hello.as_mut().unwrap();
            hello.server_names = [sni].into();
            hello.alpn = alpn.iter().collect();
            hello.cut = client_cut;
            s.client_fingerprints.as_mut().unwrap().ja3 = format!("{ja:a<32}");
            s.server_certificates = server;
            s.client_certificates = client;
            let answer = s.server_hello.as_mut().unwrap();
            (answer.cut, answer.selected_version) = (server_cut, tls13.then_some(0x0304));
            s.server_fingerprints = s.server_fingerprints.filter(|_| !server_cut);
            s.server_chain_truncated = chain_cut;
            s
        },
    )
}

/// The session as it grows; where `late` the server is seen before the client.
fn steps(whole: &Session, late: bool) -> Vec<Session> {
    let mut hello = whole.clone();
    hello.server_hello = None;
    hello.server_fingerprints = None;
    hello.server_certificates.clear();
    hello.client_certificates.clear();
    let mut answered = whole.clone();
    answered.server_certificates.clear();
    answered.client_certificates.clear();
    if late {
        answered.client_hello = None;
        answered.client_fingerprints = None;
        return vec![Session::default(), answered, whole.clone()];
    }
    vec![Session::default(), hello, answered, whole.clone()]
}

/// Every rule against every step, by its plans alone: the sids that fired, and what became of the flow.
fn naive(set: &RuleSet, subjects: &[Subject<'_>]) -> (Vec<u32>, Verdict) {
    let (mut sids, mut have, mut verdict) = (Vec::new(), Facts::NONE, Verdict::None);
    let (mut tried, mut fired) = (Vec::<(RuleId, Plan)>::new(), Vec::<(RuleId, FlowDirection)>::new());
    let (mut passed_over, mut spoken, mut passed_by) = (Vec::<(RuleId, Plan)>::new(), AppProto::Unknown, None::<(RuleId, Plan)>);
    let (mut vars, mut hosts, mut progress) = (FlowVars::default(), HostState::default(), Progress::default());
    for subject in subjects {
        if std::mem::replace(&mut spoken, subject.app_proto) != subject.app_proto {
            have = have.without(Facts::OF_PROTOCOL);
            tried.retain(|(_, plan)| !plan.needs.is_of_protocol());
            if let Some((id, plan)) = passed_by.filter(|(id, plan)| !set.protocol_holds(*id, *plan, subject)) {
                (verdict, passed_by) = (Verdict::None, None);
                tried.clear();
                fired.retain(|other| *other != (id, plan.direction));
            }
        }
        if verdict != Verdict::None {
            subject.packet.iter().for_each(|packet| progress.advance(packet));
            continue;
        }
        have = have.and(Facts::of(subject));
        let mut passed = false;
        for (id, rule) in (0..).map(RuleId).zip(set.rules()) {
            let (by_packet, whole_flow) = set.nature(id);
            for plan in set.plans_of(id) {
                let due = match by_packet {
                    true => subject.packet.is_some_and(|p| p.direction == plan.direction),
                    false => {
                        let is_done = tried.contains(&(id, plan)) || passed_over.contains(&(id, plan));
                        have.has(plan.needs) && !is_done && !fired.contains(&(id, plan.direction))
                    }
                };
                let states = &mut States { flow: &mut vars, hosts: &mut hosts };
                if !due || !set.suits(id, plan, subject, states) {
                    continue;
                }
                let Some(seen) = set.seen(id, plan, subject, &progress) else { continue };
                tried.push((id, plan));
                if passed && verdict == Verdict::None {
                    passed_over.push((id, plan));
                }
                if passed || !set.holds_by_itself(id, plan, subject, states.hosts) {
                    continue;
                }
                subject.packet.iter().for_each(|packet| progress.note_match(rule.known(plan.direction), packet));
                set.stateful(id).unwrap().apply(subject, plan.direction, states);
                fired.push((id, plan.direction));
                if rule.alerts {
                    sids.push(rule.sid);
                }
                if (whole_flow || seen == Seen::Stream) && verdict == Verdict::None {
                    verdict = Verdict::of(rule.action);
                    passed_by = (verdict == Verdict::Pass).then_some((id, plan));
                }
                passed = rule.action == Action::Pass;
            }
        }
        subject.packet.iter().for_each(|packet| progress.advance(packet));
    }
    (sids, verdict)
}

/// The same as [`play`], with the set loaded anew before each step.
fn play_reloaded(set: &RuleSet, subjects: &[Subject<'_>]) -> (Vec<u32>, Verdict) {
    let (mut flow, mut hosts, mut scratch, mut out) = (FlowRules::default(), HostState::default(), Scratch::default(), Vec::new());
    for subject in subjects {
        scratch.replace_set(set, set);
        set.evaluate(subject, &mut flow, &mut hosts, &mut scratch, &mut out);
    }
    (out.iter().map(|m| set.rule(m.rule).unwrap().sid).collect(), flow.verdict())
}

/// `subjects` with what each packet carries, and the stream up to it.
fn carrying<'a>(subjects: Vec<Subject<'a>>, payloads: &'a [&'static str], streams: &'a [Vec<u8>; 2]) -> Vec<Subject<'a>> {
    let mut ends = [0; 2];
    let carry = |(mut subject, payload): (Subject<'a>, &&'static str)| {
        if let Some(packet) = &mut subject.packet {
            let side = usize::from(packet.direction == FlowDirection::ToClient);
            ends[side] += payload.len();
            let stream = Some(Chunk { bytes: &streams[side][..ends[side]], start: 0 });
            packet.raw = Raw { payload: payload.as_bytes(), stream };
        }
        subject
    };
    subjects.into_iter().zip(payloads).map(carry).collect()
}

/// Loads what loads of `rules`, each of which lacks its sid and its end.
fn numbered(rules: &[String]) -> (RuleSet, String) {
    let text: String = rules.iter().enumerate().map(|(i, r)| format!("{r} sid:{};)\n", i + 1)).collect();
    (RuleSet::compile(&[Source { name: "random", text: &text }], &RuleConfig::default()).0, text)
}

/// Rules with much in them that those that ship have not.
const DENSE: &[&str] = &[
    r#"alert tls any any -> any any (tls.sni; byte_extract:2,0,n,relative,string,hex,multiplier 3,align 4; byte_test:n,!&,0x7f,-1,relative,little,bitmask 0xf0; content:!"|00 ff|a"; distance:n; within:65535; isdataat:!n,relative; byte_jump:4,-4,relative,from_end,post_offset -2; sid:1;)"#,
    r#"alert tls any any -> any any (tls.sni; domain; xor:"0d0a"; url_decode; pcrexform:"(?<=a)(b+)"; to_sha256; absent:or_else; byte_math:bytes 8,offset -1,oper <<,rvalue 64,result m,relative; content:"a"; offset:m; depth:m; fast_pattern:0,1; bsize:1<>40; sid:2;)"#,
    r#"alert tls any any -> any any (tls.sni; pcre:"/^(?!a)(?P<x>b|[^c-]++)\k<x>\x4(?(1)d|e){2,}\d$/Rsi"; byte_jump:0,0,string,dec,align; pcre:!"/[\w-.]{,2}(?>a|ab)/i"; sid:3;)"#,
];

/// Rules that ship or are dense, spoilt: pieces cut out, repeated or exchanged for others.
fn spoilt() -> impl Strategy<Value = String> {
    let shipped = SHIPPED.iter().flat_map(|s| s.text.lines()).filter(|l| l.starts_with("alert")).step_by(4);
    let text: Vec<&str> = shipped.chain(DENSE.iter().copied()).collect();
    let piece = (prop::sample::select(text.clone()), 0_usize..300, 0_usize..40);
    let odd = prop::sample::select(vec!["", ";", "\"", "\\", "|", "!", "[", "(", ")", ":", ",", "$", "{", "*", "\u{e9}", "\0"]);
    let edit = (0_usize..400, 0_usize..30, piece, odd, 0_usize..20);
    (prop::sample::select(text), prop::collection::vec(edit, 1..5)).prop_map(|(rule, edits)| {
        let mut chars: Vec<char> = rule.chars().collect();
        for (at, cut, (other, from, len), odd, times) in edits {
            let at = at.min(chars.len());
            let end = (at + cut).min(chars.len());
            let piece: String = other.chars().skip(from).take(len).collect();
            chars.splice(at..end, (piece + &odd.repeat(times)).chars());
        }
        chars.into_iter().collect()
    })
}

#[test]
fn dense_rules_load() {
    assert_eq!(rules(&DENSE.join("\n")).len(), DENSE.len());
}

#[test]
fn random_rules_and_sessions_meet() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let case = (prop::collection::vec(rule(), 1..12), any_session());
    let header = header(FlowDirection::ToServer, TcpFlags::ACK);
    let fired = (0..200).filter(|_| {
        let (rules, session) = case.new_tree(&mut runner).unwrap().current();
        let mut with_packet = at(&header, subject(Some(&session)));
        with_packet.packet.iter_mut().for_each(|packet| packet.raw.payload = b"b.a.b.testab");
        play(&numbered(&rules).0, &[with_packet]) != (vec![], Verdict::None)
    });
    assert!(fired.count() > 60);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_set_fires_what_trying_each_rule_does(
        mut rules in prop::collection::vec(rule(), 1..12),
        whole in any_session(),
        late: bool,
        otherwise in prop::option::of(prop::sample::select(vec!["!tls", "failed", "!ssh", "tls|failed"])),
        payloads in prop::collection::vec(prop_oneof![word(), Just("")], 8),
    ) {
        rules.extend(otherwise.map(|spoken| format!("pass tcp any any -> any 443 (app-layer-protocol:{spoken};")));
        let (set, text) = numbered(&rules);
        let (sessions, headers) = (steps(&whole, late), headers());
        let both = Subject { one_way: None, ..subject(None) };
        let app_proto = if otherwise.is_some() { AppProto::NotTls } else { AppProto::Unknown };
        let start = [subject(None), both, Subject { established: true, app_proto, ..both }];
        let packets = [&headers[0], &headers[1], &headers[2], &headers[3], &headers[2], &headers[3], &headers[2]];
        let all = start.into_iter().chain(sessions.iter().map(|s| Subject { one_way: None, ..subject(Some(s)) }));
        let subjects: Vec<_> = all.zip(packets).map(|(s, header)| at(header, s)).collect();
        let mut streams = [Vec::new(), Vec::new()];
        for (subject, payload) in subjects.iter().zip(&payloads) {
            let side = usize::from(subject.packet.is_some_and(|p| p.direction == FlowDirection::ToClient));
            streams[side].extend_from_slice(payload.as_bytes());
        }
        let mut subjects = carrying(subjects, &payloads, &streams);
        subjects.push(Subject { packet: None, ..subjects[subjects.len() - 1] });
        prop_assert_eq!(play(&set, &subjects), naive(&set, &subjects), "{}", text);
        // A rule that is loaded anew asks data sets again, and may find what another rule has added since.
        if !text.contains("dataset:") {
            prop_assert_eq!(play(&set, &subjects), play_reloaded(&set, &subjects), "{}", text);
        }
    }

    #[test]
    fn no_text_panics(text in spoilt(), whole in any_session()) {
        let (set, report) = RuleSet::compile(&[Source { name: "random", text: &text }], &RuleConfig::default());
        prop_assert!(report.errors.iter().all(|e| !e.to_string().is_empty() && e.line == 1 && e.column >= 1));
        play(&set, &[subject(None), subject(Some(&whole))]);
    }
}
