//! Suricata's keywords about TLS, in each of their forms, on a capture: what fires, and what must not.
//!
//! The values are those that `tshark` and `openssl x509` read from pcaps/tls12.pcap.

use std::collections::BTreeMap;

use crate::util::run::Ran;
use crate::util::tls::ClientHello;
use crate::util::{Conversation, Dir, Portcullis, Side};

/// Options of a rule `alert tls any any -> any any`, and how often it fires on the one session there.
const FORMS: &[(&str, usize)] = &[
    (r#"tls.sni; content:"www.shop.example"; bsize:16;"#, 1),
    (r#"tls_sni; content:"shop"; startswith;"#, 0),
    (r#"tls.sni; dotprefix; content:".shop.example"; endswith;"#, 1),
    (r#"tls.sni; domain; content:"shop.example"; bsize:12;"#, 1),
    (r#"tls.sni; tld; content:"example"; bsize:7;"#, 1),
    (r#"tls.sni; to_uppercase; content:"WWW"; startswith;"#, 1),
    ("tls.sni; to_md5; bsize:16;", 1),
    (r#"tls.sni; xor:"20"; content:"WWW"; startswith;"#, 1),
    (r#"tls.sni; pcrexform:"^www\.(.*)$"; content:"shop"; startswith;"#, 1),
    (r#"tls.sni; url_decode; content:"www"; startswith;"#, 1),
    (r#"tls.sni; content:"www"; isdataat:!20,relative; pcre:"/^\.shop/R";"#, 1),
    (r#"tls.cert_subject; content:"CN=www.shop.example"; bsize:19;"#, 1),
    (r#"tls_cert_subject; content:"Root";"#, 0),
    (r#"tls.cert_issuer; content:"Issuing CA G2"; endswith;"#, 1),
    (r#"tls_cert_issuer; content:"O=Example Trust";"#, 1),
    (r#"tls.cert_serial; content:"53:01:b0:a7:c4:e2:9f:1d";"#, 1),
    (r#"tls_cert_serial; content:"53:01:B0:A7:C4:E2:9F:1E";"#, 0),
    (r#"tls.cert_fingerprint; content:"88:59:35:63:dc:6b:de:58:58:ea:cd:4d:7c:45:5a:45:31:4c:e8:07";"#, 1),
    (r#"tls_cert_fingerprint; content:"88:59:35:63:DC:6B:DE:58:58:EA:CD:4D:7C:45:5A:45:31:4C:E8:07";"#, 1),
    (r#"tls.subjectaltname; content:"*.cdn.shop.example";"#, 1),
    (r#"tls.subjectaltname; content:"nope.example";"#, 0),
    (r#"tls.certs; content:"|55 04 03|";"#, 1),
    ("tls.cert_chain_len:2;", 1),
    ("tls.cert_chain_len:>2;", 0),
    ("tls.cert_chain_len:1<>3;", 1),
    ("tls.cert_chain_len:!2;", 0),
    (r#"tls.random; content:"|45 c3 e1 64|"; startswith; bsize:32;"#, 1),
    (r#"tls.random_time; content:"|45 c3 e1 64|"; bsize:4;"#, 1),
    (r#"tls.random_bytes; content:"|f2 2e 58 19|"; startswith; bsize:28;"#, 1),
    (r#"tls_random_bytes; content:"|45 c3|"; startswith;"#, 0),
    (r#"tls_random_time; content:"|a7 c9 1b 05|";"#, 1),
    ("flow:to_client; tls.version:1.2;", 1),
    ("flow:to_client; tls.version:1.3;", 0),
    ("flow:to_client; tls.version:0x0303;", 1),
    ("flow:to_client; ssl_version:tls1.2;", 1),
    ("flow:to_client; ssl_version:!tls1.2;", 0),
    ("flow:to_client; ssl_version:tls1.1,tls1.2;", 1),
    ("ssl_state:client_hello;", 1),
    ("ssl_state:server_hello;", 1),
    ("ssl_state:client_keyx;", 1),
    ("ssl_state:server_keyx;", 1),
    ("ssl_state:unknown;", 0),
    ("tls_cert_notbefore:2026-01-01;", 1),
    ("tls_cert_notbefore:>2026-01-02;", 0),
    ("tls_cert_notafter:2027-12-31<>2028-01-02;", 1),
    ("tls_cert_notafter:<2028;", 0),
    ("tls_cert_notbefore:1767225600;", 1),
    ("tls_cert_notbefore:2026-01-01T00:00:00;", 1),
    ("tls_cert_expired;", 0),
    ("tls_cert_valid;", 1),
    (r#"tls.subject:"CN=www.shop.example";"#, 1),
    (r#"tls.subject:!"CN=www.shop.example";"#, 0),
    (r#"tls.issuerdn:"O=Example Trust";"#, 1),
    (r#"tls.issuerdn:!"O=Other";"#, 1),
    (r#"tls.fingerprint:"88:59:35:63:dc:6b:de:58:58:ea:cd:4d:7c:45:5a:45:31:4c:e8:07";"#, 1),
    (r#"tls.fingerprint:!"88:59:35:63:dc:6b:de:58:58:ea:cd:4d:7c:45:5a:45:31:4c:e8:07";"#, 0),
    (r#"ja3.hash; content:"871a754af286dfb70c1b53c6887c62e0";"#, 1),
    (r#"ja3_hash; content:"871A754AF286DFB70C1B53C6887C62E0";"#, 1),
    (r#"ja3.string; content:"771,49196-49200";startswith;"#, 1),
    (r#"ja3_string; content:",0-1-2"; endswith;"#, 1),
    (r#"ja3s.hash; content:"abade5a4a7f42baf54766e5d108283b6";"#, 1),
    (r#"ja3s.string; content:"771,49196";"#, 1),
    (r#"ja4.hash; content:"t12d280700_d943125447b4_e7e480e5a997";"#, 1),
    (r#"ja4.hash; content:"t13"; startswith;"#, 0),
    ("tls.alpn; absent;", 2),
    ("tls.sni; absent;", 0),
    (r#"tls.sni; absent:or_else; content:"www";"#, 1),
    ("app-layer-event:tls.invalid_handshake_message;", 0),
    (r#"tls.store; tls.sni; content:"www";"#, 1),
    (r#"tls.sni; content:"www"; tls.alpn; absent;"#, 2),
];

/// Rules about packets and their wrapping: the capture, options of a rule `alert tcp any any -> any any`, and whether it fires.
const WRAPPED: &[(&str, &str, bool)] = &[
    ("vlan.pcap", "flags:S; vlan.id:443;", true),
    ("vlan.pcap", "flags:S; vlan.id:443,1;", false),
    ("vlan.pcap", "flags:S; vlan.layers:1;", true),
    ("qinq.pcap", "flags:S; vlan.id:100,0; vlan.id:443,-1;", true),
    ("tls12.pcap", "flags:S; vlan.layers:>0;", false),
    ("tls12.pcap", "flags:S; ipv4.hdr; content:\"|06|\"; offset:9; depth:1; bsize:20;", true),
    ("tls12.pcap", "flags:S; tcp.hdr; content:\"|01 bb|\"; offset:2; depth:2;", true),
    ("tls12.pcap", "flags:S; tcp.mss:1460;", true),
    ("tls12.pcap", "flags:S; tcp.mss:<536;", false),
    ("tls12.pcap", "fragbits:D;", true),
    ("tls12.pcap", "flags:S; flow.pkts:toserver,1;", true),
    ("tls12.pcap", "flow.pkts:toclient,>3; flow.age:<60;", true),
    ("tls12.pcap", "flow:only_frag;", false),
    ("ip-fragments.pcap", "flow:only_frag;", true),
    ("ipv6.pcap", "flags:S; l3_proto:ipv6; ipv6.hdr; content:\"|06|\"; offset:6; depth:1;", true),
    ("ipv6.pcap", "flags:S; l3_proto:ipv4;", false),
];

/// How often each rule fires on a capture; sids count from 0.
fn fired(file: &str, rules: &str) -> BTreeMap<u64, usize> {
    let dir = Dir::new();
    let rules = dir.file("forms.rules", rules);
    let ran = Ran::with(["replay", "--strict-rules", "--rules", &rules, &format!("pcaps/{file}")]).expect(0);
    let mut counts = BTreeMap::new();
    for alert in ran.events().of("alert") {
        *counts.entry(alert["alert"]["signature_id"].as_u64().unwrap()).or_default() += 1;
    }
    counts
}

#[test]
fn each_form_means_what_suricata_documents() {
    let rule = |(sid, (options, _)): (usize, &(&str, usize))| format!("alert tls any any -> any any ({options} sid:{sid};)\n");
    let counts = fired("tls12.pcap", &FORMS.iter().enumerate().map(rule).collect::<String>());
    for (sid, (options, times)) in (0..).zip(FORMS) {
        assert_eq!(counts.get(&sid).copied().unwrap_or_default(), *times, "{options}");
    }
}

#[test]
fn headers_tags_and_fragments_are_as_they_were_sent() {
    for (file, options, fires) in WRAPPED {
        let counts = fired(file, &format!("alert tcp any any -> any any ({options} sid:7;)\n"));
        assert_eq!(counts.contains_key(&7), *fires, "{options} on {file}");
    }
}

#[test]
fn what_is_spoken_in_place_of_tls_has_a_name() {
    for (file, holding, others) in [
        ("http-on-443.pcap", &["http", "http1", "!tls", "!failed", "!ssh"][..], &["ssh", "failed", "http2", "!http", "tls"][..]),
        ("ssh-on-443.pcap", &["ssh", "!http", "ssh|rdp"], &["http", "failed", "!ssh"]),
        ("tls12.pcap", &["tls", "!http", "!failed"], &["http", "failed", "!tls"]),
    ] {
        let values: Vec<_> = holding.iter().map(|value| (value, 1)).chain(others.iter().map(|value| (value, 0))).collect();
        let rule = |(sid, (value, _)): (u64, &(&&str, usize))| {
            format!("alert tcp any any -> any 443 (app-layer-protocol:{value}; flow:to_server; sid:{sid};)\n")
        };
        let counts = fired(file, &(1_u64..).zip(&values).map(rule).collect::<String>());
        for (sid, (value, times)) in (1_u64..).zip(&values) {
            assert_eq!(counts.get(&sid).copied().unwrap_or_default(), *times, "{value} on {file}");
        }
    }
}

#[test]
fn what_is_spoken_does_not_hang_on_how_it_is_cut() {
    let protocols = ["http", "failed", "!tls", "!http", "ssh"];
    let rule = |name| format!("alert tcp any any -> any 443 (msg:\"{name}\"; app-layer-protocol:{name}; flow:to_server; sid:1;)\n");
    let rules: String = (1..).zip(protocols).map(|(sid, name)| rule(name).replace("sid:1;", &format!("sid:{sid};"))).collect();
    for (said, expected) in [
        (&b"GET / HTTP/1.1\r\nHost: www.example\r\n\r\n"[..], &["!tls", "http"][..]),
        (b"SSH-2.0-OpenSSH_9.2\r\n", &["!http", "!tls", "ssh"]),
        (b"hello, is anybody there?\n", &["!http", "!tls", "failed"]),
    ] {
        for size in [1, 3, 7, 1_400] {
            let packets = Conversation::new().send_in_segments(Side::Client, said, size).close().packets;
            let events = Portcullis::default().rules(&rules).run(&packets);
            let mut alerts = events.alerts();
            alerts.sort_unstable();
            assert_eq!(alerts, expected, "{} in segments of {size}", said.escape_ascii());
        }
    }
}

/// A greeting that several protocols have tells nothing until the client answers it, and so no rule fires that would be wrong then.
#[test]
fn a_greeting_is_what_the_client_makes_of_it() {
    let rules: String = (1..)
        .zip(["smtp", "ftp", "pop3", "failed", "ssh"])
        .map(|(sid, name)| {
            format!("drop tcp any any <> any any (msg:\"{name}\"; app-layer-protocol:{name}; flow:to_server; sid:{sid};)\n")
        })
        .collect();
    for (greeting, answer, expected, at) in [
        (&b"220 mail.example\r\n"[..], &b"EHLO client.example\r\n"[..], "smtp", 5),
        (b"220 mail.example\r\n", b"NOOP\r\n", "smtp", 5),
        (b"220 mail.example\r\n", b"USER anna\r\n", "ftp", 5),
        (b"220 mail.example\r\n", b"AUTH TLS\r\n", "ftp", 5),
        (b"220 mail.example\r\n", b"SSH-2.0-x\r\n", "ssh", 5),
        (b"220 mail.example ESMTP\r\n", b"EHLO client.example\r\n", "smtp", 4),
        (b"220-mail.example\r\n220 ESMTP\r\n", b"EHLO client.example\r\n", "smtp", 4),
        (b"220 ProFTPD\r\n", b"USER anna\r\n", "ftp", 4),
        (b"+OK ready\r\n", b"USER anna\r\n", "pop3", 4),
    ] {
        let talk = Conversation::new().server(greeting).client(answer).close();
        let events = Portcullis::default().rules(&rules).run(&talk.packets);
        assert_eq!(events.alerts(), [expected], "{} {}", greeting.escape_ascii(), answer.escape_ascii());
        // A rule to the server is tried at the first packet that goes there.
        let told = events.of("drop")[0]["pcap_cnt"].as_u64();
        assert_eq!(told, Some(at), "{} {}", greeting.escape_ascii(), answer.escape_ascii());
    }
}

/// What a flow speaks may turn out to be something else. Rules that ask for that fire then, and those that fired before do not again.
#[test]
fn tls_behind_something_else_is_tls() {
    let rules = r#"alert tcp any any -> any 443 (msg:"other"; app-layer-protocol:!tls; flow:to_server; sid:1;)
        alert tcp any any -> any 443 (msg:"TLS"; app-layer-protocol:tls; flow:to_server; sid:2;)
        alert tls any any -> any 443 (msg:"name"; tls.sni; content:"www"; sid:3;)"#;
    let hello = ClientHello::asking_for("www.example").record();
    let talk = Conversation::new().client(b"please, start\n").server(b"ready\n").client(&hello).close();
    assert_eq!(Portcullis::default().rules(rules).run(&talk.packets).alerts(), ["other", "TLS", "name"]);
}

/// A `pass` for what a flow speaks is none for what it turns out to be.
#[test]
fn what_is_let_pass_as_not_tls_is_tried_again_as_tls() {
    let drop = r#"drop tls any any -> any 443 (msg:"evil"; tls.sni; content:"evil"; sid:9;)"#;
    let talk = |name| {
        let hello = ClientHello::asking_for(name).record();
        Conversation::new().client(b"please, start\n").server(b"ready\n").client(&hello).close().packets
    };
    for (pass, name, expected) in [
        ("app-layer-protocol:!tls;", "evil.example", &["evil"][..]),
        ("app-layer-protocol:failed;", "evil.example", &["evil"]),
        ("app-layer-protocol:!tls;", "good.example", &[]),
        ("app-layer-protocol:!ssh;", "evil.example", &[]),
        ("app-layer-protocol:tls|failed;", "evil.example", &[]),
    ] {
        let rules = format!("pass tcp any any -> any 443 ({pass} sid:1;)\n{drop}");
        assert_eq!(Portcullis::default().rules(&rules).run(&talk(name)).alerts(), expected, "{pass} {name}");
    }
}
