//! Events reach every sink that wants them, whole and in order.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::{TcpListener, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::Path;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::util::run::{Events, Ran, portcullis, shipped};
use crate::util::{Dir, pcap};

/// All captures of the project, with all kinds of events.
fn replay(flags: &[&str]) -> Ran {
    Ran::with([&["replay", "--flows", "pcaps"][..], flags].concat())
}

fn text(path: impl AsRef<Path>) -> String {
    fs::read_to_string(path).unwrap()
}

/// What goes to standard output without a sink.
fn expected() -> String {
    String::from_utf8(replay(&[]).expect(0).stdout).unwrap()
}

#[test]
fn all_sinks_get_what_standard_output_would() {
    let dir = Dir::new();
    let (one, two, output) = (dir.path("one.json"), dir.path("two.json"), dir.path("output.json"));
    let socket = dir.path("events.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let reader = thread::spawn(move || {
        let mut text = String::new();
        listener.accept().unwrap().0.read_to_string(&mut text).unwrap();
        text
    });
    let sinks = [format!("file:{}", one.display()), format!("file:{}", two.display()), format!("unix:{}", socket.display())];
    let ran = replay(&[
        "--sink",
        &sinks[0],
        "--sink",
        &sinks[1],
        "--sink",
        &sinks[2],
        "--sink",
        "stdout",
        "-o",
        output.to_str().unwrap(),
    ]);
    let expected = expected();
    assert_eq!(String::from_utf8(ran.expect(0).stdout).unwrap(), expected);
    assert_eq!([text(one), text(two), text(output), reader.join().unwrap()], [&expected; 4].map(Clone::clone));
}

#[test]
fn with_a_sink_alone_standard_output_gets_nothing() {
    let dir = Dir::new();
    let ran = replay(&["--sink", &format!("file:{}", dir.path("eve.json").display())]).expect(0);
    assert!(ran.stdout.is_empty() && !ran.stderr.contains("warning"), "{}", ran.stderr);
    assert_eq!(text(dir.path("eve.json")), expected());
}

#[test]
fn a_sink_gets_the_events_that_it_asks_for() {
    let dir = Dir::new();
    let file = |name: &str, filter: &str| format!("file:{}?{filter}", dir.path(name).display());
    let sinks = [
        file("types", "events=alert,flow"),
        file("grave", "severity=high"),
        file("found", "findings=weak.cipher.*"),
        file("rules", "rules=1:8443304,*TLS%201.0*"),
    ];
    replay(&["--sink", &sinks[0], "--sink", &sinks[1], "--sink", &sinks[2], "--sink", &sinks[3]]).expect(0);
    let all = Events::parse(expected().as_bytes());
    let chosen = |is_wanted: &dyn Fn(&Value) -> bool| all.0.iter().filter(|e| is_wanted(e)).cloned().collect::<Vec<_>>();
    let found = |event: &Value, start: &str| {
        let ids = event["portcullis"]["findings"].as_array();
        ids.is_some_and(|ids| ids.iter().any(|id| id.as_str().unwrap().starts_with(start)))
    };
    for (name, expected) in [
        ("types", chosen(&|e| e["event_type"] == "alert" || e["event_type"] == "flow")),
        ("grave", chosen(&|e| e["alert"]["severity"] == 1 || e["portcullis"]["finding_severity"] == "high")),
        ("found", chosen(&|e| found(e, "weak.cipher."))),
        ("rules", chosen(&|e| e["alert"]["signature_id"] == 8_443_304 || e["alert"]["signature"].to_string().contains("TLS 1.0"))),
    ] {
        assert!(!expected.is_empty(), "{name}");
        assert_eq!(Events::parse(text(dir.path(name)).as_bytes()).0, expected, "{name}");
    }
}

#[test]
fn a_rotated_file_has_every_line_once_for_any_number_of_workers() {
    for workers in ["1", "4"] {
        let dir = Dir::new();
        let sink = format!("file:{}?rotate-size=8K&compress=zstd", dir.path("eve.json").display());
        replay(&["--workers", workers, "--sink", &sink]).expect(0);
        let mut files: Vec<_> = fs::read_dir(dir.path("")).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        assert!(files.len() > 5 && files[0].ends_with("eve.json"), "{files:?}");
        files.rotate_left(1);
        let read = |path: &std::path::PathBuf| match path.extension().is_some_and(|ending| ending == "zst") {
            true => String::from_utf8(zstd::decode_all(fs::File::open(path).unwrap()).unwrap()).unwrap(),
            false => text(path),
        };
        let texts: Vec<String> = files.iter().map(read).collect();
        assert!(texts.iter().all(|text| text.len() <= 8_192 || text.lines().count() == 1));
        assert_eq!(texts.concat(), expected());
    }
}

#[test]
fn the_file_of_a_sink_is_appended_to() {
    let dir = Dir::new();
    let sink = format!("file:{}", dir.path("eve.json").display());
    let once = ["replay", shipped("tls12.pcap").to_str().unwrap(), "--sink", &sink].map(str::to_owned);
    Ran::with(&once).expect(0);
    let first = text(dir.path("eve.json"));
    Ran::with(&once).expect(0);
    assert_eq!(text(dir.path("eve.json")), first.repeat(2));
}

#[test]
fn syslog_over_tcp_counts_octets_and_over_udp_is_a_datagram_for_each_event() {
    let (tcp, udp) = (TcpListener::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
    udp.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let capture = shipped("tls12.pcap");
    let events = Ran::with(["replay", capture.to_str().unwrap()]).expect(0);
    let lines = String::from_utf8(events.stdout).unwrap();
    let reader = {
        let tcp = tcp.try_clone().unwrap();
        thread::spawn(move || {
            let mut stream = BufReader::new(tcp.accept().unwrap().0);
            let mut messages = Vec::new();
            let mut length = Vec::new();
            while stream.read_until(b' ', &mut length).unwrap() > 0 {
                let octets: usize = std::str::from_utf8(&length).unwrap().trim_end().parse().unwrap();
                let mut message = vec![0; octets];
                stream.read_exact(&mut message).unwrap();
                messages.push(String::from_utf8(message).unwrap());
                length.clear();
            }
            messages
        })
    };
    let (to_tcp, to_udp) = (
        format!("syslog-tcp:{}?hostname=fw1&spool=none", tcp.local_addr().unwrap()),
        format!("syslog-udp:{}?facility=local0", udp.local_addr().unwrap()),
    );
    Ran::with(["replay", capture.to_str().unwrap(), "--sink", &to_tcp, "--sink", &to_udp]).expect(0);
    let body = |message: &str| message.splitn(8, ' ').nth(7).unwrap_or_default().to_owned() + "\n";
    let over_tcp = reader.join().unwrap();
    assert_eq!(over_tcp.iter().map(|message| body(message)).collect::<String>(), lines);
    assert!(over_tcp.iter().all(|message| message.starts_with("<17") && message.contains(" fw1 portcullis ")), "{over_tcp:?}");
    let mut datagram = vec![0; 65_536];
    for line in lines.split_inclusive('\n') {
        let length = udp.recv(&mut datagram).unwrap();
        let message = std::str::from_utf8(&datagram[..length]).unwrap();
        assert!(message.starts_with("<13") && body(message) == line, "{message}");
    }
}

#[test]
fn a_sink_of_the_network_has_a_spool_of_its_name_where_spools_are() {
    let dir = Dir::new();
    let (spools, capture) = (dir.path("spools"), shipped("tls12.pcap").into_os_string().into_string().unwrap());
    let receive = |listener: &TcpListener| {
        let listener = listener.try_clone().unwrap();
        thread::spawn(move || {
            let mut text = String::new();
            listener.accept().unwrap().0.read_to_string(&mut text).unwrap();
            text
        })
    };
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let received = receive(&tcp);
    let sink = format!("syslog-tcp:{}?name=siem", tcp.local_addr().unwrap());
    Ran::with(["replay", &capture, "--sink", &sink, "--spool-dir", spools.to_str().unwrap()]).expect(0);
    assert!(received.join().unwrap().contains("\"portcullis\":{\"id\":\""));
    assert!(spools.join("siem/ledger").is_file());
    // By the key in the file, whose directory it is in; and not for others to read.
    let config = dir.file(
        "portcullis.toml",
        format!("spool-dir = \"more\"\n[[sink]]\ntype = \"syslog-tcp\"\naddress = \"{}\"\n", tcp.local_addr().unwrap()),
    );
    let received = receive(&tcp);
    Ran::with(["replay", &capture, "--config", &config]).expect(0);
    received.join().unwrap();
    let made: Vec<_> = fs::read_dir(dir.path("more")).unwrap().map(|entry| entry.unwrap()).collect();
    assert_eq!(made.len(), 1);
    assert!(made[0].file_name().to_str().unwrap().starts_with("syslog-tcp-127.0.0.1-"));
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&made[0].metadata().unwrap().permissions()) & 0o777, 0o700);
}

#[test]
fn two_sinks_do_not_share_a_spool() {
    let dir = Dir::new();
    let (spool, capture) = (dir.path("s"), shipped("tls12.pcap"));
    let sinks = ["syslog-tcp:127.0.0.1:1", "syslog-tcp:127.0.0.1:2"].map(|sink| format!("{sink}?spool={}", spool.display()));
    let ran = Ran::with(["replay", capture.to_str().unwrap(), "--sink", &sinks[0], "--sink", &sinks[1]]).expect(1);
    assert!(ran.stderr.contains("two sinks cannot share it: give each a name, or a spool of its own"), "{}", ran.stderr);
}

/// An endpoint that takes all, and keeps the bodies.
fn endpoint(requests: usize) -> (String, thread::JoinHandle<Vec<(String, String)>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let serving = thread::spawn(move || {
        let mut all = Vec::new();
        while all.len() < requests {
            let mut stream = BufReader::new(listener.accept().unwrap().0);
            let (mut head, mut line) = (String::new(), String::new());
            while stream.read_line(&mut line).unwrap() > 2 {
                head.push_str(&std::mem::take(&mut line));
            }
            let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
            let mut body = vec![0; length.unwrap()];
            stream.read_exact(&mut body).unwrap();
            let answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            std::io::Write::write_all(stream.get_mut(), answer.as_bytes()).unwrap();
            all.push((head, String::from_utf8(body).unwrap()));
        }
        all
    });
    (url, serving)
}

#[test]
fn a_secret_that_was_written_where_none_should_be_is_refused_and_not_shown() {
    let dir = Dir::new();
    let capture = shipped("tls12.pcap");
    for (sink, said) in [
        (
            "http:https://elk:hunter2@127.0.0.1:9?mode=elastic",
            "there is a user or password in the URL: use user, and token-file or token-env",
        ),
        ("http:https://127.0.0.1:9/in%3Ftoken=hunter2?mode=ndjson", "what seems to be a secret in the URL, token: use token-file"),
        (
            "http:https://127.0.0.1:9?mode=elastic&token=hunter2",
            "has no key token: no secret is written here: use token-file or token-env",
        ),
        ("http:https://127.0.0.1:9?mode=elastic&password=hunter2", "has no key password"),
        ("syslog-tls:127.0.0.1:9?password=hunter2", "has no key password"),
    ] {
        for args in [&["replay", capture.to_str().unwrap()][..], &["config", "show", "replay"]] {
            let ran = Ran::with([args, &["--sink", sink]].concat()).expect(2);
            let told = ran.stderr.clone() + &String::from_utf8(ran.stdout).unwrap();
            assert!(told.contains(said) && !told.contains("hunter2"), "{sink}: {told}");
        }
    }
    for (keys, said) in [
        ("url = \"https://elk:hunter2@es:9200\"", "there is a user or password in the URL"),
        ("url = \"https://es/in?api_key=hunter2\"", "what seems to be a secret in the URL, api_key"),
        ("url = \"https://es\"\ntoken = \"hunter2\"", "has no key token"),
        ("url = \"https://es\"\ntoken = 'hunter2", "error"),
    ] {
        let file = dir.file("portcullis.toml", format!("[[sink]]\ntype = \"http\"\nmode = \"elastic\"\n{keys}\n"));
        for (args, status) in
            [(&["config", "check"][..], 1), (&["config", "show", "replay"], 2), (&["replay", capture.to_str().unwrap()], 2)]
        {
            let ran = Ran::with([&["--config", &file], args].concat()).expect(status);
            let told = ran.stderr.clone() + &String::from_utf8(ran.stdout).unwrap();
            assert!(told.contains(said) && !told.contains("hunter2"), "{keys}: {told}");
        }
    }
}

#[test]
fn events_go_out_over_http_with_a_token_that_is_shown_nowhere() {
    let dir = Dir::new();
    let (capture, token) = (shipped("tls12.pcap"), dir.file("token", "hunter2\n"));
    let (url, serving) = endpoint(1);
    let sink = format!("http:{url}?mode=ndjson&events=tls&token-file={token}");
    let args = ["replay", capture.to_str().unwrap(), "--sink", &sink, "--spool-dir", dir.path("spools").to_str().unwrap()]
        .map(str::to_owned);
    let ran = Ran::with(&args).expect(0);
    assert!(!ran.stderr.contains("hunter2"), "{}", ran.stderr);
    let (head, body) = &serving.join().unwrap()[0];
    assert!(
        head.starts_with("POST / HTTP/1.1\r\n") && head.to_ascii_lowercase().contains("authorization: bearer hunter2\r\n"),
        "{head}"
    );
    let event: Value = serde_json::from_str(body.strip_suffix('\n').unwrap()).unwrap();
    assert_eq!(event["event_type"], "tls");
    let shown = Ran::with(["config", "show", "replay", "--sink", &sink]).expect(0);
    assert!(!String::from_utf8(shown.stdout).unwrap().contains("hunter2"));
    let missing = sink.replace(&token, "/nonexistent/token");
    let ran =
        Ran::with(["replay", capture.to_str().unwrap(), "--sink", &missing, "--spool-dir", dir.path("spools").to_str().unwrap()])
            .expect(1);
    assert!(ran.stderr.contains("cannot use /nonexistent/token: "), "{}", ran.stderr);
}

#[test]
fn names_from_the_wire_cannot_end_a_message() {
    use crate::util::Conversation;
    use crate::util::tls::ClientHello;
    let dir = Dir::new();
    let name = "a\r\n<0>1 - evil - - - {}\u{1b}[2J\0b.example";
    let packets = Conversation::between("10.0.0.1:40000", "192.0.2.1:443").client(&ClientHello::asking_for(name).record()).packets;
    let capture = dir.file("hostile.pcap", pcap(&packets));
    let socket = dir.path("log.sock");
    let receiver = UnixDatagram::bind(&socket).unwrap();
    receiver.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let sinks = [
        format!("unix-datagram:{}?events=tls", socket.display()),
        format!("syslog-tcp:{}?events=tls&spool=none", tcp.local_addr().unwrap()),
    ];
    let reader = thread::spawn(move || {
        let mut text = Vec::new();
        tcp.accept().unwrap().0.read_to_end(&mut text).unwrap();
        text
    });
    Ran::with(["replay", &capture, "--sink", &sinks[0], "--sink", &sinks[1]]).expect(0);
    let mut datagram = vec![0; 65_536];
    let length = receiver.recv(&mut datagram).unwrap();
    for message in [datagram[..length].to_vec(), reader.join().unwrap()] {
        assert!(!message.iter().any(u8::is_ascii_control), "{}", String::from_utf8_lossy(&message));
    }
}

#[test]
fn what_cannot_be_is_refused_before_anything_is_read() {
    let dir = Dir::new();
    let capture = shipped("tls12.pcap").into_os_string().into_string().unwrap();
    let taken = dir.path("taken.json");
    let file = format!("file:{}", taken.display());
    for (args, status, said) in [
        (&["--sink", "flie:a"][..], 2, "is file meant?"),
        (&["--sink", "file:a?events=dns"], 2, "there are no events called 'dns'"),
        (&["--sink", &file, "--sink", &file], 2, "is named twice to write to"),
        (&["--sink", &file, "-o", taken.to_str().unwrap()], 2, "is named twice to write to"),
        (&["--sink", &format!("file:{capture}")], 2, "is a capture that is to be read"),
        (&["--sink", "stdout", "--write-passed", "-"], 2, "standard output cannot take both"),
        (&["--sink", "unix:/nonexistent/a.sock"], 1, "cannot connect to /nonexistent/a.sock"),
        (&["--sink", "file:/nonexistent/eve.json"], 1, "cannot create /nonexistent/eve.json"),
    ] {
        let ran = Ran::with([&["replay", &capture][..], args].concat()).expect(status);
        assert!(ran.stderr.contains(said) && ran.stdout.is_empty(), "{args:?}: {}", ran.stderr);
    }
}

#[test]
fn packets_that_pass_may_go_to_standard_output_where_events_do_not() {
    let dir = Dir::new();
    let file = format!("file:{}", dir.path("eve.json").display());
    let ran = replay(&["--sink", &file, "--write-passed", "-"]).expect(0);
    assert!(ran.stdout.starts_with(&[0x0a, 0x0d, 0x0d, 0x0a]));
}

#[test]
fn a_reader_that_closes_standard_output_ends_no_other_sink() {
    let dir = Dir::new();
    let file = format!("file:{}", dir.path("eve.json").display());
    let mut child = portcullis(["replay", "--flows", "pcaps", "--sink", "stdout", "--sink", &file])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert!(child.wait().unwrap().success());
    assert_eq!(text(dir.path("eve.json")), expected());
}

#[test]
fn the_configuration_has_a_table_for_each_sink() {
    let dir = Dir::new();
    let text_of_config = "flows = true\n[[sink]]\ntype = \"file\"\npath = \"all.json\"\n\n[[sink]]\ntype = \"file\"\npath = \"alerts.json\"\nevents = [\"alert\"]\n";
    let config = dir.file("portcullis.toml", text_of_config);
    Ran::with(["--config", &config, "replay", "pcaps"]).expect(0);
    assert_eq!(text(dir.path("all.json")), expected());
    let alerts = Events::parse(text(dir.path("alerts.json")).as_bytes());
    assert!(!alerts.0.is_empty() && alerts.0.len() == alerts.of("alert").len());
}

#[test]
fn what_a_spool_has_accepted_arrives_though_both_sides_are_killed() {
    use crate::util::tls::ClientHello;
    use crate::util::{Conversation, Packet};
    let dir = Dir::new();
    let conversation = |n: u64| {
        let client = format!("10.{}.{}.1:40000", n >> 7, n & 127);
        let hello = ClientHello::asking_for(&format!("n{n}.example")).record();
        let packets = Conversation::between(&client, "192.0.2.1:443").client(&hello).packets;
        packets.into_iter().map(move |p| Packet { time: p.time + Duration::from_millis(4 * n), ..p })
    };
    let capture = dir.file("many.pcap", pcap(&(0..1_500).flat_map(conversation).collect::<Vec<_>>()));
    let socket = dir.path("events.sock");
    // A receiver that goes away after a while, with bytes that it has not read, or is not there at all for some time.
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let receiver = {
        let socket = socket.clone();
        thread::spawn(move || {
            let mut lines: Vec<String> = Vec::new();
            for after in [3, 500, 40, 2_000, 7, 100].into_iter().chain(std::iter::repeat(usize::MAX)) {
                let _ = fs::remove_file(&socket);
                let listener = UnixListener::bind(&socket).unwrap();
                listener.set_nonblocking(true).unwrap();
                let stream = loop {
                    match listener.accept() {
                        Ok((stream, _)) => break stream,
                        Err(_) if stopped.try_recv().is_ok() => return lines,
                        Err(_) => thread::sleep(Duration::from_millis(5)),
                    }
                };
                stream.set_nonblocking(false).unwrap();
                // A line that a killed sender has torn has no newline.
                let mut reader = BufReader::new(stream);
                let mut line = String::new();
                for _ in 0..after {
                    line.clear();
                    if reader.read_line(&mut line).unwrap_or(0) == 0 || !line.ends_with('\n') {
                        break;
                    }
                    lines.push(line.clone());
                }
                drop((reader, listener));
                thread::sleep(Duration::from_millis(60));
            }
            lines
        })
    };
    let sink = format!("unix:{}?spool={}&resend=4MiB", socket.display(), dir.path("spool").display());
    for after in [80, 160, 40, 250, 120] {
        let mut child = portcullis(["replay", &capture, "--sink", &sink]).stderr(std::process::Stdio::null()).spawn().unwrap();
        thread::sleep(Duration::from_millis(after));
        let _ = child.kill();
        child.wait().unwrap();
    }
    let ran = Ran::with(["replay", &capture, "--sink", &sink]).expect(0);
    assert!(!ran.stderr.contains("warning"), "{}", ran.stderr);
    stop.send(()).unwrap();
    let events: Vec<Value> = receiver.join().unwrap().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut by_number = std::collections::BTreeMap::new();
    for event in &events {
        let id = event["portcullis"]["id"].as_str().unwrap();
        let (spool, number) = id.split_once('-').unwrap();
        let before = by_number.insert(number.parse::<u64>().unwrap(), (spool.to_owned(), event));
        assert!(before.is_none_or(|before| before == (spool.to_owned(), event)), "{id} is of two events");
    }
    // Numbers are given one after the other as events are accepted: none is missing.
    let numbers: Vec<u64> = by_number.keys().copied().collect();
    let last = *numbers.last().unwrap();
    assert_eq!(numbers, (1..=last).collect::<Vec<_>>());
    assert!(last >= 1_501, "{last}"); // the last run alone has a session of each, and stats
    let names = |from: u64| by_number.range(from..).filter(|(_, (_, event))| event["event_type"] == "tls").count();
    assert_eq!(names(last - 1_500), 1_500);
}
