//! Another set comes into force while flows go on.

use super::*;

/// One flow, tried on one set after the other.
#[derive(Default)]
struct Flow {
    set: RuleSet,
    rules: FlowRules,
    hosts: HostState,
    scratch: Scratch,
}

impl Flow {
    fn new(text: &str) -> Self {
        Self { set: rules(text), ..Self::default() }
    }

    /// `set` is in force from now on.
    fn reload_set(&mut self, set: RuleSet) {
        self.scratch.replace_set(&self.set, &set);
        self.set = set;
    }

    fn reload(&mut self, text: &str) {
        self.reload_set(rules(text));
    }

    /// The sids that fire at `subject`.
    fn see(&mut self, subject: &Subject<'_>) -> Vec<u32> {
        let mut out = Vec::new();
        self.set.evaluate(subject, &mut self.rules, &mut self.hosts, &mut self.scratch, &mut out);
        out.iter().map(|m| self.set.rule(m.rule).unwrap().sid).collect()
    }
}

fn sni(content: &str, more: &str, sid: u32) -> String {
    format!("alert tls any any -> any any (tls.sni; content:\"{content}\"; {more} sid:{sid};)\n")
}

/// A `pass` for what a flow speaks holds as long as it speaks that, under another set, too, where that has the rule.
#[test]
fn a_pass_for_what_is_spoken_does_not_outlive_it() {
    let pass = |protocol| format!("pass tcp any any -> any 443 (app-layer-protocol:{protocol}; sid:1;)\n");
    let drop = "drop tls any any -> any 443 (tls.sni; content:\"www\"; sid:2;)\n";
    let before = "alert ip any any -> any 443 (sid:3; priority:1;)\n";
    let other = Subject { app_proto: AppProto::NotTls, established: true, one_way: None, ..subject(None) };
    let hello = asking("www.example.test");
    for (protocol, later, expected) in [
        ("!tls", None, Verdict::Drop),
        ("!ssh", None, Verdict::Pass),
        ("!tls", Some(pass("!tls") + drop), Verdict::Drop),
        ("!ssh", Some(pass("!ssh") + drop), Verdict::Pass),
        ("!ssh", Some(before.to_owned() + &pass("!ssh") + drop), Verdict::Pass),
        ("!ssh", Some(drop.to_owned()), Verdict::Drop),
    ] {
        let mut flow = Flow::new(&(pass(protocol) + drop));
        flow.see(&other);
        assert_eq!(flow.rules.verdict(), Verdict::Pass, "{protocol}");
        later.iter().for_each(|text| flow.reload(text));
        flow.see(&other);
        assert_eq!(flow.rules.verdict(), Verdict::Pass, "{protocol} {later:?}: nothing has changed");
        flow.see(&Subject { one_way: None, ..subject(Some(&hello)) });
        assert_eq!(flow.rules.verdict(), expected, "{protocol} {later:?}");
    }
}

#[test]
fn a_rule_that_fired_does_not_do_so_again_wherever_it_stands_now() {
    let mut flow = Flow::new(&sni("www", "rev:1;", 7));
    let hello = asking("www.example.test");
    assert_eq!(flow.see(&subject(Some(&hello))), [7]);
    for (others, more, expected) in [
        ("", "rev:1;", vec![]),
        ("alert ip any any -> any 443 (sid:1;)\ndrop ip 192.0.2.1 any -> any any (sid:2;)\n", "rev:1;", vec![1]),
        ("", "rev:1; priority:1;", vec![]),
        ("", "rev:2;", vec![7]),
        ("", "rev:1;", vec![]),
        ("", "gid:2; rev:1;", vec![7]),
    ] {
        flow.reload(&(others.to_owned() + &sni("www", more, 7)));
        assert!(flow.scratch.is_new_to(&flow.rules));
        assert_eq!(flow.see(&subject(Some(&hello))), expected, "{others} {more}");
        assert!(!flow.scratch.is_new_to(&flow.rules));
        assert_eq!(flow.see(&subject(Some(&hello))), [0; 0], "nothing is new");
    }
}

#[test]
fn a_rule_in_both_directions_fires_in_the_one_that_it_did_not_yet() {
    let rule = "alert tcp any any -> any any (sid:1;)";
    let mut flow = Flow::new(rule);
    assert_eq!(flow.see(&subject(None)), [1], "the client's packet");
    flow.reload(rule);
    assert_eq!(flow.see(&subject(None)), [0; 0]);
    assert_eq!(flow.see(&Subject { one_way: None, ..subject(None) }), [1], "the server's");
}

#[test]
fn a_new_rule_is_tried_on_what_is_known_of_the_session() {
    let mut flow = Flow::new("");
    let (hello, whole) = (asking("www.example.test"), session());
    assert_eq!(flow.see(&subject(Some(&hello))), [0; 0]);
    flow.reload(&(sni("www", "", 1) + &sni("www", "tls.cert_subject; content:\"example\";", 2)));
    assert_eq!(flow.see(&subject(Some(&hello))), [1]);
    flow.reload(&(sni("www", "tls.cert_subject; content:\"example\";", 2) + &sni("www", "", 1)));
    assert_eq!(flow.see(&subject(Some(&whole))), [2], "it waited for the certificate, under another number");
}

#[test]
fn of_a_session_that_was_told_only_the_addresses_are_known() {
    let mut flow = Flow::new("");
    let whole = session();
    flow.see(&subject(Some(&whole)));
    let told = Subject { session: None, one_way: None, ..subject(Some(&whole)) };
    flow.reload(&(sni("www", "", 1) + "drop ip any any -> 198.18.0.1 any (sid:2;)"));
    assert_eq!(flow.see(&told), [2]);
    assert_eq!(flow.rules.verdict(), Verdict::Drop);
}

#[test]
fn what_became_of_a_flow_stays() {
    for (action, verdict) in [("pass", Verdict::Pass), ("drop", Verdict::Drop)] {
        let hello = asking("www.example.test");
        let mut flow = Flow::new(&sni("www", "", 1).replace("alert", action));
        flow.see(&subject(Some(&hello)));
        flow.reload(&sni("www", "", 2));
        assert_eq!((flow.see(&subject(Some(&hello))), flow.rules.verdict()), (vec![], verdict));
    }
}

#[test]
fn what_rules_remember_stays() {
    let rule = |options: &str, sid: u32| format!("alert tcp any any -> any any ({options} sid:{sid};)\n");
    for (sets, asks) in [
        ("flowbits:set,x;", "flowbits:isset,x;"),
        ("flowint:n,+,3;", "flowint:n,==,3;"),
        ("xbits:set,x,track ip_pair;", "xbits:isset,x,track ip_pair;"),
        ("hostbits:set,x;", "hostbits:isset,x;"),
    ] {
        let [syn, _, ack, _] = headers();
        let mut flow = Flow::new(&rule(&format!("flags:S; {sets}"), 1));
        assert_eq!(flow.see(&at(&syn, subject(None))), [1]);
        // Another name comes before it in the set.
        flow.reload(&(rule("flags:R; flowbits:set,a; flowint:a,=,1; hostbits:set,a;", 2) + &rule(&format!("flags:A; {asks}"), 3)));
        assert_eq!(flow.see(&at(&ack, subject(None))), [3], "{sets}");
    }
}

#[test]
fn counts_go_on_by_gid_and_sid() {
    let counted = |track: &str, sid: u32| {
        format!("drop tcp any any -> any any (flags:A; detection_filter:track {track}, count 2, seconds 60; sid:{sid};)\n")
    };
    let [_, _, ack, _] = headers();
    for track in ["by_flow", "by_src"] {
        let mut flow = Flow::new(&counted(track, 7));
        assert_eq!([(); 2].map(|()| flow.see(&at(&ack, subject(None)))), [[0; 0]; 2]);
        flow.reload(&(counted(track, 6) + &counted(track, 7)));
        assert_eq!(flow.see(&at(&ack, subject(None))), [7], "{track}");
    }

    let limited = |more: &str| {
        format!("alert ip any any -> any any ({more} threshold:type limit, track by_src, count 1, seconds 60; sid:1;)\n")
    };
    let mut limits = AlertLimits::new(&rules(&limited("")));
    let (source, destination) = ("10.0.0.1".parse().unwrap(), "198.18.0.1".parse().unwrap());
    let admits = |limits: &mut AlertLimits| limits.admits(&Alerted { rule: (1, 1), source, destination, at: NOW });
    assert!(admits(&mut limits));
    limits.replace(&rules(&limited("rev:2;")));
    assert!(!admits(&mut limits));
    limits.replace(&rules("alert ip any any -> any any (sid:1;)"));
    assert!(limits.is_empty() && admits(&mut limits), "the rule has no threshold any more");
}

#[test]
fn payload_that_a_rule_matched_on_is_not_matched_on_again() {
    let rule = |sid| format!("alert tcp any any -> any any (flow:only_stream; content:\"evil\"; sid:{sid};)\n");
    let header = header(FlowDirection::ToServer, TcpFlags::ACK);
    let with = |bytes: &'static [u8]| {
        let mut subject = at(&header, subject(None));
        if let Some(packet) = &mut subject.packet {
            packet.raw = Raw { payload: bytes, stream: Some(Chunk { bytes, start: 0 }) };
        }
        subject
    };
    let mut flow = Flow::new(&rule(7));
    assert_eq!(flow.see(&with(b"evil ")), [7]);
    flow.reload(&(rule(6) + &rule(7)));
    assert_eq!(flow.see(&with(b"evil and")), [6], "the new one looks at the kept bytes, the old one at those behind its match");
    assert_eq!(flow.see(&with(b"evil and evil")), [6, 7]);
}

#[test]
fn of_two_lists_of_one_kind_each_is_known() {
    let with = |first: &str, second: &str| {
        let list = |name: &str, text: &str| {
            Arc::new(List::parse(&ListSource { name, text, kind: Some(ListKind::Domains), action: Action::Alert }).0)
        };
        let config = RuleConfig { lists: vec![list("a", first), list("b", second)], ..RuleConfig::default() };
        RuleSet::compile(&[], &config).0
    };
    let hello = asking("www.example.test");
    let mut flow = Flow { set: with("", "example.test"), ..Flow::default() };
    assert_eq!(flow.see(&subject(Some(&hello))), [1]);
    flow.reload_set(with("www.example.test", "example.test"));
    assert_eq!(flow.see(&subject(Some(&hello))), [1], "the first, that was empty");
    flow.reload_set(with("www.example.test", "example.test"));
    assert_eq!(flow.see(&subject(Some(&hello))), [0; 0]);
}

#[test]
fn costs_go_with_the_rules() {
    let hello = asking("www.example.test");
    let mut flow = Flow { scratch: Scratch::profiling(Profile::new(|| 0)), ..Flow::new(&(sni("www", "", 1) + &sni("www", "", 2))) };
    flow.see(&subject(Some(&hello)));
    flow.reload(&(sni("xyz", "", 0) + &sni("www", "", 2)));
    let costs: Vec<_> =
        flow.scratch.profile().unwrap().rules().map(|(id, cost)| (flow.set.rule(id).unwrap().sid, cost.matches)).collect();
    assert_eq!(costs, [(2, 1)]);
}
