//! One sink, in its thread.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::RecvTimeoutError;

use super::filter::Filter;
use super::format::Format;
use super::http::Http;
#[cfg(feature = "kafka")]
use super::kafka::Kafka;
use super::log::LogFile;
use super::queue::{Notice, Pace, Shipped, SinkSettings, Target};
use super::socket::{Sent, Socket};
use super::spool::{Form, Receiver, Spool, Spooled, Stream};
use super::stdout::Stdout;
use super::syslog::SyslogSettings;
use super::tally::Tally;
use super::{Announce, Error};

/// One sink.
#[derive(Debug)]
pub(super) struct Carrier {
    filter: Filter,
    /// What lines of events are made into. Messages of syslog and of a spool are made where they are sent.
    format: Format,
    outlet: Outlet,
    signals: Signals,
    pace: Pace,
    notice: Notice,
    name: String,
    tally: Arc<Tally>,
    shipped: Shipped,
    /// Lines that passed the filter.
    wanted: Vec<u8>,
    /// It has failed with what came last, and that was told.
    is_failing: bool,
}

/// What others tell it.
#[derive(Clone, Debug, Default)]
pub(super) struct Signals {
    /// Files are to be begun anew.
    pub reopen: Arc<AtomicBool>,
    /// No more comes.
    pub closing: Arc<AtomicBool>,
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
    /// Opens the sink. In a live run a receiver need not be there yet.
    pub fn open(settings: SinkSettings, pace: Pace, notice: Notice, signals: Signals, tally: Arc<Tally>) -> Result<Self, Error> {
        let name = settings.name.clone();
        let announce: Announce = Arc::new(move |error: &Error| notice(&name, error));
        let spooled = |spool, receiver| -> Result<Outlet, Error> {
            let spool = Spool::begin(spool, receiver, Arc::clone(&announce), pace.patience(), Arc::clone(&tally))?;
            Ok(Outlet::Spool(Some(Box::new(spool))))
        };
        let stream = |address, form, resend| -> Result<Receiver, Error> {
            Ok(Receiver::Stream(Box::new(Stream::new(Socket::unconnected(address)?, form, resend, Arc::clone(&tally)))))
        };
        let connected = |address| match pace {
            Pace::Waiting => Socket::connect(address),
            Pace::Live => Socket::unconnected(address),
        };
        let outlet = match (settings.target, settings.spool) {
            (Target::Stdout, _) => Outlet::Stdout(Stdout::new()),
            (Target::File(log), _) => Outlet::File(Box::new(LogFile::open(log)?)),
            (Target::Socket(address), Some(spool)) => {
                let receiver = stream(address, Form::Line(settings.format), spool.resend)?;
                spooled(spool, receiver)?
            }
            (Target::Syslog(address, syslog), Some(spool)) => {
                let receiver = stream(address, Form::Syslog(syslog), spool.resend)?;
                spooled(spool, receiver)?
            }
            (Target::Http(http), Some(spool)) => {
                let receiver = Http::new(*http, Arc::clone(&tally), Arc::clone(&announce))?;
                spooled(spool, Receiver::Http(Box::new(receiver)))?
            }
            #[cfg(feature = "kafka")]
            (Target::Kafka(kafka), Some(spool)) => {
                let receiver = Kafka::new(*kafka, Arc::clone(&tally), Arc::clone(&announce))?;
                spooled(spool, Receiver::Kafka(Box::new(receiver)))?
            }
            (Target::Http(_), None) => return Err(Error::NoSpool),
            #[cfg(feature = "kafka")]
            (Target::Kafka(_), None) => return Err(Error::NoSpool),
            (Target::Socket(address), None) => Outlet::Socket(connected(address)?),
            (Target::Syslog(address, syslog), None) => Outlet::Syslog(connected(address)?, syslog),
        };
        let (name, filter, format) = (settings.name, settings.filter, settings.format);
        let (shipped, wanted) = (Shipped::default(), Vec::new());
        Ok(Self { filter, format, outlet, signals, pace, notice, name, tally, shipped, wanted, is_failing: false })
    }

    /// Carries blocks until no more come. In a live run what fails costs events, which are counted, and not the sink.
    pub fn work(mut self, blocks: &crossbeam_channel::Receiver<Arc<[u8]>>) -> Result<Shipped, Error> {
        let mut ticked = Instant::now();
        loop {
            match blocks.recv_timeout(TICK) {
                Ok(block) => self.take(&block, blocks.is_empty())?,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return self.finish(),
            }
            if let Outlet::Spool(Some(spool)) = &mut self.outlet
                && ticked.elapsed() >= TICK
            {
                ticked = Instant::now();
                let looked = spool.tick();
                looked.or_else(|error| self.failed(error, 0))?;
            }
            if let Outlet::File(file) = &mut self.outlet {
                let mut looked = Ok(());
                if self.signals.reopen.swap(false, Ordering::Relaxed) {
                    looked = file.reopen();
                }
                if ticked.elapsed() >= TICK {
                    looked = looked.and_then(|()| file.tick());
                    ticked = Instant::now();
                }
                looked.or_else(|error| self.failed(error, 0))?;
            }
        }
    }

    fn take(&mut self, block: &[u8], is_last: bool) -> Result<(), Error> {
        let mut wanted = std::mem::take(&mut self.wanted);
        wanted.clear();
        let lines = if self.filter.is_open() {
            block
        } else {
            for line in block.split_inclusive(|&b| b == b'\n').filter(|line| self.filter.wants(line)) {
                wanted.extend_from_slice(line);
            }
            &wanted
        };
        let count = lines_in(lines);
        self.tally.accepted.add(count);
        let before = self.went();
        let is_hopeless = self.is_failing && self.is_closing();
        let taken = match is_hopeless {
            true => Err(Error::Broken), // it was told why, and nothing more is waited for
            false => self.carry(lines).and_then(|()| if is_last || self.pace == Pace::Live { self.flush() } else { Ok(()) }),
        };
        self.wanted = wanted;
        match taken {
            Ok(()) => {
                if std::mem::take(&mut self.is_failing) {
                    self.tally.health.recovered();
                }
                if !self.outlet.counts_itself() {
                    self.tally.sent.add(count);
                }
                Ok(())
            }
            Err(error) => {
                let went = self.went().saturating_sub(before);
                self.failed(error, count.saturating_sub(went))
            }
        }
    }

    /// Events that went one by one, so far.
    fn went(&self) -> u64 {
        match &self.outlet {
            Outlet::Socket(_) | Outlet::Syslog(..) => self.tally.sent.get().saturating_add(self.tally.dropped_too_long.get()),
            _ => 0,
        }
    }

    /// What comes of a failure that cost `lost` events: in a live run no more than that they are counted.
    fn failed(&mut self, error: Error, lost: u64) -> Result<(), Error> {
        if self.pace == Pace::Waiting || error.is_closed() {
            return Err(error);
        }
        self.tally.dropped_failed.add(lost);
        self.tally.health.failed(&error);
        if !std::mem::replace(&mut self.is_failing, true) {
            (self.notice)(&self.name, &error);
        }
        if let Outlet::File(file) = &mut self.outlet {
            let _ = file.restart(); // where it fails, so does the next block, and is counted
        }
        Ok(())
    }

    fn carry(&mut self, lines: &[u8]) -> Result<(), Error> {
        let mut message = Vec::new();
        let is_made_here = matches!(&self.outlet, Outlet::Stdout(_) | Outlet::File(_) | Outlet::Socket(_));
        let lines = &*if is_made_here { self.format.lines(lines) } else { Cow::Borrowed(lines) };
        match &mut self.outlet {
            Outlet::Stdout(stdout) => stdout.write(lines),
            Outlet::File(file) => file.write(lines),
            Outlet::Spool(spool) => spool.as_mut().map_or(Ok(()), |spool| spool.write(lines)),
            Outlet::Socket(_) | Outlet::Syslog(..) => {
                for line in lines.split_inclusive(|&b| b == b'\n') {
                    message.clear();
                    match &self.outlet {
                        Outlet::Syslog(socket, settings) => settings.message(&mut message, line, !socket.is_datagram()),
                        Outlet::Socket(socket) if socket.is_datagram() => message.extend(line.strip_suffix(b"\n").unwrap_or(line)),
                        _ => message.extend_from_slice(line),
                    }
                    match self.send(&message)? {
                        Sent::Taken => self.tally.sent.add(1),
                        Sent::TooLong => self.tally.dropped_too_long.add(1),
                    }
                }
                Ok(())
            }
        }
    }

    /// Sends a message, and where the other side has gone away again, until it is back or patience is at an end.
    fn send(&mut self, message: &[u8]) -> Result<Sent, Error> {
        let since = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            let (Outlet::Socket(socket) | Outlet::Syslog(socket, _)) = &mut self.outlet else { return Ok(Sent::Taken) };
            let error = match socket.send(message) {
                Ok(sent) => return Ok(sent),
                Err(error) => error,
            };
            let is_over = match self.pace {
                Pace::Waiting => since.elapsed() >= PATIENCE,
                Pace::Live => self.is_closing(),
            };
            if is_over {
                return Err(error);
            }
            if self.pace == Pace::Live {
                self.failed(error, 0)?;
            }
            thread::sleep(pause);
            pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
        }
    }

    fn is_closing(&self) -> bool {
        self.pace == Pace::Live && self.signals.closing.load(Ordering::Relaxed)
    }

    fn flush(&mut self) -> Result<(), Error> {
        match &mut self.outlet {
            Outlet::Stdout(stdout) => stdout.flush(),
            Outlet::File(file) => file.flush(),
            Outlet::Socket(_) | Outlet::Syslog(..) | Outlet::Spool(_) => Ok(()), // they keep nothing back
        }
    }

    fn finish(mut self) -> Result<Shipped, Error> {
        let ended = self.flush().and_then(|()| match &mut self.outlet {
            Outlet::File(file) => file.finish().map(|untidy| self.shipped.untidy = untidy),
            Outlet::Spool(spool) => {
                let end = |spool: Box<Spool>| match self.pace.longest_end() {
                    Some(longest) => spool.finish_within(longest),
                    None => spool.finish(),
                };
                let Spooled { waiting, damaged, .. } = spool.take().map_or(Ok(Spooled::default()), end)?;
                (self.shipped.waiting, self.shipped.damaged) = (waiting, damaged);
                Ok(())
            }
            Outlet::Stdout(_) | Outlet::Socket(_) | Outlet::Syslog(..) => Ok(()),
        });
        if let Err(error) = ended {
            self.failed(error, 0)?;
        }
        let tally = &self.tally;
        Ok(Shipped {
            name: self.name,
            sent: tally.sent.get(),
            refused: tally.refused.get(),
            too_long: tally.dropped_too_long.get(),
            dropped: tally.dropped(),
            ..self.shipped
        })
    }
}

impl Outlet {
    /// Whether events are counted as they are sent, and not as they are taken.
    const fn counts_itself(&self) -> bool {
        matches!(self, Self::Socket(_) | Self::Syslog(..) | Self::Spool(_))
    }
}

/// How many lines there are.
pub(super) fn lines_in(block: &[u8]) -> u64 {
    u64::try_from(memchr::memchr_iter(b'\n', block).count()).unwrap_or(u64::MAX)
}

/// How often files are looked at.
const TICK: Duration = Duration::from_secs(1);
/// How long a receiver may be away where events wait for it.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
