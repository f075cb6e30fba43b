//! `iprep` and `geoip`.

use super::*;
use crate::rules::reputation::tests::{database, reputation};

/// Whether the rule with these options fires at the first packet from 10.0.0.1 to 198.18.0.1; or why it does not load.
fn fires(options: &str, config: &RuleConfig) -> Result<bool, String> {
    let text = format!("drop ip any any => any any ({options}; sid:1;)");
    let (set, report) = RuleSet::compile(&[Source { name: "x.rules", text: &text }], config);
    match report.errors.first() {
        Some(error) => Err(error.to_string()),
        None => Ok(!play(&set, &[subject(None)]).0.is_empty()),
    }
}

#[test]
fn reputation_and_country_of_either_end() {
    let config = RuleConfig {
        reputation: Some(Arc::new(reputation())),
        geoip: Some(Arc::new(GeoIp::read(database("DE")).unwrap())),
        ..RuleConfig::default()
    };
    for (options, expected) in [
        ("iprep:dst,BadHosts,>,100", true),
        ("iprep:dst,BadHosts,>,101", false),
        ("iprep:dst,BadHosts,>=,101", true),
        ("iprep:dst, BadHosts, =, 101", true),
        ("iprep:dst,BadHosts,<,101", false),
        ("iprep:dst,BadHosts,<=,101", true),
        ("iprep:src,BadHosts,<,127", false),
        ("iprep:any,BadHosts,isset", true),
        ("iprep:both,BadHosts,isset", false),
        ("iprep:both,Google,isset", true),
        ("iprep:src,BadHosts,isnotset", true),
        ("iprep:dst,BadHosts,isnotset", false),
        ("geoip:src,DE", true),
        ("geoip:src,us,de", true),
        ("geoip:src,!DE", false),
        ("geoip:src,!US,!FR", true),
        ("geoip:src,!US,DE", false),
        ("geoip:any,DE", true),
        ("geoip:both,DE", false),
        // Of this address no country is known.
        ("geoip:dst,DE", false),
        ("geoip:dst,!DE", false),
    ] {
        assert_eq!(fires(options, &config), Ok(expected), "{options}");
    }
}

#[test]
fn what_cannot_load_says_why() {
    let bare = RuleConfig::default();
    let full = RuleConfig { reputation: Some(Arc::new(reputation())), ..RuleConfig::default() };
    for (options, config, said) in [
        (
            "iprep:dst,BadHosts,isset",
            &bare,
            "iprep: the files that it looks things up in are not there (name them: --iprep-categories FILE and --iprep FILE)",
        ),
        ("geoip:dst,DE", &full, "geoip: the files that it looks things up in are not there (name them: --geoip FILE)"),
        ("iprep:dst,Nobody,isset", &full, "iprep: no category `Nobody` is in the categories file"),
        ("iprep:up,BadHosts,isset", &full, "iprep: bad value: expected any, src, dst or both first"),
        ("iprep:dst,BadHosts,>,128", &full, "iprep: bad value: expected a score from 0 to 127"),
        (
            "iprep:dst,BadHosts",
            &full,
            "iprep: bad value: expected which,category,operator,score or which,category,isset or isnotset",
        ),
        ("geoip:dst,DE,!FR", &full, "geoip: bad value: expected countries of two letters each, or ! before the first"),
        ("geoip:DE", &full, "geoip: bad value: expected which,[!]code,code"),
    ] {
        let error = fires(options, config).unwrap_err();
        assert!(error.ends_with(said), "{error}");
    }
}
