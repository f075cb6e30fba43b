//! Any number of sinks at once: each with its own filter, queue and thread.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};

use super::Error;
use super::carrier::{Carrier, PATIENCE, Signals, lines_in};
use super::filter::Filter;
use super::format::Format;
use super::http::HttpSettings;
#[cfg(feature = "kafka")]
use super::kafka_settings::KafkaSettings;
use super::log::LogSettings;
use super::socket::Address;
use super::spool::SpoolSettings;
use super::state::SinkState;
use super::syslog::SyslogSettings;
use super::tally::{SinkCounters, Tally, distinct};

/// What one sink is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkSettings {
    /// What it is called in messages.
    pub name: String,
    /// Where events go.
    pub target: Target,
    /// Which events go there.
    pub filter: Filter,
    /// What they look like there.
    pub format: Format,
    /// Where events wait for a receiver that is a stream, or answers.
    pub spool: Option<SpoolSettings>,
}

/// Where events go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Standard output.
    Stdout,
    /// A file.
    File(LogSettings),
    /// A socket that takes lines; one of datagrams takes each without its newline.
    Socket(Address),
    /// A receiver of RFC 5424 messages.
    Syslog(Address, SyslogSettings),
    /// A receiver of requests over HTTP. It has a spool.
    Http(Box<HttpSettings>),
    /// A topic of Kafka. It has a spool.
    #[cfg(feature = "kafka")]
    Kafka(Box<KafkaSettings>),
}

/// What is done where a sink is slower than events come, or fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Events wait for it, and nothing is dropped; a sink that fails ends the run.
    Waiting,
    /// Nobody waits: events for which there is no room are dropped and counted, and a sink that fails is tried again.
    Live,
}

/// Told once when a sink begins to fail in a live run, or the receiver of a spool in any: its name, and why.
pub type Notice = fn(&str, &Error);

/// Sinks that are at work.
#[derive(Debug)]
pub struct Sinks {
    queues: Vec<Queue>,
    pace: Pace,
    closing: Arc<AtomicBool>,
}

/// What has become of a sink.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shipped {
    /// What it is called.
    pub name: String,
    /// Events that went there; of a receiver that answers, those that it took.
    pub sent: u64,
    /// Events that the receiver will never take, by its answers.
    pub refused: u64,
    /// Events that were longer than a datagram can be, and went nowhere.
    pub too_long: u64,
    /// Events that were given up: a spool was full, or in a live run the sink failed or was too slow.
    pub dropped: u64,
    /// Events in a spool that are not acknowledged; the next run sends them again.
    pub waiting: u64,
    /// Events that were lost as the files of a spool are damaged.
    pub damaged: u64,
    /// Why rotated files could not be tidied up.
    pub untidy: Option<String>,
}

#[derive(Debug)]
struct Queue {
    /// What the sink is called, with a number where another one is called so, too.
    name: String,
    has_spool: bool,
    tally: Arc<Tally>,
    /// What it takes.
    filter: Filter,
    blocks: Sender<Arc<[u8]>>,
    /// The other end of it, for as long as its thread lives.
    waiting: Weak<Receiver<Arc<[u8]>>>,
    thread: JoinHandle<Result<Shipped, Error>>,
    /// Whether it may be left alone at the end of a live run: it waits for a receiver, and has no spool, which sees to that itself.
    may_be_left: bool,
}

impl Sinks {
    /// Opens all of them. Files begin a new one, where it was moved away, once their part of `hang_ups` is set: one for each.
    pub fn begin(settings: Vec<SinkSettings>, hang_ups: &[Arc<AtomicBool>], pace: Pace, notice: Notice) -> Result<Self, Error> {
        let closing = Arc::<AtomicBool>::default();
        let mut queues = Vec::with_capacity(settings.len());
        for (index, settings) in settings.into_iter().enumerate() {
            let signals = Signals { reopen: hang_ups.get(index).cloned().unwrap_or_default(), closing: Arc::clone(&closing) };
            let (name, has_spool, filter) = (settings.name.clone(), settings.spool.is_some(), settings.filter.clone());
            let tally = Arc::<Tally>::default();
            let may_be_left = !has_spool && !matches!(settings.target, Target::Stdout | Target::File(_));
            let carrier = Carrier::open(settings, pace, notice, signals, Arc::clone(&tally))?;
            let (blocks, taken) = bounded(BLOCKS);
            let taken = Arc::new(taken);
            let waiting = Arc::downgrade(&taken);
            let thread = thread::Builder::new().name(format!("sink-{index}")).spawn(move || carrier.work(&taken));
            let thread = thread.map_err(Error::Thread)?;
            let name = distinct(&name, |other| queues.iter().any(|queue: &Queue| queue.name == other));
            queues.push(Queue { name, has_spool, tally, filter, blocks, waiting, thread, may_be_left });
        }
        Ok(Self { queues, pace, closing })
    }

    /// The counters of all of them.
    pub fn counters(&self) -> SinkCounters {
        SinkCounters::new(self.queues.iter().map(|queue| (queue.name.clone(), Arc::clone(&queue.tally))))
    }

    /// Takes whole lines for all of them. Waits for the slowest where its queue is full, but not in a live run. Standard output whose reader
    /// has gone is no failure while there are others.
    pub fn take(&mut self, lines: &[u8]) -> Result<(), Error> {
        if self.queues.is_empty() {
            return Ok(());
        }
        let block: Arc<[u8]> = lines.into();
        let mut index = 0;
        while let Some(queue) = self.queues.get_mut(index) {
            let is_alive = match self.pace {
                Pace::Waiting => queue.blocks.send(Arc::clone(&block)).is_ok(),
                Pace::Live => match queue.blocks.try_send(Arc::clone(&block)) {
                    Ok(()) => true,
                    Err(TrySendError::Full(block)) => {
                        queue.tally.dropped_queue.add(lines_in(&block));
                        true
                    }
                    Err(TrySendError::Disconnected(_)) => false,
                },
            };
            if is_alive {
                index = index.saturating_add(1);
                continue;
            }
            match self.queues.remove(index).close().end(None) {
                Err(Error::Closed) if !self.queues.is_empty() => {}
                Err(error) => return Err(error),
                Ok(_) => return Err(Error::Broken),
            }
        }
        Ok(())
    }

    /// How it is with each.
    pub fn states(&self) -> impl Iterator<Item = SinkState> {
        self.queues.iter().map(|queue| SinkState {
            name: queue.name.clone(),
            queued: u64::try_from(queue.blocks.len()).unwrap_or(u64::MAX),
            counters: queue.tally.counters(),
            spool: queue.has_spool.then(|| queue.tally.spool()),
            trouble: queue.tally.health.trouble().or_else(|| queue.tally.receiver.trouble()),
        })
    }

    /// Waits until all has gone where it is to go, and tells what has become of each. One that failed is an error, once all have ended. In a
    /// live run receivers elsewhere are waited for for three seconds at most: what they have not taken by then is counted.
    pub fn finish(self) -> Result<Vec<Shipped>, Error> {
        self.closing.store(true, Ordering::Relaxed);
        let mut all = Vec::new();
        let mut failure = None;
        let others = self.queues.len() > 1;
        let latest = (self.pace == Pace::Live).then(|| Instant::now().checked_add(Pace::LONGEST_END)).flatten();
        // All of them hear of the end before one is waited for.
        let closed: Vec<Closed> = self.queues.into_iter().map(Queue::close).collect();
        for queue in closed {
            match queue.end(latest) {
                Ok(shipped) => all.push(shipped),
                Err(Error::Closed) if others => {}
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        failure.map_or(Ok(all), Err)
    }
}

impl Queue {
    /// Nothing more comes.
    fn close(self) -> Closed {
        let Self { name, tally, filter, blocks, waiting, thread, may_be_left, .. } = self;
        drop(blocks);
        Closed { name, tally, filter, waiting, thread, may_be_left }
    }
}

/// A queue into which nothing more goes.
struct Closed {
    name: String,
    tally: Arc<Tally>,
    filter: Filter,
    waiting: Weak<Receiver<Arc<[u8]>>>,
    thread: JoinHandle<Result<Shipped, Error>>,
    may_be_left: bool,
}

impl Closed {
    /// Waits for its thread; not after `latest`, where it may be left alone.
    fn end(self, latest: Option<Instant>) -> Result<Shipped, Error> {
        if let Some(latest) = latest.filter(|_| self.may_be_left) {
            while !self.thread.is_finished() {
                if Instant::now() >= latest {
                    return Ok(self.leave());
                }
                thread::sleep(LOOK);
            }
        }
        self.thread.join().unwrap_or(Err(Error::Broken))
    }

    /// What has become of a sink that is busy with its receiver, and is left alone: what has not gone counts as dropped.
    fn leave(self) -> Shipped {
        let tally = &self.tally;
        if let Some(waiting) = self.waiting.upgrade() {
            waiting.try_iter().for_each(|block| tally.accepted.add(self.filter.count(&block)));
        }
        let (sent, refused, too_long) = (tally.sent.get(), tally.refused.get(), tally.dropped_too_long.get());
        let gone = [sent, tally.dropped_failed.get(), too_long].into_iter().fold(0, u64::saturating_add);
        tally.dropped_failed.add(tally.accepted.get().saturating_sub(gone));
        Shipped { name: self.name, sent, refused, too_long, dropped: tally.dropped(), ..Shipped::default() }
    }
}

impl Pace {
    /// How long receivers without a spool are waited for at the end of a live run, whatever they do.
    const LONGEST_END: Duration = Duration::from_secs(3);

    /// How long the receiver of a spool is waited for at the end, whatever it does. What it has not confirmed stays in the spool.
    pub(super) const fn longest_end(self) -> Option<Duration> {
        match self {
            Self::Waiting => None,
            Self::Live => Some(Duration::from_secs(1)),
        }
    }

    /// How long a receiver is waited for at the end.
    pub(super) const fn patience(self) -> Duration {
        match self {
            Self::Waiting => PATIENCE,
            Self::Live => Duration::from_millis(500),
        }
    }
}

/// Blocks of lines that wait for a sink, each of at most 256 KiB unless a line is longer.
const BLOCKS: usize = 64;
/// How often it is looked whether a sink has ended.
const LOOK: Duration = Duration::from_millis(5);

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Read};
    use std::os::unix::net::{UnixDatagram, UnixListener};
    use std::path::Path;
    use std::time::Instant;
    use std::{fs, io};

    use super::*;

    fn file(path: &Path, filter: Filter) -> SinkSettings {
        let log = LogSettings { path: path.to_owned(), rotate_size: None, rotate_interval: None, compress: false, keep: None };
        SinkSettings { name: path.display().to_string(), target: Target::File(log), filter, format: Format::Eve, spool: None }
    }

    fn socket(address: Address) -> SinkSettings {
        SinkSettings {
            name: "socket".to_owned(),
            target: Target::Socket(address),
            filter: Filter::default(),
            format: Format::Eve,
            spool: None,
        }
    }

    fn begin(settings: Vec<SinkSettings>) -> Result<Sinks, Error> {
        Sinks::begin(settings, &[], Pace::Waiting, |_, _| {})
    }

    fn live(settings: Vec<SinkSettings>) -> Result<Sinks, Error> {
        Sinks::begin(settings, &[], Pace::Live, |_, _| {})
    }

    fn event(kind: &str, n: u64) -> String {
        format!("{{\"timestamp\":\"2026-11-24T11:28:11.793478+0000\",\"event_type\":\"{kind}\",\"n\":{n}}}\n")
    }

    #[test]
    fn each_sink_gets_what_it_wants_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let (all, alerts) = (dir.path().join("all"), dir.path().join("alerts"));
        let wants_alerts = Filter { events: Some(vec!["alert".to_owned()]), ..Filter::default() };
        let mut sinks = begin(vec![file(&all, Filter::default()), file(&alerts, wants_alerts)]).unwrap();
        let lines: Vec<String> = (0..5_000).map(|n| event(if n % 10 == 0 { "alert" } else { "tls" }, n)).collect();
        lines.chunks(7).for_each(|chunk| sinks.take(chunk.concat().as_bytes()).unwrap());
        let shipped = sinks.finish().unwrap();
        assert_eq!(shipped.iter().map(|s| s.sent).collect::<Vec<_>>(), [5_000, 500]);
        assert_eq!(fs::read_to_string(&all).unwrap(), lines.concat());
        let expected: String = lines.iter().step_by(10).map(String::as_str).collect();
        assert_eq!(fs::read_to_string(&alerts).unwrap(), expected);
    }

    #[test]
    fn a_sink_that_fails_ends_the_run_and_says_why() {
        let mut sinks = begin(vec![file(Path::new("/dev/full"), Filter::default())]).unwrap();
        let error = loop {
            match sinks.take(event("tls", 0).repeat(100).as_bytes()) {
                Ok(()) => thread::sleep(Duration::from_millis(1)),
                Err(error) => break error,
            }
        };
        assert!(error.to_string().starts_with("cannot write to /dev/full: "), "{error}");
    }

    #[test]
    fn the_last_lines_that_cannot_be_written_are_an_error_at_the_end() {
        let mut sinks = begin(vec![file(Path::new("/dev/full"), Filter::default())]).unwrap();
        sinks.take(event("tls", 0).as_bytes()).unwrap();
        assert!(matches!(sinks.finish(), Err(Error::File { source, .. }) if source.kind() == io::ErrorKind::StorageFull));
    }

    #[test]
    fn a_hang_up_begins_the_file_anew() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("eve.json");
        let hang_up = Arc::new(AtomicBool::new(false));
        let mut sinks =
            Sinks::begin(vec![file(&path, Filter::default())], &[Arc::clone(&hang_up)], Pace::Waiting, |_, _| {}).unwrap();
        sinks.take(b"1\n").unwrap();
        let arrived = |path: &Path, text: &str| {
            let since = Instant::now();
            while fs::read_to_string(path).ok().as_deref() != Some(text) {
                assert!(since.elapsed() < Duration::from_secs(20), "{}", path.display());
                thread::sleep(Duration::from_millis(5));
            }
        };
        arrived(&path, "1\n");
        let moved = dir.path().join("moved");
        fs::rename(&path, &moved).unwrap();
        hang_up.store(true, Ordering::Relaxed);
        arrived(&path, "");
        sinks.take(b"2\n").unwrap();
        sinks.finish().unwrap();
        assert_eq!((fs::read_to_string(&moved).unwrap(), fs::read_to_string(&path).unwrap()), ("1\n".to_owned(), "2\n".to_owned()));
    }

    #[test]
    fn a_receiver_that_comes_back_gets_what_was_left() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("events.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let mut sinks = begin(vec![socket(Address::Unix(path.clone()))]).unwrap();
        let first = listener.accept().unwrap().0;
        sinks.take(event("tls", 0).as_bytes()).unwrap();
        let mut line = String::new();
        BufReader::new(&first).read_line(&mut line).unwrap();
        assert_eq!(line, event("tls", 0));
        drop((first, listener));
        fs::remove_file(&path).unwrap();
        sinks.take(event("tls", 1).as_bytes()).unwrap();
        thread::sleep(Duration::from_millis(200)); // while nobody is there
        let listener = UnixListener::bind(&path).unwrap();
        let reader = thread::spawn(move || {
            let mut text = String::new();
            listener.accept().unwrap().0.read_to_string(&mut text).unwrap();
            text
        });
        assert_eq!(sinks.finish().unwrap().first().map(|s| s.sent), Some(2));
        assert_eq!(reader.join().unwrap(), event("tls", 1));
    }

    #[test]
    fn a_datagram_is_an_event_without_its_newline_and_one_too_long_is_counted() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("events.sock");
        let receiver = UnixDatagram::bind(&path).unwrap();
        let mut sinks = begin(vec![socket(Address::UnixDatagram(path))]).unwrap();
        let long = format!("{}\n", "x".repeat(8 << 20));
        sinks.take(long.as_bytes()).unwrap();
        sinks.take(event("tls", 1).as_bytes()).unwrap();
        let shipped = sinks.finish().unwrap();
        let counted: Vec<(u64, u64)> = shipped.iter().map(|s| (s.sent, s.too_long)).collect();
        assert_eq!(counted, [(1, 1)]);
        let mut datagram = [0; 1_024];
        let length = receiver.recv(&mut datagram).unwrap();
        assert_eq!(std::str::from_utf8(&datagram[..length]).unwrap(), event("tls", 1).trim_end());
    }

    #[test]
    fn an_address_that_does_not_answer_is_told_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let error = begin(vec![socket(Address::Unix(dir.path().join("nobody")))]).unwrap_err().to_string();
        assert!(error.starts_with("cannot connect to ") && error.contains("nobody"), "{error}");
    }

    #[test]
    fn how_full_queues_are_can_be_asked() {
        let dir = tempfile::tempdir().unwrap();
        let mut sinks = live(vec![socket(Address::Unix(dir.path().join("nobody")))]).unwrap();
        (0..BLOCKS + 10).for_each(|n| sinks.take(event("tls", n as u64).as_bytes()).unwrap());
        let states: Vec<_> = sinks.states().collect();
        let [SinkState { name, queued, counters, spool: None, .. }] = &states[..] else { panic!("{states:?}") };
        assert_eq!(name, "socket");
        let most = BLOCKS as u64;
        assert!((most - 1..=most).contains(queued), "{queued}: the sink may have one in hand");
        let dropped = counters.iter().find(|(name, _)| *name == "dropped_queue").unwrap().1;
        assert!((9..=10).contains(&dropped), "{dropped}");
        sinks.finish().unwrap();
    }

    #[test]
    fn in_a_live_run_nobody_waits_for_a_receiver_and_others_get_all() {
        let dir = tempfile::tempdir().unwrap();
        let (path, whole) = (dir.path().join("nobody"), dir.path().join("all"));
        let mut sinks = live(vec![socket(Address::Unix(path)), file(&whole, Filter::default())]).unwrap();
        let (since, block) = (Instant::now(), event("tls", 0));
        for _ in 0..1_000 {
            sinks.take(block.as_bytes()).unwrap();
            thread::sleep(Duration::from_micros(200)); // the file's queue is not to be full, either
        }
        let shipped = sinks.finish().unwrap();
        assert!(since.elapsed() < Duration::from_secs(15), "{:?}", since.elapsed());
        let counts: Vec<(u64, u64)> = shipped.iter().map(|s| (s.sent, s.dropped)).collect();
        assert_eq!(counts[0], (0, 1_000));
        assert_eq!(counts[1].0 + counts[1].1, 1_000);
        assert_eq!(fs::read_to_string(&whole).unwrap().lines().count() as u64, counts[1].0);
    }

    #[test]
    fn in_a_live_run_a_receiver_that_comes_later_gets_what_comes_then() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("later");
        let mut sinks = live(vec![socket(Address::Unix(path.clone()))]).unwrap();
        sinks.take(event("tls", 1).as_bytes()).unwrap();
        thread::sleep(Duration::from_millis(100));
        let listener = UnixListener::bind(&path).unwrap();
        let mut stream = listener.accept().unwrap().0;
        sinks.take(event("tls", 2).as_bytes()).unwrap();
        let shipped = sinks.finish().unwrap();
        assert_eq!(shipped.iter().map(|s| (s.sent, s.dropped)).collect::<Vec<_>>(), [(2, 0)]);
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        assert_eq!(text, [event("tls", 1), event("tls", 2)].concat());
    }

    #[test]
    fn in_a_live_run_a_full_disk_costs_events_that_are_counted() {
        let mut sinks = live(vec![file(Path::new("/dev/full"), Filter::default())]).unwrap();
        for n in 0..50 {
            sinks.take(event("tls", n).as_bytes()).unwrap();
        }
        let shipped = sinks.finish().unwrap();
        assert_eq!(shipped.iter().map(|s| (s.sent, s.dropped)).collect::<Vec<_>>(), [(0, 50)]);
    }
}
