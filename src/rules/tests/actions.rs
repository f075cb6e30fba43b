//! Headers, stages, directions, and what actions do to one another.

use super::*;
use crate::protocol::tls::session::Stage;

#[test]
fn headers_follow_the_direction_of_what_is_matched() {
    let s = session();
    for (rule, expected) in [
        (r#"alert tls $HOME_NET any -> $EXTERNAL_NET 443 (tls.sni; content:"w"; sid:1;)"#, true),
        (r#"alert tls $EXTERNAL_NET any -> $HOME_NET any (tls.sni; content:"w"; sid:1;)"#, false),
        (r#"alert tls $EXTERNAL_NET 443 -> $HOME_NET any (tls.cert_subject; content:"w"; sid:1;)"#, true),
        (r#"alert tls $HOME_NET any -> $EXTERNAL_NET any (tls.cert_subject; content:"w"; sid:1;)"#, false),
        (r#"alert tls $EXTERNAL_NET any <> $HOME_NET any (tls.sni; content:"w"; sid:1;)"#, true),
        (r#"alert tls $EXTERNAL_NET any <> $EXTERNAL_NET any (tls.sni; content:"w"; sid:1;)"#, false),
        // The later of two facts decides, where flow does not.
        (r#"alert tls $EXTERNAL_NET any -> $HOME_NET any (tls.sni; content:"w"; ja3s.hash; content:"b"; sid:1;)"#, true),
        (
            r#"alert tls $HOME_NET any -> $EXTERNAL_NET any (flow:to_server; tls.sni; content:"w"; ja3s.hash; content:"b"; sid:1;)"#,
            true,
        ),
        (r#"alert tls $HOME_NET any => $EXTERNAL_NET any (tls.sni; content:"w"; tls.cert_subject; content:"w"; sid:1;)"#, true),
        (r#"alert tcp 10.0.0.0/8 [1024:] -> [198.18.0.0/15,!198.18.0.2] [443,8443] (tls.sni; content:"w"; sid:1;)"#, true),
        (r#"alert ip any any -> any !443 (tls.sni; content:"w"; sid:1;)"#, false),
        ("alert tls $HOME_NET any -> any 443 (sid:1;)", true),
        ("alert tls any 443 -> any any (sid:1;)", true),
        ("alert tls any 443 -> any any (flow:to_server; sid:1;)", false),
    ] {
        assert_eq!(fires(rule, &s), expected, "{rule}");
    }
}

#[test]
fn a_match_says_which_way_it_was() {
    for (options, direction) in [
        (r#"tls.sni; content:"w";"#, FlowDirection::ToServer),
        (r#"tls.cert_subject; content:"w";"#, FlowDirection::ToClient),
        (r#"tls.sni; content:"w"; ja3s.hash; content:"b";"#, FlowDirection::ToClient),
        ("", FlowDirection::ToServer),
        ("flow:from_server;", FlowDirection::ToClient),
    ] {
        let set = rules(&format!("alert tls any any -> any any ({options} sid:1;)"));
        let mut out = Vec::new();
        set.evaluate(&subject(Some(&session())), &mut FlowRules::default(), &mut Scratch::default(), &mut out);
        assert_eq!(out.iter().map(|m| m.direction).collect::<Vec<_>>(), [direction], "{options}");
    }
}

#[test]
fn a_rule_fires_as_soon_as_its_facts_are_there_and_once() {
    let set = rules(
        r#"
        alert tls any any -> any any (tls.sni; content:"www"; sid:1;)
        alert tls any any -> any any (tls.cert_subject; content:"www"; sid:2;)
        alert tls any any -> any any (tls.sni; content:"www"; tls.cert_issuer; content:"Example"; sid:3;)
        alert tls any any -> any any (flow:established; sid:4;)
        alert tls any any -> any any (flow:to_server; tls.cert_subject; content:"client"; sid:5;)
        "#,
    );
    let whole = session();
    let hello = asking("www.example.test");
    let answered = Session { server_hello: whole.server_hello.clone(), ..hello.clone() };
    let mut mutual = whole.clone();
    mutual.client_certificates = vec![certificate("CN=client", "CN=Client CA")];
    mutual.stage = Stage::Closed;
    let steps = [&hello, &hello, &answered, &whole, &whole, &mutual, &mutual].map(|s| subject(Some(s)));
    let fired_by = |n: usize| play(&set, &steps[..n]).0;
    assert_eq!(fired_by(1), [1, 4]);
    assert_eq!(fired_by(3), [1, 4]);
    assert_eq!(fired_by(4), [1, 4, 2, 3]);
    assert_eq!(fired_by(7), [1, 4, 2, 3, 5]);
}

#[test]
fn facts_may_come_in_any_order() {
    let set = rules(r#"alert tls any any -> any any (tls.sni; content:"www"; ja3s.hash; content:"b"; sid:1;)"#);
    let whole = session();
    let server_first = Session { client_hello: None, client_fingerprints: None, ..whole.clone() };
    let client_first = Session { server_hello: None, server_fingerprints: None, server_certificates: vec![], ..whole.clone() };
    for first in [&server_first, &client_first] {
        assert!(play(&set, &[subject(Some(first))]).0.is_empty());
        assert_eq!(play(&set, &[subject(Some(first)), subject(Some(&whole))]).0, [1]);
    }
}

#[test]
fn a_tls_rule_without_buffer_waits_for_a_hello_or_the_end() {
    let set = rules("alert tls any any -> any any (sid:1;)");
    let (empty, mut closed) = (Session::default(), Session::default());
    closed.stage = Stage::Closed;
    assert!(play(&set, &[subject(None), subject(Some(&empty))]).0.is_empty());
    assert_eq!(play(&set, &[subject(None), subject(Some(&empty)), subject(Some(&closed))]).0, [1]);
    assert!(play(&set, &[Subject { app_proto: AppProto::NotTls, ..subject(None) }]).0.is_empty());
}

#[test]
fn rules_of_flows_without_tls() {
    let start = subject(None);
    let established = Subject { established: true, ..start };
    let other = Subject { app_proto: AppProto::NotTls, ..established };
    let hello = asking("www.example.test");
    let tls = subject(Some(&hello));
    for (options, at_start, at_established, not_tls, is_tls) in [
        ("", true, true, true, true),
        ("flow:to_server;", true, true, true, true),
        ("flow:stateless;", true, true, true, true),
        ("flow:not_established;", true, true, true, true),
        ("flow:established;", false, true, true, true),
        ("flow:to_client;", false, false, true, true),
        ("app-layer-protocol:!tls;", false, false, true, false),
        ("flow:established,to_server; app-layer-protocol:tls;", false, false, false, true),
    ] {
        let set = rules(&format!("alert tcp any any -> any any ({options} sid:1;)"));
        let fired = |steps: &[Subject<'_>]| !play(&set, steps).0.is_empty();
        assert_eq!(fired(&[start]), at_start, "{options} at the start");
        assert_eq!(fired(&[start, established]), at_established, "{options} established");
        assert_eq!(fired(&[start, established, other]), not_tls, "{options} not TLS");
        assert_eq!(fired(&[start, established, tls]), is_tls, "{options} TLS");
        assert!(play(&set, &[start, established, tls]).0.len() < 2, "{options} fires once");
    }
    // A flow that is joined in the middle is established from the start.
    assert!(play(&rules("alert tcp any any -> any any (flow:not_established; sid:1;)"), &[established]).0.is_empty());
}

#[test]
fn actions_act_in_order() {
    let sni = |action: &str, sid: u32, more: &str| {
        format!("{action} tls any any -> any any (tls.sni; content:\"w\"; {more} sid:{sid};)\n")
    };
    let s = asking("www.example.test");
    let steps = [subject(None), subject(Some(&s))];
    let case = |rules_text: &[String], sids: &[u32], verdict| {
        assert_eq!(play(&rules(&rules_text.concat()), &steps), (sids.to_vec(), verdict), "{rules_text:?}");
    };
    case(&[sni("alert", 1, ""), sni("drop", 2, ""), sni("pass", 3, "")], &[], Verdict::Pass);
    case(&[sni("alert", 1, ""), sni("pass", 2, "alert;")], &[2], Verdict::Pass);
    case(&[sni("alert", 1, ""), sni("drop", 2, "")], &[2, 1], Verdict::Drop);
    case(&[sni("alert", 1, ""), sni("rejectboth", 2, "")], &[2, 1], Verdict::Reject(RejectTarget::Both));
    case(&[sni("rejectsrc", 1, ""), sni("drop", 2, "")], &[2, 1], Verdict::Drop);
    case(&[sni("drop", 1, "noalert;")], &[], Verdict::Drop);
    case(&[sni("alert", 1, ""), sni("alert", 2, "priority:2;"), sni("alert", 3, "priority:1;")], &[3, 2, 1], Verdict::None);
    case(&[sni("alert", 1, "classtype:misc-activity;"), sni("alert", 2, "classtype:trojan-activity;")], &[2, 1], Verdict::None);
}

#[test]
fn after_a_verdict_nothing_is_tried_on_the_flow() {
    for (action, verdict) in [("pass", Verdict::Pass), ("drop", Verdict::Drop), ("reject", Verdict::Reject(RejectTarget::Source))] {
        let set = rules(&format!(
            "{action} tcp any any -> any 443 (noalert; sid:1;)\nalert tls any any -> any any (tls.sni; content:\"w\"; sid:2;)"
        ));
        let s = session();
        assert_eq!(play(&set, &[subject(None), subject(Some(&s))]), (vec![], verdict));
    }
}

#[test]
fn an_allow_list_passes_the_handshake_and_then_decides() {
    let set = rules(
        r#"
        pass tcp any any <> any 443 (flow:not_established; sid:1;)
        pass tls any any -> any 443 (tls.sni; content:"allowed.test"; bsize:12; sid:2;)
        drop ip any any -> any any (flow:stateless; sid:3;)
        "#,
    );
    let (good, bad) = (asking("allowed.test"), asking("other.test"));
    let start = subject(None);
    let established = Subject { established: true, app_proto: AppProto::Tls, ..start };
    assert_eq!(play(&set, &[start, established]), (vec![], Verdict::None));
    assert_eq!(play(&set, &[start, established, subject(Some(&good))]), (vec![], Verdict::Pass));
    assert_eq!(play(&set, &[start, established, subject(Some(&bad))]), (vec![3], Verdict::Drop));
    let not_tls = Subject { app_proto: AppProto::NotTls, ..established };
    assert_eq!(play(&set, &[start, established, not_tls]), (vec![3], Verdict::Drop));
}
