//! What was accepted arrives: over restarts, breaks, torn writes and damage; and what does not is counted.

use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::thread::JoinHandle;

use super::writer::{Full, Writer};
use super::*;
use crate::sink::format::Format;
use crate::sink::socket::{Address, Socket};

fn settings(dir: &Path) -> SpoolSettings {
    SpoolSettings { resend: 1 << 20, ..SpoolSettings::new(dir.join("spool"), 1 << 20, WhenFull::Wait) }
}

fn begin(settings: &SpoolSettings, to: &Path) -> Result<Spool, Error> {
    let stream =
        Stream::new(Socket::unconnected(Address::Unix(to.to_owned()))?, Form::Line(Format::Eve), settings.resend, Arc::default());
    Spool::begin(
        settings.clone(),
        Receiver::Stream(Box::new(stream)),
        Arc::new(|_: &Error| {}),
        Duration::from_secs(30),
        Arc::default(),
    )
}

/// The same with counters that can be read.
fn begin_counted(settings: &SpoolSettings, to: &Path) -> (Spool, Arc<Tally>) {
    let tally = Arc::<Tally>::default();
    let socket = Socket::unconnected(Address::Unix(to.to_owned())).unwrap();
    let stream = Stream::new(socket, Form::Line(Format::Eve), settings.resend, Arc::clone(&tally));
    let receiver = Receiver::Stream(Box::new(stream));
    let announce = Arc::new(|_: &Error| {});
    (Spool::begin(settings.clone(), receiver, announce, Duration::from_secs(30), Arc::clone(&tally)).unwrap(), tally)
}

#[track_caller]
fn until(what: &str, is_so: impl Fn() -> bool) {
    let since = Instant::now();
    while !is_so() {
        assert!(since.elapsed() < Duration::from_secs(20), "{what}");
        thread::sleep(Duration::from_millis(5));
    }
}

fn event(n: u64) -> String {
    format!("{{\"n\":{n}}}\n")
}

/// Puts events into a spool whose sender is not there.
fn write(settings: &SpoolSettings, numbers: std::ops::Range<u64>) {
    let (mut writer, _) = Writer::open(settings, segment_size(settings)).unwrap();
    for n in numbers {
        writer.append(event(n).as_bytes(), settings.size).unwrap();
    }
}

/// The events of a line: its number in the spool, and its own.
fn read_line(line: &str) -> (u64, u64) {
    let value: serde_json::Value = serde_json::from_str(line).unwrap();
    let id = value["portcullis"]["id"].as_str().unwrap();
    (id.split_once('-').unwrap().1.parse().unwrap(), value["n"].as_u64().unwrap())
}

/// Reads one connection to its end.
fn receiver(path: &Path) -> JoinHandle<Vec<(u64, u64)>> {
    let listener = UnixListener::bind(path).unwrap();
    thread::spawn(move || BufReader::new(listener.accept().unwrap().0).lines().map(|line| read_line(&line.unwrap())).collect())
}

fn expected(numbers: std::ops::Range<u64>) -> Vec<(u64, u64)> {
    numbers.map(|n| (n, n)).collect()
}

#[test]
fn what_an_earlier_run_has_left_is_sent_first_and_numbers_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let (settings, path) = (settings(dir.path()), dir.path().join("a.sock"));
    write(&settings, 1..4);
    let received = receiver(&path);
    let mut spool = begin(&settings, &path).unwrap();
    spool.write([event(4), event(5)].concat().as_bytes()).unwrap();
    assert_eq!(spool.finish().unwrap(), Spooled::default());
    assert_eq!(received.join().unwrap(), expected(1..6));
    // All is acknowledged: nothing is sent again, and no number is given twice.
    fs::remove_file(&path).unwrap();
    let received = receiver(&path);
    let mut spool = begin(&settings, &path).unwrap();
    spool.write(event(6).as_bytes()).unwrap();
    assert_eq!(spool.finish().unwrap(), Spooled::default());
    assert_eq!(received.join().unwrap(), [(6, 6)]);
}

#[test]
fn a_receiver_that_breaks_off_gets_again_what_it_may_not_have_read() {
    let dir = tempfile::tempdir().unwrap();
    let (settings, path) = (settings(dir.path()), dir.path().join("a.sock"));
    let listener = UnixListener::bind(&path).unwrap();
    let mut spool = begin(&settings, &path).unwrap();
    let lines: String = (1..2_000).map(event).collect();
    spool.write(lines.as_bytes()).unwrap();
    let reader = thread::spawn(move || {
        let mut all = Vec::new();
        for _ in 0..3 {
            let mut some = BufReader::new(listener.accept().unwrap().0).lines().take(100);
            all.extend(some.by_ref().map(|line| read_line(&line.unwrap())));
        } // with bytes that were not read: the other side sees that it broke
        all.extend(BufReader::new(listener.accept().unwrap().0).lines().map(|line| read_line(&line.unwrap())));
        all
    });
    assert_eq!(spool.finish().unwrap(), Spooled::default());
    let mut received = reader.join().unwrap();
    assert_eq!(received.len(), 3 * 100 + 1_999);
    received.sort_unstable();
    received.dedup();
    assert_eq!(received, expected(1..2_000));
}

#[test]
fn a_torn_record_is_cut_off_and_its_number_is_given_again() {
    let dir = tempfile::tempdir().unwrap();
    let record = b"\x07\0\0\0\0\0\0\0{\"n\":1}"; // with a wrong checksum
    for (name, torn) in
        [("one", &record[..1]), ("head", &record[..8]), ("whole", &record[..]), ("long", b"\xff\xff\xff\xff\0\0\0\0")]
    {
        let settings = SpoolSettings { dir: dir.path().join(name), ..settings(dir.path()) };
        let path = dir.path().join(format!("{name}.sock"));
        write(&settings, 1..3);
        OpenOptions::new().append(true).open(segment::path(&settings.dir, 1)).unwrap().write_all(torn).unwrap();
        let received = receiver(&path);
        let mut spool = begin(&settings, &path).unwrap();
        spool.write(event(3).as_bytes()).unwrap();
        assert_eq!(spool.finish().unwrap(), Spooled::default());
        assert_eq!(received.join().unwrap(), expected(1..4), "{torn:?}");
    }
}

#[test]
fn a_segment_that_was_just_begun_is_no_obstacle() {
    let dir = tempfile::tempdir().unwrap();
    for (name, half) in [("none", 0), ("half", 10), ("whole", segment::HEADER)] {
        let settings = SpoolSettings { dir: dir.path().join(name), ..settings(dir.path()) };
        let path = dir.path().join(format!("{name}.sock"));
        write(&settings, 1..3);
        let (id, _) = ledger::read(&settings.dir).unwrap();
        fs::write(segment::path(&settings.dir, 3), &segment::header(id, 3)[..half]).unwrap();
        let received = receiver(&path);
        let mut spool = begin(&settings, &path).unwrap();
        spool.write(event(3).as_bytes()).unwrap();
        assert_eq!(spool.finish().unwrap(), Spooled::default(), "{name}");
        assert_eq!(received.join().unwrap(), expected(1..4), "{name}");
    }
}

/// Where the record with the number `n` is in a segment that begins with `first`.
fn place_of(first: u64, n: u64) -> usize {
    segment::HEADER + (first..n).map(|n| segment::RECORD + event(n).len() - 1).sum::<usize>()
}

#[test]
fn damage_costs_the_records_that_it_hit_and_is_counted() {
    let dir = tempfile::tempdir().unwrap();
    // What is damaged, in a segment of records 4 to 9: by a byte of one, or by all of a range; and what that costs.
    let (five, eight, end) = (place_of(4, 5), place_of(4, 8), place_of(4, 10));
    for (name, damaged, lost) in [
        ("event", five + segment::RECORD + 2..five + segment::RECORD + 3, 5..6),
        ("length", five..five + 1, 5..6),
        ("long length", five + 3..five + 4, 5..6),
        ("checksum", five + 5..five + 6, 5..6),
        ("several", five + 1..eight, 5..8),
        ("all but the head", segment::HEADER..end, 4..10),
        ("the head", 0..8, 4..10),
    ] {
        for is_last in [false, true] {
            let place = dir.path().join(format!("{name} {is_last}"));
            fs::create_dir(&place).unwrap();
            let (settings, path) = (settings(&place), place.join("a.sock"));
            write(&settings, 1..4);
            write(&settings, 4..10);
            if !is_last {
                write(&settings, 10..12);
            }
            let middle = segment::path(&settings.dir, 4);
            let mut bytes = fs::read(&middle).unwrap();
            bytes[damaged.clone()].iter_mut().for_each(|byte| *byte ^= 0x55);
            fs::write(&middle, bytes).unwrap();
            if is_last && lost.end == 10 {
                continue; // that is taken for a torn end, which was never accepted
            }
            let received = receiver(&path);
            let spooled = begin(&settings, &path).unwrap().finish().unwrap();
            let whole = [expected(1..lost.start), expected(lost.end..if is_last { 10 } else { 12 })].concat();
            assert_eq!(received.join().unwrap(), whole, "{name} {is_last}");
            assert_eq!(spooled, Spooled { damaged: lost.end - lost.start, ..Spooled::default() }, "{name} {is_last}");
        }
    }
}

#[test]
fn without_a_ledger_all_that_is_there_is_sent_again() {
    let dir = tempfile::tempdir().unwrap();
    let (settings, path) = (settings(dir.path()), dir.path().join("a.sock"));
    write(&settings, 1..4);
    for (change, expected_again) in [(None, 1..4), (Some(&b"no ledger"[..]), 1..4)] {
        let received = receiver(&path);
        assert_eq!(begin(&settings, &path).unwrap().finish().unwrap(), Spooled::default());
        assert_eq!(received.join().unwrap(), expected(expected_again));
        fs::remove_file(&path).unwrap();
        match change {
            None => fs::remove_file(settings.dir.join("ledger")).unwrap(),
            Some(bytes) => fs::write(settings.dir.join("ledger"), bytes).unwrap(),
        }
    }
}

#[test]
fn over_the_bound_what_is_set_goes_and_is_counted() {
    let dir = tempfile::tempdir().unwrap();
    let line = |n: u64| format!("{{\"n\":{n},\"pad\":\"{}\"}}\n", "x".repeat(1_000));
    for (when_full, name) in [(WhenFull::Oldest, "oldest"), (WhenFull::Newest, "newest")] {
        let settings = SpoolSettings { dir: dir.path().join(name), size: 64 << 10, when_full, ..settings(dir.path()) };
        let path = dir.path().join(format!("{name}.sock"));
        let mut spool = begin(&settings, &path).unwrap();
        (1..201).for_each(|n| spool.write(line(n).as_bytes()).unwrap());
        let used: u64 = segment::list(&settings.dir)
            .unwrap()
            .iter()
            .map(|n| fs::metadata(segment::path(&settings.dir, *n)).unwrap().len())
            .sum();
        assert!(used <= settings.size && used > settings.size / 2, "{used}");
        let received = receiver(&path);
        let spooled = spool.finish().unwrap();
        let received: Vec<u64> = received.join().unwrap().into_iter().map(|(_, n)| n).collect();
        let count = u64::try_from(received.len()).unwrap();
        assert_eq!(spooled, Spooled { dropped: 200 - count, ..Spooled::default() }, "{name}");
        let kept: Vec<u64> = if when_full == WhenFull::Oldest { (201 - count..201).collect() } else { (1..count + 1).collect() };
        assert_eq!(received, kept, "{name}");
    }
}

#[test]
fn a_full_spool_waits_for_its_receiver() {
    let dir = tempfile::tempdir().unwrap();
    let settings = SpoolSettings { size: 64 << 10, resend: 4 << 10, ..settings(dir.path()) };
    let path = dir.path().join("a.sock");
    let received = receiver(&path);
    let mut spool = begin(&settings, &path).unwrap();
    for n in 1..5_000 {
        spool.write(event(n).as_bytes()).unwrap();
    }
    assert_eq!(spool.finish().unwrap(), Spooled::default());
    assert_eq!(received.join().unwrap(), expected(1..5_000));
    assert_eq!(segment::list(&settings.dir).unwrap().len(), 1); // all others went once they were acknowledged
}

#[test]
fn a_receiver_that_confirms_nothing_leaves_events_waiting() {
    let dir = tempfile::tempdir().unwrap();
    let (settings, path) = (settings(dir.path()), dir.path().join("a.sock"));
    let listener = UnixListener::bind(&path).unwrap();
    let mut spool = begin(&settings, &path).unwrap();
    spool.write(event(1).as_bytes()).unwrap();
    let open: UnixStream = listener.accept().unwrap().0; // and stays so
    assert_eq!(spool.finish().unwrap(), Spooled { waiting: 1, ..Spooled::default() });
    drop((open, listener));
    fs::remove_file(&path).unwrap();
    let received = receiver(&path);
    assert_eq!(begin(&settings, &path).unwrap().finish().unwrap(), Spooled::default());
    assert_eq!(received.join().unwrap(), [(1, 1)]);
}

#[test]
fn a_spool_is_for_one_program_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let settings = settings(dir.path());
    let first = Writer::open(&settings, 1_024).unwrap();
    let error = begin(&settings, &dir.path().join("a.sock")).unwrap_err().to_string();
    assert!(error.contains("another program uses this spool"), "{error}");
    drop(first);
    Writer::open(&settings, 1_024).unwrap();
}

#[test]
fn a_disk_without_room_is_like_the_bound() {
    let dir = tempfile::tempdir().unwrap();
    let settings = settings(dir.path());
    let (mut writer, _) = Writer::open(&settings, 1_024).unwrap();
    std::os::unix::fs::symlink("/dev/full", segment::path(&settings.dir, 1)).unwrap();
    assert!(matches!(writer.append(event(1).as_bytes(), settings.size), Err(Full::NoRoom)));
    // Nothing of it is left, and once there is room it goes on.
    assert_eq!(segment::list(&settings.dir).unwrap(), [0; 0]);
    writer.append(event(1).as_bytes(), settings.size).unwrap();
    assert_eq!(writer.next(), 2);
}

#[test]
fn a_receiver_that_breaks_off_again_and_again_is_given_up_and_said_so_once() {
    let dir = tempfile::tempdir().unwrap();
    let (settings, path) = (settings(dir.path()), dir.path().join("a.sock"));
    let listener = UnixListener::bind(&path).unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let _ = std::io::Read::read(&mut stream.unwrap(), &mut [0; 1]); // and leaves the rest unread
        }
    });
    let said = Arc::new(Mutex::new(Vec::new()));
    let announce = {
        let said = Arc::clone(&said);
        Arc::new(move |error: &Error| said.lock().unwrap().push(error.to_string()))
    };
    let stream =
        Stream::new(Socket::unconnected(Address::Unix(path)).unwrap(), Form::Line(Format::Eve), settings.resend, Arc::default());
    let mut spool =
        Spool::begin(settings, Receiver::Stream(Box::new(stream)), announce, Duration::from_secs(2), Arc::default()).unwrap();
    spool.write(event(1).as_bytes()).unwrap();
    let since = Instant::now();
    assert_eq!(spool.finish().unwrap(), Spooled { waiting: 1, ..Spooled::default() });
    assert!(since.elapsed() < Duration::from_secs(10), "{:?}", since.elapsed());
    assert_eq!(*said.lock().unwrap(), ["the receiver broke off before it had confirmed all"]);
}

#[test]
fn what_is_written_is_brought_to_the_disk_by_bytes_and_by_time() {
    let dir = tempfile::tempdir().unwrap();
    let settings = SpoolSettings { sync_bytes: 1_000, sync_time: Some(Duration::from_millis(50)), ..settings(dir.path()) };
    let (mut writer, _) = Writer::open(&settings, 1 << 20).unwrap();
    let append = |writer: &mut Writer, bytes: usize| {
        let line = format!("{{\"pad\":\"{}\"}}\n", "x".repeat(bytes));
        writer.append(line.as_bytes(), settings.size).unwrap();
    };
    append(&mut writer, 100);
    assert!(writer.unsynced() > 100);
    append(&mut writer, 1_000);
    assert_eq!(writer.unsynced(), 0);
    append(&mut writer, 100);
    thread::sleep(Duration::from_millis(51));
    writer.sync_if_due().unwrap();
    assert_eq!(writer.unsynced(), 0);
}

#[test]
fn what_waits_and_why_can_be_asked() {
    let dir = tempfile::tempdir().unwrap();
    let (settings, path) = (SpoolSettings { resend: 0, ..settings(dir.path()) }, dir.path().join("a.sock"));
    let (mut spool, tally) = begin_counted(&settings, &path);
    let at = |second| format!("{{\"timestamp\":\"2026-11-24T11:28:{second}.793478+0000\",\"event_type\":\"tls\",\"n\":1}}\n");
    spool.write([at(11), at(11), at(12)].concat().as_bytes()).unwrap();
    until("nobody is there", || tally.receiver.trouble().is_some() && tally.spool().oldest.is_some());
    let why = tally.receiver.trouble().unwrap().why;
    assert!(why.starts_with(&format!("cannot connect to {}: ", path.display())), "{why}");
    let bytes = fs::metadata(segment::path(&settings.dir, 1)).unwrap().len();
    // date -u -d '2026-11-24 11:28:11' +%s
    assert_eq!(tally.spool(), crate::sink::SpoolState { events: 3, bytes, segments: 1, oldest: Some(1_795_519_691) });
    let received = UnixListener::bind(&path).unwrap();
    let reader = thread::spawn(move || BufReader::new(received.accept().unwrap().0).lines().count());
    until("it takes events", || tally.receiver.trouble().is_none());
    assert_eq!(spool.finish().unwrap(), Spooled::default());
    assert_eq!((reader.join().unwrap(), tally.spool().events, tally.spool().oldest), (3, 0, None));
}

#[test]
fn a_disk_without_room_for_the_ledger_does_not_stop_what_is_sent() {
    let dir = tempfile::tempdir().unwrap();
    let (settings, path) = (SpoolSettings { resend: 0, ..settings(dir.path()) }, dir.path().join("a.sock"));
    write(&settings, 1..3);
    let received = receiver(&path);
    let (mut spool, tally) = begin_counted(&settings, &path);
    // Whatever is written there, there is no room for.
    std::os::unix::fs::symlink("/dev/full", settings.dir.join("ledger.part")).unwrap();
    for n in 3..40 {
        spool.write(event(n).as_bytes()).unwrap();
        thread::sleep(Duration::from_millis(20)); // over more than one note
    }
    until("it is acknowledged all the same", || tally.spool().events <= 1);
    fs::remove_file(settings.dir.join("ledger.part")).unwrap();
    assert_eq!(spool.finish().unwrap(), Spooled::default());
    assert_eq!(received.join().unwrap(), expected(1..40));
}
