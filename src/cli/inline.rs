//! `portcullis inline`: in the path of the packets.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::time::Duration;

use clap::{Args, ValueEnum};
use signal_hook::consts::SIGUSR1;

use super::listen_options::{self, ListenOptions};
use super::notify::Notifier;
use super::refused::{Refused, failed, wrong};
use super::run::{self, Job, Work};
use super::run_options::RunOptions;
use super::sandbox::SandboxOptions;
use super::terminal::Progress;
use super::{say, signals, units};
use crate::capture::nfqueue::{Queue, QueueSettings};
use crate::capture::sys::interface::Interface;
use crate::capture::sys::privileges::Capabilities;
use crate::capture::sys::raw::RawSender;
use crate::engine::inline::{InlineSettings, Policies, Policy};
use crate::pipeline::{BridgePassage, Outcome, Passage, PathSettings, PathStatus, Printer, QueuePassage, RunError, run_inline};
use crate::sink::Pace;

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

    /// End after this time
    #[arg(long, value_name = "SECONDS", value_parser = units::seconds)]
    duration: Option<Duration>,

    /// End after so many packets, and those that came with the last of them
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    packets: Option<u64>,

    /// Let everything on, and say what would have been dropped
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    path: PathOptions,

    #[command(flatten)]
    options: RunOptions,

    #[command(flatten)]
    sandbox: SandboxOptions,

    #[command(flatten)]
    listen: ListenOptions,
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

impl Inline {
    /// Runs it, and says how it went.
    pub fn run(self) -> ExitCode {
        self.try_run().unwrap_or_else(|Refused(status)| status)
    }

    fn try_run(&self) -> Result<ExitCode, Refused> {
        if self.options.watching.workers.is_some_and(|n| n > 1) {
            return Err(wrong("--workers: in the path one worker judges all packets, in the order in which they come"));
        }
        let (stop, status) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let caught = signal_hook::flag::register(SIGUSR1, Arc::clone(&status)).and_then(|_| signals::catch(&stop));
        caught.map_err(|error| failed(format_args!("cannot catch signals: {error}")))?;
        let user = self.sandbox.user().map_err(wrong)?;
        let mut loaded = self.options.load(&stop)?;
        loaded.settings.workers = 1;
        let mut prepared = self.options.open(loaded, InPath::PACE, std::iter::empty())?;
        let monitor = self.listen.bind()?;
        let (passage, names) = self.open()?;
        let path = PathSettings {
            inline: self.path.settings(self.dry_run),
            names: names.into(),
            latest: Duration::from_millis(self.path.latest),
            duration: self.duration,
            packets: self.packets,
            status,
        };
        let spools: Vec<PathBuf> = self.options.sinks.spools().collect();
        self.sandbox.enter(user, self.needed(), self.options.written(&prepared.rules), &spools)?;
        prepared.settings.board = listen_options::start(monitor, "inline", self.place())?;
        let job = InPath { passage, path: &path };
        Ok(run::status(run::play(&self.options, prepared, Progress::new(None, false), job)))
    }

    /// What it needs once all is open: an interface may have to be opened anew; what becomes of queued packets is said by who may change the network,
    /// and resets go out by a socket that is open.
    const fn needed(&self) -> Capabilities {
        if self.queue.is_some() { Capabilities::NET_ADMIN } else { Capabilities::NET_RAW.and(Capabilities::NET_ADMIN) }
    }

    /// Where it stands.
    fn place(&self) -> String {
        match (&self.queue, &self.bridge) {
            (Some(QueueRange(first, last)), _) if first == last => format!("queue {first}"),
            (Some(QueueRange(first, last)), _) => format!("queues {first} to {last}"),
            (None, Some(BridgeEnds(a, b))) => format!("{a} and {b}"),
            (None, None) => String::new(),
        }
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
        let Some(BridgeEnds(a, b)) = &self.bridge else { return Err(wrong("--queue or --bridge is needed")) };
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
}

/// What frames come and go by.
struct InPath<'p> {
    passage: Box<dyn Passage>,
    path: &'p PathSettings,
}

impl Job for InPath<'_> {
    const PACE: Pace = Pace::Live;
    type More = ();

    fn work<P: Printer>(self, work: Work<'_, P>) -> Result<(Outcome, ()), RunError> {
        let Work { rules, settings, printer, take, .. } = work;
        let tell = |status: &PathStatus| say("status", line(status));
        let mut notifier = Notifier::from_environment();
        notifier.ready();
        let mut look = || notifier.alive();
        let notice = |notice: &str| say("interface", notice);
        let outcome = run_inline(self.passage, rules, settings, self.path, printer, take, &mut look, &tell, &notice);
        notifier.stopping();
        Ok((outcome?, ()))
    }

    fn tell(_: &Outcome, (): &()) {}
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
