//! `dataset`: whether a buffer's whole value is in a file.

use super::*;
use crate::rules::{DatasetFile, DatasetKind};

/// `www.example.test` and `a`, in Base64.
const NAMES: &str = "d3d3LmV4YW1wbGUudGVzdA==\nYQ==\n";

fn compile(options: &str, config: &RuleConfig) -> (RuleSet, LoadReport) {
    let text = format!("alert tls any any -> any any (tls.sni; {options} sid:1;)");
    RuleSet::compile(&[Source { name: "test.rules", text: &text }], config)
}

fn config(kind: DatasetKind, text: &str) -> RuleConfig {
    let mut config = RuleConfig::default();
    assert_eq!(config.add_dataset("x", kind, &Source { name: "x.lst", text }), []);
    config
}

#[test]
fn the_whole_value_after_transforms_is_looked_up() {
    // printf a | md5sum; printf a | sha256sum
    let md5 = "0CC175B9C0F1B6A831C399E269772661";
    let sha256 = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb";
    for (kind, text, options, value, expected) in [
        (DatasetKind::Text, NAMES, "dataset:isset,x;", "www.example.test", true),
        (DatasetKind::Text, NAMES, "dataset:isset,x,type string,load x.lst;", "a", true),
        (DatasetKind::Text, NAMES, "dataset:isset,x;", "www.example.tes", false),
        (DatasetKind::Text, NAMES, "dataset:isset,x;", "A", false),
        (DatasetKind::Text, NAMES, "to_lowercase; dataset:isset,x;", "A", true),
        (DatasetKind::Text, NAMES, "dataset:isnotset,x;", "A", true),
        (DatasetKind::Text, NAMES, "dataset:isnotset, x;", "a", false),
        (DatasetKind::Text, NAMES, "dataset:isset,x; content:\"www\";", "a", false),
        (DatasetKind::Md5, md5, "to_md5; dataset:isset,x,type md5;", "a", true),
        (DatasetKind::Md5, md5, "to_md5; dataset:isset,x;", "b", false),
        (DatasetKind::Sha256, sha256, "to_sha256; dataset:isset,x;", "a", true),
        (DatasetKind::Sha256, sha256, "dataset:isnotset,x;", "a", false),
    ] {
        let (set, report) = compile(options, &config(kind, text));
        assert_eq!(report.errors, [], "{options}");
        assert_eq!(!play(&set, &[subject(Some(&asking(value)))]).0.is_empty(), expected, "{options} on {value}");
    }
}

#[test]
fn what_does_not_load_says_why() {
    for (options, said) in [
        ("dataset:isset,y;", "no file for data set `y` was loaded"),
        ("dataset:isset,x,type md5;", "data set `x` has another type elsewhere"),
        ("dataset:set,x;", "changing a data set is not supported yet"),
        ("dataset:isset,x,state x.lst;", "a data set that is saved is not supported yet"),
        ("dataset:isset,x,type ip;", "a data set of addresses is not supported yet"),
        ("dataset:isset,x,load x.lst;", "bad value: expected a type beside load"),
        ("dataset:isset;", "bad value: expected isset or isnotset, a name, and type string|md5|sha256, load FILE"),
    ] {
        let (_, report) = compile(options, &config(DatasetKind::Text, NAMES));
        assert_eq!(report.errors[0].reason.to_string(), said, "{options}");
    }
}

#[test]
fn the_files_that_rules_load_are_named() {
    let text = "alert tls any any -> any any (tls.sni; dataset:isset,a,type string,load d/a.lst; sid:1;)\n\
                # alert tls any any -> any any (tls.sni; dataset:isset,b,type string,load b.lst; sid:2;)\n\
                alert tls any any -> any any (tls.sni; dataset:isset,c; sid:3;)\n";
    let files = DatasetFile::named_in(&[Source { name: "r/x.rules", text }]);
    let (name, path, source) = ("a".to_owned(), "d/a.lst".to_owned(), "r/x.rules".to_owned());
    assert_eq!(files, [DatasetFile { name, kind: DatasetKind::Text, path, source }]);
}

#[test]
fn lines_that_are_no_values_are_told() {
    for (kind, line) in [(DatasetKind::Text, "www.example"), (DatasetKind::Md5, "0cc1"), (DatasetKind::Sha256, "zz")] {
        let mistakes = RuleConfig::default().add_dataset("x", kind, &Source { name: "x.lst", text: line });
        assert_eq!(mistakes.len(), 1, "{line}");
    }
}
