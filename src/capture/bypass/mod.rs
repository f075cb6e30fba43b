//! Flows that need no more looks: the kernel counts their packets, and does not hand them over.
//!
//! The table is an array in memory that is shared with the kernel. A flow has a slot for each direction, in the bucket that its addresses and ports
//! lead to; a filter of the socket looks there (program.rs), counts, and lets nothing in. Packets that open or close a connection get in all the same, and
//! so does what follows in their direction, until it is entered anew.
//! Nothing is ever pushed out: where a bucket is full the flow is handed over as before.

mod program;

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use super::filter::Wanted;
use super::sys::bpf::{Program, SharedArray};
use super::sys::socket::PacketSocket;
use crate::packet::{Direction, Endpoint, FlowKey, LinkType};

pub use program::Tags;

/// The flows that are passed over, and the programs that do so. All workers share it.
#[derive(Debug)]
pub struct Bypass {
    table: SharedArray,
    place: Place,
    /// By link, and by whether datagrams get in: none can be loaded later.
    programs: Vec<((LinkType, bool), Program)>,
    wanted: Wanted,
}

/// A direction of a flow that is passed over. It is to be [left](Bypass::leave) once.
#[derive(Debug, PartialEq, Eq)]
pub struct Slot(usize);

/// What was counted in a slot since it was entered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Packets.
    pub packets: u64,
    /// Bytes of whole frames on the wire.
    pub bytes: u64,
}

/// Where in the table a direction of a flow is: what the programs find, too.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// Keeps others from choosing flows that collide.
    seed: u64,
    /// How many there are, less 1; that is a power of two.
    last_bucket: u32,
}

impl Bypass {
    /// Room for about so many flows. What else gets in is what `wanted` says; `tags` are those that tell flows apart.
    pub fn new(flows: usize, wanted: Wanted, tags: Tags) -> io::Result<Self> {
        // Half of the slots stay free, or many a bucket would be full before its time.
        let buckets = flows.max(1).saturating_mul(4).div_ceil(SLOTS).next_power_of_two().min(MOST_BUCKETS);
        let buckets = u32::try_from(buckets).map_err(io::Error::other)?;
        let table = SharedArray::new(buckets, BUCKET)?;
        let seed = RandomState::new().build_hasher().finish();
        let place = Place { seed, last_bucket: buckets.saturating_sub(1) };
        let load = |(link, datagrams)| {
            let wanted = Wanted { datagrams, ..wanted.clone() };
            let code = program::program(&wanted, link, tags, &place, table.number()).ok_or(io::ErrorKind::Unsupported)?;
            Ok(((link, datagrams), Program::load(&code)?))
        };
        let kinds = [LinkType::Ethernet, LinkType::Raw].into_iter().flat_map(|link| [(link, false), (link, true)]);
        let programs = kinds.map(load).collect::<io::Result<_>>()?;
        Ok(Self { table, place, programs, wanted })
    }

    /// From now on a socket lets in what is wanted, with all `datagrams` or without, and not passed over. Frames of other links than Ethernet and bare IP are all let in.
    pub fn attach(&self, socket: &PacketSocket, link: LinkType, datagrams: bool) -> io::Result<()> {
        match self.programs.iter().find(|(of, _)| *of == (link, datagrams)) {
            Some((_, program)) => socket.run_for_each(program),
            None => socket.filter(&Wanted { datagrams, ..self.wanted.clone() }.program(link)),
        }
    }

    /// Passes over what `direction` of a flow sends from now on. `None` where there is no room.
    pub fn enter(&self, key: &FlowKey, direction: Direction) -> Option<Slot> {
        let words = words(key, direction);
        let bucket = self.place.bucket(&words).checked_mul(SLOTS)?;
        for slot in (bucket..).take(SLOTS) {
            let [state, is @ .., packets, bytes] = self.slot(slot)?;
            // Other workers enter flows, too.
            if state.compare_exchange(FREE, TAKEN, Ordering::AcqRel, Ordering::Relaxed).is_err() {
                continue;
            }
            is.iter().zip(words).for_each(|(place, word)| place.store(word, Ordering::Relaxed));
            packets.store(0, Ordering::Relaxed);
            bytes.store(0, Ordering::Relaxed);
            state.store(LIVE, Ordering::Release);
            return Some(Slot(slot));
        }
        None
    }

    /// What was counted so far.
    pub fn sent(&self, slot: &Slot) -> Sent {
        let Some([.., packets, bytes]) = self.slot(slot.0) else { return Sent::default() };
        Sent { packets: packets.load(Ordering::Relaxed), bytes: bytes.load(Ordering::Relaxed) }
    }

    /// Has packets handed over again. Answers what was counted in the end.
    #[allow(clippy::needless_pass_by_value)] // it is not to be used again
    pub fn leave(&self, slot: Slot) -> Sent {
        if let Some([state, ..]) = self.slot(slot.0) {
            state.store(TAKEN, Ordering::Release);
            let sent = self.sent(&slot);
            state.store(FREE, Ordering::Release);
            return sent;
        }
        Sent::default()
    }

    fn slot(&self, slot: usize) -> Option<&[AtomicU64; SLOT_WORDS]> {
        self.table.words().get(slot.checked_mul(SLOT_WORDS)?..)?.first_chunk()
    }
}

impl Place {
    fn bucket(&self, words: &[u64; KEY_WORDS]) -> usize {
        let mix = |hash: u64, word: &u64| {
            let hash = (hash ^ word).wrapping_mul(SPREAD);
            hash ^ hash >> 32
        };
        let hash = words.iter().fold(self.seed, mix);
        usize::try_from(hash & u64::from(self.last_bucket)).unwrap_or(0)
    }
}

/// What a packet of `direction` shows: both addresses in the form of IPv6, and ports and VLAN ids as one word.
fn words(key: &FlowKey, direction: Direction) -> [u64; KEY_WORDS] {
    let (Endpoint { ip: from, port: source }, Endpoint { ip: to, port: destination }) =
        (key.sender(direction), key.receiver(direction));
    let halves = |ip: std::net::IpAddr| {
        let whole = match ip {
            std::net::IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
            std::net::IpAddr::V6(v6) => v6.to_bits(),
        };
        #[allow(clippy::cast_possible_truncation)] // the halves of it
        [(whole >> 64) as u64, whole as u64]
    };
    let ([a, b], [c, d], [outer, inner]) = (halves(from), halves(to), key.vlan_ids());
    let ports = u64::from(source) << 48 | u64::from(destination) << 32;
    [a, b, c, d, ports | u64::from(outer) << 12 | u64::from(inner)]
}

/// Words of a slot: its state, what the packets show, and how many they are, in packets and bytes.
const SLOT_WORDS: usize = 8;
const KEY_WORDS: usize = 5;
/// Slots of a bucket.
const SLOTS: usize = 4;
/// Bytes of a bucket.
const BUCKET: u32 = 256;
const MOST_BUCKETS: usize = 1 << 22;
const FREE: u64 = 0;
/// Somebody writes to it.
const TAKEN: u64 = 1;
/// What it says counts.
const LIVE: u64 = 2;
/// A packet has opened or closed a connection there: what follows is let in. Only the kernel says so.
const STOPPED: u64 = 3;
/// From Steele and Vigna, "Computationally easy, spectrally good multipliers" (2021), table 6.
const SPREAD: u64 = 0xd134_2543_de82_ef95;

#[cfg(test)]
mod tests;
