//! A progress bar on standard error for work that takes a while.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Bytes read of how many, the rate and the time left. One that is off does nothing, and one that is on waits a moment: for short
/// work a bar is only flicker.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    started: Instant,
    shown: AtomicBool,
}

impl Progress {
    /// Of `total` bytes; `None` where that is not known, as of standard input. `on` where standard error is a terminal.
    pub fn new(total: Option<u64>, on: bool) -> Self {
        let target = if on { ProgressDrawTarget::stderr_with_hz(HZ) } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(total, target);
        let template = if total.is_some() { OF_KNOWN_LENGTH } else { OF_UNKNOWN_LENGTH };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        Self { bar, started: Instant::now(), shown: AtomicBool::new(false) }
    }

    /// So many bytes are read.
    pub fn set(&self, bytes: u64) {
        if self.started.elapsed() >= PATIENCE {
            self.shown.store(true, Ordering::Relaxed);
            self.bar.set_position(bytes);
        }
    }

    /// Runs `print` with the bar out of the way, for lines on the same terminal.
    pub fn suspend<T>(&self, print: impl FnOnce() -> T) -> T {
        if self.shown.load(Ordering::Relaxed) { self.bar.suspend(print) } else { print() }
    }

    /// Takes the bar away.
    pub fn finish(self) {
        self.bar.finish_and_clear();
    }
}

const OF_KNOWN_LENGTH: &str =
    "[{bar:30}] {percent:>3} %  {binary_bytes} of {binary_total_bytes}, {binary_bytes_per_sec}, {eta} left";
const OF_UNKNOWN_LENGTH: &str = "{spinner} {binary_bytes}, {binary_bytes_per_sec}";
/// Work that is done sooner has no bar.
const PATIENCE: Duration = Duration::from_millis(500);
/// Redraws a second: more only flickers.
const HZ: u8 = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_templates_are_understood() {
        for template in [OF_KNOWN_LENGTH, OF_UNKNOWN_LENGTH] {
            assert!(ProgressStyle::with_template(template).is_ok());
        }
    }

    #[test]
    fn one_that_is_off_lets_everything_through() {
        for total in [Some(10), None] {
            let progress = Progress::new(total, false);
            progress.set(5);
            assert_eq!(progress.suspend(|| 7), 7);
            progress.finish();
        }
    }
}
