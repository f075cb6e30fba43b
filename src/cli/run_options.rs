//! The options that every command has that watches traffic, and what they come to before the run.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize};

use clap::Args;
use signal_hook::consts::SIGHUP;

use super::certificate_options::CertificateOptions;
use super::datasets::{self, is_same_place};
use super::engine_options::{Bounds, Decoding, Watching};
use super::profile;
use super::refused::{Refused, failed, wrong};
use super::reload::Reloads;
use super::rule_options::RuleOptions;
use super::sink_options::SinkOptions;
use super::trust_options::TrustOptions;
use crate::pipeline::{Keeping, Settings};
use crate::rules::RuleSet;
use crate::sink::{Pace, Sink};

#[derive(Debug, Args)]
pub(super) struct RunOptions {
    /// Write events to FILE as EVE JSON; - is standard output, where they are EVE JSON then even on a terminal
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,

    #[command(flatten)]
    pub watching: Watching,

    /// Count and time what each rule costs: a table on standard error after the run, and all of it as JSON in FILE
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    profile_rules: Option<Option<PathBuf>>,

    #[command(flatten)]
    pub sinks: SinkOptions,

    #[command(flatten)]
    pub rules: RuleOptions,

    /// Load the rules anew when a file that they come from has changed; SIGHUP does that in any case
    #[arg(long, help_heading = "Rules")]
    watch_rules: bool,

    #[command(flatten)]
    trust: TrustOptions,

    #[command(flatten)]
    pub certificates: CertificateOptions,

    #[command(flatten)]
    decoding: Decoding,

    #[command(flatten)]
    bounds: Bounds,
}

/// What was loaded for a run.
pub(super) struct Loaded {
    pub reloads: Reloads,
    pub rules: RuleSet,
    pub settings: Settings,
}

/// All that a run needs beside where its packets come from.
pub(super) struct Prepared<'o> {
    pub reloads: Reloads,
    pub rules: Arc<RuleSet>,
    pub settings: Settings,
    /// Where `--output` leads; nowhere where there are sinks alone.
    pub sink: Option<Sink>,
    /// Set by SIGHUP: `--output` is to be opened anew.
    pub reopen: Arc<AtomicBool>,
    pub profile_to: Option<profile::Output<'o>>,
}

impl RunOptions {
    /// Loads rules and roots; from now on a signal asks for other rules. The run is to end early once `stop` is not 0.
    pub fn load(&self, stop: &Arc<AtomicUsize>) -> Result<Loaded, Refused> {
        let reloads =
            Reloads::begin(&self.rules, self.watch_rules).map_err(|error| failed(format_args!("cannot catch signals: {error}")))?;
        let rules = self.rules.load().ok_or(Refused::FAILED)?;
        let trust = self.trust.load().map_err(|()| Refused::FAILED)?;
        let weak_keys = self.trust.weak_keys().map_err(|()| Refused::FAILED)?;
        let verdict = self.rules.default_verdict();
        let mut settings = self.watching.settings(&self.decoding, &self.bounds, &rules, verdict, trust, stop);
        settings.engine.weak_keys = weak_keys;
        settings.engine.profile_clock = self.profile_rules.is_some().then_some(profile::nanoseconds);
        Ok(Loaded { reloads, rules, settings })
    }

    /// Opens what is written to, so that what cannot be is told before the run. `others` are the files that the command itself writes. `--output` is
    /// appended to where the run is of the `pace` of packets: what started it may start it again.
    pub fn open<'p>(&self, loaded: Loaded, pace: Pace, others: impl Iterator<Item = &'p Path>) -> Result<Prepared<'_>, Refused> {
        let Loaded { reloads, rules, mut settings } = loaded;
        if let Some(place) = self.clash_with_sets(&rules, others) {
            return Err(wrong(format_args!("{place} is where a rule keeps a data set: name another file to write to")));
        }
        if !datasets::can_write(rules.dataset_places()) {
            return Err(Refused::FAILED);
        }
        let profile_to = match self.profile_path().map(profile::Output::create) {
            Some(None) => return Err(Refused::FAILED),
            created => created.flatten(),
        };
        let keeping = self.certificates.keeping().map_err(failed)?;
        settings.keeping = Keeping { events: keeping.events && !self.is_for_people(), ..keeping };
        self.sinks.prepare().map_err(failed)?;
        let sink = match &self.output {
            Some(path) if path != Path::new("-") => match pace {
                Pace::Waiting => Some(Sink::create(path).map_err(failed)?),
                Pace::Live => Some(Sink::append(path).map_err(failed)?),
            },
            None if !self.sinks.is_empty() => None,
            _ => Some(Sink::stdout()),
        };
        let reopen = Arc::<AtomicBool>::default();
        signal_hook::flag::register(SIGHUP, Arc::clone(&reopen))
            .map_err(|error| failed(format_args!("cannot catch signals: {error}")))?;
        Ok(Prepared { reloads, rules: Arc::new(rules), settings, sink, reopen, profile_to })
    }

    /// Whether short lines go to a terminal, and not events to a file or a pipe.
    pub fn is_for_people(&self) -> bool {
        self.output.is_none() && self.sinks.is_empty() && io::stdout().is_terminal()
    }

    /// All files that are written from beginning to end of the run.
    pub fn outputs(&self) -> impl Iterator<Item = &Path> {
        [self.output.as_deref(), self.profile_path()].into_iter().flatten().chain(self.sinks.files())
    }

    /// All that is written to, data sets and directories of certificates included.
    #[cfg(target_os = "linux")]
    pub fn written<'a>(&'a self, rules: &'a RuleSet) -> impl Iterator<Item = &'a Path> {
        self.outputs().chain(rules.dataset_places().map(Path::new)).chain(self.certificates.directories())
    }

    /// Where what rules cost is to be written.
    fn profile_path(&self) -> Option<&Path> {
        self.profile_rules.as_ref()?.as_deref()
    }

    /// The data set that is to be kept and would be overwritten, if any.
    fn clash_with_sets<'r, 'p>(&self, rules: &'r RuleSet, others: impl Iterator<Item = &'p Path>) -> Option<&'r str> {
        let others: Vec<&Path> = others.collect();
        let is_written = |place: &&str| self.outputs().chain(others.iter().copied()).any(|o| is_same_place(o, Path::new(place)));
        rules.dataset_places().find(is_written)
    }
}
