//! The passage of netfilter queues.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::AsFd;

use super::{Named, Passage};
use crate::base::Duration;
use crate::capture::nfqueue::Queue;
use crate::capture::sys::poll;
use crate::capture::sys::raw::RawSender;
use crate::engine::inline::{Answers, Fate, Injection, Ticket};
use crate::packet::{Frame, LinkType};
use crate::pipeline::live::now;

/// Packets come from several queues and go back to them.
#[derive(Debug)]
pub struct QueuePassage {
    queues: Vec<Queue>,
    sender: RawSender,
    /// What packets are marked with whose flows need no more looks; 0 marks none.
    done_mark: u32,
    number: u64,
    /// What the kernel tells of its queues, open since before privileges were given up.
    told: Option<File>,
    counted: Counted,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counted {
    packets: u64,
    marked: u64,
    /// Packets that the kernel could not queue, and went on or were dropped by what the queue says; and ones that it could not hand over.
    unqueued: u64,
    lost: u64,
    unsent: u64,
}

impl QueuePassage {
    /// Of these queues; resets go out by `sender`.
    pub fn new(queues: Vec<Queue>, sender: RawSender, done_mark: u32) -> Self {
        Self { queues, sender, done_mark, number: 0, told: File::open(QUEUES).ok(), counted: Counted::default() }
    }
}

impl Passage for QueuePassage {
    fn wait(&mut self, patience: Duration) -> io::Result<()> {
        poll::readable(self.queues.iter().map(AsFd::as_fd), patience).map(drop)
    }

    fn take(&mut self, each: &mut dyn FnMut(&Frame<'_>, Ticket)) -> usize {
        let (timestamp, mut taken) = (now(), 0_usize);
        for queue in &mut self.queues {
            if queue.receive().unwrap_or(0) == 0 {
                continue; // what is wrong with the socket shows in the kernel's counters
            }
            for packet in queue.packets() {
                self.number = self.number.saturating_add(1);
                let frame = Frame {
                    data: packet.data,
                    link: LinkType::Raw,
                    timestamp,
                    original_len: packet.original_len,
                    capture: 0,
                    number: self.number,
                };
                each(&frame, ticket(queue.number(), packet.id));
                taken = taken.saturating_add(1);
            }
        }
        self.counted.packets = self.counted.packets.saturating_add(u64::try_from(taken).unwrap_or(u64::MAX));
        taken
    }

    fn carry_out(&mut self, answers: &Answers) {
        for &(Ticket(ticket), fate) in &answers.fates {
            let [_, _, a, b, id @ ..] = ticket.to_be_bytes();
            let (number, id) = (u16::from_be_bytes([a, b]), u32::from_be_bytes(id));
            let mark = if fate == Fate::PassDone { self.done_mark } else { 0 };
            self.counted.marked = self.counted.marked.saturating_add(u64::from(mark != 0));
            if let Some(queue) = self.queues.iter_mut().find(|queue| queue.number() == number) {
                queue.decide(id, fate != Fate::Drop, mark);
            }
        }
        let mut unsent = 0_u64;
        for queue in &mut self.queues {
            unsent = unsent.saturating_add(u64::from(queue.flush().is_err()));
        }
        for Injection { frame, .. } in &answers.injections {
            let sent = destination(frame).map(|to| self.sender.send(frame, to));
            unsent = unsent.saturating_add(u64::from(!matches!(sent, Some(Ok(())))));
        }
        self.counted.unsent = self.counted.unsent.saturating_add(unsent);
    }

    fn counted(&self) -> Vec<Named> {
        let Counted { packets, marked, unqueued, lost, unsent } = self.counted;
        vec![
            ("capture.kernel_packets", packets),
            ("capture.kernel_drops", lost),
            ("portcullis.inline.queue_full", unqueued),
            ("portcullis.inline.flows_done", marked),
            ("portcullis.inline.unsent", unsent),
        ]
    }

    fn look(&mut self) -> Vec<String> {
        let mut text = String::new();
        let told = self.told.as_mut().map(|file| file.rewind().and_then(|()| file.read_to_string(&mut text)));
        if !matches!(told, Some(Ok(_))) {
            return Vec::new();
        }
        let drops = drops(&text);
        let ours = self.queues.iter().filter_map(|queue| drops.get(&queue.number()));
        let sum = |(a, b): (u64, u64), &(c, d): &(u64, u64)| (a.saturating_add(c), b.saturating_add(d));
        (self.counted.unqueued, self.counted.lost) = ours.fold((0, 0), sum);
        Vec::new()
    }
}

/// A packet's ticket: the queue's number, and the packet's there.
fn ticket(queue: u16, id: u32) -> Ticket {
    Ticket(u64::from(queue) << 32 | u64::from(id))
}

/// Where a packet goes, by its IP header.
fn destination(packet: &[u8]) -> Option<IpAddr> {
    match packet.first()? >> 4 {
        4 => Some(Ipv4Addr::from(<[u8; 4]>::try_from(packet.get(16..20)?).ok()?).into()),
        6 => Some(Ipv6Addr::from(<[u8; 16]>::try_from(packet.get(24..40)?).ok()?).into()),
        _ => None,
    }
}

/// By queue, how many packets had no room in it, and how many none on the way to us.
fn drops(text: &str) -> BTreeMap<u16, (u64, u64)> {
    // queue number, port, packets that wait, copy mode, copy range, queue_dropped, user_dropped, last id, 1
    let of = |line: &str| {
        let fields: Vec<u64> = line.split_whitespace().map_while(|field| field.parse().ok()).collect();
        let &[number, _, _, _, _, full, lost, ..] = &fields[..] else { return None };
        Some((u16::try_from(number).ok()?, (full, lost)))
    };
    text.lines().filter_map(of).collect()
}

/// What the kernel tells of its queues.
const QUEUES: &str = "/proc/net/netfilter/nfnetlink_queue";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_counters_are_read_by_queue() {
        // As net/netfilter/nfnetlink_queue.c writes them: "%5u %6u %5u %1u %5u %5u %5u %8u %2d".
        let text = "    0  31421     0 2 65531     7     3       42  1\n   43  31421     2 2 65531     0     0        9  1\nodd\n";
        assert_eq!(drops(text), [(0, (7, 3)), (43, (0, 0))].into());
    }

    #[test]
    fn a_packet_tells_where_it_goes() {
        let v4 = [&[0x45][..], &[0; 15], &[192, 0, 2, 1]].concat();
        let v6 = [&[0x60][..], &[0; 23], &[0; 15], &[1]].concat();
        assert_eq!(destination(&v4), Some("192.0.2.1".parse().unwrap()));
        assert_eq!(destination(&v6), Some("::1".parse().unwrap()));
        assert_eq!(destination(&v4[..19]), None);
        assert_eq!(destination(&[]), None);
    }
}
