//! What a rule author is told: by `rules check` what does not load, never matches or is slow; by `rules list` how a rule is tried.

use serde_json::{Value, json};

use crate::util::Dir;
use crate::util::run::Ran;

fn rules(args: &[&str]) -> Ran {
    Ran::with([&["rules"][..], args].concat())
}

fn text(ran: &Ran) -> String {
    String::from_utf8(ran.stdout.clone()).unwrap()
}

const GOOD: &str = "alert tls any any -> any any (msg:\"good\"; tls.sni; content:\"shop\"; sid:1;)\n";
const SLIP: &str = "alert tls any any -> any any (msg:\"slip\"; tls.sin; content:\"shop\"; sid:2;)\n";
const SLOW: &str = "alert tls any any -> any any (msg:\"slow\"; tls.sni; pcre:\"/a+b/\"; sid:3;)\n";

#[test]
fn a_mistake_is_shown_with_its_place_and_a_hint() {
    let dir = Dir::new();
    let file = dir.file("my.rules", [GOOD, SLIP].concat());
    let ran = rules(&["check", &file]).expect(1);
    let expected = format!(
        "{file}:2:43: error [2]: tls.sin: `tls.sin` is no keyword
    {}
    {:42}^
    hint: did you mean `tls.sni`?
1 rule loaded, 1 not
",
        SLIP.trim_end(),
        ""
    );
    assert_eq!(text(&ran), expected);
}

#[test]
fn rules_that_all_load_are_counted() {
    let dir = Dir::new();
    dir.file("set/a.rules", GOOD);
    dir.file("set/b.rules", format!("# alert tls any any -> any any (sid:9;)\n{}", GOOD.replace("sid:1", "sid:2")));
    let ran = rules(&["check", dir.path("set").to_str().unwrap()]).expect(0);
    assert_eq!(text(&ran), "2 rules loaded, 0 not, 1 disabled\n");
    rules(&["check", "/no/such.rules"]).expect(1);
    rules(&["check"]).expect(2);
}

#[test]
fn warnings_are_failures_where_it_is_asked_strictly() {
    let dir = Dir::new();
    let slow = dir.file("slow.rules", SLOW);
    assert!(text(&rules(&["check", &slow]).expect(0)).ends_with("1 rule loaded, 0 not, 1 slow\n"));
    rules(&["check", "--strict", &slow]).expect(1);
    let own = dir.file("own.rules", GOOD.replace("tls.sni", "tls.cipher"));
    rules(&["check", "--strict", &own]).expect(0);
    let ran = rules(&["check", "--strict", "--suricata", &own]).expect(1);
    assert!(text(&ran).contains("not portable [1]: tls.cipher: a keyword of Portcullis's own"), "{}", text(&ran));
}

#[test]
fn findings_are_objects_for_other_programs() {
    let dir = Dir::new();
    let file = dir.file("my.rules", [GOOD, SLIP, SLOW].concat());
    let ran = rules(&["check", "--json", &file]).expect(1);
    let objects: Vec<Value> = text(&ran).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(objects.len(), 2);
    assert_eq!(
        objects[0],
        json!({
            "kind": "error", "file": file, "line": 2, "column": 43, "sid": 2, "keyword": "tls.sin",
            "message": "`tls.sin` is no keyword", "hint": "did you mean `tls.sni`?",
        })
    );
    assert_eq!((&objects[1]["kind"], &objects[1]["line"], &objects[1]["sid"]), (&json!("slow"), &json!(3), &json!(3)));
    assert_eq!(ran.stderr, "2 rules loaded, 1 not, 1 slow\n");
}

#[test]
fn ports_that_are_not_watched_are_told() {
    let dir = Dir::new();
    let file = dir.file("my.rules", GOOD.replace("any any (", "any 8443 ("));
    let ran = rules(&["check", "--strict", &file]).expect(1);
    assert!(text(&ran).contains(":1:1: never matches [1]: it can never match: no flow that is watched"), "{}", text(&ran));
    rules(&["check", "--strict", "--ports", "443,8443", &file]).expect(0);
    rules(&["check", "--ports", "none", &file]).expect(2);
}

#[test]
fn lists_are_checked_and_listed_beside_rules() {
    let dir = Dir::new();
    let (list, odd) = (dir.file("phish.txt", "evil.test\nbad.test\n"), dir.file("odd.txt", "evil.test\n!\n"));
    let suppress = dir.file("t.config", "suppress gen_id 8443, sig_id 1\n");
    let ran = rules(&["check", "--block-domains", &list, "--threshold-config", &suppress]).expect(0);
    assert_eq!(text(&ran), "0 rules loaded, 0 not, 1 list of 2 entries\n");
    let ran = rules(&["check", "--list", &format!("domains={odd}")]).expect(1);
    assert!(text(&ran).starts_with(&format!("{odd}:2:1: error: ")), "{}", text(&ran));
    assert!(text(&ran).ends_with("0 rules loaded, 0 not, 1 list of 1 entry, 1 other line not read\n"), "{}", text(&ran));
    let listed = rules(&["list", "--block-domains", &list]).expect(0);
    assert_eq!(text(&listed), format!("{list}\n      8443:1  drop        phish.txt: listed domain\n"));
    assert!(
        text(&rules(&["list", "--block-domains", &list, "--sid", "8443:1"]).expect(0)).contains("  cost      lowest: one look-up")
    );
    let ran = rules(&["list", "--block-domains", &list, "--sid", "1:1"]).expect(1);
    assert!(ran.stderr.contains("no rule that loads has gid 1 and sid 1"), "{}", ran.stderr);
}

#[test]
fn the_rules_that_ship_pass_strictly() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/rules");
    rules(&["check", "--strict", folder]).expect(0);
}

#[test]
fn the_rules_that_ship_are_listed_by_file() {
    let listed = text(&rules(&["list"]).expect(0));
    let file = listed.find("rules/weak-cryptography.rules\n  Cryptography that no longer protects").expect(&listed);
    let rule = listed.find("     8443401  alert       PORTCULLIS SSL 2.0 negotiated\n").expect(&listed);
    assert!(file < rule);
}

#[test]
fn one_rule_is_shown_as_it_is_tried() {
    let dir = Dir::new();
    let file = dir.file("my.rules", [GOOD, SLOW].concat());
    let shown = text(&rules(&["list", "--sid", "1", &file]).expect(0));
    assert!(shown.starts_with(&format!("{file}:1\n{GOOD}")), "{shown}");
    for line in [
        "  header    alert tls any any -> any any (shared with 1 other)\n",
        "  kind      session\n",
        "  tried     to the server; needs ClientHello\n",
        "  found by  tls.sni has \"shop\"",
        "  asks      tls.sni: 1 content\n",
        "  cost      low:",
    ] {
        assert!(shown.contains(line), "{line} in {shown}");
    }
    let ran = rules(&["list", "--sid", "7", &file]).expect(1);
    assert!(ran.stderr.contains("no rule that loads has sid 7"), "{}", ran.stderr);
}
