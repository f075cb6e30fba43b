//! Which part of a session each keyword looks at, and in which direction.

use super::*;
use crate::protocol::tls::ProtocolVersion;

fn check(options: &str, session: &Session, expected: bool) {
    assert_eq!(fires(&format!("alert tls any any -> any any ({options} sid:1;)"), session), expected, "{options}");
}

#[test]
fn buffers_by_all_their_names() {
    let mut s = session();
    s.client_hello.as_mut().unwrap().alpn = ["h2", "http/1.1"].into();
    s.client_hello.as_mut().unwrap().random = std::array::from_fn(|i| i as u8);
    let ja = |c: &str| c.repeat(32);
    for options in [
        r#"tls.sni; content:"www.example.test"; bsize:16;"#,
        r#"tls_sni; content:"example";"#,
        r#"tls.cert_subject; content:"CN=www.example.test"; startswith; endswith;"#,
        r#"tls_cert_issuer; content:"Example CA";"#,
        r#"tls.cert_serial; content:"01"; bsize:2;"#,
        r#"tls.cert_fingerprint; content:"00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00";"#,
        r#"tls.certs; content:"CN=Example CA"; bsize:13;"#,
        "tls.cert_chain_len:2;",
        "tls.cert_chain_len:>1;",
        &format!(r#"ja3.hash; content:"{}";"#, ja("a")),
        &format!(r#"ja3_hash; content:"{}";"#, ja("A")),
        &format!(r#"ja3s.hash; content:"{}";"#, ja("b")),
        r#"ja3.string; content:"771,4865"; startswith;"#,
        r#"ja3s.string; content:",49199,";"#,
        r#"ja4.hash; content:"t13d1516h2_8daaf6152771_02713d6af862";"#,
        r#"tls.alpn; content:"http/1.1"; bsize:8;"#,
        r#"tls.random; content:"|00 01 02|"; startswith; bsize:32;"#,
        r#"tls.random_time; content:"|00 01 02 03|"; bsize:4;"#,
        r#"tls.random_bytes; content:"|04 05|"; startswith; bsize:28;"#,
        r#"tls.cipher; content:"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256";"#,
        r#"tls.subject:"www.example.test";"#,
        r#"tls.issuerdn:!"Other CA";"#,
        r#"tls.fingerprint:"00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00";"#,
    ] {
        check(options, &s, true);
    }
}

#[test]
fn what_is_absent_never_matches_not_even_by_negation() {
    let s = Session { client_hello: Some(ClientHello::default()), ..Session::default() };
    for options in [
        r#"tls.sni; content:!"x";"#,
        r#"tls.sni; bsize:0;"#,
        r#"tls.cert_subject; content:!"x";"#,
        r#"tls.subject:!"x";"#,
        r#"ja3.hash; content:!"x";"#,
        "tls.cert_chain_len:!3;",
        "flow:to_client; ssl_version:!sslv3;",
    ] {
        check(options, &s, false);
    }
}

#[test]
fn of_several_values_one_has_to_have_it_all() {
    check(r#"tls.certs; content:"Example CA"; tls.certs; content:"www";"#, &session(), true);
    check(r#"tls.certs; content:"Example CA"; content:"www";"#, &session(), false);
}

#[test]
fn a_second_mention_of_a_buffer_goes_on_with_the_first() {
    check(r#"tls.sni; content:"www"; ja3.hash; content:"aa"; tls.sni; content:".example"; within:8;"#, &session(), true);
    check(r#"tls.sni; content:"www"; ja3.hash; content:"aa"; tls.sni; content:"example"; within:7;"#, &session(), false);
}

#[test]
fn certificates_are_those_of_the_direction() {
    let mut s = session();
    s.client_certificates = vec![certificate("CN=client", "CN=Client CA")];
    check(r#"flow:to_server; tls.cert_subject; content:"CN=client";"#, &s, true);
    check(r#"flow:to_client; tls.cert_subject; content:"CN=client";"#, &s, false);
    check(r#"flow:to_client; tls.cert_subject; content:"CN=www";"#, &s, true);
    check(r#"tls.cert_subject; content:"CN=client";"#, &s, true);
    check(r#"tls.cert_subject; content:"CN=client"; tls.cert_issuer; content:"CN=Client CA";"#, &s, true);
    // One rule does not mix the two sides' certificates.
    check(r#"tls.cert_subject; content:"CN=client"; tls.cert_issuer; content:"CN=Example CA";"#, &s, false);
}

#[test]
fn client_and_server_facts_meet_in_one_rule() {
    check(r#"tls.sni; content:"example"; tls.cert_issuer; content:"Example CA";"#, &session(), true);
    check(r#"flow:to_server; ja3.hash; content:"aa"; ja3s.hash; content:"bb";"#, &session(), true);
    check(r#"flow:to_client; ja3.hash; content:"aa"; ja3s.hash; content:"bb";"#, &session(), true);
    check(r#"ja3.hash; content:"aa"; ja3s.hash; content:"aa";"#, &session(), false);
}

#[test]
fn versions() {
    // (hello's legacy version, supported_versions, ServerHello's version, keyword to the client, expected)
    let draft = 0x7f1c;
    for (chosen, keyword, expected) in [
        (0x0301, "ssl_version:tls1.0", true),
        (0x0301, "ssl_version:tls1.0,tls1.1", true),
        (0x0301, "ssl_version: sslv3 , tls1.0", true),
        (0x0301, "ssl_version:!tls1.0", false),
        (0x0301, "ssl_version:!sslv3", true),
        (0x0301, "ssl_version:!tls1.3,tls1.2", true),
        (0x0303, "ssl_version:!tls1.3,!tls1.2", false),
        (0x0304, "ssl_version:tls1.3", true),
        (draft, "ssl_version:tls1.3", true),
        (0x0302, "tls.version:1.1", true),
        (0x0302, r#"tls.version:"1.1""#, true),
        (0x0302, "tls.version:1.2", false),
        (draft, "tls.version:0x7f1c", true),
        (draft, "tls.version:1.3", true),
        (0x0304, "tls.version:0x7f1c", false),
    ] {
        let mut s = session();
        s.server_hello = Some(server_hello(chosen, 0xc02f));
        check(&format!("flow:to_client; {keyword};"), &s, expected);
    }
    let mut s = session();
    s.client_hello.as_mut().unwrap().supported_versions = vec![0x5a5a, ProtocolVersion::TLS1_3.0, ProtocolVersion::TLS1_2.0];
    check("flow:to_server; tls.version:1.3;", &s, true);
    check("flow:to_server; tls.version:1.2;", &s, false);
}
