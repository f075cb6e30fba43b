//! `portcullis inline`: in the path of the packets.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::thread;
use std::time::Duration;

use clap::{Args, ValueEnum};
use signal_hook::consts::SIGUSR1;

use super::certificate_options::CertificateOptions;
use super::datasets::{self, is_same_place};
use super::engine_options::{Bounds, Decoding, Watching};
use super::printer::TerminalPrinter;
use super::reload::{Reloader, Reloads};
use super::rule_options::RuleOptions;
use super::sink_options::{self, SinkOptions};
use super::terminal::{self, Progress, Style};
use super::trust_options::TrustOptions;
use super::{say, signals, units};
use crate::capture::nfqueue::{Queue, QueueSettings};
use crate::capture::sys::interface::Interface;
use crate::capture::sys::raw::RawSender;
use crate::engine::inline::{InlineSettings, Policies, Policy};
use crate::pipeline::{
    BridgePassage, EvePrinter, Keeping, Outcome, Passage, PathSettings, PathStatus, Printer, QueuePassage, RunError, Settings,
    run_inline,
};
use crate::rules::RuleSet;
use crate::sink::{Pace, Sink};

/// Stand in the path of the packets, and let only those on that rules do not drop
///
/// Packets come from netfilter queues, or from one interface of a pair and go on by the other. A ClientHello is held until its name can be
/// judged, so that no part of a forbidden one reaches the server. It runs until SIGINT or SIGTERM; SIGHUP loads the rules anew, SIGUSR1
/// prints a line that says how it goes.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("way").required(true).args(["queue", "bridge"]))]
pub(super) struct Inline {
    /// Take packets from netfilter queue N, or from queues N to M
    #[arg(long, value_name = "N[-M]", value_parser = queues)]
    queue: Option<QueueRange>,

    /// Let frames through between interfaces A and B
    #[arg(long, value_name = "A:B", value_parser = bridge)]
    bridge: Option<BridgeEnds>,

    /// Write events to FILE as EVE JSON; - is standard output, where they are EVE JSON then even on a terminal
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    #[command(flatten)]
    sinks: SinkOptions,

    /// End after this time
    #[arg(long, value_name = "SECONDS", value_parser = units::seconds)]
    duration: Option<Duration>,

    /// Let everything on, and say what would have been dropped
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    watching: Watching,

    #[command(flatten)]
    path: PathOptions,

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

/// What becomes of what cannot be judged, and for how long packets may wait.
#[derive(Debug, Args)]
#[command(next_help_heading = "In the path")]
struct PathOptions {
    /// A flow that is read no more because of a limit, or for which there is no room to wait
    #[arg(long, value_enum, value_name = "POLICY", default_value_t = OnException::Pass)]
    on_memcap: OnException,

    /// A flow whose start was not seen
    #[arg(long, value_enum, value_name = "POLICY", default_value_t = OnException::Pass)]
    on_midstream: OnException,

    /// Packets that have waited for the rest of a message for as long as they may
    #[arg(long, value_enum, value_name = "POLICY", default_value_t = OnException::Pass)]
    on_gap: OnException,

    /// A packet that cannot be decoded, or is not all there
    #[arg(long, value_enum, value_name = "POLICY", default_value_t = OnException::Pass)]
    on_error: OnException,

    /// Packets that come faster than they are judged
    #[arg(long, value_enum, value_name = "POLICY", default_value_t = OnException::Pass)]
    on_overload: OnException,

    /// For how many seconds a packet may wait for the rest of a message
    #[arg(long, default_value = "3", value_parser = units::seconds, value_name = "SECONDS")]
    hold_time: Duration,

    /// Memory for packets that wait, and for bytes that later copies are compared with
    #[arg(long, default_value = "64MiB", value_parser = units::bytes, value_name = "BYTES")]
    hold_memory: usize,

    /// Bytes that may wait of one direction of a flow
    #[arg(long, default_value = "1MiB", value_parser = units::bytes, value_name = "BYTES")]
    hold_bytes: usize,

    /// With --queue: packets that may wait in a queue, those included that are held
    #[arg(long, default_value_t = 65_536, value_name = "N", conflicts_with = "bridge")]
    queue_length: u32,

    /// With --queue: mark packets with N whose flows need no more looks, so that the packet filter need not queue these any more; 0 marks
    /// none
    #[arg(long, default_value_t = 0, value_name = "N", conflicts_with = "bridge")]
    done_mark: u32,

    /// With --queue: mark resets with N, so that the packet filter knows them; 0 marks none
    #[arg(long, default_value_t = 0, value_name = "N", conflicts_with = "bridge")]
    reset_mark: u32,

    /// With --bridge: memory in the kernel for frames of each side that were not looked at yet
    #[arg(long, default_value = "16MiB", value_parser = units::bytes, value_name = "BYTES", conflicts_with = "queue")]
    bridge_memory: usize,

    /// With --bridge: how many milliseconds after it came a frame must be judged; later, it goes by --on-overload
    #[arg(long, default_value_t = 250, value_name = "MILLISECONDS", conflicts_with = "queue")]
    latest: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum OnException {
    /// It goes on
    Pass,
    /// It is dropped, and so is what follows on its flow
    Drop,
    /// The same, and both sides are told
    Reject,
}

/// Queues from the first to the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct QueueRange(u16, u16);

/// The names of both interfaces.
#[derive(Clone, Debug, PartialEq, Eq)]
struct BridgeEnds(String, String);

/// Why there is nothing to run: it was said.
struct Refused(ExitCode);

impl Inline {
    /// Runs it, and says how it went.
    pub fn run(self) -> ExitCode {
        match self.try_run() {
            Ok(status) | Err(Refused(status)) => status,
        }
    }

    fn try_run(&self) -> Result<ExitCode, Refused> {
        if self.watching.workers.is_some_and(|n| n > 1) {
            return Err(misused("--workers: in the path one worker judges all packets, in the order in which they come"));
        }
        let (stop, status) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let reloads = Reloads::begin(&self.rules, self.watch_rules).and_then(|reloads| {
            signal_hook::flag::register(SIGUSR1, Arc::clone(&status))?;
            signals::catch(&stop)?;
            Ok(reloads)
        });
        let reloads = reloads.map_err(|error| failed(format_args!("cannot catch signals: {error}")))?;
        let rules = self.rules.load().ok_or(Refused(ExitCode::FAILURE))?;
        let settings = self.settings(&rules, &stop)?;
        if let Some(error) = self.clash_with_sets(&rules) {
            return Err(misused(error));
        }
        if !datasets::can_write(rules.dataset_places()) {
            return Err(Refused(ExitCode::FAILURE));
        }
        let sink = match &self.output {
            Some(path) if path != Path::new("-") => Some(Sink::create(path).map_err(failed)?),
            None if !self.sinks.is_empty() => None,
            _ => Some(Sink::stdout()),
        };
        let (passage, names) = self.open()?;
        let path = PathSettings {
            inline: self.path.settings(self.dry_run),
            names: names.into(),
            latest: Duration::from_millis(self.path.latest),
            duration: self.duration,
            status,
        };
        match self.play(passage, Arc::new(rules), &settings, &path, reloads, sink) {
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
        settings.workers = 1;
        settings.engine.weak_keys = weak_keys;
        let keeping = self.certificates.keeping().map_err(failed)?;
        settings.keeping = Keeping { events: keeping.events && !self.is_for_people(), ..keeping };
        Ok(settings)
    }

    /// Opens the queues or the bridge; says so. The interfaces' names, where there are any.
    fn open(&self) -> Result<(Box<dyn Passage>, Vec<String>), Refused> {
        let dry = if self.dry_run { ", dry run" } else { "" };
        if let Some(QueueRange(first, last)) = self.queue {
            let settings = QueueSettings { length: self.path.queue_length, fail_open: self.path.on_overload == OnException::Pass };
            let queues =
                (first..=last).map(|number| Queue::open(number, settings)).collect::<Result<Vec<_>, _>>().map_err(failed)?;
            let sender = RawSender::new(self.path.reset_mark)
                .map_err(|error| failed(format_args!("cannot open a raw socket to send resets: {error}")))?;
            say(
                "in the path",
                format_args!("of queue {first}{}{dry}", if first == last { String::new() } else { format!(" to {last}") }),
            );
            return Ok((Box::new(QueuePassage::new(queues, sender, self.path.done_mark)), Vec::new()));
        }
        let Some(BridgeEnds(a, b)) = &self.bridge else { return Err(misused("--queue or --bridge is needed")) };
        let interfaces = [interface(a)?, interface(b)?];
        let passage = BridgePassage::open(&interfaces, self.path.bridge_memory).map_err(|error| match error.kind() {
            io::ErrorKind::PermissionDenied => failed(format_args!("to bridge {a} and {b} takes root, or CAP_NET_RAW")),
            _ => failed(format_args!("cannot bridge {a} and {b}: {error}")),
        })?;
        for down in interfaces.iter().filter(|interface| !interface.is_up) {
            say("interface", format_args!("{} is down: nothing passes until it is up", down.name));
        }
        say("in the path", format_args!("between {a} and {b}{dry}"));
        Ok((Box::new(passage), vec![a.clone(), b.clone()]))
    }

    fn play(
        &self,
        passage: Box<dyn Passage>,
        rules: Arc<RuleSet>,
        settings: &Settings,
        path: &PathSettings,
        reloads: Reloads,
        sink: Option<Sink>,
    ) -> Result<bool, RunError> {
        let to_terminal = self.is_for_people();
        let style = Style { colour: to_terminal && Style::is_wanted() };
        let outcome = if to_terminal {
            self.pump(passage, rules, settings, path, reloads, sink, &TerminalPrinter { style })?
        } else {
            let printer = EvePrinter { certificates: self.certificates.log_certificates };
            self.pump(passage, rules, settings, path, reloads, sink, &printer)?
        };
        let went_well = datasets::write(&outcome.datasets);
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
        passage: Box<dyn Passage>,
        rules: Arc<RuleSet>,
        settings: &Settings,
        path: &PathSettings,
        reloads: Reloads,
        mut sink: Option<Sink>,
        printer: &P,
    ) -> Result<Outcome, RunError> {
        let progress = Progress::new(None, false);
        let mut sinks = self.sinks.begin(Pace::Live).map_err(RunError::Sink)?;
        let mut take = |lines: &[u8]| {
            sink.as_mut().map_or(Ok(()), |sink| sink.write(lines).and_then(|()| sink.flush()))?;
            sinks.take(lines)
        };
        let outcome = thread::scope(|scope| {
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
            let tell = |status: &PathStatus| say("status", line(status));
            run_inline(passage, rules, settings, path, printer, &mut take, &tell, &|notice| say("interface", notice))
        });
        let shipped = sinks.finish(); // whatever has become of the run: what was taken is to arrive
        let outcome = outcome?;
        sink.as_mut().map_or(Ok(()), Sink::flush).map_err(RunError::Sink)?;
        sink_options::tell(&shipped.map_err(RunError::Sink)?);
        Ok(outcome)
    }

    /// Whether short lines go to a terminal, and not events to a file or a pipe.
    fn is_for_people(&self) -> bool {
        self.output.is_none() && self.sinks.is_empty() && io::stdout().is_terminal()
    }

    /// What would be overwritten by a data set that is to be kept, if anything.
    fn clash_with_sets(&self, rules: &RuleSet) -> Option<String> {
        let mut outputs = self.output.as_deref().into_iter().chain(self.sinks.files());
        let place = outputs.find_map(|output| rules.dataset_places().find(|place| is_same_place(output, Path::new(place))))?;
        Some(format!("{place} is where a rule keeps a data set: name another file to write to"))
    }
}

impl PathOptions {
    fn settings(&self, dry_run: bool) -> InlineSettings {
        InlineSettings {
            policies: Policies {
                memcap: self.on_memcap.into(),
                midstream: self.on_midstream.into(),
                gap: self.on_gap.into(),
                error: self.on_error.into(),
                overload: self.on_overload.into(),
            },
            hold_time: self.hold_time,
            hold_memory: self.hold_memory,
            hold_bytes: self.hold_bytes,
            dry_run,
        }
    }
}

impl From<OnException> for Policy {
    fn from(policy: OnException) -> Self {
        match policy {
            OnException::Pass => Self::Pass,
            OnException::Drop => Self::Drop,
            OnException::Reject => Self::Reject,
        }
    }
}

fn failed(error: impl std::fmt::Display) -> Refused {
    say("error", error);
    Refused(ExitCode::FAILURE)
}

fn misused(error: impl std::fmt::Display) -> Refused {
    say("error", error);
    Refused(ExitCode::from(2))
}

/// The interface with this name, which has to be one that Ethernet frames go through.
fn interface(name: &str) -> Result<Interface, Refused> {
    let interface = Interface::named(name).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            let names = Interface::names().unwrap_or_default().join(", ");
            failed(format_args!("there is no interface {name}; there are {names}"))
        }
        _ => failed(format_args!("{name}: {error}")),
    })?;
    match interface.link {
        crate::packet::LinkType::Ethernet if !interface.is_loopback => Ok(interface),
        _ => Err(failed(format_args!("{name} is no Ethernet interface: what comes in there cannot be sent on as it is"))),
    }
}

/// How it goes, in one line.
fn line(status: &PathStatus) -> String {
    let PathStatus { decoder, counters, path, lines_lost, .. } = status;
    let mut line = format!(
        "{} packets, {} bytes, {} let on, {} dropped, {} bytes held or kept, {} flows of which {} are open, {} sessions, {} alerts",
        decoder.pkts,
        decoder.bytes,
        path.accepted,
        counters.dropped,
        path.memuse,
        counters.flows,
        counters.flows_active,
        counters.sessions,
        counters.alerts
    );
    if *lines_lost > 0 {
        line.push_str(&format!(", {lines_lost} lines lost"));
    }
    line
}

/// `N` or `N-M`.
fn queues(text: &str) -> Result<QueueRange, String> {
    let number = |text: &str| text.parse::<u16>().map_err(|_| format!("{text:?} is no number of a queue, 0 to 65535"));
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (number(first)?, number(last)?);
    match last.checked_sub(first) {
        Some(more) if more < MOST_QUEUES => Ok(QueueRange(first, last)),
        Some(_) => Err(format!("no more than {MOST_QUEUES} queues")),
        None => Err(format!("{last} comes before {first}")),
    }
}

/// `A:B`.
fn bridge(text: &str) -> Result<BridgeEnds, String> {
    match text.split_once(':') {
        Some((a, b)) if !a.is_empty() && !b.is_empty() && a != b => Ok(BridgeEnds(a.to_owned(), b.to_owned())),
        _ => Err("two different interfaces are needed, as in eth0:eth1".to_owned()),
    }
}

/// One thread looks after all of them.
const MOST_QUEUES: u16 = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queues_are_one_or_a_range() {
        assert_eq!(queues("0"), Ok(QueueRange(0, 0)));
        assert_eq!(queues("4-7"), Ok(QueueRange(4, 7)));
        for text in ["", "-", "7-4", "65536", "0-64", "a", "1-"] {
            assert!(queues(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_bridge_has_two_ends() {
        assert_eq!(bridge("eth0:eth1"), Ok(BridgeEnds("eth0".to_owned(), "eth1".to_owned())));
        for text in ["", "eth0", "eth0:", ":eth1", "eth0:eth0"] {
            assert!(bridge(text).is_err(), "{text:?}");
        }
    }
}
