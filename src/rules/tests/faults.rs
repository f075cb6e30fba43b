//! What can never match does not load, and the place that says so is named.

use proptest::prelude::*;

use super::*;
use crate::rules::builder::Builder;
use crate::rules::inspect::Inspection;
use crate::rules::keyword::Registry;
use crate::rules::matcher::Budget;
use crate::rules::shared::Shared;

/// Why a rule with `header` and `options` does not load: `column: message (hint)`; the column of the options is that of the header's
/// parenthesis plus one.
fn diagnosis(sign: &str, options: &str) -> Option<Diagnostic> {
    let text = format!("alert tls any any {sign} any any ({options} sid:1;)");
    let (_, report) = RuleSet::compile(&[Source { name: "x", text: &text }], &RuleConfig::default());
    report.errors.into_iter().next()
}

/// Options, the part of them that is to blame, and what is said.
#[track_caller]
fn check(cases: &[(&str, &str, &str)]) {
    for &(options, blamed, said) in cases {
        let found = diagnosis("->", options).unwrap_or_else(|| panic!("{options} loads"));
        let begins = options.rfind(blamed).unwrap() + "alert tls any any -> any any (".len() + 1;
        assert_eq!((found.column as usize, found.reason.to_string().as_str()), (begins, said), "{options}");
    }
}

#[test]
fn what_no_value_looks_like() {
    let of_ja3 = "it can never match: values of `ja3.hash` are 32 hex digits";
    let of_sha1 =
        "it can never match: values of `tls.cert_fingerprint` are 20 pairs of hex digits (SHA-1) with colons between them";
    let sha256 = "\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"";
    check(&[
        ("ja3.hash; content:\"6734f37431670b3ab4292b8f60f299840\";", "\"6734", of_ja3),
        ("ja3.hash; content:\"xyz\";", "\"xyz", of_ja3),
        (&format!("tls.cert_fingerprint; content:{sha256};"), sha256, of_sha1),
        ("tls.cert_fingerprint; content:\"6e:ce\"; content:\"6ece\";", "\"6ece", of_sha1),
        (
            "tls.cert_serial; content:\"08BB\";",
            "\"08BB",
            "it can never match: values of `tls.cert_serial` are pairs of hex digits with colons between them",
        ),
        (
            "ja4.hash; content:\"T13d1516h2_8daaf6152771_02713d6af862\";",
            "\"T13",
            "it can never match: values of `ja4.hash` are of the form `t13d1516h2_8daaf6152771_02713d6af862`",
        ),
    ]);
}

#[test]
fn what_was_meant_is_guessed() {
    for (options, hint) in [
        (
            "tls.cert_fingerprint; content:\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\";",
            Some("a SHA-256 is for `tls.cert_sha256`, without colons"),
        ),
        (
            "tls.cert_fingerprint; content:\"6ECE5ECE4192683D2D84E25B0BA7E04F9CB7EB7C\";",
            Some("write colons between the pairs of digits"),
        ),
        ("ja4.hash; content:\"6734f37431670b3ab4292b8f60f29984\";", Some("a JA3 is for `ja3.hash`")),
        ("ja4.hash; content:\"T13d1516h2_8daaf6152771_02713d6af862\";", Some("write it in small letters")),
        ("ja3.hash; content:\"t13d1516h2_8daaf6152771\";", Some("a JA4 is for `ja4.hash`")),
        ("ja3.hash; content:\"xyz\";", None),
    ] {
        assert_eq!(diagnosis("->", options).expect(options).hint().as_deref(), hint, "{options}");
    }
}

#[test]
fn digests_of_another_length_than_the_value() {
    let text = Some("use `type string`: a line of its file is the value in Base64");
    for (options, bytes, width, hint) in [
        ("ja3.hash; dataset:isset,x,type md5;", 16, 32, text),
        ("ja3s.hash; dataset:isnotset,x,type sha256;", 32, 32, None),
        ("tls.cert_fingerprint; dataset:isset,x,type sha256;", 32, 59, text),
        ("tls.cert_sha256; dataset:isset,x,type sha256;", 32, 64, text),
        ("tls.sni; to_sha1; dataset:isset,x,type sha256;", 32, 20, text),
        ("tls.sni; to_md5; dataset:isset,x,type sha256;", 32, 16, Some("`to_md5` is for `type md5`")),
        ("tls.sni; to_sha256; dataset:isset,x,type md5;", 16, 32, Some("`to_sha256` is for `type sha256`")),
        ("ja3.hash; to_md5; dataset:isset,x,type md5;", 16, 16, None),
        ("ja3.hash; dataset:isset,x,type string;", 0, 0, None),
        ("tls.sni; dataset:isset,x,type md5;", 0, 0, None),
    ] {
        let reason = hint.map(|hint| Reason::OtherDigest { bytes, width, hint });
        assert_eq!(diagnosis("->", options).map(|d| d.reason), reason, "{options}");
    }
}

#[test]
fn tests_that_exclude_each_other() {
    let (dates, versions) = ("no date is as both want it", "no version is as both want it");
    let to_client = "flow:to_client;";
    for (options, reason) in [
        ("tls_cert_valid; tls_cert_expired;", Some("a certificate is expired, or it is not")),
        ("tls_cert_valid; tls_cert_valid;", None),
        ("tls.version:1.2; tls.version:1.3;", Some(versions)),
        ("tls.version:1.2; ssl_version:tls1.0,tls1.1;", Some(versions)),
        ("ssl_version:!tls1.2; tls.version:1.2;", Some(versions)),
        ("tls.version:0x7f1c; ssl_version:tls1.2;", Some(versions)),
        ("tls.version:0x7f1c; tls.version:1.3;", None),
        ("tls.version:0x0305; tls.version:0x0305;", None),
        ("ssl_version:tls1.3; tls.version:0x7f1c;", None),
        ("ssl_version:tls1.0,tls1.2; ssl_version:!tls1.0;", None),
        ("tls_cert_notafter:<2020-01-01; tls_cert_notafter:>2021-01-01;", Some(dates)),
        ("tls_cert_notafter:2020; tls_cert_notafter:2021-05-01;", Some(dates)),
        ("tls_cert_notafter:2020; tls_cert_notafter:2020-05-01;", None),
        ("tls_cert_notafter:<2020-01-01; tls_cert_notafter:>2019-12-31T23:59:58;", None),
        ("tls_cert_notafter:<2020-01-01; tls_cert_notafter:>2019-12-31T23:59:59;", Some(dates)),
        ("tls_cert_notbefore:<2020-01-01; tls_cert_notafter:>2021-01-01;", None),
    ] {
        let reason = reason.map(Reason::NeverMatches);
        assert_eq!(diagnosis("->", &format!("{to_client} {options}")).map(|d| d.reason), reason, "{options}");
    }
}

#[test]
fn contents_that_there_is_no_room_for() {
    let never = |why: &str| format!("it can never match: {why}");
    let (dsize, isdataat) = ("the contents need more bytes than dsize allows", "the contents need more bytes than isdataat allows");
    check(&[
        ("dsize:<4; content:\"shop\";", "\"shop", &never(dsize)),
        ("dsize:6; content:\"shop\"; content:\"abc\"; distance:0;", "\"abc", &never(dsize)),
        ("tls.sni; content:\"shop\"; isdataat:!3;", "\"shop", &never(isdataat)),
        ("tls.sni; isdataat:!5; content:\"shop\"; offset:2;", "\"shop", &never(isdataat)),
        (
            "tls.cert_subject; content:\"CN=evil\"; tls.subject:!\"evil\";",
            "!\"evil",
            &never("another content has what must not be there"),
        ),
        ("tls.subject:\"CN=evil\"; tls.subject:!\"evil\";", "!\"evil", &never("another content has what must not be there")),
    ]);
    for options in [
        "dsize:4; content:\"shop\";",
        "dsize:<4; flow:only_stream; content:\"shop\";",
        "dsize:<4; tls.sni; content:\"shop\";",
        "dsize:>2; content:\"shop\";",
        "tls.sni; content:\"shop\"; isdataat:!4;",
        "tls.sni; content:\"shop\"; isdataat:!1,relative;",
        "ja3.hash; content:\"6734f3\"; isdataat:!40;",
        "tls.cert_subject; content:\"CN=evil\"; tls.issuerdn:!\"evil\";",
        "tls.cert_subject; content:\"CN=evil\"; tls.subject:!\"devil\";",
        "tls.cert_subject; to_lowercase; content:\"cn=evil\"; tls.subject:!\"evil\";",
    ] {
        assert_eq!(diagnosis("->", options), None, "{options}");
    }
}

#[test]
fn lengths() {
    let never = |why: &str| format!("it can never match: {why}");
    check(&[
        ("tls.sni; content:\"shop\"; bsize:3;", "\"shop", &never("a content is longer than bsize allows")),
        ("tls.sni; bsize:<4; content:\"ab\"; content:\"shop\";", "\"shop", &never("a content is longer than bsize allows")),
        (
            "tls.sni; bsize:6; content:\"shop\"; content:\"abc\"; distance:0;",
            "\"abc",
            &never("the contents need more bytes than bsize allows"),
        ),
        ("tls.sni; bsize:6; content:\"shop\"; offset:3;", "\"shop", &never("the contents need more bytes than bsize allows")),
        ("tls.sni; bsize:<4; bsize:>5; content:\"a\";", "tls.sni", &never("no value has the length that bsize asks for")),
        ("ja3.hash; bsize:31; content:\"a\";", "ja3.hash", &never("no value has the length that bsize asks for")),
        (
            "tls.sni; content:\"shop\"; startswith; endswith; bsize:>4;",
            "\"shop",
            &never("the content is all of the value, and bsize asks for another length"),
        ),
        (
            "tls.random; content:\"ab\"; content:\"abc\"; offset:30;",
            "\"abc",
            &never("the contents need more bytes than any value has"),
        ),
        // A digest is bytes, not the digits that people write it with.
        (
            "tls.sni; to_md5; content:\"900150983cd24fb0d6963f7d28e17f72\";",
            "\"9001",
            &never("the content is longer than any value"),
        ),
        ("tls.sni; content:\"shop\"; depth:3;", "3", &never("the content is longer than its depth")),
        ("tls.sni; content:\"a\"; content:\"shop\"; within:3;", "3", &never("the content is longer than its within")),
    ]);
}

#[test]
fn contents_that_exclude_each_other() {
    let never = |why: &str| format!("it can never match: {why}");
    check(&[
        (
            "tls.sni; content:\"www.\"; startswith; content:\"mail.\"; startswith;",
            "\"mail",
            &never("another content begins the value"),
        ),
        ("tls.sni; content:\".com\"; endswith; content:\".net\"; endswith;", "\".net", &never("another content ends the value")),
        ("tls.sni; content:\"www.\"; startswith; content:\"mail\"; depth:4;", "\"mail", &never("another content begins the value")),
        (
            "tls.sni; content:\"a.b\"; offset:2; depth:3; content:\"x\"; offset:3; depth:1;",
            "\"x",
            &never("another content is there"),
        ),
        // Named in two places, it is one buffer.
        (
            "tls.sni; content:\"www.\"; startswith; tls.alpn; content:\"h2\"; tls.sni; content:\"mail.\"; startswith;",
            "\"mail",
            &never("another content begins the value"),
        ),
        ("tls.sni; content:\"shop\"; content:!\"ho\";", "!\"ho", &never("another content has what must not be there")),
        ("tls.sni; content:\"SHOP\"; content:!\"ho\"; nocase;", "!\"ho", &never("another content has what must not be there")),
        (
            "tls.sni; content:!\"www\"; startswith; content:\"www.\"; startswith;",
            "!\"www",
            &never("another content has what must not be there"),
        ),
        (
            "tls.sni; content:\".a.com\"; endswith; content:!\".com\"; endswith;",
            "!\".com",
            &never("another content has what must not be there"),
        ),
        (
            "tls.sni; content:\"shop\"; bsize:4; content:\"x\";",
            "\"shop",
            &never("the content is all of the value, which is not as else is asked"),
        ),
        (
            "tls.sni; content:\"shop\"; startswith; endswith; pcre:\"/[0-9]/\";",
            "\"shop",
            &never("the content is all of the value, which is not as else is asked"),
        ),
        ("tls.sni; bsize:3; bsize:!3; content:\"a\";", "tls.sni", &never("no value has the length that bsize asks for")),
        ("tls.sni; to_lowercase; content:\"Shop\";", "\"Shop", &never("there is no capital letter after to_lowercase")),
        ("tls.sni; to_uppercase; content:\"SHOp\";", "\"SHOp", &never("there is no small letter after to_uppercase")),
    ]);
}

#[test]
fn numbers_and_bits_that_exclude_each_other() {
    let number = "it can never match: no number is as the comparisons want it";
    let bit = "it can never match: the rule asks for it to be set, and not to be set";
    check(&[
        ("tls.cert_chain_len:>3; tls.cert_chain_len:<2;", "<2", number),
        ("tls.cert_chain_len:2; tls.cert_chain_len:!2;", "!2", number),
        // Who sent no certificate has no chain.
        ("tls.cert_chain_len:0;", "0", number),
        ("tls.cert_key_size:<1024; tls.cert_key_size:>=2048;", ">=2048", number),
        ("flowbits:isset,a; flowbits:isnotset,a; tls.sni; content:\"x\";", "isnotset,a", bit),
        ("flowbits:isnotset,a; flowbits:isnotset,b; flowbits:isset,a|b; tls.sni; content:\"x\";", "isset,a|b", bit),
        ("xbits:isset,a,track ip_src; xbits:isnotset,a,track ip_src; tls.sni; content:\"x\";", "isnotset,a", bit),
        ("hostbits:isnotset,a; hostbits:isset,a; tls.sni; content:\"x\";", "isset,a", bit),
        ("flowint:n,notset; flowint:n,>,3; tls.sni; content:\"x\";", "n,>", bit),
    ]);
    for options in [
        "tls.cert_chain_len:>3; tls.cert_chain_len:<6;",
        "tls.cert_chain_len:>3; tls.cert_days:<2;",
        "flowbits:isset,a; flowbits:isnotset,b; tls.sni; content:\"x\";",
        "flowbits:isset,a|b; flowbits:isnotset,a; tls.sni; content:\"x\";",
        "flowbits:isnotset,a; flowbits:set,a; tls.sni; content:\"x\";",
        "xbits:isset,a,track ip_src; xbits:isnotset,a,track ip_dst; tls.sni; content:\"x\";",
        "flowint:n,isset; flowint:n,<,3; tls.sni; content:\"x\";",
    ] {
        assert_eq!(diagnosis("->", options), None, "{options}");
    }
}

#[test]
fn what_tls13_hides() {
    let hidden = "in TLS 1.3 certificates and key exchanges are encrypted";
    let never = format!("it can never match: {hidden}");
    check(&[
        ("flow:to_client; tls.version:1.3; tls.cert_subject; content:\"a\";", "1.3", &never),
        ("flow:to_client; ssl_version:tls1.3; tls.cert_chain_len:>2;", "tls1.3", &never),
        ("flow:to_client; tls_cert_expired; ssl_version:!tls1.2,!tls1.1,!tls1.0,!sslv3,!sslv2;", "!tls1.2", &never),
        ("flow:to_client; tls.version:0x7f1c; ssl_state:server_keyx;", "0x7f", &never),
    ]);
    // A client that offers TLS 1.3 may show a certificate in TLS 1.2.
    for (options, note) in [
        ("tls.version:1.3; tls.cert_subject; content:\"a\";", true),
        ("flow:to_server; tls.version:1.3; tls.cert_subject; content:\"a\";", false),
        ("flow:to_client; tls.version:1.2; tls.cert_subject; content:\"a\";", false),
        ("flow:to_client; ssl_version:tls1.2,tls1.3; tls.cert_subject; content:\"a\";", false),
        ("flow:to_client; tls.version:1.3; ja3s.hash; bsize:32;", false),
    ] {
        let text = format!("alert tls any any -> any any ({options} sid:1;)");
        let (_, report) = RuleSet::compile(&[Source { name: "x", text: &text }], &RuleConfig::default());
        assert_eq!((report.errors.len(), report.notes.len()), (0, usize::from(note)), "{options}");
    }
}

/// The first keyword that leaves nothing, or nothing where some flow may be as all of the rule asks.
#[test]
fn protocols_that_exclude_each_other() {
    for (header, options, expected) in [
        ("tls", "app-layer-protocol:!tls;", Some("app-layer-protocol")),
        ("tls", "app-layer-protocol:http;", Some("app-layer-protocol")),
        ("tls", "finding:nottls.ssh;", Some("finding")),
        ("tls", "finding:nottls.ssh,nottls.http;", Some("finding")),
        ("quic", "app-layer-protocol:tls;", Some("app-layer-protocol")),
        ("quic", "app-layer-protocol:!quic;", Some("app-layer-protocol")),
        ("udp", "app-layer-protocol:http;", Some("app-layer-protocol")),
        ("udp", "app-layer-protocol:!failed; app-layer-protocol:!quic;", Some("app-layer-protocol")),
        ("ip", "ip_proto:17; app-layer-protocol:ssh|smtp;", Some("app-layer-protocol")),
        ("tcp", "app-layer-protocol:ssh; app-layer-protocol:!ssh;", Some("app-layer-protocol")),
        ("tcp", "app-layer-protocol:ssh; app-layer-protocol:http;", Some("app-layer-protocol")),
        ("tcp", "app-layer-protocol:tls; finding:nottls.ssh;", Some("finding")),
        ("tcp", "app-layer-protocol:ssh; tls.sni; content:\"a\";", Some("app-layer-protocol")),
        ("tcp", "app-layer-protocol:ssh; ssl_version:tls1.2;", Some("app-layer-protocol")),
        ("tls", "app-layer-protocol:tls;", None),
        ("tls", "app-layer-protocol:!ssh;", None),
        ("tls", "finding:weak.*;", None),
        ("tls", "finding:nottls.*;", None), // a ClientHello that is answered with something else is one of them
        ("tls", "finding:!nottls.ssh;", None),
        ("quic", "app-layer-protocol:quic|tls;", None),
        ("udp", "app-layer-protocol:!http;", None),
        ("udp", "app-layer-protocol:unknown;", None),
        ("ip", "app-layer-protocol:quic|http;", None),
        ("tcp", "app-layer-protocol:ssh|http; app-layer-protocol:!ssh;", None),
        ("tcp", "app-layer-protocol:!tls; app-layer-protocol:!http;", None),
        ("tcp", "app-layer-protocol:ssh; finding:nottls.ssh;", None),
        ("tcp", "app-layer-protocol:tls; tls.sni; content:\"a\";", None),
        ("tcp", "app-layer-protocol:unknown|tls; ssl_version:tls1.2;", None),
    ] {
        let text = format!("alert {header} any any -> any any ({options} sid:1;)");
        let (_, report) = RuleSet::compile(&[Source { name: "x", text: &text }], &RuleConfig::default());
        let said = report.errors.first();
        assert_eq!(said.and_then(|e| e.keyword.as_deref()), expected, "{text}: {said:?}");
        assert!(said.is_none_or(|e| matches!(e.reason, Reason::NeverMatches(_))), "{text}: {said:?}");
    }
}

#[test]
fn a_tag_that_tells_nothing_is_noted() {
    for (value, noted) in [
        ("session,0,packets", 1),
        ("session,1,packets", 1),
        ("session,2,packets", 0),
        ("host,0,bytes,src", 1),
        ("host,0,seconds,src", 0),
        ("session", 0),
    ] {
        let text = format!("alert tls any any -> any any (tag:{value}; sid:1;)");
        let (_, report) = RuleSet::compile(&[Source { name: "x", text: &text }], &RuleConfig::default());
        assert_eq!((report.errors.len(), report.notes.len()), (0, noted), "{value}: {:?}", report.notes);
    }
}

#[test]
fn directions_that_exclude_each_other() {
    let never = |why: &str| format!("it can never match: {why}");
    check(&[
        (
            "flow:to_server,to_client; tls.sni; content:\"a\";",
            "to_server,",
            &never("a packet goes to the server or to the client, not both"),
        ),
        (
            "flow:established,not_established; tls.sni; content:\"a\";",
            "established,",
            &never("a flow is in one state of TCP's handshake"),
        ),
        ("flow:to_client; tls.sni; content:\"a\";", "to_client", &never("what it looks at goes the other way than `flow` says")),
        ("flow:not_established; tls.sni; content:\"a\";", "not_est", &never("a flow that speaks TLS is established")),
    ]);
    let found = diagnosis("=>", "flow:to_client; tls.sni; content:\"a\";").unwrap();
    assert_eq!(found.reason.to_string(), never("`=>` is to the server, `flow` says to the client"));
}

#[test]
fn what_can_match_loads() {
    for options in [
        "ja3.hash; content:\"6734F37431670B3AB4292B8F60F29984\";",
        "ja3.hash; content:\"6734f3\"; startswith;",
        "ja3.hash; content:!\"xyz\"; content:\"a\";",
        "tls.cert_fingerprint; content:\"6E:CE:5E\";",
        "ja4.hash; content:\"T13D1516H2_8DAAF6152771_02713D6AF862\"; nocase;",
        "ja4.hash; pcre:\"/^t13/\";",
        "tls.sni; content:\"shop\"; bsize:4; content:\"hop\"; distance:-3;",
        "tls.sni; content:\"ab\"; content:\"bc\"; bsize:3;",
        "tls.sni; content:\"www\"; startswith; content:\"www.a\"; startswith; content:\".com\"; endswith; content:\"com\"; endswith;",
        "tls.sni; content:\"WWW\"; startswith; nocase; content:\"www.a\"; startswith;",
        "tls.sni; to_lowercase; content:\"Shop\"; nocase;",
        "tls.sni; to_sha1; content:\"|a9 99 3e 36 47 06 81 6a ba 3e 25 71 78 50 c2 6c 9c d0 d8 9d|\";",
        "tls.sni; bsize:2<>5; bsize:>3; content:\"shop\";",
        "tls.sni; content:\"shop\"; content:!\"SHOP\";",
        "tls.sni; content:\"shop\"; nocase; content:!\"shop\";",
        "tls.sni; content:\"shop\"; content:!\"ho\"; offset:9;",
        "tls.sni; content:\"shop\"; content:!\"shop\"; startswith;",
        "tls.sni; content:\"shop\"; offset:1; depth:4; content:\"ho\"; offset:2; depth:2;",
        "tls.sni; content:\"shop\"; bsize:4; pcre:\"/^s/\";",
        "tls.sni; absent:or_else; content:\"www\"; startswith; content:\"mail\"; startswith;",
    ] {
        assert_eq!(diagnosis("->", options), None, "{options}");
    }
}

/// What `options` ask of `tls.sni`, whether it can be or not. `None` where an option by itself does not make sense.
fn asked(options: &[(&str, Option<String>)]) -> Option<Inspection> {
    let (config, mut shared, registry) = (RuleConfig::default(), Shared::default(), Registry::new());
    let mut builder = Builder::new(&config, &mut shared);
    registry.apply(&mut builder, "tls.sni", None).unwrap();
    options.iter().try_for_each(|(name, value)| registry.apply(&mut builder, name, value.as_deref())).ok()?;
    builder.close().unwrap();
    builder.inspections.pop()
}

/// A content of few letters, with modifiers.
fn content() -> impl Strategy<Value = Vec<(&'static str, Option<String>)>> {
    let place = prop_oneof![
        3 => Just(vec![]),
        1 => Just(vec!["startswith"]),
        1 => Just(vec!["endswith"]),
        1 => Just(vec!["startswith", "endswith"]),
        1 => Just(vec!["offset"]),
        1 => Just(vec!["offset", "depth"]),
        2 => Just(vec!["distance"]),
    ];
    (any::<bool>(), "[abA]{1,3}", place, -2_i32..4, any::<bool>()).prop_map(|(negated, pattern, place, n, nocase)| {
        let number = |name: &str| match name {
            "offset" => Some(n.max(0).to_string()),
            "depth" => Some(pattern.len().to_string()),
            "distance" => Some(n.to_string()),
            _ => None,
        };
        let negated = if negated { "!" } else { "" };
        let mut options = vec![("content", Some(format!("{negated}\"{pattern}\"")))];
        options.extend(place.into_iter().map(|name| (name, number(name))));
        options.extend(nocase.then_some(("nocase", None)));
        options
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn what_is_refused_matches_nothing(
        transform in prop_oneof![Just(None), Just(Some("to_lowercase")), Just(Some("to_uppercase"))],
        size in prop::option::of("[<>]?[0-5]"),
        contents in prop::collection::vec(content(), 1..4),
        values in prop::collection::vec("[abA]{0,5}", 20),
    ) {
        let mut options: Vec<(&str, Option<String>)> = transform.map(|name| (name, None)).into_iter().collect();
        options.extend(contents.into_iter().flatten());
        options.extend(size.map(|size| ("bsize", Some(size))));
        let Some(inspection) = asked(&options) else { return Ok(()) };
        if inspection.fault().is_some() {
            let matching = values.iter().find(|value| inspection.holds(value.as_bytes(), &mut Budget::new()));
            prop_assert_eq!(matching, None, "{:?}", options);
        }
    }
}
