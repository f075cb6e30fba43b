//! Frames of interfaces, as they come.
//!
//! [`open`] gives each worker a [`Tap`], which brings the frames of the flows that the worker has ([`steering`](super::steering)), and the
//! run a [`Keeper`], which watches over the interfaces. There are two back ends: [`ring`](RingTap), in memory that is shared with
//! the kernel, and [`datalink`](DatalinkTap), pnet's channel.

mod datalink;
mod error;
mod ring;
mod watch;

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

pub use datalink::DatalinkTap;
pub use error::TapError;
pub use ring::RingTap;
pub use watch::{Notice, find};

use super::bypass::Bypass;
use super::filter::Wanted;
use super::sys::interface::Interface;
use super::sys::ring::RingSize;
use super::sys::socket::{PacketSocket, Statistics};
use crate::packet::{Frame, LinkType};

/// The frames that one worker gets. Two back ends have it.
pub trait Tap: Send {
    /// Waits until frames may be there, for at most `patience`.
    fn wait(&mut self, patience: Duration) -> io::Result<()>;

    /// Hands some of the frames that are there to `each`: as many as lie together. Answers how many there were. It does not wait.
    fn take(&mut self, each: &mut dyn FnMut(&Frame<'_>)) -> usize;

    /// From now on datagrams are let in, or those only that may be a tunnel's: other rules are in force.
    fn want_datagrams(&mut self, wanted: bool);

    /// What was counted since the beginning.
    fn statistics(&mut self) -> Statistics;
}

/// How frames come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// By rings in memory that is shared with the kernel.
    Ring,
    /// By pnet's channel: a system call for each frame, and no VLAN tags that the kernel or the card has taken out.
    Datalink,
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ring => "ring",
            Self::Datalink => "datalink",
        })
    }
}

/// What is wanted of taps.
#[derive(Clone, Debug)]
pub struct TapSettings {
    /// How large each ring is. There is one for each worker and interface.
    pub size: RingSize,
    /// See also what is for others.
    pub promiscuous: bool,
    /// What the kernel lets through at first.
    wanted: Wanted,
    /// Whether datagrams are let through now, for all who open and read.
    datagrams: Arc<AtomicBool>,
    /// What of that it passes over.
    bypass: Option<Arc<Bypass>>,
}

impl TapSettings {
    /// With filters that let in what is `wanted`, and have the kernel pass over what is in the table of `bypass`.
    pub fn new(size: RingSize, promiscuous: bool, wanted: Wanted, bypass: Option<Arc<Bypass>>) -> Self {
        let datagrams = Arc::new(AtomicBool::new(wanted.datagrams));
        Self { size, promiscuous, wanted, datagrams, bypass }
    }

    /// Has `socket`, for frames that begin with `link`, let in what is wanted from now on.
    fn filter(&self, socket: &PacketSocket, link: LinkType) -> io::Result<()> {
        let datagrams = self.datagrams.load(Ordering::Relaxed);
        match &self.bypass {
            Some(bypass) => bypass.attach(socket, link, datagrams),
            None => socket.filter(&Wanted { datagrams, ..self.wanted.clone() }.program(link)),
        }
    }
}

/// Watches over the interfaces of a run.
pub trait Keeper {
    /// What has become of the interfaces since the last look. Those that came back are listened at again.
    fn look(&mut self) -> Vec<Notice>;
}

/// Taps for `workers` workers at `interfaces`, whose frames carry their place in that list as their capture.
pub fn open(backend: Backend, interfaces: &[Interface], workers: usize, settings: &TapSettings) -> Result<Opened, TapError> {
    match backend {
        Backend::Ring => ring::open(interfaces, workers, settings),
        Backend::Datalink => datalink::open(interfaces, workers, settings),
    }
}

/// A tap for each worker, and who watches over them.
pub type Opened = (Vec<Box<dyn Tap>>, Box<dyn Keeper>);

/// Adds what a socket has counted since the last time.
fn add(sum: &mut Statistics, counted: io::Result<Statistics>) {
    let Ok(counted) = counted else { return };
    sum.packets = sum.packets.saturating_add(counted.packets);
    sum.drops = sum.drops.saturating_add(counted.drops);
    sum.freezes = sum.freezes.saturating_add(counted.freezes);
}
