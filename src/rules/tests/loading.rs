//! What loads, what does not, and what is said about it.

use super::*;

fn load(text: &str) -> (RuleSet, LoadReport) {
    RuleSet::compile(&[Source { name: "x.rules", text }], &RuleConfig::default())
}

/// The one error that `options` cause.
fn error(options: &str) -> String {
    let (_, report) = load(&format!("alert tls any any -> any any ({options})"));
    report.errors.iter().map(ToString::to_string).collect()
}

#[test]
fn a_rule_is_read_with_all_that_alerts_say() {
    let text = r#"alert tls any any -> any any (msg:"A \"quoted\"\; msg"; flow: to_server,established; tls.sni; content:"x"; reference:url, x.test/a; reference:cve,2014-0160; classtype:trojan-activity; metadata: created_at 2026_01_01, tag A, tag B; target:src_ip; gid:3; sid:7; rev:2;)"#;
    let source = Source { name: "x.rules", text: &format!("\n{text}") };
    let (set, report) = RuleSet::compile(&[source], &RuleConfig { texts: true, ..RuleConfig::default() });
    assert_eq!((report.loaded, report.errors.len(), report.notes.len()), (1, 0, 0));
    let rule = set.rules().next().unwrap();
    assert_eq!(&*rule.msg, r#"A "quoted"; msg"#);
    assert_eq!((rule.gid, rule.sid, rule.rev, rule.severity), (3, 7, 2, 1));
    assert_eq!((rule.classtype.as_deref(), &*rule.category), (Some("trojan-activity"), "A Network Trojan was detected"));
    let references: Vec<_> = rule.references.iter().map(|r| (r.kind.name.as_str(), &*r.id)).collect();
    assert_eq!(references, [("url", "x.test/a"), ("cve", "2014-0160")]);
    let metadata: Vec<_> = rule.metadata().collect();
    assert_eq!(metadata, [("created_at", "2026_01_01"), ("tag", "A"), ("tag", "B")]);
    assert_eq!((rule.target, rule.alerts), (Some(Target::Source), true));
    assert_eq!((rule.text.as_deref().unwrap(), &*rule.file, rule.line), (text, "x.rules", 2));
}

#[test]
fn metadata_of_several_mentions_is_one_list() {
    let (set, _) = load("alert ip any any -> any any (metadata:a 1,, b; metadata: a  2 3 ; sid:1;)");
    assert_eq!(set.rules().next().unwrap().metadata().collect::<Vec<_>>(), [("a", "1"), ("b", ""), ("a", "2 3")]);
}

#[test]
fn text_is_kept_where_it_is_asked_for() {
    let text = "alert ip any any -> any any (sid:1;)";
    for (texts, kept) in [(true, Some(text)), (false, None)] {
        let config = RuleConfig { texts, ..RuleConfig::default() };
        let (set, _) = RuleSet::compile(&[Source { name: "x.rules", text }], &config);
        assert_eq!(set.rules().map(|r| r.text.as_deref()).collect::<Vec<_>>(), [kept]);
    }
}

#[test]
fn what_is_not_said_has_a_default() {
    let (set, _) = load("pass ip any any -> any any (sid:1;)");
    let rule = set.rules().next().unwrap();
    assert_eq!((rule.gid, rule.rev, rule.severity, &*rule.msg, &*rule.category, rule.alerts), (1, 0, 3, "", "", false));
}

#[test]
fn one_bad_rule_does_not_keep_others_from_loading() {
    let text = "alert tls any any -> any any (sid:1;)\nalert tls any any -> any any (sid:2; nonsense;)\n#alert tls any any -> any any (sid:3;)\ngarbage\nalert tls any any -> any any (sid:4;)\n";
    let (set, report) = load(text);
    assert_eq!((set.len(), report.loaded, report.disabled, report.errors.len()), (2, 2, 1, 2));
    let places: Vec<_> = report.errors.iter().map(|e| (e.line, e.column, e.sid)).collect();
    assert_eq!(places, [(2, 38, Some(2)), (4, 1, None)]);
}

#[test]
fn what_a_rule_requires() {
    let text = "alert tls any any -> any any (requires: feature ja3, version >= 7.0.3; tls.sni; content:\"a\"; sid:1;)\n\
                alert tls any any -> any any (tls.nonsense; requires:version < 8; sid:2;)\n\
                alert tls any any -> any any (requires:keyword lua; lua:x; sid:3;)\n\
                alert tls any any -> any any (requires:version 8; sid:4;)\n\
                alert tls any any -> any any (requires:version >= 7, version < 8; sid:5;)\n";
    let (set, report) = RuleSet::compile(&[Source { name: "x.rules", text }], &RuleConfig::default());
    assert_eq!(set.rules().map(|r| r.sid).collect::<Vec<_>>(), [1]);
    let notes: Vec<String> = report.notes.iter().map(ToString::to_string).collect();
    let expected = [
        "x.rules:2:54: requires: it is left out: it requires `version < 8`",
        "x.rules:3:40: requires: it is left out: it requires `keyword lua`",
    ];
    assert_eq!(notes, expected);
    assert_eq!(report.errors.iter().map(|e| e.sid).collect::<Vec<_>>(), [Some(4), Some(5)]);
}

#[test]
fn errors_say_where_why_and_what_to_do() {
    for (options, expected) in [
        ("sid:1; lua:x.lua;", "x.rules:1:42: lua: not supported: rules run no programs"),
        ("sid:1; tls.sin;", "x.rules:1:38: tls.sin: `tls.sin` is no keyword (did you mean `tls.sni`?)"),
        (
            "bsize:3; sid:1;",
            "x.rules:1:37: bsize: it is about a buffer, and none is named before it (name a buffer such as `tls.sni;` before it)",
        ),
        ("msg:\"x\";", "x.rules:1:1: it has no sid (give it a number of its own: `sid:1000001;`)"),
        ("sid:1; rev:1", "x.rules:1:43: expected ; (every option ends with `;`, the last one too)"),
        (
            "flow:toserver; sid:1;",
            "x.rules:1:36: flow: `toserver` is not known here: expected to_server, to_client, established, not_established, stateless, \
             only_stream, no_stream, only_frag or no_frag (did you mean `to_server`?)",
        ),
        (
            "app-layer-protocol:htpp; sid:1;",
            "x.rules:1:50: app-layer-protocol: `htpp` is not known here: expected tls, failed, unknown, or the name of another protocol, \
             several with | between (did you mean `http`?)",
        ),
        (
            "app-layer-event:tls.unofered_choice; sid:1;",
            "x.rules:1:47: app-layer-event: `tls.unofered_choice` is no event of TLS (did you mean `tls.unoffered_choice`?)",
        ),
        ("sid:x;", "x.rules:1:35: sid: bad value: expected a number"),
        ("sid:1; sid:2;", "x.rules:1:42: sid: it is given twice"),
        ("sid:1; tls.sni; content:\"|0g|\";", "x.rules:1:55: content: bad value: expected pairs of hex digits between | and |"),
        ("sid:1; tls.sni; nocase;", "x.rules:1:47: nocase: no content is before it to apply to"),
        ("sid:1; tls.sni;", "x.rules:1:38: tls.sni: buffer `tls.sni` is named, but nothing is matched in it"),
        ("sid:1; tls.sni:x;", "x.rules:1:46: tls.sni: it takes no value"),
        (
            "sid:1; tls.sni; content:\"abc\"; depth:2;",
            "x.rules:1:68: depth: it can never match: the content is longer than its depth",
        ),
        (
            "sid:1; tls.sni; content:\"abc\"; within:2;",
            "x.rules:1:69: within: it can never match: the content is longer than its within",
        ),
        (
            "sid:1; flow:to_client; tls.sni; content:\"x\";",
            "x.rules:1:43: flow: it can never match: what it looks at goes the other way than `flow` says",
        ),
        (
            "sid:1; flow:not_established; tls.sni; content:\"x\";",
            "x.rules:1:43: flow: it can never match: a flow that speaks TLS is established",
        ),
        (
            "sid:1; flow:sideways;",
            "x.rules:1:43: flow: `sideways` is not known here: expected to_server, to_client, established, not_established, stateless, only_stream, no_stream, only_frag or no_frag",
        ),
        ("sid:1; tls.sni; pcre:\"/a(?R)b/\";", "x.rules:1:52: pcre: recursion is not supported yet"),
        (r#"sid:1; tls.sni; pcre:"/(?|a)/";"#, "x.rules:1:52: pcre: a branch reset group is not supported yet"),
        ("sid:1; tls.sni; replace:\"a\";", "x.rules:1:55: replace: not supported: packets are passed or dropped, never rewritten"),
        (
            "sid:1; tls.sni; pcre:\"/a/U\";",
            "x.rules:1:52: pcre: not supported: a flag that names a buffer of HTTP, which TLS hides",
        ),
        (
            "sid:1; bypass;",
            "x.rules:1:38: bypass: not supported: what is encrypted is not looked at anyway, and as a verdict it would open an allow-list",
        ),
        (
            "sid:1; frame:tls.pdu;",
            "x.rules:1:44: frame: not supported: records are put together and not kept one by one: name a buffer, such as tls.sni, or \
             leave it out for the stream",
        ),
        (
            "sid:1; detection_filter:track by_src, count 1, seconds 1, unique_on dst_port;",
            "x.rules:1:55: detection_filter: not supported: unique_on counts a port once, and what is counted here are matches",
        ),
        ("sid:1; tls.sni; pcre:\"/(/\";", "x.rules:1:52: pcre: regular expression: unclosed group"),
        (
            "sid:1; tls.sni; content:\"a\"; distance:len;",
            "x.rules:1:69: distance: `len` was not extracted before in this buffer (name it in byte_extract or byte_math)",
        ),
    ] {
        assert_eq!(error(options), expected, "{options}");
    }
    let (_, report) = load("alert tls $HOEM_NET any -> any any (sid:1;)");
    assert_eq!(report.errors[0].to_string(), "x.rules:1:11: variable `$HOEM_NET` is not defined (define it: --var HOEM_NET=VALUE)");
}

#[test]
fn notes_have_the_place_of_what_they_are_about() {
    for (options, place, note) in [
        ("classtype:odd;", "odd", "classtype: classtype `odd` has no classification: severity 3"),
        (
            "tls.version:1.3; tls.cert_subject; content:\"a\";",
            "1.3",
            "tls.version: of the server it can never match: in TLS 1.3 certificates and key exchanges are encrypted",
        ),
        ("flags:S; ip_proto:88;", "88", "ip_proto: an IP protocol other than TCP and UDP is not followed yet: it never matches"),
    ] {
        let text = format!("alert {} any any -> any any ({options} sid:1;)", if options.contains("flags") { "tcp" } else { "tls" });
        let (_, report) = load(&text);
        let column = text.rfind(place).unwrap() + 1;
        let notes: Vec<_> = report.notes.iter().map(ToString::to_string).collect();
        assert_eq!(notes, [format!("x.rules:1:{column}: {note}")], "{options}");
    }
}

#[test]
fn the_place_of_a_missing_semicolon_is_where_it_belongs() {
    let head = "alert tls any any -> any any (";
    for (before, after) in [
        ("tls.sni", " content:\"shop\"; sid:7;)"),
        ("tls.sni; content:\"shop\"", " nocase; sid:7;)"),
        ("tls.sni; content:!\"a\\\"b\"", "  startswith; sid:7;)"),
        ("flow:to_server", " tls.sni; content:\"shop\"; sid:7;)"),
        ("flow:to_server, established", " tls.sni; content:\"shop\"; sid:7;)"),
        ("tls.sni; content:\"shop\"; sid:7", ")"),
        ("tls.sni; content:\"shop\"; sid:7; noalert", ")"),
    ] {
        let (_, report) = load(&format!("{head}{before}{after}"));
        let errors: Vec<_> = report.errors.iter().map(|e| (e.column as usize, e.sid, e.reason.to_string())).collect();
        assert_eq!(errors, [(head.len() + before.len() + 1, Some(7), "expected ;".to_owned())], "{before}{after}");
    }
}

#[test]
fn errors_in_the_header_name_the_rule_and_what_was_meant() {
    for (header, said) in [
        ("Alert tls any any -> any any", "`Alert` is no action (did you mean `alert`?)"),
        ("block tls any any -> any any", "`block` is no action (did you mean `drop`?)"),
        (
            "accept:hook tls any any -> any any",
            "`accept:hook` is no action (what an action is about follows from the rule; for Suricata's firewall rules, use pass rules and \
             --default-verdict drop)",
        ),
        (
            "shout tls any any -> any any",
            "`shout` is no action (use alert, pass, drop, reject, rejectsrc, rejectdst or rejectboth)",
        ),
        ("alert TLS any any -> any any", "`TLS` is no protocol (did you mean `tls`?)"),
        ("alert ssl any any -> any any", "`ssl` is no protocol (did you mean `tls`?)"),
        ("alert tls any any > any any", "expected ->, <> or =>"),
        ("alert tls any 99999 -> any any", "`99999` is no port or range of ports"),
        ("alert tls $NOWHERE any -> any any", "variable `$NOWHERE` is not defined (define it: --var NOWHERE=VALUE)"),
    ] {
        let (_, report) = load(&format!("{header} (msg:\"sid:5\"; tls.sni; content:\"a\"; sid : 7; rev:1;)"));
        let errors: Vec<_> = report.errors.iter().map(|e| (e.sid, e.to_string())).collect();
        assert_eq!(errors.len(), 1, "{header}");
        assert!(errors[0].0 == Some(7) && errors[0].1.ends_with(&format!(": {said}")), "{header}: {errors:?}");
    }
}

#[test]
fn of_two_rules_with_one_sid_the_newer_stays() {
    let rule = |msg: &str, sid: u32, rev: u32| format!("alert tls any any -> any any (msg:\"{msg}\"; sid:{sid}; rev:{rev};)\n");
    for (text, kept) in [
        ([rule("a", 1, 1), rule("b", 1, 2)], "b"),
        ([rule("a", 1, 2), rule("b", 1, 1)], "a"),
        ([rule("a", 1, 1), rule("b", 1, 1)], "a"),
    ] {
        let (set, report) = load(&text.concat());
        assert_eq!(set.rules().map(|r| &*r.msg).collect::<Vec<_>>(), [kept]);
        assert!(report.notes[0].to_string().starts_with("x.rules:2:1: sid 1 (revision "), "{}", report.notes[0]);
        assert_eq!((report.loaded, report.notes[0].line), (1, 2));
    }
    let (set, _) = load("alert ip any any -> any any (sid:1;)\nalert ip any any -> any any (sid:1; gid:2;)");
    assert_eq!(set.len(), 2);
}

#[test]
fn a_note_on_two_rules_with_one_sid_names_both_places() {
    let rule = |rev: u32| format!("alert ip any any -> any any (sid:9; rev:{rev};)");
    let (first, second) = (format!("\n{}", rule(3)), rule(4));
    for (sources, note) in [
        (
            [("a.rules", &first), ("b.rules", &second)],
            "b.rules:1:1: sid 9 (revision 4) is also at a.rules:2 (revision 3): this one is kept",
        ),
        (
            [("b.rules", &second), ("a.rules", &first)],
            "a.rules:2:1: sid 9 (revision 3) is also at b.rules:1 (revision 4): that one is kept",
        ),
    ] {
        let sources = sources.map(|(name, text)| Source { name, text });
        let (set, report) = RuleSet::compile(&sources, &RuleConfig::default());
        assert_eq!(report.notes.iter().map(ToString::to_string).collect::<Vec<_>>(), [note]);
        assert_eq!(set.rules().map(|r| r.rev).collect::<Vec<_>>(), [4]);
    }
}

#[test]
fn references_become_links() {
    let mut config = RuleConfig::default();
    config.add_references(&Source { name: "reference.config", text: "config reference: cve https://cve.example/" });
    let text = "alert ip any any -> any any (reference:url,x.test; reference:CVE,2014-0160; reference:other,7; sid:1;)";
    let (set, _) = RuleSet::compile(&[Source { name: "x.rules", text }], &config);
    let links: Vec<_> = set.rules().flat_map(|r| &r.references).map(Reference::link).collect();
    assert_eq!(links, ["https://x.test", "https://cve.example/2014-0160", "other:7"]);
}

#[test]
fn sid_0_is_noted() {
    let text = "alert tls any any -> any any (tls.sni; content:\"a\"; sid:0;)";
    let (set, report) = RuleSet::compile(&[Source { name: "x.rules", text }], &RuleConfig::default());
    let notes: Vec<String> = report.notes.iter().map(ToString::to_string).collect();
    let note = "x.rules:1:57: sid: sid 0 is no rule's own: in threshold.config it means all rules (give it a number of its own: `sid:1000001;`)";
    assert_eq!((set.len(), notes), (1, vec![note.to_owned()]));
}

#[test]
fn a_class_that_nobody_defined_is_noted() {
    let (set, report) = load("alert ip any any -> any any (classtype:x-files; sid:1;)");
    assert_eq!(set.rules().next().unwrap().severity, 3);
    assert_eq!(report.notes[0].reason, Reason::UnknownClasstype("x-files".into()));
}

#[test]
fn a_rule_may_go_over_lines() {
    let (set, report) = load(
        "alert tls any any -> any any ( \\\r\n    tls.sni; content:\"x\"; \\\r\n    bogus; sid:1;)\r\nalert ip any any -> any any (sid:2;)",
    );
    assert_eq!((set.len(), report.errors[0].line, report.errors[0].column), (1, 3, 5));
}

#[test]
fn hostile_text_is_refused_in_linear_time() {
    for text in [
        "(".repeat(1 << 20),
        "alert tls ".to_owned() + &"[".repeat(1 << 20),
        "alert tls any any -> any any (".to_owned() + &"a;".repeat(1 << 19),
        "\\\n".repeat(1 << 19),
        "\n".repeat(1 << 20),
        "#alert ".repeat(1 << 17),
        format!("alert tls any any -> any any (tls.sni; {} sid:1;)", "content:\"a\"; ".repeat(4_000)),
        format!("alert tls any any -> any any (tls.sni; pcre:\"/{}/\"; sid:1;)", "(".repeat(60_000)),
        format!("alert tls any any -> any any (tls.sni; pcre:\"/{}/\"; sid:1;)", "(a{1000}){1000}"),
        format!("alert tls {} any -> any any (sid:1;)", "!".repeat(60_000)),
    ] {
        let (set, _) = load(&text);
        assert!(set.is_empty());
    }
}
