//! Keywords about what was seen of a handshake: states, dates, events; and our own.

use super::*;
use crate::protocol::tls::Ech;
use crate::protocol::tls::session::{Alert, Anomaly, Stage, View};
use crate::protocol::x509::Time;

/// Rows of options that hold on a session, and of such that do not.
fn check(session: &Session, holding: &[&str], not_holding: &[&str]) {
    let fires = |options: &str| fires(&format!("alert tls any any -> any any ({options} sid:1;)"), session);
    for options in holding {
        assert!(fires(options), "{options}");
    }
    for options in not_holding {
        assert!(!fires(options), "{options}");
    }
}

/// A session whose server sent one certificate with these facts.
fn serving(facts: CertificateFacts) -> Session {
    let leaf = Certificate { facts: Some(facts), sha256: [0xab; 32], ..Certificate::default() };
    Session { server_certificates: vec![Arc::new(leaf)], ..session() }
}

fn dark(session: Session) -> Session {
    let view = View { seen: true, dark: true, ..View::default() };
    Session { client_view: view, server_view: view, stage: Stage::Dark, ..session }
}

#[test]
fn states_are_the_messages_seen() {
    let hello = asking("a.test");
    check(
        &hello,
        &[
            "ssl_state:client_hello;",
            "ssl_state:client_hello|server_hello;",
            "ssl_state:!server_hello;",
            "ssl.state: client_hello , server_keyx;",
        ],
        &["ssl_state:server_hello;", "ssl_state:client_keyx;", "ssl_state:!client_hello;", "ssl_state:unknown;"],
    );
    let exchanged = Session { client_key_exchange: true, server_key_exchange: true, ..session() };
    check(
        &exchanged,
        &[
            "flow:to_client; ssl_state:server_keyx;",
            "flow:to_server; ssl_state:client_keyx;",
            "flow:to_client; ssl_state:server_hello|unknown;",
            "flow:to_server; ssl_state:!client_hello;",
        ],
        &["flow:to_client; ssl_state:unknown;"],
    );
    let joined = Session { ended: true, ..Session::default() };
    check(&joined, &["ssl_state:unknown;"], &["ssl_state:client_hello;", "ssl_state:!unknown;"]);
}

#[test]
fn dates_of_the_certificate_are_compared() {
    // 2015-02-12T18:07:27 to 2025-02-09T18:07:27
    let day = |seconds| Some(Time::from_unix(seconds));
    let s =
        serving(CertificateFacts { not_before: day(1_423_764_447), not_after: day(1_739_124_447), ..CertificateFacts::default() });
    check(
        &s,
        &[
            "tls_cert_notafter:>2015;",
            "tls_cert_notbefore:<2025;",
            "tls_cert_notbefore:2015;",
            "tls_cert_notbefore:2015-02-12;",
            "tls_cert_notbefore:2015-02-12T18:07:27;",
            "tls_cert_notbefore:1423764447;",
            "tls_cert_notbefore:>2015-02-12 18:07:26;",
            "tls_cert_notafter:2025-02-01<>2025-03-01;",
            "tls_cert_expired;", // tests are in 2026
            "flow:to_client; tls_cert_expired;",
        ],
        &[
            "tls_cert_notafter:>2025-02-10;",
            "tls_cert_notbefore:<2015-02-12;",
            "tls_cert_notbefore:2014;",
            "tls_cert_notafter:2014<>2015;",
            "tls_cert_valid;",
            "flow:to_server; tls_cert_expired;",
        ],
    );
    let dateless = serving(CertificateFacts::default());
    check(&dateless, &[], &["tls_cert_expired;", "tls_cert_valid;", "tls_cert_notafter:>1970;"]);
}

#[test]
fn a_certificate_is_valid_to_its_last_second() {
    let until = |seconds| serving(CertificateFacts { not_after: Some(Time::from_unix(seconds)), ..CertificateFacts::default() });
    let now = i64::try_from(NOW.as_secs()).unwrap();
    check(&until(now), &["tls_cert_valid;"], &["tls_cert_expired;"]);
    check(&until(now - 1), &["tls_cert_expired;"], &["tls_cert_valid;"]);
}

#[test]
fn an_event_is_of_who_sent_it() {
    let mut s = session();
    s.note(Anomaly::InvalidCertificate);
    s.server_view.anomalies.insert(Anomaly::InvalidCertificate);
    check(
        &s,
        &[
            "app-layer-event:tls.invalid_certificate;",
            "flow:established; app-layer-event:tls.invalid_certificate;",
            "flow:to_client; app-layer-event:tls.invalid_certificate;",
        ],
        &["flow:to_server; app-layer-event:tls.invalid_certificate;", "app-layer-event:tls.invalid_record_type;"],
    );
}

#[test]
fn an_event_that_comes_late_is_seen() {
    let set = rules(
        "alert tls any any -> any any (app-layer-event:tls.heartbeat_message; sid:1;)\n\
         alert tls any any -> any any (app-layer-event:tls.overflow_heartbeat_message; tls.sni; content:\"a.test\"; sid:2;)",
    );
    let (first, mut second) = (asking("a.test"), asking("a.test"));
    second.client_view.anomalies.insert(Anomaly::HeartbeatMessage);
    let mut third = second.clone();
    third.client_view.anomalies.insert(Anomaly::OverflowHeartbeat);
    for (steps, expected) in
        [(vec![&first, &second, &third], vec![1, 2]), (vec![&first, &third], vec![1, 2]), (vec![&first], vec![])]
    {
        let subjects: Vec<_> = steps.into_iter().map(|s| subject(Some(s))).collect();
        assert_eq!(play(&set, &subjects).0, expected);
    }
}

#[test]
fn events_that_are_never_raised_load_with_a_note() {
    let text = "alert tls any any -> any any (app-layer-event:tls.invalid_tls_header; sid:1;)";
    let (set, report) = RuleSet::compile(&[Source { name: "test.rules", text }], &RuleConfig::default());
    assert_eq!((set.len(), &report.errors[..]), (1, &[][..]));
    assert!(
        matches!(&report.notes[..], [Diagnostic { reason: Reason::NeverRaised(name), .. }] if name == "tls.invalid_tls_header")
    );
    rules("alert tcp any any -> any any (app-layer-event:applayer_mismatch_protocol_both_directions; sid:1;)");
}

#[test]
fn parameters_go_by_their_names() {
    let mut s = session();
    let hello = s.client_hello.as_mut().unwrap();
    hello.cipher_suites = vec![0x0a0a, 0x1301, 0x0005];
    hello.groups = vec![0x1a1a, 0x11ec, 0x001d];
    s.server_key_exchange_group = Some(0x0017);
    s.alerts =
        vec![Alert { from_client: true, level: 2, description: 48 }, Alert { from_client: false, level: 2, description: 0xee }];
    check(
        &s,
        &[
            r#"tls.cipher; content:"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256";"#,
            r#"tls.client_ciphers; content:"TLS_RSA_WITH_RC4_128_SHA"; startswith; endswith;"#,
            r#"tls.client_groups; content:"MLKEM";"#,
            r#"tls.group; content:"secp256r1"; bsize:9;"#,
            r#"flow:to_server; tls.alert; content:"unknown_ca";"#,
            r#"flow:to_client; tls.alert; content:"0x00ee";"#,
            r#"tls.client_groups; content:"MLKEM"; tls.group; content:!"MLKEM";"#,
        ],
        &[
            r#"tls.client_ciphers; content:"GREASE";"#,
            r#"tls.client_groups; content:"GREASE";"#,
            r#"flow:to_client; tls.alert; content:"unknown_ca";"#,
            r#"tls.client_ciphers; content:"AES"; content:"RC4";"#,
        ],
    );
    s.server_hello.as_mut().unwrap().cipher_suite = 0x4242;
    check(&s, &[r#"tls.cipher; content:"0x4242";"#], &[]);
}

#[test]
fn questions_are_answered_when_they_can_be() {
    let plain = asking("a.test");
    check(
        &plain,
        &["tls.ech:no;", "tls.early_data:no;"],
        &["tls.ech:yes;", "tls.early_data:yes;", "tls.hrr:no;", "tls.pq:no;", "tls.resumed:no;"],
    );
    let mut s = dark(session());
    let hello = s.client_hello.as_mut().unwrap();
    (hello.ech, hello.early_data) = (Some(Ech::Inner), true);
    let retry = server_hello(0x0303, 0x1301);
    s.hello_retry_request = Some(Box::new(retry));
    s.server_key_exchange_group = Some(0x11ec);
    check(
        &s,
        &[
            "tls.ech:yes;",
            "tls.early_data:yes;",
            "tls.hello_retry:yes;",
            "tls.post_quantum:yes;",
            "tls.resumed:no;",
            "tls.complete:yes;",
        ],
        &["tls.ech:no;", "tls.early_data:no;", "tls.hrr:no;", "tls.pq:no;", "tls.resumed:yes;", "tls.complete:no;"],
    );
    let not = dark(session());
    check(&not, &["tls.hrr:no;", "tls.pq:no;"], &["tls.hrr:yes;", "tls.pq:yes;"]);
    let broken = Session { ended: true, ..asking("a.test") };
    check(&broken, &["tls.complete:no;"], &["tls.complete:yes;", "tls.resumed:no;", "tls.pq:no;"]);
}

#[test]
fn resumption_is_told_by_what() {
    let mut s = dark(Session { server_certificates: vec![], ..session() });
    s.client_hello.as_mut().unwrap().session_id = vec![1];
    s.server_hello.as_mut().unwrap().session_id = vec![1];
    check(&s, &["tls.resumed:yes;", "tls.resumed:session_id;"], &["tls.resumed:no;", "tls.resumed:ticket;", "tls.resumed:psk;"]);
}

#[test]
fn facts_of_a_certificate() {
    let day = |n: i64| Some(Time::from_unix(i64::try_from(NOW.as_secs()).unwrap() + n * 86_400));
    let s = serving(CertificateFacts {
        key_type: "EC".into(),
        key_curve: Some("secp256r1".into()),
        key_bits: Some(256),
        signature_algorithm: "ecdsa-with-SHA256".into(),
        not_before: day(-3),
        not_after: day(87),
        is_ca: Some(false),
        self_issued: true,
        ..CertificateFacts::default()
    });
    check(
        &s,
        &[
            &format!(r#"tls.cert_sha256; content:"{}";"#, "AB".repeat(32)),
            r#"tls.cert_sigalg; content:"SHA256"; endswith;"#,
            r#"tls.cert_key; content:"EC secp256r1"; bsize:12;"#,
            "tls.cert_key_size:256;",
            "tls.cert_key_size:<2048;",
            "tls.cert_days:90;",
            "tls.cert_age:<7;",
            "tls.cert_age:3;",
            "tls.cert_ca:no;",
            "tls.cert_self_issued:yes;",
        ],
        &["tls.cert_key_size:>256;", "tls.cert_days:>90;", "tls.cert_ca:yes;", "tls.cert_self_issued:no;"],
    );
    let from_the_future = serving(CertificateFacts { not_before: day(1), ..CertificateFacts::default() });
    check(&from_the_future, &[], &["tls.cert_age:<7;", "tls.cert_age:!3;", "tls.cert_key_size:!1;"]);
}

#[test]
fn a_rule_that_stores_certificates_need_not_alert() {
    for (options, expected) in [("tls.store;", (true, true)), ("tls_store; noalert;", (false, true)), ("", (true, false))] {
        let set = rules(&format!("alert tls any any -> any any (tls.sni; content:\"a\"; {options} sid:1;)"));
        let rule = set.rules().next().unwrap();
        assert_eq!((rule.alerts, rule.stores_certificates), expected, "{options}");
        assert_eq!(play(&set, &[subject(Some(&asking("a.test")))]).0, [1], "{options}");
    }
}

#[test]
fn a_rule_knows_which_of_its_keywords_are_our_own() {
    let set = rules(r#"alert tls any any -> any any (tls.sni; content:"a"; tls.hrr:no; tls.cipher; content:"RC4"; sid:1;)"#);
    assert_eq!(&*set.rules().next().unwrap().own_keywords, ["tls.hello_retry", "tls.cipher"]);
}

#[test]
fn values_that_are_none_are_refused() {
    for options in [
        "ssl_state:hello;",
        "ssl_state:;",
        "tls_cert_notafter:soon;",
        "tls_cert_notafter:2025<>2015;",
        "tls_cert_expired:yes;",
        "app-layer-event:tls.nonsense;",
        "app-layer-event:http.header;",
        "app-layer-protocol:http;",
        "app-layer-protocol:!tls;",
        "app-layer-protocol:failed|unknown;",
        "app-layer-protocol:!unknown;",
        "app-layer-protocol:tls,both;",
        "app-layer-protocol:tls,to_server,to_client;",
        "app-layer-protocol:html;",
        "tls.ech:maybe;",
        "tls.resumed:twice;",
        "tls.cert_days:long;",
        "tls.store:dir;",
    ] {
        let text = format!("alert tls any any -> any any ({options} sid:1;)");
        let (set, report) = RuleSet::compile(&[Source { name: "test.rules", text: &text }], &RuleConfig::default());
        assert_eq!((set.len(), report.errors.len()), (0, 1), "{options}");
    }
}
