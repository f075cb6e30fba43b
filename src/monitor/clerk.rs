//! The clerk: takes in what the run has left, and renders it once a second.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError};

use super::board::{BoardState, Counted, News};
use super::recent::Recent;
use super::sinks::SinkLevel;
use super::{About, live, metrics};

/// What connections answer with.
#[derive(Debug)]
pub(super) struct Desk {
    rendered: Mutex<Arc<Rendered>>,
    state: Arc<BoardState>,
    /// Requests that were answered, and those that were refused.
    pub answered: AtomicU64,
    pub refused: AtomicU64,
}

/// What the clerk has rendered last.
#[derive(Debug, Default)]
pub(super) struct Rendered {
    pub metrics: Arc<[u8]>,
    pub live: Arc<[u8]>,
    /// When the run has counted last.
    pub counted: Option<Instant>,
    /// The run is over.
    pub has_ended: bool,
}

/// All that the clerk knows.
#[derive(Debug)]
pub(super) struct Ledger {
    pub about: About,
    pub begun: Instant,
    pub counted: Counted,
    pub history: History,
    pub recent: Recent,
    pub sinks: Vec<SinkLevel>,
    pub passed_over: u64,
    pub answered: u64,
    pub refused: u64,
}

/// Rates of the last minutes, one for each time that was counted.
#[derive(Debug, Default)]
pub(super) struct History {
    last: Option<(Instant, [u64; RATES])>,
    /// The oldest first.
    pub rates: Vec<[f64; RATES]>,
}

/// Packets, bits, sessions, alerts: each a second.
pub(super) const RATES: usize = 4;

impl Desk {
    pub fn new(state: Arc<BoardState>) -> Self {
        Self { rendered: Mutex::default(), state, answered: AtomicU64::new(0), refused: AtomicU64::new(0) }
    }

    pub fn rendered(&self) -> Arc<Rendered> {
        Arc::clone(&self.rendered.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether the run goes on as it should: it has counted lately, and all workers go round. Before it has counted first, it does.
    pub fn is_well(&self) -> bool {
        let last = self.rendered().counted;
        !self.state.is_stuck.load(Ordering::Relaxed) && last.is_none_or(|last| last.elapsed() < STUCK)
    }

    /// Whether packets are looked at.
    pub fn is_ready(&self) -> bool {
        let rendered = self.rendered();
        self.is_well() && rendered.counted.is_some() && !rendered.has_ended
    }

    fn put(&self, rendered: Rendered) {
        *self.rendered.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(rendered);
    }
}

/// Works until the run has ended.
pub(super) fn work(news: &Receiver<News>, desk: &Desk, about: About) {
    let mut ledger = Ledger {
        about,
        begun: Instant::now(),
        counted: Counted::default(),
        history: History::default(),
        recent: Recent::new(),
        sinks: Vec::new(),
        passed_over: 0,
        answered: 0,
        refused: 0,
    };
    let (mut counted, mut rendered) = (None, None::<Instant>);
    loop {
        match news.recv_timeout(BETWEEN_LOOKS) {
            Ok(News::Counted(new)) => {
                counted = Some(Instant::now());
                ledger.history.note(&new, Instant::now());
                ledger.counted = *new;
            }
            Ok(News::Lines(lines)) => ledger.recent.take(&lines),
            Ok(News::Sinks(levels)) => ledger.sinks = levels,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if rendered.is_none_or(|at| at.elapsed() >= BETWEEN_RENDERINGS) {
            rendered = Some(Instant::now());
            desk.put(render(&mut ledger, desk, counted, false));
        }
    }
    desk.put(render(&mut ledger, desk, counted, true));
}

fn render(ledger: &mut Ledger, desk: &Desk, counted: Option<Instant>, has_ended: bool) -> Rendered {
    ledger.passed_over = desk.state.passed_over.load(Ordering::Relaxed);
    ledger.answered = desk.answered.load(Ordering::Relaxed);
    ledger.refused = desk.refused.load(Ordering::Relaxed);
    Rendered { metrics: metrics::render(ledger).into_bytes().into(), live: live::render(ledger).into(), counted, has_ended }
}

impl History {
    fn note(&mut self, counted: &Counted, at: Instant) {
        let now = ["decoder.pkts", "decoder.bytes", "app_layer.flow.tls", "detect.alert"].map(|name| counted.of(name));
        if let Some((since, before)) = &self.last {
            let seconds = at.saturating_duration_since(*since).as_secs_f64().max(0.001);
            let mut rates = [0.0; RATES];
            for (rate, (now, before)) in rates.iter_mut().zip(now.iter().zip(before)) {
                *rate = now.saturating_sub(*before) as f64 / seconds;
            }
            if let Some(bits) = rates.get_mut(1) {
                *bits *= 8.0;
            }
            if self.rates.len() >= HISTORY {
                self.rates.remove(0);
            }
            self.rates.push(rates);
        }
        self.last = Some((at, now));
    }
}

impl Counted {
    /// A counter by its name; 0 where the run has none.
    pub(super) fn of(&self, name: &str) -> u64 {
        self.counters.iter().find(|(known, _)| *known == name).map_or(0, |(_, n)| *n)
    }
}

/// News that wait for the clerk: lines come in blocks of at most 256 KiB.
pub(super) const QUEUE: usize = 32;
/// A run that has not counted for that long is stuck.
const STUCK: Duration = Duration::from_secs(10);
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);
const BETWEEN_RENDERINGS: Duration = Duration::from_secs(1);
/// Rates that are kept: of some two minutes.
const HISTORY: usize = 120;

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(packets: u64, bytes: u64) -> Counted {
        Counted { counters: vec![("decoder.pkts", packets), ("decoder.bytes", bytes)], ..Counted::default() }
    }

    #[test]
    fn rates_are_what_was_counted_by_the_time_between() {
        let (mut history, begun) = (History::default(), Instant::now());
        for (second, (packets, bytes)) in (0..).zip([(0, 0), (10, 1_000), (40, 1_500), (30, 1_500)]) {
            history.note(&counted(packets, bytes), begun + Duration::from_secs(2 * second));
        }
        assert_eq!(history.rates, [[5.0, 4_000.0, 0.0, 0.0], [15.0, 2_000.0, 0.0, 0.0], [0.0; 4]]);
        for second in 0..500 {
            history.note(&counted(0, 0), begun + Duration::from_secs(100 + second));
        }
        assert_eq!(history.rates.len(), HISTORY);
    }
}
