//! A live run ends within a second or so, whatever its receivers do, and nothing that a spool has accepted is lost by that.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::http::{HttpSettings, Mode};
use super::socket::Address;
use super::{Filter, Format, Pace, Shipped, SinkSettings, Sinks, SpoolSettings, SyslogSettings, Target, TlsSettings, WhenFull};

const EVENT: &str = "{\"timestamp\":\"2026-11-24T11:28:11.793478+0000\",\"event_type\":\"tls\"}\n";

fn sink(target: Target, spool: Option<&Path>) -> SinkSettings {
    let spool = spool.map(|dir| SpoolSettings::new(dir.join("spool"), 16 << 20, WhenFull::Oldest));
    SinkSettings { name: "sink".to_owned(), target, filter: Filter::default(), format: Format::Eve, spool }
}

fn http(to: &str) -> Target {
    Target::Http(Box::new(HttpSettings {
        url: format!("http://{to}/"),
        mode: Mode::Lines,
        format: Format::Eve,
        gzip: false,
        batch_events: 100,
        batch_bytes: 1 << 20,
        batch_time: Duration::from_millis(20),
        timeout: Duration::from_secs(30),
        login: None,
        tls: TlsSettings::default(),
    }))
}

fn syslog() -> SyslogSettings {
    SyslogSettings { facility: 1, hostname: "-".to_owned(), format: Format::Eve }
}

/// Ships so many bytes of events in a live run, which ends while its receiver hangs: what has become of them, and how long the end took.
fn ship(settings: SinkSettings, bytes: usize) -> (Shipped, u64, Duration) {
    let has_spool = settings.spool.is_some();
    let mut sinks = Sinks::begin(vec![settings], &[], Pace::Live, |_, _| {}).unwrap();
    let block = EVENT.repeat(100);
    let mut taken = 0;
    for _ in 0..bytes.div_ceil(block.len()) {
        sinks.take(block.as_bytes()).unwrap();
        taken += 100;
        // With a spool it is the receiver that hangs, and its queue must not be full.
        while has_spool && sinks.states().any(|state| state.queued > 32) {
            thread::sleep(Duration::from_millis(1));
        }
    }
    thread::sleep(Duration::from_millis(300)); // the receiver has got something, and says nothing
    let since = Instant::now();
    let shipped = sinks.finish().unwrap();
    (shipped.into_iter().next().unwrap(), taken, since.elapsed())
}

#[test]
fn with_a_spool_a_run_ends_within_a_second_whatever_its_receiver_does_and_keeps_what_was_not_confirmed() {
    type Receiver = (&'static str, fn(&TcpListener) -> Target);
    let receivers: [Receiver; 3] = [
        ("http", |listener| http(&listener.local_addr().unwrap().to_string())),
        ("lines over TCP", |listener| Target::Syslog(Address::Tcp(listener.local_addr().unwrap().to_string()), syslog())),
        ("TLS", |listener| {
            Target::Syslog(Address::Tls(listener.local_addr().unwrap().to_string(), TlsSettings::default()), syslog())
        }),
    ];
    for (name, target) in receivers {
        let dir = tempfile::tempdir().unwrap();
        // It takes connections, and never reads nor answers.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (shipped, taken, end) = ship(sink(target(&listener), Some(dir.path())), 8 << 20);
        assert!(end < Duration::from_millis(1_900), "{name}: {end:?}");
        assert_eq!((shipped.waiting, shipped.dropped), (taken, 0), "{name}");
    }
}

#[test]
fn what_a_receiver_has_not_answered_for_at_the_end_it_gets_in_the_next_run() {
    let dir = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = || http(&listener.local_addr().unwrap().to_string());
    let (shipped, taken, _) = ship(sink(target(), Some(dir.path())), 10_000);
    assert_eq!(shipped.waiting, taken);
    let run = Sinks::begin(vec![sink(target(), Some(dir.path()))], &[], Pace::Waiting, |_, _| {});
    let mut events = 0;
    while events < taken {
        let (mut stream, _) = listener.accept().unwrap();
        events += requests(&mut stream);
    }
    let shipped = run.unwrap().finish().unwrap();
    assert_eq!(shipped.first().map(|sink| (sink.sent, sink.waiting)), Some((taken, 0)));
}

/// Answers the requests of a connection, and counts their events.
fn requests(stream: &mut std::net::TcpStream) -> u64 {
    stream.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    let (mut reader, mut events) = (BufReader::new(stream.try_clone().unwrap()), 0);
    loop {
        let (mut line, mut length) = (String::new(), 0);
        while line != "\r\n" {
            line.clear();
            match reader.read_line(&mut line) {
                Ok(1..) => {}
                _ => return events, // what the run before has left of a connection
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        if reader.read_exact(&mut body).is_err() || stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").is_err() {
            return events;
        }
        events += u64::try_from(body.iter().filter(|&&b| b == b'\n').count()).unwrap();
    }
}

#[test]
fn without_a_spool_a_receiver_that_hangs_is_waited_for_three_seconds_and_what_it_has_not_taken_is_counted() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("events.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let (shipped, taken, end) = ship(sink(Target::Socket(Address::Unix(path)), None), 4 << 20);
    assert!(end > Duration::from_millis(2_500) && end < Duration::from_secs(5), "{end:?}");
    assert!(shipped.sent > 0 && shipped.dropped > 0);
    assert_eq!(shipped.sent + shipped.dropped, taken);
    drop(listener);
}
