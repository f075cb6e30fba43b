//! What others put on the wire cannot break a line, forge a record, deceive who reads or move a cursor: in any output.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::thread;
use std::time::{Duration, Instant};

use portcullis::cli::terminal::{Style, alert_line, session_line, summary};
use portcullis::engine::{Order, Report};
use portcullis::event::text::is_deceptive;
use portcullis::event::{AlertInfo, AnomalyInfo, Common, DropInfo, FlowCounters, FlowEnd, Summary, TcpEnd};
use portcullis::monitor::{About, Monitor, MonitorSettings};
use portcullis::packet::SegmentHeader;
use portcullis::protocol::tls::Session;
use serde_json::Value;

use crate::util::run::{Portcullis, Ran};
use crate::util::tls::{ClientHello, certificate, finished, message, records, server_hello};
use crate::util::{Conversation, Dir, Packet, pcap};

/// What names are made of, by who means harm.
fn hostile() -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = [
        "a\r\nb",
        "\n{\"event_type\":\"alert\"}\n",
        "\",\"event_type\":\"alert\",\"x\":\"",
        "\0\u{7}\u{8}\t\u{1b}[2J\u{1b}]0;pwned\u{7}\u{7f}",
        "\u{9b}31m\u{85}\u{90}",
        "\u{202e}moc.live\u{2066}\u{2028}\u{2029}\u{200b}\u{feff}\u{e0041}",
        "<script>alert(1)</script><img src=x onerror=alert(1)>&lt;",
        "a|b|10|act=blocked",
        r"a\|b\=c\\",
        "CEF:0|Evil|evil|1|1|evil|10|src=1.2.3.4",
        "<0>1 2026-01-01T00:00:00Z evil evil 1 evil - ",
        "17 <0>1 - evil - - -",
        r"\u202e\x1b[2J",
        "' OR 1=1 -- ; $(reboot) `reboot` %s%n",
    ]
    .map(|text| text.as_bytes().to_vec())
    .into();
    all.push(b"\xff\xfe\xc0\x80\xed\xa0\x80".to_vec());
    all.push(vec![b'n'; 60_000]);
    all.push("\u{1b}".repeat(20_000).into_bytes());
    all
}

/// A session for each: it stands in the name asked for, in ALPN, and in the server's certificate.
fn packets() -> Vec<Packet> {
    let mut all = Vec::new();
    for (n, name) in hostile().into_iter().enumerate() {
        let lossy = String::from_utf8_lossy(&name).into_owned();
        let short: String = lossy.chars().take(80).collect();
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, rcgen::DnValue::Utf8String(lossy));
        params.distinguished_name.push(rcgen::DnType::OrganizationName, rcgen::DnValue::Utf8String(short.clone()));
        let der = params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().der().to_vec();
        let hello = ClientHello::new().server_name_of_type(0, &name).alpn(&short.chars().take(30).collect::<String>());
        let flight = [server_hello(), records(&[certificate(&[der]), message(14, b"")].concat(), 16_384)].concat();
        let conversation = Conversation::between(&format!("10.0.0.1:{}", 40_000 + n), "192.0.2.1:443")
            .send_in_segments(crate::util::Side::Client, &hello.record(), 1_400)
            .send_in_segments(crate::util::Side::Server, &flight, 1_400);
        all.extend(conversation.client(&finished()).server(&finished()).close().packets);
    }
    Conversation::retime(&mut all);
    all
}

const RULES: &str = "alert tls any any -> any any (msg:\"every session\"; tls.cert_subject; content:\"CN=\"; sid:1;)\n";

/// No control character but newlines at the end of lines, and nothing that deceives.
#[track_caller]
fn is_safe(what: &str, text: &[u8]) {
    let text = std::str::from_utf8(text).unwrap_or_else(|error| panic!("{what}: {error}"));
    for line in text.split_terminator('\n') {
        let bad = line.chars().find(|c| is_deceptive(*c));
        assert_eq!(bad, None, "{what}: {line:.300}");
    }
}

/// Lines for a terminal, and the numbers of its summary.
#[derive(Default)]
struct Terminal {
    text: String,
    summary: Summary,
}

const PLAIN: Style = Style { colour: false };

impl Report for Terminal {
    fn session(&mut self, _: Order, common: &Common<'_>, session: &Session) {
        session_line(&mut self.text, PLAIN, common, session);
        self.summary.add_session(session);
    }

    fn alert(&mut self, _: Order, common: &Common<'_>, info: &AlertInfo<'_>, _: &FlowCounters, session: Option<&Session>) {
        alert_line(&mut self.text, PLAIN, common, info, session);
        self.summary.add_alert(info);
    }

    fn drop(&mut self, _: Order, _: &Common<'_>, _: &SegmentHeader, _: &DropInfo<'_>) {}
    fn flow(&mut self, _: Order, _: &Common<'_>, _: &FlowCounters, _: &FlowEnd, _: Option<&TcpEnd>) {}
    fn anomaly(&mut self, _: Order, _: &Common<'_>, _: &AnomalyInfo<'_>) {}
}

#[test]
fn a_terminal_shows_it_and_does_not_obey() {
    let mut terminal = Terminal::default();
    Portcullis::default().rules(RULES).run_into(&packets(), &mut terminal);
    is_safe("terminal", terminal.text.as_bytes());
    let lines: Vec<&str> = terminal.text.lines().collect();
    assert_eq!(lines.len(), 2 * hostile().len(), "a line for each session and alert");
    assert!(lines.iter().all(|line| line.len() < 4_000));
    is_safe("summary", summary(PLAIN, &terminal.summary).as_bytes());
}

#[test]
fn files_sockets_and_syslog_keep_it_in_its_place() {
    let dir = Dir::new();
    let capture = dir.file("hostile.pcap", pcap(&packets()));
    let rules = dir.file("all.rules", RULES);
    let syslog = TcpListener::bind("127.0.0.1:0").unwrap();
    let datagrams = UnixDatagram::bind(dir.path("datagrams")).unwrap();
    datagrams.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let received = thread::spawn({
        let syslog = syslog.try_clone().unwrap();
        move || {
            let mut stream = BufReader::new(syslog.accept().unwrap().0);
            let (mut messages, mut length) = (Vec::new(), Vec::new());
            while stream.read_until(b' ', &mut length).unwrap() > 0 {
                let octets: usize = std::str::from_utf8(&length).unwrap().trim_end().parse().expect("octets are counted");
                let mut message = vec![0; octets];
                stream.read_exact(&mut message).unwrap();
                messages.push(message);
                length.clear();
            }
            messages
        }
    });
    let mut args = vec!["replay".to_owned(), capture, "--rules".to_owned(), rules, "--flows".to_owned()];
    let certificates = dir.path("certificates");
    args.extend(["--certificates".to_owned(), "--store-certs".to_owned(), certificates.display().to_string()]);
    for format in ["eve", "ecs", "cef"] {
        args.extend(["--sink".to_owned(), format!("file:{}?format={format}&events=alert,tls,flow", dir.path(format).display())]);
    }
    args.extend(["--sink".to_owned(), format!("unix-datagram:{}?events=alert&format=cef", dir.path("datagrams").display())]);
    args.extend([
        "--sink".to_owned(),
        format!("syslog-tcp:{}?spool={}&events=tls,alert", syslog.local_addr().unwrap(), dir.path("spool").display()),
    ]);
    let datagrams = thread::spawn(move || {
        let (mut all, mut buffer) = (Vec::new(), vec![0; 1 << 20]);
        for _ in hostile() {
            let length = datagrams.recv(&mut buffer).unwrap();
            all.push(buffer[..length].to_vec());
        }
        all
    });
    let ran = Ran::with(&args).expect(0);
    is_safe("standard error", ran.stderr.as_bytes());

    let files: Vec<Vec<u8>> = ["eve", "ecs", "cef"].iter().map(|format| fs::read(dir.path(format)).unwrap()).collect();
    for (format, text) in ["eve", "ecs", "cef"].iter().zip(&files) {
        is_safe(format, text);
        let lines = text.split_inclusive(|&b| b == b'\n').count();
        assert_eq!(lines, 3 * hostile().len(), "{format}: a line for each session, alert and flow");
    }
    let [eve, ecs, cef] = [&files[0], &files[1], &files[2]].map(|text| String::from_utf8(text.clone()).unwrap());
    let parsed = |text: &str| text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).collect::<Vec<_>>();
    let names = |events: &[Value], kind: &str, kind_at: &str, name_at: &str| -> Vec<String> {
        let of_kind = events.iter().filter(|event| event.pointer(kind_at).unwrap() == kind);
        of_kind.map(|event| event.pointer(name_at).unwrap().as_str().unwrap().to_owned()).collect()
    };
    let in_eve = names(&parsed(&eve), "tls", "/event_type", "/tls/sni");
    assert_eq!(in_eve, names(&parsed(&ecs), "portcullis.tls", "/event/dataset", "/tls/client/server_name"), "the same names");
    let whole: Vec<String> = hostile().into_iter().filter_map(|name| String::from_utf8(name).ok()).collect();
    assert!(whole.iter().filter(|name| !name.contains('\\')).all(|name| in_eve.contains(name)), "what is text is told as it was");
    for line in cef.lines() {
        assert!(line.starts_with("CEF:0|Portcullis|portcullis|"), "{line:.200}");
        assert_eq!(line.replace(r"\\", "").replace(r"\|", "").split('|').take(8).count(), 8, "{line:.200}");
        assert_eq!(line.matches(" act=").count(), usize::from(line.contains("cat=alert")), "{line:.300}");
    }

    for message in datagrams.join().unwrap() {
        is_safe("datagram", &message);
        assert!(!message.contains(&b'\n') && message.starts_with(b"CEF:0|Portcullis|"));
    }
    let messages = received.join().unwrap();
    assert_eq!(messages.len(), 2 * hostile().len());
    for message in messages {
        is_safe("syslog", &message);
        assert!(!message.contains(&b'\n'));
        let json = String::from_utf8(message).unwrap().splitn(8, ' ').nth(7).unwrap().to_owned();
        assert!(["tls", "alert"].contains(&serde_json::from_str::<Value>(&json).unwrap()["event_type"].as_str().unwrap()));
    }
    let mut count = 0;
    for entry in fs::read_dir(certificates).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read(&path).unwrap();
        is_safe("certificate", &text);
        assert!(path.file_name().unwrap().to_str().unwrap().bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.'));
        count += usize::from(path.extension().is_some_and(|end| end == "json") && serde_json::from_slice::<Value>(&text).is_ok());
    }
    assert_eq!(count, hostile().len(), "a certificate for each");
}

#[test]
fn the_page_and_metrics_have_it_as_text() {
    let events = Portcullis::default().rules(RULES).run(&packets());
    let monitor =
        Monitor::bind(MonitorSettings { address: ([127, 0, 0, 1], 0).into(), names: Vec::new(), token: None, encryption: None });
    let monitor = monitor.unwrap();
    let address = monitor.address();
    let about = About { version: "1", command: "tap", place: "a\"b\n<b>\u{202e}".to_owned() };
    let board = monitor.start(about).unwrap();
    for event in &events.0 {
        board.lines(format!("{event}\n").as_bytes());
        thread::sleep(Duration::from_millis(2)); // it waits for nobody, and nothing is to be passed over here
    }
    let get = |path: &str| {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.split_once("\r\n\r\n").unwrap().1.to_owned()
    };
    let since = Instant::now();
    let live = loop {
        let live = get("/live.json");
        let parsed: Value = serde_json::from_str(&live).unwrap_or_default();
        if parsed["alerts"].as_array().is_some_and(|alerts| alerts.len() == hostile().len()) {
            break live;
        }
        assert!(since.elapsed() < Duration::from_secs(20), "{live}");
        thread::sleep(Duration::from_millis(50));
    };
    is_safe("page", live.as_bytes());
    assert!(live.len() < 64 << 10, "{}", live.len());
    let live: Value = serde_json::from_str(&live).unwrap();
    let strings = live["alerts"].as_array().unwrap().iter().map(|alert| alert["name"].as_str().unwrap());
    strings.for_each(|name| is_safe("decoded", name.as_bytes()));
    assert_eq!(live["place"], r"a\u{22}b".replace(r"\u{22}", "\"") + r"\u{a}<b>\u{202e}");
    is_safe("metrics", get("/metrics").as_bytes());
}
