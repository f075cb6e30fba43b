//! `portcullis tap`: frames of interfaces in, events out.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use signal_hook::consts::SIGUSR1;

use super::listen_options::{self, ListenOptions};
use super::notify::Notifier;
use super::recording_options::RecordingOptions;
use super::refused::{Refused, failed, wrong};
use super::run::{self, Job, Work};
use super::run_options::RunOptions;
use super::sandbox::SandboxOptions;
use super::terminal::Progress;
use super::{say, signals, units};
use crate::capture::bypass::{Bypass, Tags};
use crate::capture::filter::Wanted;
use crate::capture::sys::affinity;
use crate::capture::sys::interface::Interface;
use crate::capture::sys::privileges::Capabilities;
use crate::capture::sys::ring::RingSize;
use crate::capture::tap::{Backend, Keeper, Opened, TapError, TapSettings, find, open};
use crate::pipeline::{LiveSettings, Outcome, Printer, RunError, Settings, Status, run_live};
use crate::rules::RuleSet;
use crate::sink::Pace;

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

    /// End after this time
    #[arg(long, value_name = "SECONDS", value_parser = units::seconds)]
    duration: Option<Duration>,

    /// End after so many packets that the kernel's filter let through
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    packets: Option<u64>,

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

    /// Have the kernel pass over flows of which all was told and that no rule asks for: it counts their packets, and hands on those that open or close
    /// a connection
    #[arg(long)]
    bypass: bool,

    /// With --bypass: flows that are passed over at a time, for each of which the kernel's table takes 256 bytes
    #[arg(long, default_value_t = 65_536, value_name = "N", value_parser = units::flows)]
    bypass_flows: usize,

    #[command(flatten)]
    options: RunOptions,

    #[command(flatten)]
    recording: RecordingOptions,

    #[command(flatten)]
    listen: ListenOptions,

    #[command(flatten)]
    sandbox: SandboxOptions,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Capture {
    Auto,
    Ring,
    Datalink,
}

impl Tap {
    /// Runs it, and says how it went.
    pub fn run(self) -> ExitCode {
        self.try_run().unwrap_or_else(|Refused(status)| status)
    }

    fn try_run(&self) -> Result<ExitCode, Refused> {
        let (stop, status) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let caught = signal_hook::flag::register(SIGUSR1, Arc::clone(&status)).and_then(|_| signals::catch(&stop));
        caught.map_err(|error| failed(format_args!("cannot catch signals: {error}")))?;
        let interfaces = find(&self.interfaces).map_err(failed)?;
        self.check_processors()?;
        let user = self.sandbox.user().map_err(wrong)?;
        let loaded = self.options.load(&stop)?;
        let mut prepared = self.options.open(loaded, Listening::PACE, std::iter::empty())?;
        prepared.settings.keeping.recording = self.recording.recording()?;
        let (backend, opened, bypass) = self.open(&interfaces, &prepared.rules, &prepared.settings).map_err(failed)?;
        let names: Vec<_> = interfaces.iter().map(|interface| interface.name.as_str()).collect();
        let monitor = self.listen.bind()?;
        say("listening", format_args!("at {} ({backend}, workers: {})", names.join(", "), prepared.settings.workers));
        let live = LiveSettings {
            names: interfaces.iter().map(|interface| interface.name.clone()).collect(),
            duration: self.duration,
            packets: self.packets,
            status,
            bypass,
            processors: self.pin_cpus.clone(),
        };
        // What is listened at may have to be listened at anew.
        let spools: Vec<PathBuf> = self.options.sinks.spools().collect();
        let written = self.options.written(&prepared.rules).chain(self.recording.directory());
        self.sandbox.enter(user, Capabilities::NET_RAW, written, &spools)?;
        prepared.settings.board = listen_options::start(monitor, "tap", names.join(", "))?;
        for down in interfaces.iter().filter(|interface| !interface.is_up) {
            say("interface", format_args!("{} is down: nothing is seen there until it is up", down.name));
        }
        let job = Listening { opened, live: &live };
        Ok(run::status(run::play(&self.options, prepared, Progress::new(None, false), job)))
    }

    /// Opens the back end that was asked for; with `auto` the other one where the kernel has no rings.
    fn open(
        &self,
        interfaces: &[Interface],
        rules: &RuleSet,
        settings: &Settings,
    ) -> Result<(Backend, Opened, Option<Arc<Bypass>>), TapError> {
        let size = RingSize { block: self.ring_block, blocks: self.ring_blocks, ..RingSize::default() };
        let wanted = Wanted {
            ports: settings.decoder.ports.clone(),
            tunnels: settings.decoder.tunnel_ports.clone(),
            datagrams: rules.wants_datagrams() || settings.engine.refuses(),
        };
        let open = |backend| {
            let bypass = self.bypass(backend, &wanted, rules, settings.decoder.ignore_vlan);
            let taps = TapSettings::new(size, !self.no_promiscuous, wanted.clone(), bypass.clone());
            Ok((backend, open(backend, interfaces, settings.workers, &taps)?, bypass))
        };
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

    /// The table of flows that are passed over, where that is wanted and the kernel lets us.
    fn bypass(&self, backend: Backend, wanted: &Wanted, rules: &RuleSet, ignore_vlan: bool) -> Option<Arc<Bypass>> {
        if !self.bypass {
            return None;
        }
        if rules.wants_packets() || rules.tags() {
            say("note", "--bypass passes over nothing as long as there are rules about every packet of a flow");
        }
        let tags = match backend {
            _ if ignore_vlan => Tags::Ignored,
            Backend::Ring => Tags::All,
            Backend::Datalink => Tags::InFrame,
        };
        let made = Bypass::new(self.bypass_flows, wanted.clone(), tags);
        made.map(Arc::new)
            .inspect_err(|error| say("warning", format_args!("{}; going on without --bypass", cannot_bypass(error))))
            .ok()
    }

    fn check_processors(&self) -> Result<(), Refused> {
        let Ok(there) = affinity::processors() else { return Ok(()) };
        let Some(missing) = self.pin_cpus.iter().find(|processor| !there.contains(processor)) else { return Ok(()) };
        Err(wrong(format_args!("--pin-cpus {missing}: this process may run on {there:?} only")))
    }
}

/// Taps, and who looks after them.
struct Listening<'l> {
    opened: Opened,
    live: &'l LiveSettings,
}

impl Job for Listening<'_> {
    const PACE: Pace = Pace::Live;
    type More = Status;

    fn work<P: Printer>(self, work: Work<'_, P>) -> Result<(Outcome, Status), RunError> {
        let Self { opened: (taps, mut keeper), live } = self;
        let Work { rules, settings, printer, take, .. } = work;
        let mut notifier = Notifier::from_environment();
        notifier.ready();
        let mut look = watch(&mut *keeper, &mut notifier);
        let ended = run_live(taps, rules, settings, live, printer, take, &mut look, &|status| say("status", line(status)));
        drop(look);
        notifier.stopping();
        ended
    }

    fn tell(_: &Outcome, status: &Status) {
        say("ended", line(status));
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

/// Why the kernel passes over nothing, and what to do about it.
pub(super) fn cannot_bypass(error: &io::Error) -> String {
    let advice = match error.raw_os_error() {
        Some(libc::EPERM) => ": it takes the capabilities CAP_BPF and CAP_NET_RAW, or root",
        Some(libc::ENOSYS) => ": the kernel has no bpf(2)",
        Some(libc::E2BIG) => ": there are too many ranges in --ports for one",
        Some(libc::EINVAL) => ": it takes Linux 5.5 or later",
        _ => "",
    };
    format!("the kernel takes no programs in eBPF ({error}){advice}")
}

/// How it goes, in one line.
fn line(status: &Status) -> String {
    let Status { tap, decoder, counters, lines_lost, segments_lost, unread, load, .. } = status;
    let load: Vec<_> = load.iter().map(|thousandths| format!("{} %", thousandths / 10)).collect();
    let mut line = format!(
        "{} packets, {} bytes, {} dropped by the kernel, {} flows of which {} are open, {} sessions, {} alerts",
        decoder.pkts, decoder.bytes, tap.drops, counters.flows, counters.flows_active, counters.sessions, counters.alerts
    );
    if status.bypassed.flows > 0 {
        line.push_str(&format!(", {} packets of {} flows passed over", status.bypassed.packets, status.bypassed.flows));
    }
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
