//! What a review finds in rules that load, and how they are explained.

use super::*;

fn findings(text: &str) -> Vec<(u32, String)> {
    let config = RuleConfig { review: true, ..RuleConfig::default() };
    reviewed(text, &config)
}

fn reviewed(text: &str, config: &RuleConfig) -> Vec<(u32, String)> {
    let (_, report) = RuleSet::compile(&[Source { name: "x", text }], config);
    assert_eq!(report.errors, [], "in {text}");
    report.findings.iter().map(|f| (f.column, f.reason.to_string())).collect()
}

fn rule(options: &str) -> String {
    format!("alert tls any any -> any any ({options} sid:1;)")
}

/// The column of the part of a rule's options.
fn column(options: &str, part: &str) -> u32 {
    u32::try_from(rule(options).find(part).unwrap() + 1).unwrap()
}

#[test]
fn what_is_slow() {
    let pcre = "there is no content to find it by: the expression is run on each session or packet";
    let star = "`.*` at the beginning finds nothing more, and is run over all of the value";
    let byte = "it is found by one byte, which nearly all values have";
    for (options, part, said) in [
        ("tls.sni; pcre:\"/ab+c/\";", "\"/ab", pcre),
        ("tls.sni; content:!\"www\"; pcre:\"/ab+c/\";", "\"/ab", pcre),
        ("tls.sni; content:\"shop\"; pcre:\"/.*[0-9]/\";", "\"/.*", star),
        ("tls.sni; content:\"shop\"; pcre:\"/^.*[0-9]/\";", "\"/^.*", star),
        ("tls.sni; content:\".\";", "\".\"", byte),
        ("content:\".\";", "\".\"", byte),
        ("pcre:\"/ab+c/\";", "\"/ab", pcre),
        ("tls.sni; content:\"shop\"; fast_pattern:0,1;", "\"shop", byte),
    ] {
        assert_eq!(findings(&rule(options)), [(column(options, part), said.to_owned())], "{options}");
    }
}

#[test]
fn what_nothing_is_found_by_is_noted() {
    for (options, unit) in [
        ("ssl_version:tls1.0;", "session"),
        ("tls.sni; content:!\"www\";", "session"),
        ("tls.sni; bsize:>50;", "session"),
        ("tls.sni; pcre:\"/^[0-9.]+$/\";", "session"),
        ("flow:established;", "packet"),
    ] {
        assert_eq!(findings(&rule(options)), [(1, format!("it is tried on each {unit} that its header is about"))], "{options}");
    }
}

#[test]
fn what_is_well_written_has_no_findings() {
    for options in [
        "tls.sni; content:\"shop\"; pcre:\"/shop[0-9]+/\";",
        "tls.sni; dotprefix; content:\".shop.example\"; endswith;",
        "tls.sni; content:\".\"; content:\"shop\";",
        "tls.sni; content:\"a\"; bsize:1;",
        "tls.cert_subject; content:\"|00|\";",
        "tls.alert; pcre:\"/unknown/\";",
        "app-layer-event:tls.duplicate_extension;",
        "content:\"SSH-2.0\"; startswith; pcre:\"/[0-9]+/\";",
        "ja3.hash; content:\"6734f37431670b3ab4292b8f60f29984\";",
    ] {
        assert_eq!(findings(&rule(options)), [], "{options}");
    }
    assert_eq!(findings("alert ip 10.0.0.1 any -> any any (sid:1;)"), []);
}

#[test]
fn a_bit_that_no_rule_sets_is_waited_for_in_vain() {
    let asks = "alert tls any any -> any any (flowbits:isset,seen; tls.sni; content:\"shop\"; sid:1;)";
    let sets = "alert tls any any -> any any (flowbits:set,seen; tls.sni; content:\"bank\"; noalert; sid:2;)";
    let never = (1, "it can never match: no rule here sets `seen`".to_owned());
    assert_eq!(findings(asks), [never]);
    assert_eq!(findings(&format!("{asks}\n{sets}")), []);
    assert_eq!(findings(&asks.replace("isset", "isnotset")), []);
    let hosts = "alert tls any any -> any any (xbits:isset,bad,track ip_src; tls.sni; content:\"shop\"; sid:1;)";
    assert_eq!(findings(hosts), [(1, "it can never match: no rule here sets `bad`".to_owned())]);
}

#[test]
fn a_number_that_no_rule_sets_is_waited_for_in_vain() {
    let asks = |test: &str| format!("alert tls any any -> any any (flowint:tries,{test}; tls.sni; content:\"shop\"; sid:1;)\n");
    let changes =
        |change: &str| format!("alert tls any any -> any any (flowint:tries,{change}; tls.sni; content:\"bank\"; sid:2;)\n");
    let never = (1, "it can never match: no rule here sets `tries`".to_owned());
    for test in ["isset", ">,3", "<,3"] {
        assert_eq!(findings(&asks(test)), std::slice::from_ref(&never), "{test}");
        assert_eq!(findings(&(asks(test) + &changes("-,1"))), std::slice::from_ref(&never), "one without a value stays so");
        assert_eq!(findings(&(asks(test) + &changes("+,1"))), [], "{test}");
        assert_eq!(findings(&(asks(test) + &changes("=,1"))), [], "{test}");
    }
    assert_eq!(findings(&asks("notset")), []);
}

#[test]
fn ports_that_are_not_watched_are_told() {
    let never = |ports: &str, text: &str| {
        let config = RuleConfig { watched: Some(ports.parse().unwrap()), ..RuleConfig::default() };
        let (_, report) = RuleSet::compile(&[Source { name: "x", text }], &config);
        assert_eq!(report.errors, [], "in {text}");
        report.findings.iter().any(|f| f.reason == Reason::NotWatched)
    };
    for (ports, header, options, expected) in [
        ("443", "tls any any -> any 443", "tls.sni; content:\"a\";", false),
        ("443", "tls any any -> any 8443", "tls.sni; content:\"a\";", true),
        ("443,8443", "tls any any -> any 8443", "tls.sni; content:\"a\";", false),
        ("any", "tls any any -> any 8443", "tls.sni; content:\"a\";", false),
        ("443", "tls any any -> any !443", "tls.sni; content:\"a\";", true),
        ("443", "tls any any => any 8443", "tls.sni; content:\"a\";", true),
        // What the server sends comes from its port.
        ("443", "tls any any -> any 443", "flow:to_client; tls.cert_subject; content:\"a\";", true),
        ("443", "tls any 443 -> any any", "flow:to_client; tls.cert_subject; content:\"a\";", false),
        ("443", "tls any any <> any 443", "flow:to_client; tls.cert_subject; content:\"a\";", false),
        ("443", "tcp any any -> any 25", "flags:S;", true),
        ("443", "tcp any any -> any [25,1024:]", "flags:S;", false),
        ("443", "tcp any any -> any any", "flags:S;", false),
    ] {
        assert_eq!(never(ports, &format!("alert {header} ({options} sid:1;)")), expected, "{ports}: {header} ({options})");
    }
}

#[test]
fn what_is_not_portable() {
    let config = RuleConfig { portability: true, ..RuleConfig::default() };
    let own = "a keyword of Portcullis's own";
    let part = "Suricata takes a whole hash there, not a part";
    let sides = "without `=>`, Suricata looks at one side alone, and this is of the other";
    for (options, place, said) in [
        ("tls.cipher; content:\"_RC4_\";", "tls.cipher", own),
        ("tls.sni; content:\"shop\"; tls.resumed:no;", "no;", own),
        ("ja3.hash; content:\"6734f3\";", "\"6734", part),
        ("tls.cert_fingerprint; content:\"6e:ce\";", "\"6e:", part),
        ("ssl_version:tls1.0;", "tls1.0", "of a TLS 1.3 hello, Suricata looks at the version field, which says 1.2"),
        ("app-layer-event:tls.unoffered_choice;", "tls.unoff", "an event of Portcullis's own"),
        ("app-layer-protocol:tls|unknown;", "tls|unk", "a list of protocols needs a later release than Suricata 8.0.0"),
        ("tls_cert_notafter:<2026;", "<2026", "Suricata takes a date without its time for its first second"),
        ("flow:to_server; tls_cert_expired;", "tls_cert_exp", "Suricata looks at dates of the server's certificate alone"),
        ("flow:to_server; tls_cert_notafter:<1700000000;", "<17", "Suricata looks at dates of the server's certificate alone"),
        (
            "tls.sni; content:\"www\"; fast_pattern; content:\"shop\"; fast_pattern:only;",
            "only;",
            "Suricata takes one fast_pattern in a rule",
        ),
        ("tls.sni; content:\"shop\"; ja3s.hash; bsize:32;", "ja3s", sides),
        // Without a direction Suricata takes the certificate for the client's, as the name is.
        ("tls.sni; content:\"shop\"; tls.cert_subject; content:\"a\";", "tls.cert", sides),
        ("flow:to_client; tls.cert_subject; content:\"a\"; tls.sni; content:\"shop\";", "tls.sni", sides),
    ] {
        assert_eq!(reviewed(&rule(options), &config), [(column(options, place), said.to_owned())], "{options}");
    }
    let session = "alert tls any any => any any (tls.sni; content:\"shop\"; sid:1;)";
    assert_eq!(reviewed(session, &config), [(1, "`=>` needs Suricata 8".to_owned())]);
    let hook = "alert tls:server_hello any any -> any any (ja3s.hash; bsize:32; sid:1;)";
    assert_eq!(reviewed(hook, &config), [(1, "rule hooks need Suricata 8".to_owned())]);
    for options in [
        "tls.sni; content:\"shop\";",
        "tls.sni; content:\"shop\"; fast_pattern; ja3.hash; bsize:32;",
        "flow:to_server; tls.sni; content:\"shop\"; tls.cert_subject; content:\"a\";",
        "flow:to_client; tls_cert_expired; tls.cert_subject; content:\"a\";",
        "flow:to_client; tls_cert_notafter:2026-01-01T00:00:00<>2027-01-01T00:00:00;",
        "app-layer-event:tls.invalid_certificate;",
    ] {
        assert_eq!(reviewed(&rule(options), &config), [], "{options}");
    }
}

#[test]
fn a_rule_is_explained() {
    let set = rules(
        "alert tls any any -> any 443 (tls.sni; dotprefix; content:\".Shop.example\"; endswith; nocase; sid:1;)
         alert tls any any -> any 443 (tls.sni; content:\"shop\"; content:\"www.\"; pcre:\"/a+/\"; sid:2;)
         alert tls any any => any 443 (ja3.hash; content:\"6734f37431670b3ab4292b8f60f29984\"; tls.cipher; content:\"_RC4_\"; sid:3;)
         alert tls any any -> any any (ssl_version:tls1.0; flow:to_client; sid:4;)
         alert ip any any -> any any (sid:5;)
         alert tcp any any -> any any (flags:S; sid:6;)
         alert tcp any any -> any any (content:\"SSH-\"; startswith; sid:8;)
         alert tls any any -> any 443 (app-layer-event:tls.duplicate_extension; sid:9;)
         alert tls any any -> any any (tls.cert_subject; content:\"|00|\"; sid:10;)
         alert tls any any -> any any (tls.cert_subject; content:\"a\"; gid:2; sid:10;)",
    );
    let one = |sid| {
        let mut all = set.explain(None, sid);
        let only = all.next().unwrap();
        assert_eq!(all.next(), None);
        only
    };
    let found = |sid| one(sid).tries[0].found_by.clone().map(|f| (f.buffer, f.how, String::from_utf8(f.bytes).unwrap()));
    for (sid, kind, cost, found_by) in [
        (1, "session", Cost::LookUp, Some(("tls.sni", "ends with", ".shop.example".to_owned()))),
        (2, "session", Cost::Pass, Some(("tls.sni", "has", "www.".to_owned()))),
        (4, "session", Cost::EachSession, None),
        (5, "flow", Cost::EachFlow, None),
        (6, "packet", Cost::EachPacket, None),
        (8, "packet", Cost::Pass, Some(("pkt_data", "has", "ssh-".to_owned()))),
    ] {
        assert_eq!((one(sid).kind, one(sid).cost, found(sid)), (kind, cost, found_by), "{sid}");
    }
    assert_eq!((one(9).cost, one(9).tries[0].when.as_slice()), (Cost::Rare, &["an anomaly"][..]));
    // The same byte is slow, or not, for a review.
    let costs = [None, Some(1), Some(2)].map(|gid| set.explain(gid, 10).map(|e| e.cost).collect::<Vec<_>>());
    assert_eq!(costs, [vec![Cost::Pass, Cost::OneByte], vec![Cost::Pass], vec![Cost::OneByte]]);
    assert_eq!(one(1).same_header, 4);
    assert_eq!(one(2).asks, [("tls.sni", vec![("content", 2), ("pcre", 1)])]);
    assert_eq!(one(3).tries[0].when, ["ClientHello", "ServerHello"]);
    // The one in the buffer that comes last is looked for, so that nothing has to be kept.
    assert_eq!(found(3), Some(("tls.cipher", "has", "_rc4_".to_owned())));
    assert_eq!(one(4).tries[0].direction, FlowDirection::ToClient);
    assert_eq!(set.explain(None, 7).count(), 0);
}
