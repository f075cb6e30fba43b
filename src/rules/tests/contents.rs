//! What `content`, its modifiers, `pcre`, `isdataat` and `bsize` mean, on one buffer.

use super::*;

#[test]
fn absolute_places() {
    check_values(&[
        (r#"content:"bcd";"#, &["bcd", "abcde"], &["bc", "BCD", ""]),
        (r#"content:"bcd"; nocase;"#, &["aBcDe"], &["bdc"]),
        (r#"content:"bcd"; offset:1;"#, &["abcd", "xxbcd"], &["bcd", "bcdx"]),
        (r#"content:"bcd"; depth:4;"#, &["bcd", "abcd"], &["aabcd"]),
        (r#"content:"bcd"; offset:1; depth:3;"#, &["abcd"], &["bcd", "aabcd"]),
        (r#"content:"bcd"; startswith;"#, &["bcd", "bcde"], &["abcd"]),
        (r#"content:"bcd"; endswith;"#, &["bcd", "bcdbcd", "abcd"], &["bcde"]),
        (r#"content:"bcd"; startswith; endswith;"#, &["bcd"], &["bcdbcd", "bcde", "abcd"]),
        (r#"content:"bcd"; depth:4; endswith;"#, &["abcd", "bcd"], &["aabcd"]),
        (r#"content:!"bcd";"#, &["bc", "x"], &["abcde"]),
        (r#"content:!".test"; endswith;"#, &["a.test.x"], &["a.test"]),
        (r#"content:!"ab"; startswith; content:"b";"#, &["bab"], &["abb"]),
    ]);
}

#[test]
fn relative_places() {
    check_values(&[
        (r#"content:"ab"; content:"cd"; distance:0;"#, &["abcd", "abxcd"], &["cdab", "ab"]),
        (r#"content:"ab"; content:"cd"; distance:1;"#, &["abxcd"], &["abcd"]),
        (r#"content:"ab"; content:"bc"; distance:-1; within:2;"#, &["abc"], &["abbc"]),
        (r#"content:"ab"; content:"cd"; within:3;"#, &["abcd", "abxcd"], &["abxxcd", "cdab"]),
        (r#"content:"ab"; content:"cd"; distance:1; within:2;"#, &["abxcd"], &["abcd", "abxxcd"]),
        (r#"content:"ab"; content:!"cd"; within:2;"#, &["abxcd", "abx"], &["abcd"]),
        (r#"content:"ab"; isdataat:1,relative;"#, &["abc"], &["ab"]),
        (r#"content:"ab"; isdataat:!1,relative;"#, &["xab"], &["abc"]),
        (r#"content:"a"; isdataat:3;"#, &["abcd"], &["abc"]),
        (r#"content:"a"; isdataat:!3;"#, &["abc"], &["abcd"]),
        (r#"content:"a"; isdataat:0,relative;"#, &["a", "ab"], &[]),
        // A negative distance may lead before the last match, and before the buffer; `within` is counted from there.
        (r#"content:"cd"; content:"ab"; distance:-4; within:2;"#, &["abcd"], &["abxcd", "xcdab"]),
        (r#"content:"b"; content:"a"; distance:-5; within:4;"#, &["ab"], &["cba", "bbba"]),
        (r#"content:"ab"; pcre:"/^\d+$/R";"#, &["ab1", "xab22"], &["abx", "1ab"]),
        (r#"content:"ab"; pcre:!"/^\d/R";"#, &["abx", "ab"], &["ab1"]),
        (r#"pcre:"/a\d/"; content:"x"; within:1;"#, &["a1x", "a1a2x"], &["a1bx"]),
    ]);
}

#[test]
fn an_earlier_match_is_looked_for_again_where_a_later_one_depends_on_it() {
    check_values(&[
        (r#"content:"a"; content:"b"; within:1;"#, &["axab", "aab"], &["axb"]),
        (r#"content:"a"; content:"b"; distance:0; content:"c"; within:1;"#, &["abxabc", "abxbc"], &["abxb"]),
        (r#"content:"a"; content:!"b"; within:1; content:"c"; distance:0;"#, &["abacc"], &["abbc", "ab"]),
        (r#"content:"a"; isdataat:!1,relative;"#, &["aba"], &["ab"]),
        // The last one does not depend on where the first is.
        (r#"content:"a"; content:"b"; within:1; content:"z";"#, &["abz", "zab"], &["ab"]),
    ]);
}

#[test]
fn entropy() {
    check_values(&[
        ("entropy:value >= 3;", &["abcdefgh", "kq7zx1vb9w"], &["aaaaaaaa", "abababab"]),
        ("entropy:value 1;", &["abab"], &["abc"]),
        ("entropy:1;", &["abab"], &["abc"]),
        ("entropy:<1;", &["aaaa"], &["abab"]),
        ("entropy:bytes 4, offset 4, value = 2;", &["aaaaabcd", "aaaaabcdaaaa"], &["abcdaaaa", "abcd"]),
        ("entropy:value >1.9, offset 4;", &["aaaaabcd"], &["abcdaaaa"]),
        ("entropy:value 0.5-1.5;", &["abab"], &["aaaa", "abcd"]),
        ("entropy:value !0.5-1.5;", &["aaaa", "abcd"], &["abab"]),
        (r#"content:"."; entropy:value > 2;"#, &["ab.cd"], &["abcd", "a.a.a"]),
    ]);
    for bad in
        ["entropy:;", "entropy:value 9;", "entropy:value >;", "entropy:value 3-2;", "entropy:bytes x, value 3;", "entropy:bytes 4;"]
    {
        assert_ne!(refusal(bad), "", "{bad}");
    }
}

#[test]
fn sizes() {
    check_values(&[
        (r#"content:"ab"; bsize:2;"#, &["ab"], &["abc", "xab"]),
        ("bsize:>3;", &["abcd"], &["abc"]),
        ("bsize:2<>4;", &["abc"], &["ab", "abcd"]),
        (r#"bsize:3; content:"b";"#, &["abc"], &["b"]),
    ]);
}

#[test]
fn dotprefix_finds_a_domain_and_what_is_below_it() {
    check_values(&[
        (r#"dotprefix; content:".b.test"; endswith;"#, &["b.test", "a.b.test", "x.a.b.test"], &["ab.test", "b.test.x", "B.test"]),
        (r#"dotprefix; content:".B.test"; nocase; endswith;"#, &["b.TEST", "a.b.test"], &["ab.test"]),
        (r#"dotprefix; content:".b.test"; bsize:7;"#, &["b.test"], &["a.b.test"]),
        (r#"content:".b.test"; endswith;"#, &["a.b.test"], &["b.test"]),
        (r#"content:"b.test"; endswith;"#, &["ab.test", "b.test"], &["b.test.x"]),
    ]);
}

#[test]
fn fast_pattern_changes_nothing_but_the_cost() {
    check_values(&[
        (r#"content:"abc"; fast_pattern; content:"longer";"#, &["abclonger"], &["abc", "longer"]),
        (r#"content:"abcdef"; fast_pattern:2,3;"#, &["abcdef"], &["cde"]),
        (r#"content:"abc"; fast_pattern:only;"#, &["abc"], &["ab"]),
        (r#"content:!"abc"; content:"d"; fast_pattern;"#, &["d"], &["abcd"]),
    ]);
}

#[test]
fn what_makes_no_sense_is_refused() {
    for (options, expected) in [
        (r#"content:"abc"; depth:2;"#, "it can never match: the content is longer than its depth"),
        (r#"content:"abc"; within:2;"#, "it can never match: the content is longer than its within"),
        (r#"content:"abc"; bsize:2;"#, "it can never match: a content is longer than bsize allows"),
        (r#"content:"abc"; bsize:1<>3;"#, "it can never match: a content is longer than bsize allows"),
        (
            r#"content:"a"; startswith; offset:1;"#,
            "bad value: expected either an absolute place or one relative to the last match, not both",
        ),
        (
            r#"content:"a"; depth:1; distance:1;"#,
            "bad value: expected either an absolute place or one relative to the last match, not both",
        ),
        (r#"content:!"a"; offset:1; fast_pattern;"#, "bad value: expected no place for a negated content that has fast_pattern"),
        (r#"content:"abc"; fast_pattern:2,2;"#, "bad value: expected a part that lies within the content"),
        (r#"content:"a"; offset:-1;"#, "bad value: expected a number from 0 to 65535"),
        (r#"content:"a"; distance:65536;"#, "bad value: expected a number up to 65535"),
        (r#"content:"a"; distance:n;"#, "`n` was not extracted before in this buffer"),
        (r#"content:"a"; absent;"#, "it can never match: what is absent has nothing to match in (`absent:or_else`?)"),
        ("absent:or_else;", "bad value: expected something to match after absent:or_else"),
        (r#"content:"a"; replace:"b";"#, "not supported: packets are passed or dropped, never rewritten"),
        (r#"pcre:"/a/U";"#, "not supported: a flag that names a buffer of HTTP, which TLS hides"),
        (r#"pcre:"/(a)/, flow:x";"#, "not supported: captures into variables (flow, pkt, alert): nothing here reads them"),
        (r#"pcre:"/(?P<pkt_x>a)/";"#, "not supported: captures into variables (flow, pkt, alert): nothing here reads them"),
        (r#"content:"a"; isdataat:x;"#, "`x` was not extracted before in this buffer"),
        (r#"pcre:"/(?(?=a)b|c)/";"#, "a group with look-around as its condition is not supported yet"),
        (r#"pcre:"/(?R)/";"#, "recursion is not supported yet"),
    ] {
        assert_eq!(refusal(options), expected, "{options}");
    }
}

#[test]
fn what_neither_engine_has_is_refused() {
    for expression in ["(?J)a", "(?^)a", "(?=a)*b", r"(?<!a)+b", r"\Qa\E", r"a\Kb", "(*ACCEPT)a"] {
        let said = refusal(&format!("pcre:\"/{expression}/\";"));
        assert!(
            ["regular expression: ", "this escape", "a verb"].iter().any(|begin| said.starts_with(begin)),
            "{expression}: {said}"
        );
    }
}

#[test]
fn a_buffer_may_have_to_be_absent() {
    let silent = Session { client_hello: Some(ClientHello::default()), ..Session::default() };
    let rule = |options: &str| format!("alert tls any any -> any any (tls.sni; {options} sid:1;)");
    assert!(fires(&rule("absent;"), &silent));
    assert!(!holds("absent;", "a"));
    let or_else = r#"absent:or_else; content:"a";"#;
    assert!(fires(&rule(or_else), &silent) && holds(or_else, "a") && !holds(or_else, "b"));
    // Before the hello is seen, nothing is known to be absent from it.
    assert!(!fires(&rule("absent;"), &Session::default()));
}

/// What was not seen to the end, or is encrypted, may have what was not seen of it.
#[test]
fn what_may_not_have_been_seen_is_not_known_to_be_absent() {
    let rule = |options: &str| format!("alert tls any any -> any any ({options} sid:1;)");
    let with = |change: &dyn Fn(&mut Session)| {
        let mut session = Session {
            client_hello: Some(ClientHello::default()),
            server_hello: Some(ServerHello { legacy_version: 0x0303, ..ServerHello::default() }),
            server_certificates: vec![certificate("CN=a", "CN=a")],
            client_certificates: vec![certificate("CN=a", "CN=a")],
            ..Session::default()
        };
        change(&mut session);
        session
    };
    let whole = with(&|_| {});
    let client_cut = with(&|s| s.client_hello.as_mut().unwrap().cut = true);
    let server_cut = with(&|s| s.server_hello.as_mut().unwrap().cut = true);
    let [tls13, draft] =
        [0x0304, 0x7f1c].map(|version| with(&|s| s.server_hello.as_mut().unwrap().selected_version = Some(version)));
    let server_chain_cut = with(&|s| s.server_chain_truncated = true);
    let client_chain_cut = with(&|s| s.client_chain_truncated = true);
    for (options, unknown, known) in [
        ("tls.sni; absent;", &[&client_cut][..], &[&whole, &server_cut, &tls13][..]),
        (r#"tls.sni; absent:or_else; content:"zzz";"#, &[&client_cut], &[&whole, &tls13]),
        ("flow:to_server; tls.alpn; absent;", &[&client_cut], &[&whole, &server_cut, &tls13]),
        ("ja3.hash; absent;", &[&client_cut], &[&whole]),
        ("ja3.string; absent;", &[&client_cut], &[&whole]),
        ("ja4.hash; absent;", &[&client_cut], &[&whole]),
        ("tls.client_groups; absent;", &[&client_cut], &[&whole, &tls13]),
        ("tls.client_ciphers; absent;", &[&client_cut], &[&whole]),
        // RFC 8446 §4.3.1: what the server chose is in EncryptedExtensions.
        ("flow:to_client; tls.alpn; absent;", &[&server_cut, &tls13, &draft], &[&whole, &client_cut]),
        ("ja3s.hash; absent;", &[&server_cut], &[&whole, &tls13]),
        ("flow:to_client; tls.subjectaltname; absent;", &[&server_chain_cut], &[&whole, &client_chain_cut]),
        ("flow:to_server; tls.subjectaltname; absent;", &[&client_chain_cut], &[&whole, &server_chain_cut]),
    ] {
        unknown.iter().for_each(|session| assert!(!fires(&rule(options), session), "{options} of {session:?}"));
        known.iter().for_each(|session| assert!(fires(&rule(options), session), "{options} of {session:?}"));
    }
    // What was seen of a hello that is cut is there.
    let asks_zzz = with(&|s| s.client_hello = Some(ClientHello { cut: true, ..hello("zzz") }));
    assert!(fires(&rule(r#"tls.sni; absent:or_else; content:"zzz";"#), &asks_zzz));
}

#[test]
fn a_certificate_that_cannot_be_seen_is_not_absent() {
    let encrypted = Session {
        server_hello: Some(ServerHello { selected_version: Some(0x0304), ..server_hello(0x0303, 0x1301) }),
        ..asking("a")
    };
    let resumed = Session { server_hello: Some(server_hello(0x0303, 0xc02f)), ended: true, ..asking("a") };
    for buffer in ["tls.cert_subject", "tls.certs", "tls.subjectaltname", "tls.cert_sha256"] {
        for header in ["tls any any -> any any", "tls any any => any any"] {
            let text = format!("alert {header} ({buffer}; absent; sid:1;)");
            assert!(!fires(&text, &encrypted) && !fires(&text, &resumed), "{text}");
        }
    }
}

#[test]
fn expressions_may_look_around_and_back() {
    check_values(&[
        (r#"pcre:"/a(?=b)/";"#, &["ab"], &["ac", "a"]),
        (r#"pcre:"/^(?!www\.).*\.test$/";"#, &["x.test"], &["www.x.test"]),
        (r#"pcre:"/(?<=a)b/";"#, &["ab"], &["b", "cb"]),
        (r#"pcre:"/(?<!a)b/i";"#, &["cb", "B"], &["ab", "AB"]),
        (r#"pcre:"/^(a|b)\1$/";"#, &["aa", "bb"], &["ab"]),
        (r#"pcre:"/^(?P<x>[ab])-(?P=x)\k<x>\g{x}$/";"#, &["a-aaa", "b-bbb"], &["a-aab"]),
        (r#"pcre:"/^(a)\g{1}\g1$/";"#, &["aaa"], &["aa"]),
        (r#"pcre:"/^a++b/";"#, &["aab"], &["aac"]),
        (r#"pcre:"/^a*+a/";"#, &[], &["aaa"]),
        (r#"pcre:"/^a{1,2}+a/";"#, &["aaa"], &["aa"]),
        (r#"pcre:"/^(a)?(?(1)b|c)d/";"#, &["abd", "cd"], &["acd", "bd"]),
        (r#"pcre:"/^(?>a|ab)c/";"#, &["ac"], &["abc"]),
        // Relative to the last match, look-behind sees nothing before it, as with PCRE's subject in Suricata.
        (r#"content:"x"; pcre:"/^(?!b)./R";"#, &["xa"], &["xb", "x"]),
        (r#"pcre:!"/a(?!b)/";"#, &["ab", "c"], &["ac"]),
        (r#"pcre:"/a(?=\d)/"; content:"1"; within:1;"#, &["a1", "a2a1"], &["a2"]),
        (r#"pcre:"/\xc3(?=\xa9)/";"#, &["\u{e9}"], &["\u{e8}"]),
    ]);
}

#[test]
fn an_expression_that_goes_back_too_often_does_not_match() {
    let set = rules(r#"alert tls any any -> any any (tls.sni; pcre:"/(?:(a+)\1?)+c/"; sid:1;)"#);
    let (mut scratch, mut out) = (Scratch::default(), Vec::new());
    for (value, expected) in [("caac".to_owned(), (1, 0)), ("c".to_owned() + &"a".repeat(200), (1, 1))] {
        set.evaluate(&subject(Some(&asking(&value))), &mut FlowRules::default(), &mut HostState::default(), &mut scratch, &mut out);
        assert_eq!((out.len(), scratch.counters().budget_spent), expected);
    }
}

#[test]
fn regular_expressions_are_those_of_pcre() {
    check_values(&[
        (r#"pcre:"/^a.c$/";"#, &["abc", "abc\n"], &["a\nc", "xabc", "abcd"]),
        (r#"pcre:"/^a.c$/s";"#, &["a\nc"], &["abcd"]),
        (r#"pcre:"/^a.c$/E";"#, &["abc"], &["abc\n"]),
        (r#"pcre:"/^b$/m";"#, &["a\nb\nc"], &["ab"]),
        (r#"pcre:"/A b # c/ix";"#, &["ab"], &["a b"]),
        (r#"pcre:"/b/A";"#, &["bc"], &["ab"]),
        (r#"pcre:"/^[a-z0-9]{3,}\.(?:com|net)$/i";"#, &["ABC1.com"], &["ab.com", "abc.org"]),
        (r#"pcre:"/[[\]&&a-]/";"#, &["[", "]", "&", "-", "a"], &["b", "\\"]),
        (r#"pcre:"/[\w-.]x/";"#, &["-x", ".x"], &["+x"]),
        (r#"pcre:"/a{,2}{/";"#, &["a{,2}{"], &["aa{"]),
        (r#"pcre:"/\x41\x{42}\x9\h\/\;/";"#, &["AB\t\t/;", "AB\t /;"], &["AB/;"]),
        (r#"pcre:"/[[:digit:]]{2}\Z/";"#, &["12", "12\n"], &["1"]),
        // pcre2pattern, "Non-printing characters" and "Backslash and digits": octal where it is no back-reference; what \c takes from a letter.
        (r#"pcre:"/^\167\16x\0101\o{102}$/";"#, &["w\u{e}x\u{8}1B"], &["w"]),
        (r#"pcre:"/^[\167\12\0118]$/";"#, &["w", "\n", "\t", "8"], &["1", "7"]),
        (r#"pcre:"/^\cA\ci\c[\c{$/";"#, &["\u{1}\t\u{1b};"], &["A"]),
        (r#"pcre:"/^(a)(b)(c)(d)(e)(f)(g)(h)(i)(j)\10\11$/";"#, &["abcdefghijj\t"], &["abcdefghija0"]),
        (r#"pcre:"/^(?<x>a)(?:b)\1$/";"#, &["aba"], &["abb"]),
        (r#"pcre:!"/a/";"#, &["b"], &["a"]),
        (r#"pcre:"/\xff/";"#, &[], &["ÿ"]),
        // The number of a byte in braces, with any number of digits; a letter of ASCII or not.
        (r#"pcre:"/^\x{c3}\x{A9}\x{5D}\x{7b}\x{9}\x{0041}$/";"#, &["\u{e9}]{\tA"], &["e]{\tA"]),
        (r#"pcre:"/^[\x{80}-\x{ff}]+$/";"#, &["\u{e9}\u{20ac}"], &["e"]),
        (r#"pcre:"/^[^\x{5d}\x{2D}-\x{2f}]$/";"#, &["a", "\\"], &["]", "-", ".", "/"]),
        (r#"pcre:"/^\x{c3}(?=\x{a9})/";"#, &["\u{e9}"], &["\u{e8}"]),
        (r#"pcre:!"/^\x{c3}\x{a9}/";"#, &["e"], &["\u{e9}"]),
        // "Full stop (period, dot) and \N".
        (r#"pcre:"/^a\N{2}\Nb$/s";"#, &["a\r..b"], &["a\n..b", "a..b"]),
        // Without UTF a character beyond ASCII is its bytes (here C3 A9), wherever it stands.
        (r#"pcre:"/^[é]{2}$/";"#, &["\u{e9}"], &["\u{e9}\u{e9}", "e"]),
        (r#"pcre:"/^.[à-é]$/";"#, &["\u{e8}", "\u{e9}"], &["\u{c0}", "ae"]),
        (r#"pcre:"/^é?x/";"#, &["\u{e9}x"], &["x"]),
        (r#"pcre:"/^\é+$/i";"#, &["\u{e9}"], &["\u{c9}", "\u{e9}\u{e9}"]),
    ]);
}

#[test]
fn what_hangs_on_how_pcre_was_built_is_refused() {
    for (expression, said) in [
        (r"\pL", "a Unicode property is not supported yet"),
        (r"[\p{L}]", "a Unicode property is not supported yet"),
        (r"\P{Lu}", "a Unicode property is not supported yet"),
        (r"\477", "regular expression: a character above 255"),
        (r"\o7", "regular expression: \\o without digits in braces"),
        (r"\o{+7}", "regular expression: \\o without digits in braces"),
        (r"\x{100}", "regular expression: a character above 255"),
        (r"[\x{123456789}]", "regular expression: a character above 255"),
        (r"\x{}", "regular expression: \\x{ without hexadecimal digits and a brace that closes it"),
        (r"\x{+4}", "regular expression: \\x{ without hexadecimal digits and a brace that closes it"),
        (r"\x{41", "regular expression: \\x{ without hexadecimal digits and a brace that closes it"),
        (r"\N{U+41}", "this escape of PCRE is not supported yet"),
        (r"[\N]", "this escape of PCRE in a class is not supported yet"),
        (r"\c", "regular expression: \\c without a character"),
    ] {
        let text = format!("alert tls any any -> any any (tls.sni; pcre:\"/{expression}/\"; sid:1;)");
        let (_, report) = RuleSet::compile(&[Source { name: "x", text: &text }], &RuleConfig::default());
        assert_eq!(report.errors[0].reason.to_string(), said, "{expression}");
    }
}

#[test]
fn work_on_one_value_is_bounded() {
    let contents = r#"content:"a"; "#.to_owned() + &r#"content:"a"; distance:0; "#.repeat(40) + r#"content:"b"; distance:0;"#;
    let set = rules(&format!(r#"alert tls any any -> any any (tls.sni; {contents} content:"z"; within:1; sid:1;)"#));
    let session = asking(&("a".repeat(200) + "bzz"));
    let (mut flow, mut scratch, mut out) = (FlowRules::default(), Scratch::default(), Vec::new());
    let hostile = asking(&("a".repeat(200) + "bxz"));
    set.evaluate(&subject(Some(&hostile)), &mut flow, &mut HostState::default(), &mut scratch, &mut out);
    assert_eq!((out.len(), scratch.counters().budget_spent), (0, 1));
    set.evaluate(&subject(Some(&session)), &mut FlowRules::default(), &mut HostState::default(), &mut scratch, &mut out);
    assert_eq!((out.len(), scratch.counters().budget_spent), (1, 1));
}
