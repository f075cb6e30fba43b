//! Random steps on random values: the matcher finds a way through them exactly where trying all ways does.

use proptest::prelude::*;
use proptest::strategy::ValueTree;

use super::*;
use crate::rules::builder::Builder;
use crate::rules::field::Extracted;
use crate::rules::inspect::{Content, Inspection, Pcre, Step};
use crate::rules::keyword::Registry;
use crate::rules::matcher::Budget;
use crate::rules::parse;
use crate::rules::shared::Shared;

fn content() -> impl Strategy<Value = String> {
    let text = prop::sample::select(vec!["a", "b", "ab", "ba", "A", "|01|", "|02|a"]);
    let modifiers = prop::sample::select(vec![
        "",
        "nocase;",
        "offset:1;",
        "depth:3;",
        "offset:1; depth:2;",
        "startswith;",
        "endswith;",
        "distance:0;",
        "distance:1;",
        "within:3;",
        "distance:1; within:2;",
        "distance:-2; within:3;",
        "distance:-2;",
        "offset:n;",
        "distance:n;",
        "distance:m;",
        "offset:n; depth:m;",
    ]);
    (prop::bool::weighted(0.25), text, modifiers)
        .prop_map(|(negated, text, m)| format!("content:{}\"{text}\"; {m}", if negated { "!" } else { "" }))
}

fn step() -> impl Strategy<Value = String> {
    let other = prop::sample::select(vec![
        "isdataat:2;",
        "isdataat:!1,relative;",
        "isdataat:n,relative;",
        "byte_test:1,<,3,0;",
        "byte_test:1,!=,2,0,relative;",
        "byte_test:1,=,n,-1,relative;",
        "byte_test:1,&,1,m;",
        "byte_jump:1,0;",
        "byte_jump:1,0,relative;",
        "byte_jump:1,-1,relative,bitmask 3;",
        "byte_jump:0,0,from_end,post_offset -2;",
        "byte_extract:1,0,n,relative;",
        "byte_extract:1,1,n,bitmask 3;",
        "byte_math:bytes 1,offset 0,oper -,rvalue n,result m,relative,bitmask 3;",
        r#"pcre:"/a./";"#,
        r#"pcre:"/^b?/R";"#,
        r#"pcre:!"/ab$/";"#,
        r#"pcre:"/(a|b)\1/R";"#,
        r#"pcre:"/a(?!b)/";"#,
    ]);
    let twice = r#"content:"a"; byte_extract:1,0,n,relative,bitmask 7; content:"b"; offset:n;"#;
    prop_oneof![6 => content(), 4 => other.prop_map(str::to_owned), 1 => Just(twice.to_owned())]
}

/// Some steps; `n` and `m` are there for them.
fn steps() -> impl Strategy<Value = String> {
    let setup = "byte_extract:1,0,n,bitmask 3; byte_math:bytes 1,offset 0,oper -,rvalue 1,result m,bitmask 3;";
    let first = prop::sample::select(vec![setup]);
    (first, prop::collection::vec(step(), 1..4)).prop_map(|(first, steps)| format!("{first} {}", steps.concat()))
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop::sample::select(vec![b'a', b'b', b'A', 0, 1, 2, 3]), 1..12)
}

/// What `options` ask of one buffer, where they make sense.
fn inspection(options: &str) -> Option<Inspection> {
    let text = format!("alert tls any any -> any any (tls.sni; {options})");
    let (config, mut shared) = (RuleConfig::default(), Shared::default());
    let mut builder = Builder::new(&config, &mut shared);
    let registry = Registry::new();
    for option in parse::rule(&text).unwrap().options {
        registry.apply(&mut builder, option.name, option.value).ok()?;
    }
    builder.close().ok()?;
    builder.inspections.pop()
}

/// Whether some way leads through all of `steps`, the last match having ended at `last`. What was extracted on the way is in
/// `kept`, by step.
fn some_way(steps: &[Step], value: &[u8], last: usize, kept: &[u64], all: &[Step]) -> bool {
    let Some((step, rest)) = steps.split_first() else { return true };
    let extracted = extracted(kept, all);
    let mut kept = kept.to_vec();
    let ends: Vec<usize> = match step {
        Step::Content(c) => {
            let found = ends_of(c, value, last, &extracted);
            if c.negated { Vec::from_iter(found.is_empty().then_some(last)) } else { found }
        }
        Step::Pcre(p) => {
            let found = ends_of_pcre(p, value, last);
            if p.negated { Vec::from_iter(found.is_empty().then_some(last)) } else { found }
        }
        Step::IsDataAt(i) => {
            let at = i.at.signed(&extracted);
            let room = value.len() as i64 - if i.relative { last as i64 } else { 1 };
            Vec::from_iter((i.negated != (at >= 0 && at <= room)).then_some(last))
        }
        Step::ByteTest(t) => Vec::from_iter(t.holds(value, last, &extracted).then_some(last)),
        Step::Entropy(e) => Vec::from_iter(e.holds(value).then_some(last)),
        Step::Base64(_) => unreachable!("no case has it"),
        Step::ByteJump(j) => j.target(value, last, &extracted).into_iter().collect(),
        Step::Extract(e) => match e.result(value, last, &extracted) {
            Some((n, end)) => {
                kept.push(n);
                vec![end]
            }
            None => vec![],
        },
    };
    ends.into_iter().any(|end| some_way(rest, value, end, &kept, all))
}

/// The variables after as many extractions as there are in `kept`.
fn extracted(kept: &[u64], all: &[Step]) -> Extracted {
    let mut extracted = Extracted::default();
    let slots = all.iter().filter_map(|s| match s {
        Step::Extract(e) => Some(e.slot),
        _ => None,
    });
    slots.zip(kept).for_each(|(slot, value)| extracted.set(slot, *value));
    extracted
}

/// Where `content` ends, at each place where it may be.
fn ends_of(content: &Content, value: &[u8], last: usize, extracted: &Extracted) -> Vec<usize> {
    let number = |n: Option<crate::rules::field::Place>| n.map(|n| n.signed(extracted));
    let relative = content.distance.is_some() || content.within.is_some();
    let (from, room) = match relative {
        true => (last as i64 + number(content.distance).unwrap_or(0), number(content.within)),
        false => (number(content.offset).unwrap_or(0), number(content.depth)),
    };
    let same = |window: &[u8]| {
        if content.nocase { window.eq_ignore_ascii_case(&content.pattern) } else { *window == *content.pattern }
    };
    let fits = |start: usize, end: usize| {
        start as i64 >= from
            && room.is_none_or(|room| end as i64 <= from + room)
            && (!content.startswith || start == 0)
            && (!content.endswith || end == value.len())
    };
    let len = content.pattern.len();
    let windows = value.windows(len).enumerate().filter(|(_, window)| same(window));
    windows.map(|(start, _)| (start, start + len)).filter(|(start, end)| fits(*start, *end)).map(|(_, end)| end).collect()
}

/// Where an expression's match ends, at each place where one begins.
fn ends_of_pcre(pcre: &Pcre, value: &[u8], last: usize) -> Vec<usize> {
    let base = if pcre.relative { last } else { 0 };
    let text = &value[base..];
    let at = |start: usize| pcre.regex.find_at(text, start).unwrap().filter(|found| found.0 == start);
    (0..=text.len()).filter_map(at).map(|(_, end)| base + end).collect()
}

#[test]
fn random_steps_and_values_meet() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let case = (steps(), value());
    let (mut found, mut lost) = (0, 0);
    for _ in 0..400 {
        let (options, value) = case.new_tree(&mut runner).unwrap().current();
        match inspection(&options).map(|i| i.holds(&value, &mut Budget::new())) {
            Some(true) => found += 1,
            Some(false) => lost += 1,
            None => {}
        }
    }
    assert!(found > 30 && lost > 100, "{found} {lost}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn a_way_is_found_where_there_is_one(options in steps(), value in value()) {
        if let Some(inspection) = inspection(&options) {
            let mut budget = Budget::new();
            let found = inspection.holds(&value, &mut budget);
            if budget.is_spent() {
                prop_assert!(!found, "a value that took too much work counts as not matching");
                return Ok(());
            }
            prop_assert_eq!(found, some_way(&inspection.steps, &value, 0, &[], &inspection.steps), "{} on {:?}", options, value);
        }
    }
}
