//! `portcullis tap`: frames of interfaces in, events out.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::thread;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use signal_hook::consts::SIGUSR1;

use super::certificate_options::CertificateOptions;
use super::datasets::{self, is_same_place};
use super::engine_options::{Bounds, Decoding, Watching};
use super::notify::Notifier;
use super::printer::TerminalPrinter;
use super::reload::{Reloader, Reloads};
use super::rule_options::RuleOptions;
use super::sandbox::SandboxOptions;
use super::sink_options::{self, SinkOptions};
use super::terminal::{self, Progress, Style};
use super::trust_options::TrustOptions;
use super::{profile, say, signals, units};
use crate::capture::filter::Wanted;
use crate::capture::sys::affinity;
use crate::capture::sys::interface::Interface;
use crate::capture::sys::privileges::Capabilities;
use crate::capture::sys::ring::RingSize;
use crate::capture::tap::{Backend, Keeper, Opened, TapError, TapSettings, find, open};
use crate::pipeline::{EvePrinter, Keeping, LiveSettings, Outcome, Printer, RunError, Settings, Status, run_live};
use crate::rules::RuleSet;
use crate::sink::{Pace, Sink};

/// Watch interfaces and write an event for every TLS session and every alert
///
/// An interface that gets a copy of the traffic, from a tap or a mirror port, or one of this machine. Events are those of replay. It runs until
/// SIGINT or SIGTERM; SIGHUP loads the rules anew, SIGUSR1 prints a line that says how it goes.
#[derive(Debug, Args)]
pub(super) struct Tap {
    /// Listen at this interface; a glob means all that it matches; may be repeated
    #[arg(short, long = "interface", required = true, value_name = "IFACE")]
    interfaces: Vec<String>,

    /// How frames come in: rings shared with the kernel, or pnet's channel, which is slower; auto takes rings where the kernel has them
    #[arg(long, value_enum, default_value_t = Capture::Auto)]
    capture: Capture,

    /// Write events to FILE as EVE JSON; - is standard output, where they are EVE JSON then even on a terminal
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// End after this time
    #[arg(long, value_name = "SECONDS", value_parser = units::seconds)]
    duration: Option<Duration>,

    /// End after so many packets that the kernel's filter let through
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    packets: Option<u64>,

    #[command(flatten)]
    watching: Watching,

    /// Count and time what each rule costs: a table on standard error after the run, and all of it as JSON in FILE
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    profile_rules: Option<Option<PathBuf>>,

    /// Leave the interfaces as they are: what is for others is then seen only where something else has made them promiscuous
    #[arg(long)]
    no_promiscuous: bool,

    /// Bytes of a block of a ring: a power of two, 64KiB or more
    #[arg(long, value_name = "BYTES", default_value = "1MiB", value_parser = ring_block)]
    ring_block: u32,

    /// Blocks of a ring, of which there is one for each worker and interface
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(2..=4096))]
    ring_blocks: u32,

    /// Keep workers on these processors, the first on the first and so on: 2,3
    #[arg(long, value_name = "CPUS", value_delimiter = ',')]
    pin_cpus: Vec<usize>,

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

    #[command(flatten)]
    sandbox: SandboxOptions,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Capture {
    Auto,
    Ring,
    Datalink,
}

/// Why there is nothing to run: it was said.
struct Refused(ExitCode);

impl Tap {
    /// Runs it, and says how it went.
    pub fn run(self) -> ExitCode {
        match self.try_run() {
            Ok(status) | Err(Refused(status)) => status,
        }
    }

    fn try_run(&self) -> Result<ExitCode, Refused> {
        let stop = Arc::new(AtomicUsize::new(0));
        let status = Arc::new(AtomicBool::new(false));
        let reloads = Reloads::begin(&self.rules, self.watch_rules).and_then(|reloads| {
            signal_hook::flag::register(SIGUSR1, Arc::clone(&status))?;
            signals::catch(&stop)?;
            Ok(reloads)
        });
        let reloads = reloads.map_err(|error| failed(format_args!("cannot catch signals: {error}")))?;
        let interfaces = find(&self.interfaces).map_err(failed)?;
        self.check_processors()?;
        let user = self.sandbox.user().map_err(wrong)?;
        let rules = self.rules.load().ok_or(Refused(ExitCode::FAILURE))?;
        let (settings, rules) = (self.settings(&rules, &stop)?, rules);
        if let Some(error) = self.clash_with_sets(&rules) {
            return Err(wrong(error));
        }
        if !datasets::can_write(rules.dataset_places()) {
            return Err(Refused(ExitCode::FAILURE));
        }
        let profile_to = match self.profile_path().map(profile::Output::create) {
            Some(None) => return Err(Refused(ExitCode::FAILURE)),
            created => created.flatten(),
        };
        let sink = match &self.output {
            Some(path) if path != Path::new("-") => Some(Sink::create(path).map_err(failed)?),
            None if !self.sinks.is_empty() => None,
            _ => Some(Sink::stdout()),
        };
        let (backend, opened) = self.open(&interfaces, &rules, &settings).map_err(failed)?;
        let names: Vec<_> = interfaces.iter().map(|interface| interface.name.as_str()).collect();
        say("listening", format_args!("at {} ({backend}, workers: {})", names.join(", "), settings.workers));
        let live = LiveSettings {
            names: interfaces.iter().map(|interface| interface.name.clone()).collect(),
            duration: self.duration,
            packets: self.packets,
            status,
            processors: self.pin_cpus.clone(),
        };
        // What is listened at may have to be listened at anew.
        let outputs = self.written(&rules);
        let entered = self.sandbox.enter(user, Capabilities::NET_RAW, outputs.iter().map(PathBuf::as_path));
        entered.map_err(|error| failed(format_args!("cannot give up privileges: {error}; --no-sandbox keeps them")))?;
        for down in interfaces.iter().filter(|interface| !interface.is_up) {
            say("interface", format_args!("{} is down: nothing is seen there until it is up", down.name));
        }
        match self.play(opened, Arc::new(rules), &settings, &live, reloads, sink, profile_to) {
            Ok(true) => Ok(ExitCode::SUCCESS),
            Ok(false) => Ok(ExitCode::FAILURE),
            Err(RunError::Sink(error)) if error.is_closed() => Ok(ExitCode::SUCCESS),
            Err(error) => Err(failed(error)),
        }
    }

    fn settings(&self, rules: &RuleSet, stop: &Arc<AtomicUsize>) -> Result<Settings, Refused> {
        let trust = self.trust.load().map_err(|_| Refused(ExitCode::FAILURE))?;
        let weak_keys = self.trust.weak_keys().map_err(|_| Refused(ExitCode::FAILURE))?;
        let verdict = self.rules.default_verdict();
        let mut settings = self.watching.settings(&self.decoding, &self.bounds, rules, verdict, trust, stop);
        settings.engine.weak_keys = weak_keys;
        settings.engine.profile_clock = self.profile_rules.is_some().then_some(profile::nanoseconds);
        let keeping = self.certificates.keeping().map_err(failed)?;
        settings.keeping = Keeping { events: keeping.events && !self.is_for_people(), ..keeping };
        Ok(settings)
    }

    /// Opens the back end that was asked for; with `auto` the other one where the kernel has no rings.
    fn open(&self, interfaces: &[Interface], rules: &RuleSet, settings: &Settings) -> Result<(Backend, Opened), TapError> {
        let taps = TapSettings {
            size: RingSize { block: self.ring_block, blocks: self.ring_blocks, ..RingSize::default() },
            promiscuous: !self.no_promiscuous,
            wanted: Wanted {
                ports: settings.decoder.ports.clone(),
                tunnels: settings.decoder.tunnel_ports.clone(),
                datagrams: rules.wants_datagrams() || settings.engine.refuses(),
            },
        };
        let open = |backend| Ok((backend, open(backend, interfaces, settings.workers, &taps)?));
        match self.capture {
            Capture::Ring => open(Backend::Ring),
            Capture::Datalink => open(Backend::Datalink),
            Capture::Auto => open(Backend::Ring).or_else(|error| {
                let opened = open(Backend::Datalink)?;
                say("warning", format_args!("{error}; going on with --capture datalink, which is slower"));
                Ok(opened)
            }),
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn play(
        &self,
        opened: Opened,
        rules: Arc<RuleSet>,
        settings: &Settings,
        live: &LiveSettings,
        reloads: Reloads,
        sink: Option<Sink>,
        profile_to: Option<profile::Output<'_>>,
    ) -> Result<bool, RunError> {
        let to_terminal = self.is_for_people();
        let style = Style { colour: to_terminal && Style::is_wanted() };
        let (outcome, status) = if to_terminal {
            self.pump(opened, rules, settings, live, reloads, sink, &TerminalPrinter { style })?
        } else {
            let printer = EvePrinter { certificates: self.certificates.log_certificates };
            self.pump(opened, rules, settings, live, reloads, sink, &printer)?
        };
        let mut went_well = true;
        if let Some(profile) = &outcome.profile {
            went_well &= profile::tell(profile, &outcome.rules, profile_to);
        }
        went_well &= datasets::write(&outcome.datasets);
        say("ended", line(&status));
        let summary = terminal::summary(style, &outcome.summary);
        if to_terminal {
            println!("{summary}");
        } else if io::stderr().is_terminal() {
            eprintln!("{summary}");
        }
        std::mem::forget(outcome.rules); // as in a replay
        Ok(went_well)
    }

    /// Runs the threads.
    #[allow(clippy::too_many_arguments)]
    fn pump<P: Printer>(
        &self,
        (taps, mut keeper): Opened,
        rules: Arc<RuleSet>,
        settings: &Settings,
        live: &LiveSettings,
        reloads: Reloads,
        mut sink: Option<Sink>,
        printer: &P,
    ) -> Result<(Outcome, Status), RunError> {
        let progress = Progress::new(None, false);
        let mut sinks = self.sinks.begin(Pace::Live).map_err(RunError::Sink)?;
        let mut take = |lines: &[u8]| {
            sink.as_mut().map_or(Ok(()), |sink| sink.write(lines).and_then(|()| sink.flush()))?;
            sinks.take(lines)
        };
        let mut notifier = Notifier::from_environment();
        notifier.ready();
        let mut look = watch(&mut *keeper, &mut notifier);
        let ended = thread::scope(|scope| {
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
            run_live(taps, rules, settings, live, printer, &mut take, &mut look, &|status| say("status", line(status)))
        });
        drop(look);
        notifier.stopping();
        let shipped = sinks.finish(); // whatever has become of the run: what was taken is to arrive
        let ended = ended?;
        sink.as_mut().map_or(Ok(()), Sink::flush).map_err(RunError::Sink)?;
        sink_options::tell(&shipped.map_err(RunError::Sink)?);
        Ok(ended)
    }

    /// Whether short lines go to a terminal, and not events to a file or a pipe.
    fn is_for_people(&self) -> bool {
        self.output.is_none() && self.sinks.is_empty() && io::stdout().is_terminal()
    }

    /// Where what rules cost is to be written.
    fn profile_path(&self) -> Option<&Path> {
        self.profile_rules.as_ref()?.as_deref()
    }

    /// What would be overwritten by a data set that is to be kept, if anything.
    fn clash_with_sets(&self, rules: &RuleSet) -> Option<String> {
        let outputs = [self.output.as_deref(), self.profile_path()].into_iter().flatten().chain(self.sinks.files());
        let mut clashes = outputs.flat_map(|o| rules.dataset_places().filter(move |place| is_same_place(o, Path::new(place))));
        clashes.next().map(|place| format!("{place} is where a rule keeps a data set: name another file to write to"))
    }

    /// All that is written to in the run.
    fn written(&self, rules: &RuleSet) -> Vec<PathBuf> {
        let files = [self.output.as_deref(), self.profile_path()].into_iter().flatten().chain(self.sinks.files());
        let sets = rules.dataset_places().map(Path::new);
        files.chain(sets).chain(self.certificates.directories()).map(Path::to_owned).collect()
    }

    fn check_processors(&self) -> Result<(), Refused> {
        let Ok(there) = affinity::processors() else { return Ok(()) };
        let Some(missing) = self.pin_cpus.iter().find(|processor| !there.contains(processor)) else { return Ok(()) };
        Err(wrong(format_args!("--pin-cpus {missing}: this process may run on {there:?} only")))
    }
}

/// Looks after the interfaces now and then, and says what has become of them; tells the service manager while all is well.
fn watch(keeper: &mut dyn Keeper, notifier: &mut Notifier) -> impl FnMut(bool) {
    let mut last = None::<Instant>;
    move |all_is_well| {
        if last.is_none_or(|last| last.elapsed() >= BETWEEN_LOOKS) {
            last = Some(Instant::now());
            keeper.look().iter().for_each(|notice| say("interface", notice));
        }
        if all_is_well {
            notifier.alive();
        }
    }
}

fn failed(error: impl std::fmt::Display) -> Refused {
    say("error", error);
    Refused(ExitCode::FAILURE)
}

/// It was asked wrongly.
fn wrong(error: impl std::fmt::Display) -> Refused {
    say("error", error);
    Refused(ExitCode::from(2))
}

/// How it goes, in one line.
fn line(status: &Status) -> String {
    let Status { tap, decoder, counters, lines_lost, segments_lost, unread, load, .. } = status;
    let load: Vec<_> = load.iter().map(|thousandths| format!("{} %", thousandths / 10)).collect();
    let mut line = format!(
        "{} packets, {} bytes, {} dropped by the kernel, {} flows of which {} are open, {} sessions, {} alerts",
        decoder.pkts, decoder.bytes, tap.drops, counters.flows, counters.flows_active, counters.sessions, counters.alerts
    );
    for (number, what) in [(lines_lost, "lines"), (segments_lost, "segments"), (unread, "packets at the end")] {
        if *number > 0 {
            line.push_str(&format!(", {number} {what} lost"));
        }
    }
    line.push_str(&format!(", load {}", load.join(" ")));
    line
}

/// Bytes of a block of a ring.
fn ring_block(text: &str) -> Result<u32, String> {
    let bytes = units::bytes(text)?;
    match u32::try_from(bytes) {
        Ok(bytes) if bytes.is_power_of_two() && (64 << 10..=64 << 20).contains(&bytes) => Ok(bytes),
        _ => Err(format!("{text} is no power of two from 64KiB to 64MiB")),
    }
}

/// How often interfaces are looked at.
const BETWEEN_LOOKS: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_of_a_ring_is_a_power_of_two() {
        assert_eq!(ring_block("1MiB"), Ok(1 << 20));
        for text in ["0", "3MiB", "32KiB", "128MiB", "x"] {
            assert!(ring_block(text).is_err(), "{text}");
        }
    }
}
