//! What a client says before the handshake is done: early data of TLS 1.3, and data in a SYN.

use std::fs;
use std::process::Stdio;

use serde_json::Value;

use super::RULES;
use super::lab::{Lab, USUAL, Watch, Way};

/// The conversation from this port of the client's, as far as there was one.
fn from_port(watch: &Watch, name: &str, port: u16) -> Value {
    watch.conversations(name).into_iter().find(|found| found["port"] == port).unwrap_or_default()
}

/// The session as if it had been one with the forbidden name: with another one a client of OpenSSL's sends no early data.
fn renamed(lab: &Lab, session: &str) -> String {
    let (der, renamed) = (lab.dir.path("session.der").display().to_string(), lab.dir.path("renamed").display().to_string());
    lab.run("c", "openssl", &["sess_id", "-in", session, "-outform", "DER", "-out", &der]);
    let mut bytes = fs::read(&der).unwrap();
    let (from, to) = (b"good.example", b"evil.example");
    let places: Vec<_> = bytes.windows(from.len()).enumerate().filter(|(_, window)| window == from).map(|(at, _)| at).collect();
    assert!(!places.is_empty());
    places.iter().for_each(|&at| bytes[at..at + to.len()].copy_from_slice(to));
    fs::write(&der, bytes).unwrap();
    lab.run("c", "openssl", &["sess_id", "-inform", "DER", "-in", &der, "-out", &renamed]);
    renamed
}

/// A session is resumed with a request as early data: under the name of the first connection, or under a forbidden one.
#[test]
fn early_data_of_a_forbidden_name_gets_no_further_than_its_hello() {
    for way in [Way::Bridge, Way::Queue] {
        let Some(mut lab) = Lab::new(way) else { return };
        let running = lab.start(RULES, &[]);
        let (sent, got) = (lab.watch("c"), lab.watch("s"));
        let session = lab.dir.path("session").display().to_string();
        // More than fits into a segment with the hello.
        let filler = "x".repeat(4_000);
        let request = format!("GET /large.bin HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Filler: {filler}\r\n\r\n");
        let request = lab.dir.file("request", request.as_bytes());
        let to = format!("{}:443", lab.host(USUAL));
        let client = |port: u16, args: &[&str]| {
            let mut openssl = lab.command("c", "timeout");
            openssl.args([
                "5",
                "openssl",
                "s_client",
                "-connect",
                &to,
                "-bind",
                &format!("10.9.0.1:{port}"),
                "-tls1_3",
                "-ign_eof",
            ]);
            let output = openssl.args(args).stdin(fs::File::open(&request).unwrap()).stderr(Stdio::null()).output().unwrap();
            output.stdout
        };
        let resumed = |port: u16, name: &str, session: &str| {
            client(port, &["-servername", name, "-sess_in", session, "-early_data", &request])
        };
        client(4_001, &["-servername", "good.example", "-sess_out", &session]);

        let good = resumed(4_002, "good.example", &session);
        let said = String::from_utf8_lossy(&good);
        assert!(said.contains("Early data was accepted"), "{way:?}: {said}");
        let large = fs::read(lab.dir.path("large.bin")).unwrap();
        assert!(good.windows(1_000).any(|window| window == &large[large.len() - 1_000..]), "{way:?}: it is not whole");
        assert!(from_port(&got, "good.example", 4_002)["bytes"].as_u64() > Some(4_000), "{way:?}");

        let evil = resumed(4_003, "evil.example", &renamed(&lab, &session));
        assert!(!String::from_utf8_lossy(&evil).contains("Early data was accepted"), "{way:?}");
        let tried = from_port(&sent, "evil.example", 4_003);
        assert!(tried["named"] == true && tried["bytes"].as_u64() > Some(4_000), "{way:?}: it was sent: {tried}");
        let arrived = from_port(&got, "evil.example", 4_003);
        assert!(arrived["packets"].as_u64() > Some(0) && arrived["bytes"] == 0, "{way:?}: only its TCP arrives: {arrived}");
        assert!(!got.saw("evil.example"), "{way:?}");
        assert!(running.end().alerts().contains(&"name"));
    }
}

/// The client's kernel has a cookie of the server's, and puts the hello into the SYN.
#[test]
fn data_in_a_syn_is_judged_before_it_goes_on() {
    for way in [Way::Bridge, Way::Queue] {
        let Some(mut lab) = Lab::new(way) else { return };
        let running = lab.start(RULES, &[]);
        let (sent, got) = (lab.watch("c"), lab.watch("s"));
        let usual = lab.host(USUAL);
        assert!(lab.curl("good.example", &usual, &["--tcp-fastopen"]), "{way:?}: it gets a cookie");
        assert!(lab.curl("second.good.example", &usual, &["--tcp-fastopen"]), "{way:?}");
        assert!(!lab.curl("evil.example", &usual, &["--tcp-fastopen"]), "{way:?}");
        for name in ["second.good.example", "evil.example"] {
            let conversations = sent.conversations(name);
            let is_fast = |found: &&Value| found["named"] == true && found["syn"].as_u64() > Some(0);
            assert!(conversations.iter().any(|found| is_fast(&found)), "{way:?}: {name} was in a SYN: {conversations:?}");
        }
        got.expects("second.good.example");
        assert!(!got.saw("evil.example"), "{way:?}");
        assert!(got.conversations("evil.example").iter().all(|found| found["syn"] == 0), "{way:?}");
        assert!(running.end().alerts().contains(&"name"));
    }
}
