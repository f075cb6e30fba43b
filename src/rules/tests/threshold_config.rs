//! What `threshold.config` does to rules, and what is noted of its mistakes.

use super::*;

/// Loads `rules_text` with `config` as its `threshold.config`: the set, and what was said.
fn load(rules_text: &str, config: &str) -> (RuleSet, Vec<String>) {
    load_with(rules_text, config, &[])
}

/// The same, with lists of domains.
fn load_with(rules_text: &str, config: &str, lists: &[(Action, &str)]) -> (RuleSet, Vec<String>) {
    let read = |&(action, text)| List::parse(&ListSource { name: "l.txt", text, kind: Some(ListKind::Domains), action }).0.into();
    let lists = lists.iter().map(read).collect();
    let config = RuleConfig { threshold_files: vec![("t.config".into(), config.into())], lists, ..RuleConfig::default() };
    let (set, report) = RuleSet::compile(&[Source { name: "r.rules", text: rules_text }], &config);
    assert_eq!(report.errors, []);
    (set, report.mistakes.iter().chain(&report.notes).map(ToString::to_string).collect())
}

/// The verdicts and alerts at the client's SYN, sent `times` times, a second apart.
fn course(set: &RuleSet, times: u64) -> Vec<(Verdict, usize)> {
    let (mut hosts, mut scratch) = (HostState::default(), Scratch::default());
    let try_at = |second| {
        let [mut syn, ..] = headers();
        syn.timestamp = Timestamp::from_parts(1_000 + second, 0);
        let mut out = Vec::new();
        let verdict = set.evaluate(&at(&syn, subject(None)), &mut FlowRules::default(), &mut hosts, &mut scratch, &mut out);
        (verdict, out.iter().filter(|m| m.alerts).count())
    };
    (0..times).map(try_at).collect()
}

const SYN: &str = "alert tcp any any -> any any (flags:S; sid:7;)";

#[test]
fn suppress_takes_away_the_alert_and_nothing_else() {
    // From 10.0.0.1 to 198.18.0.1.
    for (line, alerts) in [
        ("suppress gen_id 1, sig_id 7", 0),
        ("suppress gen_id 1, sig_id 0", 0),
        ("suppress gen_id 0, sig_id 0", 0),
        ("suppress gen_id 0, sig_id 0, track by_src, ip 10.0.0.1", 0),
        ("suppress gen_id 3, sig_id 0", 1),
        ("suppress gen_id 1, sig_id 7, track by_src, ip 10.0.0.0/8", 0),
        ("suppress gen_id 1, sig_id 7, track by_src, ip 10.0.0.2", 1),
        ("suppress gen_id 1, sig_id 7, track by_src, ip [172.16.0.0/12, 10.0.0.0/8]", 0),
        ("suppress gen_id 1, sig_id 7, track by_src, ip $HOME_NET", 0),
        ("suppress gen_id 1, sig_id 7, track by_dst, ip $HOME_NET", 1),
        ("suppress gen_id 1, sig_id 7, track by_dst, ip 198.18.0.1", 0),
        ("suppress gen_id 1, sig_id 7, track by_either, ip 198.18.0.1", 0),
        ("  suppress   gen_id 1 ,sig_id 7,track by_either,ip 10.0.0.1", 0),
        ("# a comment\n\nsuppress gen_id 1, \\\n  sig_id 7", 0),
    ] {
        let (set, notes) = load(&SYN.replace("alert", "drop"), line);
        assert_eq!((course(&set, 1), notes), (vec![(Verdict::Drop, alerts)], vec![]), "{line}");
    }
}

#[test]
fn a_drop_is_named_though_its_alert_is_left_out() {
    let drop = SYN.replace("alert", "drop");
    for (rule, line, alerts) in [
        (drop.replace("sid", "threshold:type both,track by_src,count 1,seconds 60; sid"), "", [true, false]),
        (drop, "suppress gen_id 1, sig_id 7", [false, false]),
    ] {
        let (set, _) = load(&rule, line);
        let (mut hosts, mut scratch) = (HostState::default(), Scratch::default());
        for (second, alerts) in (0..).zip(alerts) {
            let [mut syn, ..] = headers();
            syn.timestamp = Timestamp::from_parts(1_000 + second, 0);
            let mut out = Vec::new();
            set.evaluate(&at(&syn, subject(None)), &mut FlowRules::default(), &mut hosts, &mut scratch, &mut out);
            assert_eq!(out.iter().map(|m| (m.action, m.alerts)).collect::<Vec<_>>(), [(Action::Drop, alerts)], "{rule} {line}");
        }
    }
    let (set, _) = load(SYN, "suppress gen_id 1, sig_id 7");
    assert_eq!(course(&set, 1), [(Verdict::None, 0)]);
}

#[test]
fn a_threshold_for_one_rule_takes_the_place_of_its_own_and_one_for_all_does_not() {
    let own = "alert tcp any any -> any any (flags:S; threshold:type limit, track by_flow, count 1, seconds 9; sid:7;)";
    let line = |word, sid| format!("{word} gen_id 1, sig_id {sid}, type limit, track by_src, count 1, seconds 60");
    // One by source is counted where alerts come together, one by flow is not.
    for (rule, config, by_source) in [
        (SYN, line("threshold", 7), true),
        (SYN, line("event_filter", 7), true),
        (SYN, line("threshold", 0), true),
        (own, line("threshold", 7), true),
        (own, line("threshold", 0), false),
        (own, String::new(), false),
    ] {
        let (set, notes) = load(rule, &config);
        assert_eq!((set.limits_alerts((1, 7)), notes), (by_source, vec![]), "{rule} {config}");
    }
}

#[test]
fn a_rate_filter_changes_the_action_for_a_while() {
    let line = "rate_filter gen_id 1, sig_id 7, track by_src, count 2, seconds 60, new_action drop, timeout 3";
    let (set, notes) = load(SYN, line);
    let (alert, drop) = ((Verdict::None, 1), (Verdict::Drop, 1));
    assert_eq!(course(&set, 9), [alert, alert, drop, drop, drop, alert, alert, drop, drop]);
    assert_eq!((set.needs_order(), notes), (1, vec![]));
}

#[test]
fn what_is_wrong_is_noted_and_the_rest_applies() {
    for (line, note) in [
        ("suppress gen_id 1, sig_id 8", "no rule has gid 1 and sid 8"),
        ("suppress sig_id 7", "expected gen_id N, sig_id N"),
        ("suppress gen_id 1, sig_id x", "expected gen_id N, sig_id N"),
        ("suppress gen_id 1, sig_id 7, track by_src", "expected track by_src|by_dst|by_either, ip ADDRESSES"),
        ("suppress gen_id 1, sig_id 7, track by_flow, ip 10.0.0.1", "bad value: expected track by_src, by_dst or by_either"),
        ("suppress gen_id 1, sig_id 7, track by_src, ip 10.0.0.256", "`10.0.0.256` is no address, network or range of addresses"),
        (
            "suppress gen_id 1, sig_id 7, track by_src, ip $NOWHERE",
            "variable `$NOWHERE` is not defined (define it: --var NOWHERE=VALUE)",
        ),
        ("suppress gen_id 1, sig_id 7, colour red", "`colour` is no keyword"),
        ("suppressed gen_id 1, sig_id 7", "expected suppress, threshold, event_filter or rate_filter, and what it is about"),
        (
            "rate_filter gen_id 1, sig_id 7, track by_src, count 1, seconds 1, timeout 1",
            "expected new_action alert, drop, pass or reject",
        ),
        ("rate_filter gen_id 1, sig_id 7, track by_src, count 1, seconds 1, new_action drop", "expected timeout N"),
    ] {
        let (set, notes) = load(SYN, &format!("{line}\nsuppress gen_id 1, sig_id 7\n"));
        assert_eq!(notes, [format!("t.config:1:1: {note}")], "{line}");
        assert_eq!(course(&set, 1), [(Verdict::None, 0)], "{line}");
    }
}

#[test]
fn lists_are_suppressed_by_their_gid_and_sid() {
    let session = asking("www.evil.test");
    let at_hello = subject(Some(&session));
    let drops = |line| {
        let (set, said) = load_with("", line, &[(Action::Drop, "evil.test")]);
        (play(&set, &[at_hello]), said)
    };
    for (line, alerts) in [
        ("", vec![1]),
        ("suppress gen_id 8443, sig_id 1", vec![]),
        ("suppress gen_id 8443, sig_id 0", vec![]),
        ("suppress gen_id 0, sig_id 0", vec![]),
        ("suppress gen_id 8443, sig_id 1, track by_src, ip 10.0.0.1", vec![]),
        ("suppress gen_id 8443, sig_id 1, track by_src, ip 10.0.0.2", vec![1]),
        ("suppress gen_id 1, sig_id 0", vec![1]),
    ] {
        assert_eq!(drops(line), ((alerts, Verdict::Drop), vec![]), "{line}");
    }
    let (_, said) = drops("suppress gen_id 8443, sig_id 5");
    assert_eq!(said, ["t.config:1:1: no rule has gid 8443 and sid 5"]);
}

#[test]
fn a_line_with_a_mistake_is_no_note() {
    let config = RuleConfig {
        threshold_files: vec![("t.config".into(), "suppress\nsuppress gen_id 1, sig_id 8".into())],
        ..RuleConfig::default()
    };
    let (_, report) = RuleSet::compile(&[Source { name: "r.rules", text: SYN }], &config);
    assert_eq!((report.mistakes.len(), report.notes.len()), (1, 1));
}
