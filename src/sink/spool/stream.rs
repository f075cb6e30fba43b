//! A receiver at the other end of a stream, which gives no answers.
//!
//! What the system has taken may still be lost with the receiver. So an event counts as acknowledged when so many bytes more were taken that
//! buffers cannot hold it any longer, or the receiver has closed in good order after we did.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::identity::with_id;
use super::receiver::Refusal;
use crate::sink::format::Format;
use crate::sink::socket::{Closed, Socket};
use crate::sink::syslog::SyslogSettings;
use crate::sink::tally::Tally;

/// What is made of an event.
#[derive(Debug)]
pub(in crate::sink) enum Form {
    /// A line in this format.
    Line(Format),
    /// A message, with its length before it.
    Syslog(SyslogSettings),
}

/// The other end of a stream.
#[derive(Debug)]
pub(in crate::sink) struct Stream {
    socket: Socket,
    form: Form,
    /// Bytes that have to be taken after an event before it counts as acknowledged.
    resend: usize,
    acknowledged: u64,
    /// What was taken and is not acknowledged: numbers and lengths, and the sum of these.
    taken: VecDeque<(u64, usize)>,
    taken_bytes: usize,
    message: Vec<u8>,
    tally: Arc<Tally>,
}

impl Stream {
    pub fn new(socket: Socket, form: Form, resend: usize, tally: Arc<Tally>) -> Self {
        Self { socket, form, resend, acknowledged: 0, taken: VecDeque::new(), taken_bytes: 0, message: Vec::new(), tally }
    }

    pub(super) fn start(&mut self, acknowledged: u64) {
        self.acknowledged = acknowledged;
    }

    pub(super) fn offer(&mut self, number: u64, id: &str, event: &[u8]) -> Result<(), Refusal> {
        self.message.clear();
        self.form.message(&mut self.message, event, id);
        self.socket.send(&self.message).map_err(Refusal::from)?;
        self.tally.sent.add(1);
        let length = self.message.len();
        self.taken.push_back((number, length));
        self.taken_bytes = self.taken_bytes.saturating_add(length);
        while self.taken_bytes > self.resend.saturating_add(length)
            && let Some((number, length)) = self.taken.pop_front()
        {
            self.taken_bytes = self.taken_bytes.saturating_sub(length);
            self.acknowledged = number.saturating_add(1);
        }
        Ok(())
    }

    pub(super) const fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    /// Forgets what is not acknowledged, which is to be offered again.
    pub(super) fn start_over(&mut self) {
        self.tally.retried.add(u64::try_from(self.taken.len()).unwrap_or(u64::MAX));
        self.forget();
    }

    fn forget(&mut self) {
        self.taken.clear();
        self.taken_bytes = 0;
    }

    pub(super) fn close(&mut self, patience: Duration) -> Closed {
        let closed = self.socket.close(patience);
        if closed == Closed::Confirmed
            && let Some((number, _)) = self.taken.back()
        {
            self.acknowledged = number.saturating_add(1);
            self.forget();
        }
        closed
    }
}

impl Form {
    fn message(&self, out: &mut Vec<u8>, event: &[u8], id: &str) {
        match self {
            Self::Line(format) => {
                let mut line = Vec::with_capacity(event.len().saturating_add(64));
                with_id(&mut line, event, id);
                out.extend_from_slice(&format.event(&line));
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
