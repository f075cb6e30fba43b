//! A run tells how it goes over HTTP, to whom it should, and nobody can stop it by asking.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use portcullis::base::Timestamp;
use portcullis::monitor::{About, Board, Counted, Encryption, Error, Monitor, MonitorSettings, Token};
use serde_json::{Value, json};

use crate::util::bench::Bench;
use crate::util::run::Ran;
use crate::util::tls::{ClientHello, server_flight};
use crate::util::{Conversation, Dir};

/// A monitor of a run that is played here.
struct Monitored {
    address: SocketAddr,
    board: Option<Board>,
}

const TOKEN: &str = "correct-horse-battery-staple";

impl Monitored {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(set: impl FnOnce(&mut MonitorSettings)) -> Self {
        let mut settings =
            MonitorSettings { address: ([127, 0, 0, 1], 0).into(), names: Vec::new(), token: None, encryption: None };
        set(&mut settings);
        let monitor = Monitor::bind(settings).unwrap();
        let address = monitor.address();
        let about = About { version: "1.2.3", command: "tap", place: "eth0".to_owned() };
        Self { address, board: Some(monitor.start(about).unwrap()) }
    }

    fn board(&self) -> &Board {
        self.board.as_ref().unwrap()
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    /// Everything that comes back for these bytes, until the other side closes.
    fn raw(&self, request: &str) -> String {
        let mut stream = self.connect();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer); // a reset behind the answer is no matter
        answer
    }

    /// Asks for `path` with more lines in the head.
    fn ask(&self, path: &str, lines: &str) -> Answer {
        Answer::of(&self.raw(&format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{lines}\r\n", self.address)))
    }

    fn get(&self, path: &str) -> Answer {
        self.ask(path, "")
    }

    /// Asks until the answer is as it is to be.
    #[track_caller]
    fn until(&self, path: &str, is_so: impl Fn(&Answer) -> bool) -> Answer {
        let since = Instant::now();
        loop {
            let answer = self.get(path);
            if is_so(&answer) {
                return answer;
            }
            assert!(since.elapsed() < Duration::from_secs(20), "{answer:?}");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn of(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Self { status, head: head.to_owned(), body: body.to_owned() }
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

fn counted(packets: u64) -> Counted {
    Counted {
        counters: vec![("decoder.pkts", packets), ("capture.kernel_drops", 3), ("portcullis.live.load.worker_0", 420)],
        rules_loaded: 110,
        rules_failed: 2,
        last_reload: Some(Timestamp::from_parts(1_700_000_000, 0)),
    }
}

#[test]
fn what_was_counted_is_told_to_prometheus_and_to_the_page() {
    let run = Monitored::new();
    run.board().count(counted(7));
    let metrics = run.until("/metrics", |answer| answer.body.contains("portcullis_packets_total 7\n"));
    assert!(metrics.head.contains("Content-Type: text/plain; version=0.0.4; charset=utf-8"), "{}", metrics.head);
    for line in [
        "# TYPE portcullis_packets_total counter",
        "portcullis_build_info{version=\"1.2.3\",command=\"tap\"} 1",
        "portcullis_capture_dropped_packets_total 3",
        "portcullis_worker_load_ratio{worker=\"0\"} 0.42",
        "portcullis_rules_loaded 110",
        "portcullis_rules_last_reload_timestamp_seconds 1700000000",
    ] {
        assert!(metrics.body.lines().any(|l| l == line), "{line} in {}", metrics.body);
    }
    let live = run.get("/live.json").json();
    assert_eq!(
        (&live["version"], &live["place"], &live["load"], &live["rules"]),
        (
            &json!("1.2.3"),
            &json!("eth0"),
            &json!([420]),
            &json!({"loaded": 110, "failed": 2, "reloaded": "2023-11-14T22:13:20.000000+0000"})
        )
    );
    assert_eq!(live["losses"][0], json!(["packets, by the kernel", 3]));
}

#[test]
fn events_are_told_as_text_that_cannot_deceive() {
    let run = Monitored::new();
    let line = r#"{"timestamp":"2026-11-24T11:28:11.793478+0000","event_type":"alert","src_ip":"192.0.2.7","src_port":1,"dest_ip":"192.0.2.1","dest_port":443,"alert":{"action":"blocked","gid":1,"signature_id":7,"signature":"<script>alert(1)</script>","severity":1},"tls":{"sni":"a\u202eb\n\u001b[2J"}}"#;
    let tls = r#"{"timestamp":"2026-11-24T11:28:11.793478+0000","event_type":"tls","tls":{"sni":"shop.example","version":"TLS 1.3"},"portcullis":{"findings":["weak.cipher.rc4"]}}"#;
    run.board().lines(format!("{line}\n{tls}\n{tls}\nnonsense\n").as_bytes());
    let live = run.until("/live.json", |answer| answer.body.contains("shop.example")).json();
    let alert = json!({"time": "2026-11-24T11:28:11.793478+0000", "severity": 1, "action": "blocked", "rule": "1:7",
        "message": "<script>alert(1)</script>", "source": "192.0.2.7:1", "destination": "192.0.2.1:443",
        "name": r"a\u{202e}b\u{a}\u{1b}[2J"});
    assert_eq!(live["alerts"], json!([alert]));
    assert_eq!(
        [&live["names"], &live["versions"], &live["findings"]],
        [&json!([["shop.example", 2]]), &json!([["TLS 1.3", 2]]), &json!([["weak.cipher.rc4", 2]])]
    );
}

#[test]
fn it_is_ready_once_it_has_counted_and_well_while_its_workers_go_round() {
    let mut run = Monitored::new();
    assert_eq!((run.get("/healthz").status, run.get("/readyz").status), (200, 503));
    run.board().count(counted(1));
    run.until("/readyz", |answer| answer.status == 200);
    run.board().all_go_round(false);
    assert_eq!((run.get("/healthz").status, run.get("/readyz").status), (503, 503));
    run.board().all_go_round(true);
    assert_eq!((run.get("/healthz").status, run.get("/readyz").status), (200, 200));
    run.board = None; // the run ends
    run.until("/readyz", |answer| answer.status == 503);
}

#[test]
fn the_page_may_do_nothing_but_ask_where_it_came_from() {
    let page = Monitored::new().get("/");
    assert_eq!(page.status, 200);
    for line in [
        "Content-Type: text/html; charset=utf-8",
        "Content-Security-Policy: default-src 'none'; script-src 'sha256-",
        "frame-ancestors 'none'",
        "X-Content-Type-Options: nosniff",
        "Cache-Control: no-store",
    ] {
        assert!(page.head.contains(line), "{line} in {}", page.head);
    }
    assert!(!page.head.contains("unsafe"), "{}", page.head);
    assert!(page.body.ends_with("</html>\n"));
}

#[test]
fn what_is_no_request_for_it_is_answered_so() {
    let run = Monitored::new();
    let long = "a".repeat(20_000);
    for (request, status) in [
        ("GET /nothing HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 404),
        ("POST /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", 405),
        ("DELETE / HTTP/1.1\r\nHost: localhost\r\n\r\n", 405),
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello", 413),
        ("GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n", 413),
        ("\0\0\0\0\r\n\r\n", 400),
        ("GET / HTTP/3\r\nHost: localhost\r\n\r\n", 505),
        ("GET /../../etc/passwd HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 404),
        (&format!("GET /{long} HTTP/1.1\r\nHost: localhost\r\n\r\n"), 414),
        (&format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {long}\r\n\r\n"), 431),
        // A page elsewhere whose name is made to lead here.
        ("GET /live.json HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n", 421),
    ] {
        let answer = run.raw(request);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request:.100}: {answer}");
    }
    assert_eq!(run.get("/healthz").status, 200);
}

#[test]
fn a_connection_may_ask_again_and_a_head_has_no_body() {
    let run = Monitored::new();
    let both =
        "HEAD /healthz HTTP/1.1\r\nHost: localhost\r\n\r\nGET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let answers = run.raw(both);
    assert_eq!((answers.matches("HTTP/1.1 200 OK").count(), answers.matches("\r\n\r\nok\n").count()), (2, 1), "{answers}");
}

#[test]
fn with_a_token_nothing_is_told_to_who_does_not_know_it() {
    let run = Monitored::with(|settings| settings.token = Some(Token::new(TOKEN, "it").unwrap()));
    for path in [
        "/",
        "/metrics",
        "/live.json",
        "/nothing",
        "/?token=wrong-horse-battery-staple",
        "/metrics?token=correct-horse-battery-staple",
    ] {
        let answer = run.get(path);
        assert_eq!(answer.status, 401, "{path}");
        assert!(answer.head.contains("WWW-Authenticate: Bearer"), "{}", answer.head);
    }
    for lines in [
        "Authorization: Bearer nonsense\r\n",
        "Authorization: Basic Og==\r\n",
        "Cookie: portcullis=correct-horse-battery-staple\r\n",
    ] {
        assert_eq!(run.ask("/metrics", lines).status, 401, "{lines}");
    }
    assert_eq!(run.ask("/metrics", &format!("Authorization: Bearer {TOKEN}\r\n")).status, 200);
    assert_eq!((run.get("/healthz").status, run.get("/readyz").status), (200, 503), "these tell nothing else");
}

#[test]
fn a_browser_changes_the_token_for_a_cookie() {
    let run = Monitored::with(|settings| settings.token = Some(Token::new(TOKEN, "it").unwrap()));
    let welcome = run.get(&format!("/?token={TOKEN}"));
    assert_eq!(welcome.status, 303);
    assert!(welcome.head.contains("Location: /\r\n"), "{}", welcome.head);
    let cookie = welcome.head.lines().find_map(|line| line.strip_prefix("Set-Cookie: ")).unwrap();
    assert!(cookie.contains("; HttpOnly") && cookie.contains("; SameSite=") && !cookie.contains(TOKEN), "{cookie}");
    let pair = cookie.split(';').next().unwrap();
    assert_eq!(run.ask("/live.json", &format!("Cookie: other=1; {pair}\r\n")).status, 200);
}

#[test]
fn an_address_that_others_reach_takes_a_token() {
    let bind =
        |token| Monitor::bind(MonitorSettings { address: ([0, 0, 0, 0], 0).into(), names: Vec::new(), token, encryption: None });
    assert!(matches!(bind(None), Err(Error::Open(_))));
    assert!(bind(Some(Token::new(TOKEN, "it").unwrap())).unwrap().is_in_the_clear());
}

/// A certificate and its key, in files.
fn certificate(dir: &Dir) -> (PathBuf, PathBuf, rcgen::CertifiedKey<rcgen::KeyPair>) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = dir.file("cert.pem", made.cert.pem());
    let key = dir.file("key.pem", made.signing_key.serialize_pem());
    (certificate.into(), key.into(), made)
}

#[test]
fn with_a_certificate_it_speaks_tls_and_nothing_else() {
    let dir = Dir::new();
    let (certificate, key, made) = certificate(&dir);
    let run = Monitored::with(|settings| settings.encryption = Some(Encryption::read(&certificate, &key).unwrap()));
    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let config = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let client = rustls::ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
    let mut stream = rustls::StreamOwned::new(client, run.connect());
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\nok\n"), "{answer}");
    assert!(!run.raw("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").contains("HTTP/1.1"));
}

#[test]
fn clients_that_say_nothing_keep_nobody_out() {
    let run = Monitored::new();
    let silent: Vec<_> = (0..200).map(|_| run.connect()).collect();
    let mut trickling = run.connect();
    trickling.write_all(b"GET / HTT").unwrap();
    let since = Instant::now();
    for _ in 0..20 {
        assert_eq!(run.get("/healthz").status, 200);
    }
    assert!(since.elapsed() < Duration::from_secs(5), "{:?}", since.elapsed());
    drop(silent);
}

#[test]
fn who_takes_too_long_for_a_request_is_told_so() {
    let run = Monitored::new();
    let mut slow = run.connect();
    let since = Instant::now();
    for byte in b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nX: " {
        // A byte now and then does not buy time.
        if slow.write_all(&[*byte]).is_err() || since.elapsed() > Duration::from_secs(6) {
            break;
        }
        thread::sleep(Duration::from_millis(300));
    }
    let mut answer = String::new();
    let _ = slow.read_to_string(&mut answer);
    assert!(answer.starts_with("HTTP/1.1 408 ") && since.elapsed() < Duration::from_secs(10), "{answer} {:?}", since.elapsed());
}

#[test]
fn what_cannot_be_is_refused_before_anything_is_listened_at() {
    let dir = Dir::new();
    let short = dir.file("short", "secret");
    let (certificate, key, _) = certificate(&dir);
    let (certificate, key) = (certificate.to_str().unwrap(), key.to_str().unwrap());
    let token = dir.file("token", TOKEN);
    for (args, status, said) in [
        (&["--listen", "9443"][..], 2, "expected an address and a port, as in 127.0.0.1:9443"),
        (&["--listen", "0.0.0.0:0"], 2, "can be reached from elsewhere, which takes a token: name a file for --listen-token-file"),
        (&["--listen", "127.0.0.1:0", "--listen-token-file", &short], 2, "is no token: use 16 to 512"),
        (&["--listen", "127.0.0.1:0", "--listen-token-file", "/nonexistent"], 1, "cannot read /nonexistent"),
        (&["--listen", "127.0.0.1:0", "--listen-cert", certificate], 2, "--listen-key"),
        (&["--listen", "127.0.0.1:0", "--listen-cert", key, "--listen-key", key], 1, "there is no certificate in it"),
        (&["--listen", "127.0.0.1:0", "--listen-cert", certificate, "--listen-key", certificate], 1, "cannot use"),
        (&["--listen-token-file", &token], 2, "--listen <ADDRESS:PORT>"),
        (&["--listen", "192.0.2.1:1", "--listen-token-file", &token], 1, "cannot listen at 192.0.2.1:1"),
    ] {
        let ran = Ran::with([&["tap", "-i", "lo", "--packets", "1"][..], args].concat()).expect(status);
        assert!(ran.stderr.contains(said) && !ran.stderr.contains("secret"), "{args:?}: {}", ran.stderr);
    }
}

/// Prometheus' own judge of names, units and help, where it is installed.
fn promtool_likes(metrics: &str) {
    let started = Command::new("promtool").args(["check", "metrics"]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let Ok(mut child) = started else {
        eprintln!("SKIPPED: promtool is not installed");
        return;
    };
    child.stdin.take().unwrap().write_all(metrics.as_bytes()).unwrap();
    let judged = child.wait_with_output().unwrap();
    assert!(judged.status.success(), "{}", String::from_utf8_lossy(&judged.stderr));
}

#[test]
fn a_tap_tells_what_it_sees_behind_its_fence() {
    let Some(bench) = Bench::new() else { return };
    let sink = format!("unix:{}?name=nobody", bench.dir.path("nobody").display());
    let spooled = format!("syslog-tcp:127.0.0.1:9?name=away&spool={}", bench.dir.path("spool").display());
    let tapping = bench.tap(&["-i", "tap", "--workers", "2", "--listen", "127.0.0.1:9443", "--sink", &sink, "--sink", &spooled]);
    let curl = |path: &str| bench.run("curl", &["-sS", "--max-time", "10", &format!("http://127.0.0.1:9443{path}")]);
    let until = |path: &str, words: &str| {
        let since = Instant::now();
        loop {
            let answer = curl(path);
            if answer.contains(words) {
                return answer;
            }
            assert!(since.elapsed() < Duration::from_secs(20), "no {words} in {answer}");
            thread::sleep(Duration::from_millis(100));
        }
    };
    until("/readyz", "ok");
    let conversation = Conversation::between("10.0.0.1:40000", "192.0.2.1:443");
    let hello = ClientHello::asking_for("shop.example").record();
    bench.send(&conversation.client(&hello).server(&server_flight()).close().packets);
    let live: Value = serde_json::from_str(&until("/live.json", "shop.example")).unwrap();
    until("/metrics", "\nportcullis_sessions_total 1\n");
    let metrics = until("/metrics", "\nportcullis_sink_up{sink=\"away\"} 0\n");
    promtool_likes(&metrics);
    for line in ["portcullis_sink_spool_events{sink=\"away\"} 1", "portcullis_sink_spool_segments{sink=\"away\"} 1"] {
        assert!(metrics.lines().any(|l| l == line), "{line} in {metrics}");
    }
    assert_eq!((&live["command"], &live["place"]), (&json!("tap"), &json!("tap")));
    assert_eq!(live["load"].as_array().map(Vec::len), Some(2));
    assert_eq!((&live["sinks"][0]["name"], &live["sinks"][0]["spool"]), (&json!("nobody"), &json!(null)));
    let live: Value = serde_json::from_str(&until("/live.json", "127.0.0.1:9 (TCP)")).unwrap();
    let away = &live["sinks"][1];
    assert!(away["trouble"]["why"].as_str().unwrap().contains("Connection refused"), "{away}");
    assert!(away["spool"]["events"] == 1 && away["spool"]["age"].as_u64().unwrap() < 60, "{away}");
    tapping.end();
}
