//! The sending side of a spool, in its thread.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::reader::Reader;
use super::{Shared, SpoolSettings, ledger};
use crate::sink::Error;
use crate::sink::socket::{Closed, Socket};
use crate::sink::syslog::SyslogSettings;

/// What is made of an event.
#[derive(Debug)]
pub(in crate::sink) enum Form {
    /// A line.
    Line,
    /// A message, with its length before it.
    Syslog(SyslogSettings),
}

/// Sends what is in a spool.
#[derive(Debug)]
pub(super) struct Sender {
    dir: PathBuf,
    id: u64,
    resend: usize,
    shared: Arc<Shared>,
    socket: Socket,
    /// How long the receiver may be away at the end.
    patience: Duration,
    form: Form,
    reader: Reader,
    /// The first number that is not acknowledged.
    acknowledged: u64,
    /// What was taken and is not acknowledged: numbers and lengths, and the sum of these.
    taken: VecDeque<(u64, usize)>,
    taken_bytes: usize,
    /// When the ledger was written last, and what was in it.
    noted: (Instant, u64),
    /// Since when the receiver has taken nothing.
    away: Option<(Instant, Duration)>,
}

impl Sender {
    pub fn new(
        settings: &SpoolSettings,
        id: u64,
        acknowledged: u64,
        shared: Arc<Shared>,
        (socket, patience): (Socket, Duration),
        form: Form,
    ) -> Self {
        Self {
            dir: settings.dir.clone(),
            id,
            resend: settings.resend,
            shared,
            socket,
            patience,
            form,
            reader: Reader::new(settings.dir.clone(), acknowledged),
            acknowledged,
            taken: VecDeque::new(),
            taken_bytes: 0,
            noted: (Instant::now(), acknowledged),
            away: None,
        }
    }

    /// Sends until nothing will be written any more and all is acknowledged, or the receiver has been away for long after that.
    pub fn work(mut self) -> Result<(), Error> {
        let (mut event, mut message) = (Vec::new(), Vec::new());
        loop {
            let state = *self.shared.state();
            match self.reader.read(state.written, &mut event).map_err(|source| self.failed(source))? {
                Some(number) => {
                    message.clear();
                    self.form.message(&mut message, &event, &format!("{:016x}-{number}", self.id));
                    match self.socket.send(&message) {
                        Ok(_) => self.was_taken(number, message.len())?,
                        Err(_) if !self.is_to_wait(state.is_closing) => break,
                        Err(_) => self.start_over(),
                    }
                }
                None if state.is_closing => match self.socket.close(self.patience) {
                    Closed::Confirmed => {
                        self.acknowledge(self.reader.next())?;
                        break;
                    }
                    Closed::Silent => break,
                    Closed::Broken if self.acknowledged >= state.written => break,
                    Closed::Broken if !self.is_to_wait(true) => break,
                    Closed::Broken => self.start_over(),
                },
                None => {
                    self.note(false)?;
                    let state = self.shared.state();
                    if state.written == self.reader.next() && !state.is_closing {
                        self.shared.wait(state);
                    }
                }
            }
        }
        self.note(true)
    }

    /// The system has taken an event: those that lie far enough behind it are acknowledged.
    fn was_taken(&mut self, number: u64, length: usize) -> Result<(), Error> {
        self.away = None;
        self.taken.push_back((number, length));
        self.taken_bytes = self.taken_bytes.saturating_add(length);
        let mut acknowledged = self.acknowledged;
        while self.taken_bytes > self.resend.saturating_add(length)
            && let Some((number, length)) = self.taken.pop_front()
        {
            self.taken_bytes = self.taken_bytes.saturating_sub(length);
            acknowledged = number.saturating_add(1);
        }
        if acknowledged == self.acknowledged { Ok(()) } else { self.acknowledge(acknowledged) }
    }

    fn acknowledge(&mut self, number: u64) -> Result<(), Error> {
        self.acknowledged = number;
        self.note(false)
    }

    /// Goes back to what is not acknowledged.
    fn start_over(&mut self) {
        self.reader.seek(self.acknowledged);
        self.taken.clear();
        self.taken_bytes = 0;
    }

    /// Pauses while the receiver is away; false once that is for too long, which it is only where the run ends.
    fn is_to_wait(&mut self, is_closing: bool) -> bool {
        let (since, pause) = self.away.unwrap_or((Instant::now(), FIRST_PAUSE));
        if is_closing && since.elapsed() > self.patience {
            return false;
        }
        thread::sleep(pause);
        self.away = Some((since, pause.saturating_mul(2).min(LONGEST_PAUSE)));
        true
    }

    /// Tells the writer what is acknowledged, and writes it into the ledger, now and then or `now`.
    fn note(&mut self, now: bool) -> Result<(), Error> {
        let (at, before) = self.noted;
        let is_due = self.acknowledged != before && (now || at.elapsed() >= BETWEEN_NOTES);
        if is_due {
            self.noted = (Instant::now(), self.acknowledged);
            ledger::write(&self.dir, self.id, self.acknowledged).map_err(|source| self.failed(source))?;
            self.reader.remove_before(self.acknowledged).map_err(|source| self.failed(source))?;
        }
        if is_due || now {
            let (acknowledged, damaged) = (self.acknowledged, self.reader.damaged);
            self.shared.update(|state| (state.acknowledged, state.damaged) = (acknowledged, damaged));
        }
        Ok(())
    }

    fn failed(&self, source: std::io::Error) -> Error {
        Error::Spool { path: self.dir.clone(), source }
    }
}

impl Form {
    fn message(&self, out: &mut Vec<u8>, event: &[u8], id: &str) {
        match self {
            Self::Line => {
                with_id(out, event, id);
                out.push(b'\n');
            }
            Self::Syslog(settings) => {
                let mut line = Vec::with_capacity(event.len().saturating_add(64));
                with_id(&mut line, event, id);
                settings.message(out, &line, true);
            }
        }
    }
}

/// Appends an event with its id, `portcullis.id`; what is no event stays as it is.
fn with_id(out: &mut Vec<u8>, event: &[u8], id: &str) {
    if let Some((before, after)) = own_object(event) {
        out.extend_from_slice(before);
        out.extend(format!("\"id\":\"{id}\"").into_bytes());
        if !after.starts_with(b"}") {
            out.push(b',');
        }
        out.extend_from_slice(after);
    } else if let Some(open) = event.strip_suffix(b"}") {
        out.extend_from_slice(open);
        out.extend(format!(",\"portcullis\":{{\"id\":\"{id}\"}}}}").into_bytes());
    } else {
        out.extend_from_slice(event);
    }
}

/// An event in two, before and after the beginning of what is in its `portcullis`. Other objects have members of that name, too.
fn own_object(event: &[u8]) -> Option<(&[u8], &[u8])> {
    const KEY: &[u8] = b"\"portcullis\":{";
    let (mut depth, mut is_string, mut is_escaped) = (0_usize, false, false);
    for (at, byte) in event.iter().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_string => is_escaped = true,
            b'"' if !is_string && depth == 1 && event.get(at..).is_some_and(|rest| rest.starts_with(KEY)) => {
                return event.split_at_checked(at.saturating_add(KEY.len()));
            }
            b'"' => is_string = !is_string,
            b'{' | b'[' if !is_string => depth = depth.saturating_add(1),
            b'}' | b']' if !is_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}

const BETWEEN_NOTES: Duration = Duration::from_millis(200);
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_stands_in_our_object() {
        for (event, expected) in [
            (r#"{"a":1,"portcullis":{"stage":"dark"},"b":2}"#, r#"{"a":1,"portcullis":{"id":"X","stage":"dark"},"b":2}"#),
            (r#"{"portcullis":{}}"#, r#"{"portcullis":{"id":"X"}}"#),
            (r#"{"a":"\"portcullis\":{"}"#, r#"{"a":"\"portcullis\":{","portcullis":{"id":"X"}}"#),
            (r#"{"stats":{"portcullis":{"a":1}}}"#, r#"{"stats":{"portcullis":{"a":1}},"portcullis":{"id":"X"}}"#),
            (
                r#"{"b":["\\",{"portcullis":{}}],"portcullis":{"c":1}}"#,
                r#"{"b":["\\",{"portcullis":{}}],"portcullis":{"id":"X","c":1}}"#,
            ),
            ("no event", "no event"),
        ] {
            let mut out = Vec::new();
            with_id(&mut out, event.as_bytes(), "X");
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}
