//! The passage between two interfaces.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::AsFd;

use super::{Named, Passage};
use crate::base::{Duration, Timestamp};
use crate::capture::sys::interface::Interface;
use crate::capture::sys::offload;
use crate::capture::sys::poll;
use crate::capture::sys::port::{Port, PortFrame};
use crate::engine::inline::{Answers, Fate, Injection, Ticket, Way};
use crate::packet::{Frame, LinkType};
use crate::pipeline::live::now;

/// Frames from one interface go to the other.
#[derive(Debug)]
pub struct BridgePassage {
    sides: [Side; 2],
    /// Frames that wait, each behind what is still to be done about it, and which side they came in by.
    held: BTreeMap<Ticket, (usize, Box<[u8]>)>,
    /// The ticket of the first frame that was taken in last, and of the first to come.
    first: u64,
    next: u64,
    /// Bytes in the kernel for frames that come in at one side.
    room: usize,
    /// Whether something was there when it was last waited for.
    is_woken: bool,
    counted: Counted,
    /// What is to be said at the next look.
    notices: Vec<String>,
}

/// An interface, and where frames come in and go out.
#[derive(Debug)]
struct Side {
    name: String,
    /// None while the interface is not there.
    port: Option<Port>,
    index: u32,
    is_up: bool,
    /// Frames that were taken in last.
    received: usize,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counted {
    packets: u64,
    /// Frames for which there was no room in the kernel.
    drops: u64,
    /// Frames that are longer than any buffer.
    cut: u64,
    /// Frames that the other interface did not take.
    unsent: u64,
}

impl BridgePassage {
    /// Between two interfaces, with so many bytes of room in the kernel for frames that come in at each.
    pub fn open(interfaces: &[Interface; 2], room: usize) -> io::Result<Self> {
        let [a, b] = interfaces;
        let sides = [Side::open(a, room)?, Side::open(b, room)?];
        Ok(Self {
            sides,
            held: BTreeMap::new(),
            first: 0,
            next: 0,
            room,
            is_woken: false,
            counted: Counted::default(),
            notices: Vec::new(),
        })
    }

    /// The frame with this ticket, where it is among those taken in last, and which side it came in by.
    fn taken(&self, ticket: Ticket) -> Option<(usize, PortFrame<'_>)> {
        let mut index = usize::try_from(ticket.0.checked_sub(self.first)?).ok()?;
        for (number, side) in self.sides.iter().enumerate() {
            match index.checked_sub(side.received) {
                None => return Some((number, side.port.as_ref()?.frame(index)?)),
                Some(rest) => index = rest,
            }
        }
        None
    }

    /// Counts what the kernel dropped, and opens a port anew that is stuck.
    fn look_at_ports(&mut self) {
        for side in &mut self.sides {
            let fared = side.port.as_mut().and_then(|port| port.fared().ok()).unwrap_or_default();
            self.counted.drops = self.counted.drops.saturating_add(fared.drops);
            if fared.is_stuck
                && let Ok(interface) = Interface::named(&side.name)
            {
                self.notices.extend(side.open_anew(&interface, self.room, "took nothing in any more, and was opened anew"));
            }
        }
    }

    /// Frames that were taken in last and have no answer are copied: their room is needed again.
    fn keep(&mut self, answers: &Answers) {
        let taken = usize::try_from(self.next.saturating_sub(self.first)).unwrap_or(usize::MAX);
        if answers.fates.len() >= taken && answers.fates.iter().all(|(ticket, _)| ticket.0 >= self.first) {
            return; // all of them have one
        }
        let mut answered: Vec<u64> = answers.fates.iter().map(|(ticket, _)| ticket.0).filter(|t| *t >= self.first).collect();
        answered.sort_unstable();
        for ticket in (self.first..self.next).map(Ticket) {
            if answered.binary_search(&ticket.0).is_err()
                && let Some((side, frame)) = self.taken(ticket)
            {
                let kept = (side, frame.packet.into());
                self.held.insert(ticket, kept);
            }
        }
    }
}

impl Passage for BridgePassage {
    fn wait(&mut self, patience: Duration) -> io::Result<()> {
        let ports = || self.sides.iter().filter_map(|side| side.port.as_ref());
        self.is_woken = ports().any(Port::is_ready) || poll::readable(ports().map(AsFd::as_fd), patience)?;
        if !self.is_woken {
            self.look_at_ports(); // so that one that is stuck is not so for long
        }
        Ok(())
    }

    fn take(&mut self, each: &mut dyn FnMut(&Frame<'_>, Ticket)) -> usize {
        self.first = self.next;
        for (number, side) in (0..).zip(&mut self.sides) {
            side.received = side.port.as_mut().map_or(0, Port::receive);
            for index in 0..side.received {
                let ticket = Ticket(self.next);
                self.next = self.next.wrapping_add(1);
                let Some(frame) = side.port.as_ref().and_then(|port| port.frame(index)) else { continue };
                let timestamp = if frame.timestamp == Timestamp::ZERO { now() } else { frame.timestamp };
                let (data, original_len) = (frame.data, frame.original_len);
                let number_of_frame = self.next;
                each(
                    &Frame { data, link: LinkType::Ethernet, timestamp, original_len, capture: number, number: number_of_frame },
                    ticket,
                );
            }
        }
        let taken = self.next.saturating_sub(self.first);
        if self.is_woken && taken == 0 {
            // It was an error, which would wake it again: an interface is down or gone, which is looked after elsewhere.
            let ports = self.sides.iter().filter_map(|side| side.port.as_ref());
            ports.for_each(|port| drop(port.socket().take_error()));
        }
        self.counted.packets = self.counted.packets.saturating_add(taken);
        usize::try_from(taken).unwrap_or(usize::MAX)
    }

    fn carry_out(&mut self, answers: &Answers) {
        self.keep(answers);
        let released: Vec<_> = answers.fates.iter().map(|(ticket, _)| self.held.remove(ticket)).collect();
        let (mut out, mut cut) = ([Vec::new(), Vec::new()], 0_u64);
        for (&(ticket, fate), released) in answers.fates.iter().zip(&released) {
            if fate == Fate::Drop {
                continue;
            }
            let packet = match released {
                Some((side, packet)) => Some((*side, &packet[..])),
                None => self.taken(ticket).and_then(|(side, frame)| {
                    let is_whole = usize::try_from(frame.original_len).is_ok_and(|len| len <= frame.data.len());
                    cut = cut.saturating_add(u64::from(!is_whole));
                    is_whole.then_some((side, frame.packet))
                }),
            };
            if let Some((side, packet)) = packet
                && let Some(out) = out.get_mut(other(side))
            {
                out.push(packet);
            }
        }
        let injected: Vec<Vec<u8>> = answers.injections.iter().map(|injection| offload::complete(&injection.frame)).collect();
        for (Injection { ingress, way, .. }, packet) in answers.injections.iter().zip(&injected) {
            let side = usize::try_from(*ingress).unwrap_or(0);
            let to = if *way == Way::Back { side } else { other(side) };
            if let Some(out) = out.get_mut(to) {
                out.push(&packet[..]);
            }
        }
        let mut unsent = 0_usize;
        for (side, frames) in self.sides.iter().zip(&out) {
            let sent = side.port.as_ref().map_or(0, |port| port.send(frames));
            unsent = unsent.saturating_add(frames.len().saturating_sub(sent));
        }
        self.counted.unsent = self.counted.unsent.saturating_add(u64::try_from(unsent).unwrap_or(u64::MAX));
        self.counted.cut = self.counted.cut.saturating_add(cut);
        // Those taken in were carried out.
        self.first = self.next;
        for side in &mut self.sides {
            side.release();
        }
    }

    fn counted(&self) -> Vec<Named> {
        let Counted { packets, drops, cut, unsent } = self.counted;
        vec![
            ("capture.kernel_packets", packets),
            ("capture.kernel_drops", drops),
            ("portcullis.inline.too_long", cut),
            ("portcullis.inline.unsent", unsent),
        ]
    }

    fn look(&mut self) -> Vec<String> {
        self.look_at_ports();
        let mut notices = std::mem::take(&mut self.notices);
        notices.extend(self.sides.iter_mut().filter_map(|side| side.look(self.room)));
        notices
    }
}

impl Side {
    fn open(interface: &Interface, room: usize) -> io::Result<Self> {
        let port = Some(Port::open(interface, room)?);
        Ok(Self { name: interface.name.clone(), port, index: interface.index, is_up: interface.is_up, received: 0 })
    }

    /// Lets go of the frames that were taken in last.
    fn release(&mut self) {
        self.received = 0;
        if let Some(port) = &mut self.port {
            port.release();
        }
    }

    /// Looks whether the interface is still there; one that was made anew is another.
    fn look(&mut self, room: usize) -> Option<String> {
        let Ok(interface) = Interface::named(&self.name) else {
            self.received = 0;
            return self.port.take().map(|_| format!("{} is gone: nothing passes until it is back", self.name));
        };
        if self.port.is_none() || interface.index != self.index {
            return self.open_anew(&interface, room, "is back");
        }
        if std::mem::replace(&mut self.is_up, interface.is_up) == interface.is_up {
            return None;
        }
        let _ = self.port.as_ref().map(|port| port.socket().take_error()); // that it went down is told once, and would be in the way
        Some(format!("{} is {}", self.name, if interface.is_up { "up again" } else { "down: nothing passes until it is up" }))
    }

    /// Opens the port anew, because of `what`.
    fn open_anew(&mut self, interface: &Interface, room: usize, what: &str) -> Option<String> {
        match Self::open(interface, room) {
            Ok(side) => {
                *self = side;
                Some(format!("{} {what}", self.name))
            }
            Err(_) if self.port.take().is_none() => None, // it was said
            Err(error) => Some(format!("cannot open {}: {error}; it is tried again", self.name)),
        }
    }
}

const fn other(side: usize) -> usize {
    if side == 0 { 1 } else { 0 }
}
