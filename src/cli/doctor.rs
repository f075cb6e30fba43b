//! `portcullis doctor`: what this machine lets a live run do.

use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;

use super::say;
use super::tap::cannot_bypass;
use crate::capture::bypass::{Bypass, Tags};
use crate::capture::filter::Wanted;
use crate::capture::sys::ethtool::Offload;
use crate::capture::sys::interface::Interface;
use crate::capture::sys::privileges::{Capabilities, user_number};
use crate::capture::sys::ring::RingSize;
use crate::capture::tap::{Backend, TapError, TapSettings, find, open};
use crate::packet::{Decoded, Decoder, DecoderConfig, PortSet};
use crate::pipeline::sandbox;

/// Say what this machine lets portcullis do, and what spoils what it sees
///
/// Each line says ok, no or note, and what to do about it. With -i it looks at interfaces for a moment: what offloads change their packets, and whether
/// both directions are seen. Status 1 where no interface can be listened at.
#[derive(Debug, Args)]
pub(super) struct Doctor {
    /// Look at this interface, or at those that a glob matches; may be repeated
    #[arg(short, long = "interface", value_name = "IFACE")]
    interfaces: Vec<String>,

    /// How long each interface is looked at
    #[arg(long, value_name = "SECONDS", default_value = "3", value_parser = super::units::seconds)]
    duration: Duration,

    /// TCP ports to look for
    #[arg(long, default_value = "443", value_name = "PORTS")]
    ports: PortSet,
}

impl Doctor {
    /// Looks, and tells.
    pub fn run(self) -> ExitCode {
        let found = if self.interfaces.is_empty() { Ok(Vec::new()) } else { find(&self.interfaces) };
        let interfaces = match found {
            Ok(found) => found,
            Err(error) => {
                say("error", error);
                return ExitCode::FAILURE;
            }
        };
        privileges();
        let can_listen = [Backend::Ring, Backend::Datalink].map(backend).contains(&true);
        bypass();
        queues();
        fence();
        for interface in &interfaces {
            self.interface(interface);
        }
        if can_listen { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    fn interface(&self, interface: &Interface) {
        let name = &interface.name;
        if !interface.is_up {
            tell(Finding::No, format_args!("{name} is down: `ip link set {name} up`"));
        }
        for offload in [Offload::Lro, Offload::Gro] {
            match offload.is_on(name) {
                Ok(true) => tell(
                    Finding::Note,
                    format_args!(
                        "{name}: {0} is on, so that several packets are seen as one: `ethtool -K {name} {0} off`",
                        offload.name()
                    ),
                ),
                Ok(false) => tell(Finding::Ok, format_args!("{name}: {} is off", offload.name())),
                Err(_) => tell(Finding::Note, format_args!("{name}: its driver does not tell about {}", offload.name())),
            }
        }
        match self.look(interface) {
            Ok(seen) => {
                let (finding, what) = seen.verdict();
                tell(finding, format_args!("{name}: {what}"));
            }
            Err(error) => tell(Finding::No, format_args!("{error}")),
        }
    }

    /// Looks at what comes in for a moment.
    fn look(&self, interface: &Interface) -> Result<Seen, TapError> {
        let decoding = DecoderConfig { ports: self.ports.clone(), ..DecoderConfig::default() };
        let wanted = Wanted { ports: self.ports.clone(), tunnels: decoding.tunnel_ports.clone(), datagrams: false };
        let settings = TapSettings::new(SMALL, true, wanted, None);
        let (mut taps, _keeper) = open(Backend::Ring, std::slice::from_ref(interface), 1, &settings)?;
        let (mut decoder, mut seen, begun) = (Decoder::new(decoding), Seen::default(), Instant::now());
        let Some(tap) = taps.first_mut() else { return Ok(seen) };
        while begun.elapsed() < self.duration {
            let taken = tap.take(&mut |frame| {
                if let Decoded::Segment(decoded) = decoder.decode(frame) {
                    let header = decoded.header;
                    let to_server = self.ports.contains(header.key.receiver(header.sender).port);
                    let counter = if to_server { &mut seen.to_servers } else { &mut seen.from_servers };
                    *counter = counter.saturating_add(1);
                }
            });
            if taken == 0 && tap.wait(LOOK_UP).is_err() {
                thread::sleep(LOOK_UP);
            }
        }
        Ok(seen)
    }
}

/// Segments of watched ports.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    to_servers: u64,
    from_servers: u64,
}

impl Seen {
    fn verdict(self) -> (Finding, String) {
        let Self { to_servers, from_servers } = self;
        match (to_servers, from_servers) {
            (0, 0) => (Finding::Note, "nothing was seen on the ports: is it the right interface, and is there traffic?".to_owned()),
            (0, n) => (Finding::No, format!("only what servers send is seen ({n} packets): the mirror lacks the other direction")),
            (n, 0) => (Finding::No, format!("only what clients send is seen ({n} packets): the mirror lacks the other direction")),
            (to, from) => (Finding::Ok, format!("both directions are seen: {to} packets to servers, {from} from them")),
        }
    }
}

/// How something stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Finding {
    Ok,
    No,
    Note,
}

fn tell(finding: Finding, what: impl std::fmt::Display) {
    let kind = match finding {
        Finding::Ok => "ok",
        Finding::No => "no",
        Finding::Note => "note",
    };
    println!("{kind:<5} {what}");
}

fn privileges() {
    let has = Capabilities::of_this_thread().unwrap_or_default();
    let advice = "run it as root, or once do `setcap cap_net_raw=ep` on the program";
    match has.has(Capabilities::NET_RAW) {
        true => tell(Finding::Ok, "CAP_NET_RAW: interfaces can be listened at"),
        false => tell(Finding::No, format_args!("CAP_NET_RAW is missing (user {}): {advice}", user_number())),
    }
    match has.has(Capabilities::NET_ADMIN) {
        true => tell(Finding::Ok, "CAP_NET_ADMIN: netfilter queues can be judged"),
        false => tell(Finding::Note, "CAP_NET_ADMIN is missing: a tap does not need it, netfilter queues do"),
    }
}

/// Tries a back end on the loopback interface, with two workers. Answers whether it works.
fn backend(backend: Backend) -> bool {
    let nothing = Wanted { ports: PortSet::none(), tunnels: DecoderConfig::default().tunnel_ports, datagrams: false };
    let settings = TapSettings::new(SMALL, false, nothing, None);
    let opened = Interface::named("lo")
        .map_err(|source: io::Error| TapError::Look { source })
        .and_then(|lo| open(backend, &[lo], 2, &settings));
    match &opened {
        Ok(_) => tell(Finding::Ok, format_args!("--capture {backend} works, with several workers")),
        Err(error) => tell(Finding::No, format_args!("--capture {backend}: {error}")),
    }
    opened.is_ok()
}

/// Tries the programs of --bypass.
fn bypass() {
    let nothing = Wanted { ports: PortSet::none(), tunnels: DecoderConfig::default().tunnel_ports, datagrams: false };
    match Bypass::new(LEAST_BYPASS, nothing, Tags::All) {
        Ok(_) => tell(Finding::Ok, "eBPF: --bypass works"),
        Err(error) => tell(Finding::Note, format_args!("--bypass: {}; a tap goes without it", cannot_bypass(&error))),
    }
}

/// Whether the kernel has netfilter queues at hand.
fn queues() {
    match Path::new("/proc/net/netfilter/nfnetlink_queue").exists() {
        true => tell(Finding::Ok, "netfilter queues: the kernel has them"),
        false => tell(
            Finding::Note,
            "netfilter queues: not there, or not loaded yet (`modprobe nfnetlink_queue`); a tap does not need them",
        ),
    }
}

/// Tries the fence, around a thread that does nothing else.
fn fence() {
    let tried = thread::spawn(|| sandbox::fence(&[])).join();
    let Ok(Ok(fenced)) = tried else { return tell(Finding::No, "the sandbox fails here: --no-sandbox goes without it") };
    for (stands, what) in [(fenced.files, "landlock"), (fenced.calls, "seccomp")] {
        match stands {
            true => tell(Finding::Ok, format_args!("{what}: part of the sandbox")),
            false => tell(Finding::Note, format_args!("the kernel has no {what}: the sandbox goes without it")),
        }
    }
}

/// Flows of a table that is only tried.
const LEAST_BYPASS: usize = 16;
/// A ring for a look.
const SMALL: RingSize = RingSize { block: 1 << 18, blocks: 8, patience: Duration::from_millis(20) };
const LOOK_UP: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mirror_that_lacks_a_direction_is_told() {
        for (to_servers, from_servers, finding, words) in [
            (5, 7, Finding::Ok, "both directions"),
            (5, 0, Finding::No, "only what clients send is seen (5 packets)"),
            (0, 7, Finding::No, "only what servers send is seen (7 packets)"),
            (0, 0, Finding::Note, "nothing was seen"),
        ] {
            let (found, what) = Seen { to_servers, from_servers }.verdict();
            assert_eq!(found, finding);
            assert!(what.contains(words), "{what}");
        }
    }
}
