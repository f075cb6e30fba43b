//! What `content`, its modifiers, `pcre`, `isdataat` and `bsize` mean, on one buffer.

use super::*;

/// Whether `options` hold for a buffer with `value`.
fn holds(options: &str, value: &str) -> bool {
    fires(&format!("alert tls any any -> any any (tls.sni; {options} sid:1;)"), &asking(value))
}

#[track_caller]
fn check(cases: &[(&str, &[&str], &[&str])]) {
    for (options, matching, others) in cases {
        matching.iter().for_each(|value| assert!(holds(options, value), "{options} has to match {value:?}"));
        others.iter().for_each(|value| assert!(!holds(options, value), "{options} must not match {value:?}"));
    }
}

#[test]
fn absolute_places() {
    check(&[
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
    check(&[
        (r#"content:"ab"; content:"cd"; distance:0;"#, &["abcd", "abxcd"], &["cdab", "ab"]),
        (r#"content:"ab"; content:"cd"; distance:1;"#, &["abxcd"], &["abcd"]),
        (r#"content:"ab"; content:"bc"; distance:-1; within:2;"#, &["abc"], &["abbc"]),
        (r#"content:"ab"; content:"cd"; within:3;"#, &["abcd", "abxcd"], &["abxxcd", "cdab"]),
        (r#"content:"ab"; content:"cd"; distance:1; within:2;"#, &["abxcd"], &["abcd", "abxxcd"]),
        (r#"content:"ab"; content:!"cd"; within:2;"#, &["abxcd", "abx"], &["abcd"]),
        (r#"content:"ab"; isdataat:1,relative;"#, &["abc"], &["ab"]),
        (r#"content:"ab"; isdataat:!1,relative;"#, &["xab"], &["abc"]),
        (r#"content:"a"; isdataat:3;"#, &["abcd"], &["abc"]),
        (r#"content:"ab"; pcre:"/^\d+$/R";"#, &["ab1", "xab22"], &["abx", "1ab"]),
        (r#"content:"ab"; pcre:!"/^\d/R";"#, &["abx", "ab"], &["ab1"]),
        (r#"pcre:"/a\d/"; content:"x"; within:1;"#, &["a1x", "a1a2x"], &["a1bx"]),
    ]);
}

#[test]
fn an_earlier_match_is_looked_for_again_where_a_later_one_depends_on_it() {
    check(&[
        (r#"content:"a"; content:"b"; within:1;"#, &["axab", "aab"], &["axb"]),
        (r#"content:"a"; content:"b"; distance:0; content:"c"; within:1;"#, &["abxabc", "abxbc"], &["abxb"]),
        (r#"content:"a"; content:!"b"; within:1; content:"c"; distance:0;"#, &["abacc"], &["abbc", "ab"]),
        (r#"content:"a"; isdataat:!1,relative;"#, &["aba"], &["ab"]),
        // The last one does not depend on where the first is.
        (r#"content:"a"; content:"b"; within:1; content:"z";"#, &["abz", "zab"], &["ab"]),
    ]);
}

#[test]
fn sizes() {
    check(&[
        (r#"content:"ab"; bsize:2;"#, &["ab"], &["abc", "xab"]),
        ("bsize:>3;", &["abcd"], &["abc"]),
        ("bsize:2<>4;", &["abc"], &["ab", "abcd"]),
        (r#"bsize:3; content:"b";"#, &["abc"], &["b"]),
    ]);
}

#[test]
fn dotprefix_finds_a_domain_and_what_is_below_it() {
    check(&[
        (r#"dotprefix; content:".b.test"; endswith;"#, &["b.test", "a.b.test", "x.a.b.test"], &["ab.test", "b.test.x", "B.test"]),
        (r#"dotprefix; content:".B.test"; nocase; endswith;"#, &["b.TEST", "a.b.test"], &["ab.test"]),
        (r#"dotprefix; content:".b.test"; bsize:7;"#, &["b.test"], &["a.b.test"]),
        (r#"content:".b.test"; endswith;"#, &["a.b.test"], &["b.test"]),
        (r#"content:"b.test"; endswith;"#, &["ab.test", "b.test"], &["b.test.x"]),
    ]);
}

#[test]
fn fast_pattern_changes_nothing_but_the_cost() {
    check(&[
        (r#"content:"abc"; fast_pattern; content:"longer";"#, &["abclonger"], &["abc", "longer"]),
        (r#"content:"abcdef"; fast_pattern:2,3;"#, &["abcdef"], &["cde"]),
        (r#"content:"abc"; fast_pattern:only;"#, &["abc"], &["ab"]),
        (r#"content:!"abc"; content:"d"; fast_pattern;"#, &["d"], &["abcd"]),
    ]);
}

#[test]
fn regular_expressions_are_those_of_pcre() {
    check(&[
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
        (r#"pcre:!"/a/";"#, &["b"], &["a"]),
        (r#"pcre:"/\xff/";"#, &[], &["ÿ"]),
    ]);
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
