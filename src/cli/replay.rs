//! `portcullis replay`: capture files in, events out.

use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use clap::Args;

use super::certificate_options::CertificateOptions;
use super::datasets::{self, is_same_place};
use super::engine_options::{Bounds, Decoding, Watching};
use super::printer::TerminalPrinter;
use super::reload::{Reloader, Reloads};
use super::rule_options::RuleOptions;
use super::sink_options::{self, SinkOptions};
use super::terminal::{self, Progress, Style};
use super::trust_options::TrustOptions;
use super::{profile, say, signals, units};
use crate::capture::{CaptureError, CaptureSet, CaptureSettings, PcapngWriter, Severity};
use crate::pipeline::{self, EvePrinter, Keeping, Outcome, Printer, RunError, Settings};
use crate::rules::RuleSet;
use crate::sink::{Pace, Sink};

/// Read capture files and write an event for every TLS session and every alert
///
/// Captures are pcap or pcapng, plain or compressed with gzip, zstd, xz or lz4. They are played in the order of their first
/// packets. On a terminal events are short lines, with a summary at the end; into a pipe or a file they are EVE JSON, one a line.
#[derive(Debug, Args)]
pub(super) struct Replay {
    /// Capture files, directories (searched for captures at any depth), globs, or - for standard input
    #[arg(required = true, value_name = "CAPTURE")]
    captures: Vec<OsString>,

    /// Write events to FILE as EVE JSON; - is standard output, where they are EVE JSON then even on a terminal
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    #[command(flatten)]
    watching: Watching,

    /// Count and time what each rule costs: a table on standard error after the run, and all of it as JSON in FILE
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    profile_rules: Option<Option<PathBuf>>,

    /// Write the frames that an inline Portcullis would have let pass to FILE, as pcapng; - is standard output
    #[arg(long, value_name = "FILE")]
    write_passed: Option<PathBuf>,

    /// Bytes that are read at a time
    #[arg(long, default_value = "512KiB", value_parser = units::bytes, value_name = "BYTES")]
    read_buffer: usize,

    #[command(flatten)]
    sinks: SinkOptions,

    #[command(flatten)]
    rules: RuleOptions,

    /// Load the rules anew when a file that they come from has changed; SIGHUP does that in any case
    #[arg(long, help_heading = "Rules")]
    watch_rules: bool,

    #[command(flatten)]
    trust: TrustOptions,

    #[command(flatten)]
    certificates: CertificateOptions,

    #[command(flatten)]
    decoding: Decoding,

    #[command(flatten)]
    bounds: Bounds,
}

impl Replay {
    /// Runs it, and says how it went.
    pub fn run(self) -> ExitCode {
        let reloads = match Reloads::begin(&self.rules, self.watch_rules) {
            Ok(reloads) => reloads,
            Err(error) => {
                say("error", format_args!("cannot catch signals: {error}"));
                return ExitCode::FAILURE;
            }
        };
        let Some(rules) = self.rules.load() else { return ExitCode::FAILURE };
        let Ok(trust) = self.trust.load() else { return ExitCode::FAILURE };
        let Ok(weak_keys) = self.trust.weak_keys() else { return ExitCode::FAILURE };
        let interrupted = Arc::new(AtomicUsize::new(0));
        let settings =
            CaptureSettings { buffer_len: self.read_buffer.max(1), stop: Arc::clone(&interrupted), ..CaptureSettings::default() };
        let (mut captures, problems) = CaptureSet::plan(&self.captures, settings);
        let mut failed = false;
        let (passed_over, problems): (Vec<_>, Vec<_>) = problems.into_iter().partition(|p| p.severity() == Severity::Note);
        tell_passed_over(&passed_over);
        for problem in problems {
            failed |= tell(&problem);
        }
        if let Some(error) = self.clash(&captures).or_else(|| self.clash_with_sets(&rules)) {
            say("error", error);
            return ExitCode::from(2);
        }
        if !datasets::can_write(rules.dataset_places()) {
            return ExitCode::FAILURE;
        }
        // From here on: the look at the captures may wait for standard input, and is ended by a signal as ever.
        if let Err(error) = signals::catch(&interrupted) {
            say("error", format_args!("cannot catch signals: {error}"));
            return ExitCode::FAILURE;
        }
        let profile = match self.profile_path().map(profile::Output::create) {
            Some(None) => return ExitCode::FAILURE,
            created => created.flatten(),
        };
        let keeping = match self.certificates.keeping() {
            Ok(keeping) => keeping,
            Err(error) => {
                say("error", error);
                return ExitCode::FAILURE;
            }
        };
        let keeping = Keeping { events: keeping.events && !self.is_for_people(), ..keeping };
        let verdict = self.rules.default_verdict();
        let mut settings = self.watching.settings(&self.decoding, &self.bounds, &rules, verdict, trust, &interrupted);
        settings.keeping = keeping;
        settings.engine.weak_keys = weak_keys;
        settings.engine.profile_clock = self.profile_rules.is_some().then_some(profile::nanoseconds);
        let result = self.play(&mut captures, Arc::new(rules), &settings, reloads, profile, &mut failed);
        match result {
            Err(RunError::Sink(error)) if error.is_closed() => return ExitCode::SUCCESS,
            Err(error) => {
                say("error", error);
                failed = true;
            }
            Ok(()) => {}
        }
        let signal = interrupted.load(Ordering::Relaxed);
        if let Ok(signal) = i32::try_from(signal)
            && signal != 0
        {
            let _ = signal_hook::low_level::emulate_default_handler(signal); // ends this process as the signal would have
        }
        if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }

    /// Whether short lines go to a terminal, and not events to a file or a pipe.
    fn is_for_people(&self) -> bool {
        self.output.is_none() && self.sinks.is_empty() && io::stdout().is_terminal()
    }

    /// All files that are written from beginning to end of the run.
    fn outputs(&self) -> impl Iterator<Item = &Path> {
        let once = [self.output.as_deref(), self.write_passed.as_deref(), self.profile_path()];
        once.into_iter().flatten().chain(self.sinks.files())
    }

    /// Where what rules cost is to be written.
    fn profile_path(&self) -> Option<&Path> {
        self.profile_rules.as_ref()?.as_deref()
    }

    /// What would be overwritten by what is to be written, if anything.
    fn clash(&self, captures: &CaptureSet) -> Option<String> {
        let (events, passed) = (self.output.as_deref(), self.write_passed.as_deref());
        let inputs = || captures.captures().iter().map(|c| c.path.as_path()).chain(self.captures.iter().map(Path::new));
        let overwrites = |output: &&Path| inputs().any(|input| is_same_file(output, input));
        if let Some(output) = self.outputs().find(overwrites) {
            return Some(format!("{} is a capture that is to be read: name another file to write to", output.display()));
        }
        if let Some(input) = inputs().find(|input| is_standard_output(input)) {
            return Some(format!("standard output goes to {}, which is to be read: send it elsewhere", input.display()));
        }
        let is_other = |sink: &&Path| self.outputs().filter(|other| other == sink || is_same_file(other, sink)).count() > 1;
        if let Some(twice) = self.sinks.files().filter(|path| !is_device(path)).find(is_other) {
            return Some(format!("{} is named twice to write to", twice.display()));
        }
        let standard = Path::new("-");
        let default = self.sinks.is_empty().then_some(standard);
        let has_standard = self.sinks.has_stdout() || events.or(default) == Some(standard);
        let (events, passed) = (events.unwrap_or(standard), passed?);
        if has_standard && passed == standard {
            return Some(
                "standard output cannot take both the events and the packets that pass: write one of them to a file".to_owned(),
            );
        }
        // The later of the two is not there yet; the same name is the same file all the same.
        let is_taken = |events: &Path| passed != standard && events == passed && !events.exists() || is_same_file(events, passed);
        (is_taken(events) || self.sinks.files().any(is_taken))
            .then(|| format!("{} cannot take both the events and the packets that pass: name another file", passed.display()))
    }

    /// What would be overwritten by a data set that is to be kept, if anything.
    fn clash_with_sets(&self, rules: &RuleSet) -> Option<String> {
        let mut clashes =
            self.outputs().flat_map(|o| rules.dataset_places().filter(move |place| is_same_place(o, Path::new(place))));
        clashes.next().map(|place| format!("{place} is where a rule keeps a data set: name another file to write to"))
    }

    fn play(
        &self,
        captures: &mut CaptureSet,
        rules: Arc<RuleSet>,
        settings: &Settings,
        reloads: Reloads,
        profile_to: Option<profile::Output<'_>>,
        failed: &mut bool,
    ) -> Result<(), RunError> {
        let to_terminal = self.is_for_people();
        let style = Style { colour: to_terminal && Style::is_wanted() };
        let outcome = if to_terminal {
            self.pump(captures, rules, settings, reloads, failed, &TerminalPrinter { style })?
        } else {
            self.pump(captures, rules, settings, reloads, failed, &EvePrinter { certificates: self.certificates.log_certificates })?
        };
        if let Some(profile) = &outcome.profile {
            *failed |= !profile::tell(profile, &outcome.rules, profile_to);
        }
        *failed |= !datasets::write(&outcome.datasets);
        match outcome.decoder.unsupported_link {
            0 => {}
            n => say("warning", format_args!("{n} packets were skipped: their link type is not supported")),
        }
        let summary = terminal::summary(style, &outcome.summary);
        if to_terminal {
            println!("{summary}");
        } else if io::stderr().is_terminal() {
            eprintln!("{summary}");
        }
        // The process ends: to free a hundred thousand rules one by one would be time for nothing.
        std::mem::forget(outcome.rules);
        Ok(())
    }

    /// Opens the sink and runs the threads.
    fn pump<P: Printer>(
        &self,
        captures: &mut CaptureSet,
        rules: Arc<RuleSet>,
        settings: &Settings,
        reloads: Reloads,
        failed: &mut bool,
        printer: &P,
    ) -> Result<Outcome, RunError> {
        let mut sink = match &self.output {
            Some(path) if path != Path::new("-") => Some(Sink::create(path).map_err(RunError::Sink)?),
            None if !self.sinks.is_empty() => None,
            _ => Some(Sink::stdout()),
        };
        let mut sinks = self.sinks.begin(Pace::Waiting).map_err(RunError::Sink)?;
        let passed = self.write_passed.as_ref().map(PcapngWriter::create).transpose().map_err(RunError::Passed)?;
        let consumed = captures.consumed();
        let progress = Progress::new(captures.total_len(), io::stderr().is_terminal());
        let lines_share_the_terminal = matches!(sink, Some(Sink::Stdout(_))) && io::stdout().is_terminal();
        // Lines come in by the block, and go on at once: who follows a capture as it grows waits for them.
        let mut take = |lines: &[u8]| {
            progress.set(consumed.load(Ordering::Relaxed));
            let mut write = || {
                sink.as_mut().map_or(Ok(()), |sink| sink.write(lines).and_then(|()| sink.flush()))?;
                sinks.take(lines)
            };
            if lines_share_the_terminal { progress.suspend(write) } else { write() }
        };
        let mut problem = |error: CaptureError| *failed |= progress.suspend(|| tell(&error));
        let result = thread::scope(|scope| {
            let reloader = Reloader {
                options: &self.rules,
                workers: settings.workers,
                next: &settings.next_rules,
                rules: Arc::clone(&rules),
                progress: &progress,
            };
            let (_run, running) = crossbeam_channel::bounded(0); // its end is that of the run
            thread::Builder::new()
                .name("rules".to_owned())
                .spawn_scoped(scope, move || reloader.work(reloads, &running))
                .map_err(RunError::Thread)?;
            pipeline::run(captures, rules, settings, printer, &mut take, passed, &mut problem)
        });
        let shipped = sinks.finish(); // whatever has become of the run: what was taken is to arrive
        let outcome = result?;
        sink.as_mut().map_or(Ok(()), Sink::flush).map_err(RunError::Sink)?;
        sink_options::tell(&shipped.map_err(RunError::Sink)?);
        progress.finish();
        Ok(outcome)
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
