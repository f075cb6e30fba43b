//! One sink, in its thread.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::RecvTimeoutError;

use super::Error;
use super::filter::Filter;
use super::format::Format;
use super::log::LogFile;
use super::queue::{Notice, Pace, Shipped, SinkSettings, Target};
use super::socket::{Sent, Socket};
use super::spool::{Form, Receiver, Spool, SpoolSettings, Spooled, Stream};
use super::stdout::Stdout;
use super::syslog::SyslogSettings;

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
    pub fn open(settings: SinkSettings, pace: Pace, notice: Notice, signals: Signals) -> Result<Self, Error> {
        let name = settings.name.clone();
        let announce = Box::new(move |error: &Error| notice(&name, error));
        let spooled = |spool: SpoolSettings, address, form| -> Result<Outlet, Error> {
            let stream = Stream::new(Socket::unconnected(address)?, form, spool.resend);
            Ok(Outlet::Spool(Some(Box::new(Spool::begin(spool, Receiver::Stream(stream), announce, pace.patience())?))))
        };
        let connected = |address| match pace {
            Pace::Waiting => Socket::connect(address),
            Pace::Live => Socket::unconnected(address),
        };
        let outlet = match (settings.target, settings.spool) {
            (Target::Stdout, _) => Outlet::Stdout(Stdout::new()),
            (Target::File(log), _) => Outlet::File(Box::new(LogFile::open(log)?)),
            (Target::Socket(address), Some(spool)) => spooled(spool, address, Form::Line(settings.format))?,
            (Target::Syslog(address, syslog), Some(spool)) => spooled(spool, address, Form::Syslog(syslog))?,
            (Target::Socket(address), None) => Outlet::Socket(connected(address)?),
            (Target::Syslog(address, syslog), None) => Outlet::Syslog(connected(address)?, syslog),
        };
        let shipped = Shipped { name: settings.name, ..Shipped::default() };
        Ok(Self {
            filter: settings.filter,
            format: settings.format,
            outlet,
            signals,
            pace,
            notice,
            shipped,
            wanted: Vec::new(),
            is_failing: false,
        })
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
        let before = self.shipped.sent.saturating_add(self.shipped.too_long);
        let count = lines_in(lines);
        let is_hopeless = self.is_failing && self.is_closing();
        let taken = match is_hopeless {
            true => Err(Error::Broken), // it was told why, and nothing more is waited for
            false => self.carry(lines).and_then(|()| if is_last || self.pace == Pace::Live { self.flush() } else { Ok(()) }),
        };
        self.wanted = wanted;
        match taken {
            Ok(()) => {
                self.is_failing = false;
                if !self.outlet.counts_itself() {
                    self.shipped.sent = self.shipped.sent.saturating_add(count);
                }
                Ok(())
            }
            Err(error) => {
                let after = self.shipped.sent.saturating_add(self.shipped.too_long);
                self.failed(error, count.saturating_sub(after.saturating_sub(before)))
            }
        }
    }

    /// What comes of a failure that cost `lost` events: in a live run no more than that they are counted.
    fn failed(&mut self, error: Error, lost: u64) -> Result<(), Error> {
        if self.pace == Pace::Waiting || error.is_closed() {
            return Err(error);
        }
        self.shipped.dropped = self.shipped.dropped.saturating_add(lost);
        if !std::mem::replace(&mut self.is_failing, true) {
            (self.notice)(&self.shipped.name, &error);
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
                        Sent::Taken => self.shipped.sent = self.shipped.sent.saturating_add(1),
                        Sent::TooLong => self.shipped.too_long = self.shipped.too_long.saturating_add(1),
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
                let Spooled { dropped, waiting, damaged } = spool.take().map_or(Ok(Spooled::default()), |spool| spool.finish())?;
                self.shipped.dropped = self.shipped.dropped.saturating_add(dropped);
                (self.shipped.waiting, self.shipped.damaged) = (waiting, damaged);
                Ok(())
            }
            Outlet::Stdout(_) | Outlet::Socket(_) | Outlet::Syslog(..) => Ok(()),
        });
        if let Err(error) = ended {
            self.failed(error, 0)?;
        }
        Ok(self.shipped)
    }
}

impl Outlet {
    /// Whether events are counted one by one as they are sent.
    const fn counts_itself(&self) -> bool {
        matches!(self, Self::Socket(_) | Self::Syslog(..))
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
