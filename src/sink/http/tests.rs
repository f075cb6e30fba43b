//! Against an endpoint that is as strict as the real ones: what a receiver takes, refuses, puts off and garbles.

use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::Mutex;
use std::time::Instant;
use std::{fs, thread};

use serde_json::{Value, json};

use super::*;
use crate::sink::spool::{Receiver, Spool, SpoolSettings, Spooled, WhenFull};
use crate::sink::testing::{Authority, accept};

/// A request as it came.
#[derive(Clone, Debug)]
struct Request {
    path: String,
    headers: HashMap<String, String>,
    body: String,
}

/// What is answered: a status, headers, a body. `None` breaks off.
type Said = Option<(u16, &'static str, String)>;

/// Answers requests, as many as come, by what `answer` makes of each; all of them are kept.
fn serve(listener: TcpListener, answer: impl Fn(usize, &Request) -> Said + Send + 'static) -> Arc<Mutex<Vec<Request>>> {
    let all = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&all);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            converse(&mut BufReader::new(&stream), &mut &stream, &kept, &answer);
        }
    });
    all
}

fn converse(
    reader: &mut impl BufRead,
    writer: &mut impl Write,
    kept: &Mutex<Vec<Request>>,
    answer: &impl Fn(usize, &Request) -> Said,
) {
    while let Some(request) = read_request(reader) {
        let count = {
            let mut kept = kept.lock().unwrap();
            kept.push(request.clone());
            kept.len()
        };
        let Some((status, headers, body)) = answer(count, &request) else { return };
        let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n{headers}\r\n", body.len());
        if writer.write_all(format!("{head}{body}").as_bytes()).is_err() {
            return;
        }
    }
}

fn read_request(reader: &mut impl BufRead) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|n| *n > 0)?;
    let mut words = line.split_whitespace();
    assert_eq!(words.next(), Some("POST"));
    let path = words.next().unwrap().to_owned();
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        match line.trim_end().split_once(": ") {
            Some((name, value)) => headers.insert(name.to_ascii_lowercase(), value.to_owned()),
            None => break,
        };
    }
    let mut body = vec![0; headers["content-length"].parse().unwrap()];
    reader.read_exact(&mut body).ok()?;
    let mut text = String::new();
    match headers.get("content-encoding").map(String::as_str) {
        Some("gzip") => drop(flate2::read::GzDecoder::new(&*body).read_to_string(&mut text).unwrap()),
        None => text = String::from_utf8(body).unwrap(),
        other => panic!("{other:?}"),
    }
    Some(Request { path, headers, body: text })
}

/// An index, in which documents are created by id. What is wrong with a request is answered as the real one does.
#[derive(Default)]
struct Index {
    documents: BTreeMap<String, Value>,
    /// Which have come, in order, also those that were not taken.
    offered: Vec<u64>,
}

impl Index {
    fn bulk(&mut self, request: &Request, status: impl Fn(u64, usize) -> u16) -> Said {
        let wrong =
            |why: &str| Some((400, "", json!({ "error": { "type": "illegal_argument_exception", "reason": why } }).to_string()));
        if request.headers.get("content-type").map(String::as_str) != Some("application/x-ndjson") {
            return wrong("Content-Type");
        }
        if !request.body.ends_with('\n') {
            return wrong("The bulk request must be terminated by a newline [\\n]");
        }
        let lines: Vec<Value> = match request.body.lines().map(serde_json::from_str).collect() {
            Ok(lines) => lines,
            Err(_) => return wrong("Malformed content"),
        };
        let mut items = Vec::new();
        for pair in lines.chunks(2) {
            let [action, document] = pair else { return wrong("an action without a document") };
            let (Some(id), Some("events-2026.11.24")) = (action["create"]["_id"].as_str(), action["create"]["_index"].as_str())
            else {
                return wrong("no create with an index and an id");
            };
            assert_eq!(document["portcullis"]["id"], id);
            assert_eq!(document["@timestamp"], "2026-11-24T11:28:11.793478+00:00");
            let n = document["n"].as_u64().unwrap();
            let before = self.offered.iter().filter(|other| **other == n).count();
            self.offered.push(n);
            let status = match status(n, before) {
                201 if self.documents.contains_key(id) => 409,
                status => status,
            };
            if status == 201 {
                self.documents.insert(id.to_owned(), document.clone());
            }
            let mut item = json!({ "status": status });
            if status != 201 {
                item["error"] = json!({ "type": format!("of_{status}"), "reason": "" });
            }
            items.push(json!({ "create": item }));
        }
        let errors = items.iter().any(|item| item["create"]["status"] != 201);
        let answer = if errors { json!({ "errors": true, "items": items }) } else { json!({ "errors": false, "items": items }) };
        Some((200, "Content-Type: application/json\r\n", answer.to_string()))
    }

    fn numbers(&self) -> Vec<u64> {
        let mut all: Vec<u64> = self.documents.values().map(|document| document["n"].as_u64().unwrap()).collect();
        all.sort_unstable();
        all
    }
}

fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    (listener, url)
}

fn settings(url: &str, mode: Mode) -> HttpSettings {
    HttpSettings {
        url: url.to_owned(),
        mode,
        format: Format::Eve,
        gzip: true,
        batch_events: 100,
        batch_bytes: 1 << 20,
        batch_time: Duration::from_millis(20),
        timeout: Duration::from_secs(20),
        login: None,
        tls: TlsSettings::default(),
    }
}

fn elastic(url: &str) -> HttpSettings {
    settings(url, Mode::Elastic(IndexName::new("events-%Y.%m.%d").unwrap()))
}

/// Ships events with these numbers, and tells what became of them, and what was announced.
fn ship(settings: HttpSettings, numbers: std::ops::Range<u64>, dir: &Path) -> (Spooled, Arc<Tally>, Vec<String>) {
    let tally = Arc::<Tally>::default();
    let said = Arc::new(Mutex::new(Vec::new()));
    let announce = || -> Announce {
        let said = Arc::clone(&said);
        Arc::new(move |error: &Error| said.lock().unwrap().push(error.to_string()))
    };
    let http = Http::new(settings, Arc::clone(&tally), announce()).unwrap();
    let spool = SpoolSettings::new(dir.join("spool"), 16 << 20, WhenFull::Wait);
    let mut spool =
        Spool::begin(spool, Receiver::Http(Box::new(http)), announce(), Duration::from_secs(20), Arc::clone(&tally)).unwrap();
    for n in numbers {
        let event = format!("{{\"timestamp\":\"2026-11-24T11:28:11.793478+0000\",\"event_type\":\"tls\",\"n\":{n}}}\n");
        spool.write(event.as_bytes()).unwrap();
    }
    let spooled = spool.finish().unwrap();
    let said = said.lock().unwrap().clone();
    (spooled, tally, said)
}

fn expected(numbers: std::ops::Range<u64>) -> Vec<u64> {
    numbers.collect()
}

#[test]
fn each_event_is_created_once_by_its_id_and_what_is_refused_stops_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let (listener, url) = listen();
    let index = Arc::new(Mutex::new(Index::default()));
    let its = Arc::clone(&index);
    let requests = serve(listener, move |_, request| {
        its.lock().unwrap().bulk(request, |n, before| match n {
            _ if n % 50 == 7 => 400,
            _ if n % 10 == 3 && before == 0 => 429,
            _ if n % 10 == 4 && before < 2 => 503,
            _ => 201,
        })
    });
    let (spooled, tally, said) = ship(elastic(&url), 0..250, dir.path());
    assert_eq!(spooled, Spooled::default());
    let index = index.lock().unwrap();
    assert_eq!(index.numbers(), (0..250).filter(|n| n % 50 != 7).collect::<Vec<_>>());
    // What was taken or refused is not offered again.
    let offers = |n: u64| index.offered.iter().filter(|other| **other == n).count();
    assert!((0..250).all(|n| offers(n)
        == if n % 10 == 3 {
            2
        } else if n % 10 == 4 {
            3
        } else {
            1
        }));
    assert_eq!((tally.sent.get(), tally.refused.get(), tally.retried.get()), (245, 5, 25 + 2 * 25));
    assert_eq!(
        said.iter().filter(|said| said.contains("refuses events: status 400: {\"reason\":\"\",\"type\":\"of_400\"}")).count(),
        1
    );
    let first = requests.lock().unwrap()[0].clone();
    assert_eq!(first.path, "/_bulk?filter_path=errors,items.*.status,items.*.error");
    assert_eq!(first.headers["content-encoding"], "gzip");
    assert!(!first.headers.contains_key("authorization"));
}

#[test]
fn an_event_that_is_refused_for_a_while_goes_with_the_next_request() {
    let dir = tempfile::tempdir().unwrap();
    let (listener, url) = listen();
    let index = Arc::new(Mutex::new(Index::default()));
    let its = Arc::clone(&index);
    let requests = serve(listener, move |_, request| {
        its.lock().unwrap().bulk(request, |n, before| if n == 5 && before < 2 { 429 } else { 201 })
    });
    let patient = HttpSettings { batch_time: Duration::from_secs(60), ..elastic(&url) };
    let (spooled, tally, said) = ship(patient, 0..298, dir.path());
    assert_eq!((spooled, index.lock().unwrap().numbers()), (Spooled::default(), expected(0..298)));
    assert_eq!((tally.sent.get(), tally.retried.get(), said), (298, 2, Vec::new()));
    let sizes: Vec<usize> = requests.lock().unwrap().iter().map(|request| request.body.lines().count() / 2).collect();
    assert_eq!(sizes, [100; 3]);
}

#[test]
fn a_receiver_that_takes_some_and_refuses_some_is_not_left_alone_longer_each_time() {
    let dir = tempfile::tempdir().unwrap();
    let (listener, url) = listen();
    let index = Arc::new(Mutex::new(Index::default()));
    let its = Arc::clone(&index);
    serve(listener, move |count, request| match count % 2 {
        1 => Some((429, "", String::new())),
        _ => its.lock().unwrap().bulk(request, |_, _| 201),
    });
    let since = Instant::now();
    let (spooled, tally, said) = ship(elastic(&url), 0..1_000, dir.path());
    assert_eq!((spooled, tally.sent.get(), said.len()), (Spooled::default(), 1_000, 1));
    // Ten refusals, of pauses that were twice as long each: 10 seconds for the last alone.
    assert!(since.elapsed() < Duration::from_secs(10), "{:?}", since.elapsed());
}

#[test]
fn a_double_is_dropped_by_its_id_and_counted() {
    let dir = tempfile::tempdir().unwrap();
    let (listener, url) = listen();
    let index = Arc::new(Mutex::new(Index::default()));
    let its = Arc::clone(&index);
    // It takes the first request, and does not come to say so.
    serve(listener, move |count, request| its.lock().unwrap().bulk(request, |_, _| 201).filter(|_| count > 1));
    let (spooled, tally, said) = ship(elastic(&url), 0..3, dir.path());
    assert_eq!((spooled, index.lock().unwrap().numbers()), (Spooled::default(), expected(0..3)));
    assert!(tally.doubles.get() >= 1 && tally.sent.get() == 3, "{tally:?}");
    assert!(said[0].starts_with(&format!("cannot send to {url}: ")), "{said:?}");
}

#[test]
fn a_request_that_is_too_large_is_halved_until_it_fits_and_a_single_event_is_given_up() {
    let dir = tempfile::tempdir().unwrap();
    let (listener, url) = listen();
    let index = Arc::new(Mutex::new(Index::default()));
    let its = Arc::clone(&index);
    serve(listener, move |_, request| match request.body.lines().count() / 2 {
        count if count > 9 || request.body.contains("\"n\":77}") || request.body.contains("\"n\":77,") => {
            Some((413, "", String::new()))
        }
        _ => its.lock().unwrap().bulk(request, |_, _| 201),
    });
    let (spooled, tally, said) = ship(elastic(&url), 0..100, dir.path());
    assert_eq!(spooled, Spooled::default());
    assert_eq!(index.lock().unwrap().numbers(), (0..100).filter(|n| *n != 77).collect::<Vec<_>>());
    assert_eq!((tally.sent.get(), tally.refused.get()), (99, 1));
    assert_eq!(said, [format!("{url} refuses events: status 413")]);
}

#[test]
fn a_receiver_that_asks_to_be_left_alone_is() {
    let dir = tempfile::tempdir().unwrap();
    let (listener, url) = listen();
    let index = Arc::new(Mutex::new(Index::default()));
    let (its, times) = (Arc::clone(&index), Arc::new(Mutex::new(Vec::new())));
    let seen = Arc::clone(&times);
    serve(listener, move |count, request| {
        seen.lock().unwrap().push(Instant::now());
        match count {
            1 => Some((503, "Retry-After: 4\r\n", "busy".to_owned())),
            _ => its.lock().unwrap().bulk(request, |_, _| 201),
        }
    });
    let (spooled, _, said) = ship(elastic(&url), 0..1, dir.path());
    assert_eq!((spooled, index.lock().unwrap().numbers()), (Spooled::default(), vec![0]));
    let times = times.lock().unwrap();
    assert!(times[1].duration_since(times[0]) >= Duration::from_secs(4));
    assert_eq!(said, [format!("cannot send to {url}: status 503: busy")]);
}

#[test]
fn nothing_is_lost_to_garbage_silence_and_ends() {
    let dir = tempfile::tempdir().unwrap();
    let (listener, url) = listen();
    let index = Arc::new(Mutex::new(Index::default()));
    let its = Arc::clone(&index);
    serve(listener, move |count, request| match count {
        1 => None,
        2 => Some((200, "", "<html>Welcome</html>".to_owned())),
        3 => Some((200, "", json!({ "errors": false, "items": [] }).to_string())),
        4 => {
            thread::sleep(Duration::from_secs(2)); // longer than it may take
            None
        }
        5 => Some((500, "", "\u{1b}[2J".to_owned())),
        _ => its.lock().unwrap().bulk(request, |_, _| 201),
    });
    let slow = HttpSettings { timeout: Duration::from_secs(1), ..elastic(&url) };
    let (spooled, tally, said) = ship(slow, 0..20, dir.path());
    assert_eq!((spooled, index.lock().unwrap().numbers()), (Spooled::default(), expected(0..20)));
    assert_eq!((tally.sent.get(), tally.refused.get()), (20, 0));
    assert!(!said.concat().contains('\u{1b}'));
}

#[test]
fn a_redirect_is_not_followed() {
    let dir = tempfile::tempdir().unwrap();
    let (elsewhere, other) = listen();
    let lured = serve(elsewhere, |_, _| Some((200, "", json!({ "errors": false }).to_string())));
    let (listener, url) = listen();
    let location: &'static str = Box::leak(format!("Location: {other}/_bulk\r\n").into_boxed_str());
    let index = Arc::new(Mutex::new(Index::default()));
    let its = Arc::clone(&index);
    serve(listener, move |count, request| match count {
        1 => Some((307, location, String::new())),
        _ => its.lock().unwrap().bulk(request, |_, _| 201),
    });
    let (spooled, ..) = ship(elastic(&url), 0..1, dir.path());
    assert_eq!((spooled, index.lock().unwrap().numbers()), (Spooled::default(), vec![0]));
    assert_eq!(lured.lock().unwrap().len(), 0);
}

#[test]
fn a_token_that_was_changed_is_read_again_and_told_nowhere() {
    let dir = tempfile::tempdir().unwrap();
    let (listener, url) = listen();
    let token = dir.path().join("token");
    fs::write(&token, "hunter2\n").unwrap();
    let changed = token.clone();
    let requests = serve(listener, move |count, _| {
        if count == 1 {
            fs::write(&changed, "hunter3\n").unwrap();
            return Some((401, "", "no".to_owned()));
        }
        Some((200, "", json!({ "errors": false }).to_string()))
    });
    let login = Some(Login::Token("ApiKey", SecretSource::File(token)));
    let (spooled, _, said) = ship(HttpSettings { login, ..elastic(&url) }, 0..1, dir.path());
    assert_eq!(spooled, Spooled::default());
    let sent: Vec<String> = requests.lock().unwrap().iter().map(|request| request.headers["authorization"].clone()).collect();
    assert_eq!(sent, ["ApiKey hunter2", "ApiKey hunter3"]);
    assert_eq!(said, [format!("cannot send to {url}: status 401: no")]);
}

#[test]
fn over_tls_each_side_knows_the_other() {
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::in_dir(dir.path());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    let config = authority.server("logs.example", true);
    let requests = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&requests);
    thread::spawn(move || {
        loop {
            let (mut reader, mut conversation) = (Vec::new(), accept(&listener, Arc::clone(&config)));
            // One request for each connection.
            let mut byte = [0];
            while !reader.ends_with(b"\r\n\r\n") && conversation.read(&mut byte).is_ok_and(|n| n > 0) {
                reader.push(byte[0]);
            }
            let head = String::from_utf8(reader.clone()).unwrap().to_ascii_lowercase();
            let Some((_, rest)) = head.split_once("content-length: ") else { continue };
            let mut body = vec![0; rest.split("\r\n").next().unwrap().parse().unwrap()];
            conversation.read_exact(&mut body).unwrap();
            reader.extend(body);
            kept.lock().unwrap().extend(read_request(&mut &*reader));
            conversation.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
            conversation.conn.send_close_notify();
            conversation.flush().unwrap();
        }
    });
    let identity = Some(authority.issue("fw1.example"));
    let server_name = Some("logs.example".to_owned());
    let tls = TlsSettings { ca: Some(authority.ca()), identity, server_name, fingerprints: Vec::new() };
    let plain = HttpSettings { gzip: false, ..settings(&url, Mode::Lines) };
    let (spooled, tally, said) = ship(HttpSettings { tls: tls.clone(), ..plain.clone() }, 0..2, dir.path());
    assert_eq!((spooled, tally.sent.get()), (Spooled::default(), 2), "{said:?}");
    let text: String = requests.lock().unwrap().iter().map(|request| request.body.clone()).collect();
    assert_eq!(
        text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["n"].as_u64().unwrap()).collect::<Vec<_>>(),
        [0, 1]
    );
    // Neither without our certificate, nor by Mozilla's roots, by the name in the URL, or by the fingerprint of another certificate.
    let without = TlsSettings { identity: None, ..tls.clone() };
    let by_url = TlsSettings { server_name: None, ..tls.clone() };
    let fingerprints = vec![format!("sha-256:{}", "00".repeat(32)).parse().unwrap()];
    let other = TlsSettings { ca: None, fingerprints, ..tls.clone() };
    let mozilla = TlsSettings { ca: None, ..tls };
    for (name, tls, said) in [
        ("without", without, ""),
        ("mozilla", mozilla, "invalid peer certificate: UnknownIssuer"),
        ("by the URL's name", by_url, "invalid peer certificate: certificate not valid for name \"localhost\""),
        ("another", other, "invalid peer certificate: none of the fingerprints given: it has sha-256:"),
    ] {
        let tally = Arc::<Tally>::default();
        let mut http = Http::new(HttpSettings { tls, ..plain.clone() }, Arc::clone(&tally), Arc::new(|_: &Error| {})).unwrap();
        http.offer(1, "a-1", b"{}".to_vec()).unwrap();
        let error = http.flush(true).unwrap_err().error.to_string();
        assert!(error.contains(said) && tally.sent.get() == 0, "{name}: {error}");
    }
}

#[test]
fn splunk_and_loki_are_spoken_to_in_their_own_ways() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("token"), "t0ken").unwrap();
    let file = SecretSource::File(dir.path().join("token"));
    let splunk = Mode::Splunk {
        index: None,
        sourcetype: "suricata".to_owned(),
        channel: Some("FE0ECFAD-13D5-401B-847D-77833BD77131".to_owned()),
        hostname: "fw1".to_owned(),
    };
    let loki = Mode::Loki { labels: Vec::new(), tenant: Some("one".to_owned()) };
    for (name, mode, login, status, body, path, header) in [
        (
            "splunk",
            splunk,
            Login::Token("Splunk", file.clone()),
            200,
            "{\"text\":\"Success\",\"code\":0}",
            "/services/collector/event",
            ("x-splunk-request-channel", "FE0ECFAD-13D5-401B-847D-77833BD77131"),
        ),
        ("loki", loki, Login::Basic("u".to_owned(), file), 204, "", "/loki/api/v1/push", ("x-scope-orgid", "one")),
    ] {
        let (listener, url) = listen();
        let requests = serve(listener, move |_, _| Some((status, "", body.to_owned())));
        let place = dir.path().join(name);
        fs::create_dir(&place).unwrap();
        let (spooled, tally, said) = ship(HttpSettings { login: Some(login), ..settings(&url, mode) }, 0..3, &place);
        assert_eq!((spooled, tally.sent.get(), said), (Spooled::default(), 3, Vec::new()), "{name}");
        let requests = requests.lock().unwrap();
        assert_eq!((requests[0].path.as_str(), requests[0].headers[header.0].as_str()), (path, header.1));
        let authorization = if name == "splunk" { "Splunk t0ken" } else { "Basic dTp0MGtlbg==" };
        assert_eq!(requests[0].headers["authorization"], authorization);
    }
}

#[test]
fn a_page_in_place_of_an_answer_has_taken_no_lines() {
    let dir = tempfile::tempdir().unwrap();
    let (listener, url) = listen();
    let requests = serve(listener, |count, _| Some((200, "", if count == 1 { "\n<!DOCTYPE html>Log in" } else { "" }.to_owned())));
    let (spooled, tally, said) = ship(settings(&url, Mode::Lines), 0..3, dir.path());
    assert_eq!((spooled, tally.sent.get(), requests.lock().unwrap().len()), (Spooled::default(), 3, 2));
    assert_eq!(said, [format!("cannot send to {url}: a page, and no answer: status 200: <!DOCTYPE html>Log in")]);
}

#[test]
fn a_fault_of_the_address_costs_no_event() {
    let dir = tempfile::tempdir().unwrap();
    for (name, mode) in
        [("elastic", elastic("").mode), ("lines", Mode::Lines), ("loki", Mode::Loki { labels: Vec::new(), tenant: None })]
    {
        let (listener, url) = listen();
        let place = dir.path().join(name);
        fs::create_dir(&place).unwrap();
        // As a server says that is asked without TLS, until somebody has mended that.
        serve(listener, move |count, request| match count {
            1 => Some((400, "", "The plain HTTP request was sent to HTTPS port".to_owned())),
            _ if request.path.contains("loki") => Some((204, "", String::new())),
            _ => Some((200, "", json!({ "errors": false }).to_string())),
        });
        let (spooled, tally, _) = ship(settings(&url, mode), 0..2, &place);
        assert_eq!((spooled, tally.sent.get(), tally.refused.get()), (Spooled::default(), 2, 0), "{name}");
    }
}

#[test]
fn what_loki_will_not_take_as_it_is_too_old_is_refused_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let (listener, url) = listen();
    serve(listener, |_, request| match request.body.contains("\\\"n\\\":1}") || request.body.contains("\\\"n\\\":1,") {
        true => Some((400, "", "entry with timestamp 2026-11-24 ignored, reason: 'entry too far behind'".to_owned())),
        false => Some((204, "", String::new())),
    });
    let (spooled, tally, said) = ship(settings(&url, Mode::Loki { labels: Vec::new(), tenant: None }), 0..4, dir.path());
    assert_eq!((spooled, tally.sent.get(), tally.refused.get()), (Spooled::default(), 3, 1));
    assert!(said.iter().any(|said| said.contains("refuses events: status 400: entry with timestamp")), "{said:?}");
}
