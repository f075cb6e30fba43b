//! `portcullis replay`: capture files in, events out.

use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use clap::Args;

use super::recording_options::RecordingOptions;
use super::refused::{Refused, failed, wrong};
use super::run::{self, Job, Work};
use super::run_options::RunOptions;
use super::terminal::Progress;
use super::{say, signals, units};
use crate::capture::{CaptureError, CaptureSet, CaptureSettings, PcapngWriter, Severity};
use crate::pipeline::{self, Outcome, Printer, RunError};
use crate::sink::Pace;

/// Read capture files and write an event for every TLS session and every alert
///
/// Captures are pcap or pcapng, plain or compressed with gzip, zstd, xz or lz4. They are played in the order of their first
/// packets. On a terminal events are short lines, with a summary at the end; into a pipe or a file they are EVE JSON, one a line.
#[derive(Debug, Args)]
pub(super) struct Replay {
    /// Capture files, directories (searched for captures at any depth), globs, or - for standard input
    #[arg(required = true, value_name = "CAPTURE")]
    captures: Vec<OsString>,

    /// Write the frames that an inline Portcullis would have let pass to FILE, as pcapng; - is standard output
    #[arg(long, value_name = "FILE")]
    write_passed: Option<PathBuf>,

    /// Bytes that are read at a time
    #[arg(long, default_value = "512KiB", value_parser = units::bytes, value_name = "BYTES")]
    read_buffer: usize,

    #[command(flatten)]
    options: RunOptions,

    #[command(flatten)]
    recording: RecordingOptions,
}

impl Replay {
    /// Runs it, and says how it went.
    pub fn run(self) -> ExitCode {
        self.try_run().unwrap_or_else(|Refused(status)| status)
    }

    fn try_run(&self) -> Result<ExitCode, Refused> {
        let interrupted = Arc::new(AtomicUsize::new(0));
        let loaded = self.options.load(&interrupted)?;
        let settings =
            CaptureSettings { buffer_len: self.read_buffer.max(1), stop: Arc::clone(&interrupted), ..CaptureSettings::default() };
        let (mut captures, problems) = CaptureSet::plan(&self.captures, settings);
        let mut has_failed = false;
        let (passed_over, problems): (Vec<_>, Vec<_>) = problems.into_iter().partition(|p| p.severity() == Severity::Note);
        tell_passed_over(&passed_over);
        for problem in problems {
            has_failed |= tell(&problem);
        }
        if let Some(error) = self.clash(&captures) {
            return Err(wrong(error));
        }
        let mut prepared = self.options.open(loaded, Playing::PACE, self.write_passed.as_deref().into_iter())?;
        prepared.settings.keeping.recording = self.recording.recording()?;
        // From here on: the look at the captures may wait for standard input, and is ended by a signal as ever.
        signals::catch(&interrupted).map_err(|error| failed(format_args!("cannot catch signals: {error}")))?;
        let progress = Progress::new(captures.total_len(), io::stderr().is_terminal());
        let passed = self.write_passed.as_ref().map(PcapngWriter::create).transpose().map_err(failed)?;
        let job = Playing { consumed: captures.consumed(), captures: &mut captures, passed, has_failed: &mut has_failed };
        match run::play(&self.options, prepared, progress, job) {
            Err(RunError::Sink(error)) if error.is_closed() => return Ok(ExitCode::SUCCESS),
            Err(error) => {
                say("error", error);
                has_failed = true;
            }
            Ok(went_well) => has_failed |= !went_well,
        }
        let signal = interrupted.load(Ordering::Relaxed);
        if let Ok(signal) = i32::try_from(signal)
            && signal != 0
        {
            let _ = signal_hook::low_level::emulate_default_handler(signal); // ends this process as the signal would have
        }
        Ok(if has_failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }

    /// All files that are written from beginning to end of the run.
    fn outputs(&self) -> impl Iterator<Item = &Path> {
        self.options.outputs().chain(self.write_passed.as_deref())
    }

    /// What would be overwritten by what is to be written, if anything.
    fn clash(&self, captures: &CaptureSet) -> Option<String> {
        let (events, passed) = (self.options.output.as_deref(), self.write_passed.as_deref());
        let inputs = || captures.captures().iter().map(|c| c.path.as_path()).chain(self.captures.iter().map(Path::new));
        let overwrites = |output: &&Path| inputs().any(|input| is_same_file(output, input));
        if let Some(output) = self.outputs().find(overwrites) {
            return Some(format!("{} is a capture that is to be read: name another file to write to", output.display()));
        }
        if let Some(input) = inputs().find(|input| is_standard_output(input)) {
            return Some(format!("standard output goes to {}, which is to be read: send it elsewhere", input.display()));
        }
        let is_other = |sink: &&Path| self.outputs().filter(|other| other == sink || is_same_file(other, sink)).count() > 1;
        if let Some(twice) = self.options.sinks.files().filter(|path| !is_device(path)).find(is_other) {
            return Some(format!("{} is named twice to write to", twice.display()));
        }
        let standard = Path::new("-");
        let default = self.options.sinks.is_empty().then_some(standard);
        let has_standard = self.options.sinks.has_stdout() || events.or(default) == Some(standard);
        let (events, passed) = (events.unwrap_or(standard), passed?);
        if has_standard && passed == standard {
            return Some(
                "standard output cannot take both the events and the packets that pass: write one of them to a file".to_owned(),
            );
        }
        // The later of the two is not there yet; the same name is the same file all the same.
        let is_taken = |events: &Path| passed != standard && events == passed && !events.exists() || is_same_file(events, passed);
        (is_taken(events) || self.options.sinks.files().any(is_taken))
            .then(|| format!("{} cannot take both the events and the packets that pass: name another file", passed.display()))
    }
}

/// The captures, and where it is said what is wrong with them.
struct Playing<'r> {
    captures: &'r mut CaptureSet,
    /// Bytes of them that were read.
    consumed: Arc<AtomicU64>,
    passed: Option<PcapngWriter>,
    has_failed: &'r mut bool,
}

impl Job for Playing<'_> {
    const PACE: Pace = Pace::Waiting;
    const GATHERS: bool = true;
    type More = ();

    fn work<P: Printer>(self, work: Work<'_, P>) -> Result<(Outcome, ()), RunError> {
        let Self { captures, consumed, passed, has_failed } = self;
        let Work { rules, settings, printer, take, progress } = work;
        let mut take = |lines: &[u8]| {
            progress.set(consumed.load(Ordering::Relaxed));
            take(lines)
        };
        let mut problem = |error: CaptureError| *has_failed |= progress.suspend(|| tell(&error));
        Ok((pipeline::run(captures, rules, settings, printer, &mut take, passed, &mut problem)?, ()))
    }

    fn tell(outcome: &Outcome, (): &()) {
        match outcome.decoder.unsupported_link {
            0 => {}
            n => say("warning", format_args!("{n} packets were skipped: their link type is not supported")),
        }
    }
}

/// Whether standard output goes to this regular file.
fn is_standard_output(input: &Path) -> bool {
    let is_it = || Ok::<_, io::Error>(same_file::Handle::from_path(input)? == same_file::Handle::stdout()?);
    input.is_file() && is_it().unwrap_or(false)
}

/// Whether both names are of one regular file, by whatever links. Devices may well be named twice.
fn is_same_file(one: &Path, other: &Path) -> bool {
    one.is_file() && same_file::is_same_file(one, other).unwrap_or(false)
}

/// Whether it is there, and no regular file: it may be written to from several sides.
fn is_device(path: &Path) -> bool {
    path.exists() && !path.is_file()
}

/// Says what is wrong with a capture; true where that makes the run a failure.
fn tell(error: &CaptureError) -> bool {
    let (kind, failure) = match error.severity() {
        Severity::Error => ("error", true),
        Severity::Warning => ("warning", false),
        Severity::Note => ("note", false),
    };
    say(kind, error);
    failure
}

/// Says which files were passed over: with a directory, there may be many.
fn tell_passed_over(files: &[CaptureError]) {
    for file in files.iter().take(NAMED) {
        tell(file);
    }
    match files.len().saturating_sub(NAMED) {
        0 => {}
        more => say("note", format_args!("skipped {more} more that are no captures")),
    }
}

/// Files that are passed over are named up to so many.
const NAMED: usize = 3;
