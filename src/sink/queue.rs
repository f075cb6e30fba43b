//! Any number of sinks at once: each with its own filter, queue and thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use super::Error;
use super::filter::Filter;
use super::log::{LogFile, LogSettings};
use super::socket::{Address, Sent, Socket};
use super::spool::{Form, Spool, SpoolSettings, Spooled};
use super::stdout::Stdout;
use super::syslog::SyslogSettings;

/// What one sink is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkSettings {
    /// What it is called in messages.
    pub name: String,
    /// Where events go.
    pub target: Target,
    /// Which events go there.
    pub filter: Filter,
    /// Where events wait for a receiver that is a stream.
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
}

/// Sinks that are at work.
#[derive(Debug)]
pub struct Sinks {
    queues: Vec<Queue>,
}

/// What has become of a sink.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shipped {
    /// What it is called.
    pub name: String,
    /// Events that went there, or into its spool.
    pub sent: u64,
    /// Events that were longer than a datagram can be, and went nowhere.
    pub too_long: u64,
    /// Events that a spool gave up to keep to its bound.
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
    blocks: Sender<Arc<[u8]>>,
    thread: JoinHandle<Result<Shipped, Error>>,
}

impl Sinks {
    /// Opens all of them. Files begin a new one, where it was moved away, once their part of `hang_ups` is set: one for each.
    pub fn begin(settings: Vec<SinkSettings>, hang_ups: &[Arc<AtomicBool>]) -> Result<Self, Error> {
        let mut queues = Vec::with_capacity(settings.len());
        for (index, settings) in settings.into_iter().enumerate() {
            let reopen = hang_ups.get(index).cloned().unwrap_or_default();
            let carrier = Carrier::open(settings, reopen)?;
            let (blocks, waiting) = bounded(BLOCKS);
            let thread = thread::Builder::new().name(format!("sink-{index}")).spawn(move || carrier.work(&waiting));
            queues.push(Queue { blocks, thread: thread.map_err(Error::Thread)? });
        }
        Ok(Self { queues })
    }

    /// Takes whole lines for all of them. Waits for the slowest where its queue is full: nothing is dropped. Standard output whose reader has
    /// gone is no failure while there are others.
    pub fn take(&mut self, lines: &[u8]) -> Result<(), Error> {
        if self.queues.is_empty() {
            return Ok(());
        }
        let block: Arc<[u8]> = lines.into();
        let mut index = 0;
        while let Some(queue) = self.queues.get(index) {
            if queue.blocks.send(Arc::clone(&block)).is_ok() {
                index = index.saturating_add(1);
                continue;
            }
            match self.queues.remove(index).end() {
                Err(Error::Closed) if !self.queues.is_empty() => {}
                Err(error) => return Err(error),
                Ok(_) => return Err(Error::Broken),
            }
        }
        Ok(())
    }

    /// Waits until all has gone where it is to go, and tells what has become of each. One that failed is an error, once all have ended.
    pub fn finish(self) -> Result<Vec<Shipped>, Error> {
        let mut all = Vec::new();
        let mut failure = None;
        let others = self.queues.len() > 1;
        for queue in self.queues {
            match queue.end() {
                Ok(shipped) => all.push(shipped),
                Err(Error::Closed) if others => {}
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        failure.map_or(Ok(all), Err)
    }
}

impl Queue {
    fn end(self) -> Result<Shipped, Error> {
        drop(self.blocks);
        self.thread.join().unwrap_or(Err(Error::Broken))
    }
}

/// One sink, in its thread.
#[derive(Debug)]
struct Carrier {
    filter: Filter,
    outlet: Outlet,
    /// Set once files are to be begun anew.
    reopen: Arc<AtomicBool>,
    shipped: Shipped,
    /// Lines that passed the filter.
    wanted: Vec<u8>,
}

#[derive(Debug)]
enum Outlet {
    Stdout(Stdout),
    File(Box<LogFile>),
    Socket(Socket),
    Syslog(Socket, SyslogSettings),
    /// Taken by the thread that ends it.
    Spool(Option<Box<Spool>>),
}

impl Carrier {
    fn open(settings: SinkSettings, reopen: Arc<AtomicBool>) -> Result<Self, Error> {
        let spooled = |spool, address, form| -> Result<Outlet, Error> {
            Ok(Outlet::Spool(Some(Box::new(Spool::begin(spool, Socket::unconnected(address), form)?))))
        };
        let outlet = match (settings.target, settings.spool) {
            (Target::Stdout, _) => Outlet::Stdout(Stdout::new()),
            (Target::File(log), _) => Outlet::File(Box::new(LogFile::open(log)?)),
            (Target::Socket(address), Some(spool)) => spooled(spool, address, Form::Line)?,
            (Target::Syslog(address, syslog), Some(spool)) => spooled(spool, address, Form::Syslog(syslog))?,
            (Target::Socket(address), None) => Outlet::Socket(Socket::connect(address)?),
            (Target::Syslog(address, syslog), None) => Outlet::Syslog(Socket::connect(address)?, syslog),
        };
        let shipped = Shipped { name: settings.name, ..Shipped::default() };
        Ok(Self { filter: settings.filter, outlet, reopen, shipped, wanted: Vec::new() })
    }

    fn work(mut self, blocks: &Receiver<Arc<[u8]>>) -> Result<Shipped, Error> {
        let mut ticked = Instant::now();
        loop {
            match blocks.recv_timeout(TICK) {
                Ok(block) => {
                    self.carry(&block)?;
                    if blocks.is_empty() {
                        self.flush()?;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return self.finish(),
            }
            if let Outlet::File(file) = &mut self.outlet {
                if self.reopen.swap(false, Ordering::Relaxed) {
                    file.reopen()?;
                }
                if ticked.elapsed() >= TICK {
                    file.tick()?;
                    ticked = Instant::now();
                }
            }
        }
    }

    fn carry(&mut self, block: &[u8]) -> Result<(), Error> {
        self.wanted.clear();
        let lines = if self.filter.is_open() {
            block
        } else {
            for line in block.split_inclusive(|&b| b == b'\n').filter(|line| self.filter.wants(line)) {
                self.wanted.extend_from_slice(line);
            }
            &self.wanted
        };
        let count = lines.iter().filter(|&&b| b == b'\n').count();
        self.shipped.sent = self.shipped.sent.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        let mut message = Vec::new();
        match &mut self.outlet {
            Outlet::Stdout(stdout) => return stdout.write(lines),
            Outlet::File(file) => return file.write(lines),
            Outlet::Spool(spool) => return spool.as_mut().map_or(Ok(()), |spool| spool.write(lines)),
            Outlet::Socket(socket) => {
                for line in lines.split_inclusive(|&b| b == b'\n') {
                    let bare = line.strip_suffix(b"\n").filter(|_| socket.is_datagram());
                    self.shipped.count(send(socket, bare.unwrap_or(line))?);
                }
            }
            Outlet::Syslog(socket, settings) => {
                for line in lines.split_inclusive(|&b| b == b'\n') {
                    message.clear();
                    settings.message(&mut message, line, !socket.is_datagram());
                    self.shipped.count(send(socket, &message)?);
                }
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Error> {
        match &mut self.outlet {
            Outlet::Stdout(stdout) => stdout.flush(),
            Outlet::File(file) => file.flush(),
            Outlet::Socket(_) | Outlet::Syslog(..) | Outlet::Spool(_) => Ok(()), // they keep nothing back
        }
    }

    fn finish(mut self) -> Result<Shipped, Error> {
        self.flush()?;
        match &mut self.outlet {
            Outlet::File(file) => self.shipped.untidy = file.finish()?,
            Outlet::Spool(spool) => {
                let Spooled { dropped, waiting, damaged } = spool.take().map_or(Ok(Spooled::default()), |spool| spool.finish())?;
                (self.shipped.dropped, self.shipped.waiting, self.shipped.damaged) = (dropped, waiting, damaged);
            }
            Outlet::Stdout(_) | Outlet::Socket(_) | Outlet::Syslog(..) => {}
        }
        Ok(self.shipped)
    }
}

impl Shipped {
    fn count(&mut self, sent: Sent) {
        if sent == Sent::TooLong {
            self.too_long = self.too_long.saturating_add(1);
            self.sent = self.sent.saturating_sub(1);
        }
    }
}

/// Sends a message, and where the other side has gone away again, until it is back or patience is at an end.
fn send(socket: &mut Socket, message: &[u8]) -> Result<Sent, Error> {
    let since = Instant::now();
    let mut pause = FIRST_PAUSE;
    loop {
        match socket.send(message) {
            Err(_) if since.elapsed() < PATIENCE => {
                thread::sleep(pause);
                pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
            }
            result => return result,
        }
    }
}

/// Blocks of lines that wait for a sink, each of at most 256 KiB unless a line is longer.
const BLOCKS: usize = 64;
/// How often files are looked at.
const TICK: Duration = Duration::from_secs(1);
/// How long a receiver may be away.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Read};
    use std::os::unix::net::{UnixDatagram, UnixListener};
    use std::path::Path;
    use std::{fs, io};

    use super::*;

    fn file(path: &Path, filter: Filter) -> SinkSettings {
        let log = LogSettings { path: path.to_owned(), rotate_size: None, rotate_interval: None, compress: false, keep: None };
        SinkSettings { name: path.display().to_string(), target: Target::File(log), filter, spool: None }
    }

    fn socket(address: Address) -> SinkSettings {
        SinkSettings { name: "socket".to_owned(), target: Target::Socket(address), filter: Filter::default(), spool: None }
    }

    fn event(kind: &str, n: u64) -> String {
        format!("{{\"timestamp\":\"2026-11-24T11:28:11.793478+0000\",\"event_type\":\"{kind}\",\"n\":{n}}}\n")
    }

    #[test]
    fn each_sink_gets_what_it_wants_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let (all, alerts) = (dir.path().join("all"), dir.path().join("alerts"));
        let wants_alerts = Filter { events: Some(vec!["alert".to_owned()]), ..Filter::default() };
        let mut sinks = Sinks::begin(vec![file(&all, Filter::default()), file(&alerts, wants_alerts)], &[]).unwrap();
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
        let mut sinks = Sinks::begin(vec![file(Path::new("/dev/full"), Filter::default())], &[]).unwrap();
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
        let mut sinks = Sinks::begin(vec![file(Path::new("/dev/full"), Filter::default())], &[]).unwrap();
        sinks.take(event("tls", 0).as_bytes()).unwrap();
        assert!(matches!(sinks.finish(), Err(Error::File { source, .. }) if source.kind() == io::ErrorKind::StorageFull));
    }

    #[test]
    fn a_hang_up_begins_the_file_anew() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("eve.json");
        let hang_up = Arc::new(AtomicBool::new(false));
        let mut sinks = Sinks::begin(vec![file(&path, Filter::default())], &[Arc::clone(&hang_up)]).unwrap();
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
        let mut sinks = Sinks::begin(vec![socket(Address::Unix(path.clone()))], &[]).unwrap();
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
        let mut sinks = Sinks::begin(vec![socket(Address::UnixDatagram(path))], &[]).unwrap();
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
        let error = Sinks::begin(vec![socket(Address::Unix(dir.path().join("nobody")))], &[]).unwrap_err().to_string();
        assert!(error.starts_with("cannot connect to ") && error.contains("nobody"), "{error}");
    }
}
