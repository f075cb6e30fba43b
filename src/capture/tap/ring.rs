//! The back end with rings in memory that is shared with the kernel.

use std::io;
use std::os::fd::AsFd;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};

use super::watch::Watch;
use super::{Keeper, Notice, Opened, Tap, TapError, TapSettings, add};
use crate::capture::filter;
use crate::capture::steering;
use crate::capture::sys::interface::Interface;
use crate::capture::sys::poll;
use crate::capture::sys::ring::Ring;
use crate::capture::sys::socket::{PacketSocket, Statistics};
use crate::packet::{Frame, LinkType};

/// A ring of each interface, for one worker.
#[derive(Debug)]
pub struct RingTap {
    rings: Vec<Place>,
    /// Rings of interfaces that came back.
    anew: Receiver<Place>,
    /// Which ring is looked at next, so that none waits for the others.
    turn: usize,
    /// Frames so far.
    number: u64,
    counted: Statistics,
    settings: TapSettings,
}

/// A ring, and what its frames are.
#[derive(Debug)]
struct Place {
    /// Which interface of the run.
    capture: u32,
    link: LinkType,
    ring: Ring,
}

pub(super) fn open(interfaces: &[Interface], workers: usize, settings: &TapSettings) -> Result<Opened, TapError> {
    let (mut hands, mut taps): (Vec<Sender<Place>>, Vec<RingTap>) = (Vec::new(), Vec::new());
    for _ in 0..workers {
        let (hand, anew) = bounded(MOST_ANEW);
        hands.push(hand);
        taps.push(RingTap {
            rings: Vec::new(),
            anew,
            turn: 0,
            number: 0,
            counted: Statistics::default(),
            settings: settings.clone(),
        });
    }
    for (capture, interface) in (0..).zip(interfaces) {
        for (tap, ring) in taps.iter_mut().zip(rings(interface, workers, settings)?) {
            tap.rings.push(Place { capture, link: interface.link, ring });
        }
    }
    let watches = interfaces.iter().map(Watch::new).collect();
    let keeper = RingKeeper { watches, hands, settings: settings.clone() };
    Ok((taps.into_iter().map(|tap| Box::new(tap) as _).collect(), Box::new(keeper)))
}

/// A ring of `interface` for each worker. They see nothing before all of them do, so that no frame is seen by two.
fn rings(interface: &Interface, workers: usize, settings: &TapSettings) -> Result<Vec<Ring>, TapError> {
    let open = || -> io::Result<Vec<Ring>> {
        let mut rings: Vec<Ring> = Vec::with_capacity(workers);
        let mut group = None;
        for _ in 0..workers {
            let socket = PacketSocket::new()?;
            socket.filter(&filter::nothing())?;
            if settings.promiscuous && rings.is_empty() {
                socket.promiscuous(interface)?;
            }
            let ring = Ring::new(socket, settings.size)?;
            // On a loopback interface each frame would be seen going out and coming in.
            if interface.is_loopback {
                ring.socket().ignore_outgoing()?;
            }
            ring.bind(interface)?;
            match group {
                _ if workers < 2 => {}
                None => group = Some(ring.socket().new_group(interface.is_loopback)?),
                Some(group) => ring.socket().join_group(group, interface.is_loopback)?,
            }
            rings.push(ring);
        }
        if let (Some(first), true) = (rings.first(), workers > 1) {
            first.socket().steer(&steering::program())?;
        }
        rings.iter().try_for_each(|ring| settings.filter(ring.socket(), interface.link))?;
        Ok(rings)
    };
    open().map_err(|source| TapError::Open { interface: interface.name.clone(), source })
}

impl Tap for RingTap {
    fn wait(&mut self, patience: Duration) -> io::Result<()> {
        if poll::readable(self.rings.iter().map(|place| place.ring.as_fd()), patience)? {
            // An interface that went down has told so, and would do so again. The keeper sees that by itself.
            self.rings.iter().try_for_each(|place| place.ring.socket().take_error().map(|_| ()))?;
        }
        Ok(())
    }

    fn take(&mut self, each: &mut dyn FnMut(&Frame<'_>)) -> usize {
        self.take_anew();
        let count = self.rings.len();
        for _ in 0..count {
            self.turn = self.turn.wrapping_add(1).checked_rem(count).unwrap_or(0);
            let number = &mut self.number;
            let Some(Place { capture, link, ring }) = self.rings.get_mut(self.turn) else { continue };
            let taken = ring.next_block(|frame| {
                *number = number.saturating_add(1);
                each(&Frame {
                    data: frame.data,
                    link: *link,
                    timestamp: frame.timestamp,
                    original_len: frame.original_len,
                    capture: *capture,
                    number: *number,
                });
            });
            if let Some(taken @ 1..) = taken {
                return taken;
            }
        }
        0
    }

    fn want_datagrams(&mut self, wanted: bool) {
        self.settings.datagrams.store(wanted, Ordering::Relaxed);
        self.rings.iter().for_each(|place| self.filter(place));
    }

    fn statistics(&mut self) -> Statistics {
        for place in &self.rings {
            add(&mut self.counted, place.ring.statistics());
        }
        self.counted
    }
}

impl RingTap {
    /// Where an interface is gone there is nothing to filter, and that is seen elsewhere.
    fn filter(&self, place: &Place) {
        let _ = self.settings.filter(place.ring.socket(), place.link);
    }

    /// Rings of interfaces that came back take the place of those that were there before.
    fn take_anew(&mut self) {
        while let Ok(new) = self.anew.try_recv() {
            self.filter(&new); // rules may have come while it was opened
            if let Some(old) = self.rings.iter_mut().find(|old| old.capture == new.capture) {
                add(&mut self.counted, old.ring.statistics());
                *old = new;
            }
        }
    }
}

struct RingKeeper {
    watches: Vec<Watch>,
    /// To each worker.
    hands: Vec<Sender<Place>>,
    settings: TapSettings,
}

impl Keeper for RingKeeper {
    fn look(&mut self) -> Vec<Notice> {
        let Self { watches, hands, settings } = self;
        let open = |capture: u32, interface: &Interface| {
            let rings = rings(interface, hands.len(), settings)?;
            for (hand, ring) in hands.iter().zip(rings) {
                // A worker that takes none has rings of this interface before it, or is gone.
                let _ = hand.try_send(Place { capture, link: interface.link, ring });
            }
            Ok(())
        };
        (0..).zip(watches).flat_map(|(capture, watch)| watch.look(|interface| open(capture, interface))).collect()
    }
}

/// Rings that wait for a worker: it takes them with the next frames, or a moment later.
const MOST_ANEW: usize = 64;
