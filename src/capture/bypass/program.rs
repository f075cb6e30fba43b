//! The filter of a socket that passes over flows: what is in the table is counted and not let in, of all else a tap's classic filter decides.

use super::super::ebpf::{Assembler, Instruction, Operation, R0, R1, R2, R3, R6, R7, R8, R9, R10, Register, Test, Width};
use super::super::filter::{VLAN, Wanted};
use super::super::jumps::Label;
use super::{KEY_WORDS, LIVE, Place, SLOTS, SPREAD, STOPPED};
use crate::packet::LinkType;

/// Which VLAN tags tell flows apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tags {
    /// None.
    Ignored,
    /// Those in the frame; not one that the kernel has taken out.
    InFrame,
    /// One that was taken out as well, which is put back before the frame is read.
    All,
}

/// The program for frames that begin with `link`; the table is open as `map`.
pub(super) fn program(wanted: &Wanted, link: LinkType, tags: Tags, place: &Place, map: i32) -> Option<Vec<Instruction>> {
    let mut asm = Assembler::default();
    let ends = Ends { v4: asm.label(), v6: asm.label(), tcp: asm.label(), other: asm.label() };
    asm.compute(Operation::Move, R6, R1);
    asm.compute(Operation::Move, VLAN_IDS, 0);
    match link {
        LinkType::Ethernet => ethernet(&mut asm, &ends, tags),
        _ => bare(&mut asm, &ends),
    }
    ipv4(&mut asm, &ends);
    ipv6(&mut asm, &ends);
    tcp(&mut asm, &ends);
    look_up(&mut asm, &ends, tags, place, map);
    asm.place(ends.other);
    asm.classic(&wanted.program(link)).then(|| asm.finish()).flatten()
}

/// Parts of the program.
struct Ends {
    /// `AT` is where the header begins.
    v4: Label,
    v6: Label,
    tcp: Label,
    /// It is no packet that could be passed over.
    other: Label,
}

/// Up to two VLAN tags, of which one may have been taken out.
fn ethernet(asm: &mut Assembler, ends: &Ends, tags: Tags) {
    asm.compute(Operation::Move, SHIFT, OUTER);
    if tags == Tags::All {
        let is_whole = asm.label();
        asm.load_context(R2, VLAN_PRESENT);
        asm.jump_if(Test::Equal, R2, 0, is_whole);
        asm.load_context(R2, VLAN_TCI);
        asm.compute(Operation::And, R2, 0xfff);
        asm.compute(Operation::ShiftLeft, R2, OUTER);
        asm.compute(Operation::Move, VLAN_IDS, R2);
        asm.compute(Operation::Move, SHIFT, 0);
        asm.place(is_whole);
    }
    for behind in [14, 18, 22] {
        let tagged = asm.label();
        asm.compute(Operation::Move, AT, behind);
        asm.load_packet(Width::Half, behind.saturating_sub(2), None);
        asm.jump_if(Test::Equal, R0, 0x0800, ends.v4);
        asm.jump_if(Test::Equal, R0, 0x86dd, ends.v6);
        if behind == 22 {
            break;
        }
        VLAN.iter().for_each(|&tpid| asm.jump_if(Test::Equal, R0, tpid.cast_signed(), tagged));
        asm.jump(ends.other);
        asm.place(tagged);
        asm.jump_if(Test::SignedLess, SHIFT, 0, ends.other); // a third one
        asm.load_packet(Width::Half, behind, None);
        asm.compute(Operation::And, R0, 0xfff);
        asm.compute(Operation::ShiftLeft, R0, SHIFT);
        if tags != Tags::Ignored {
            asm.compute(Operation::Or, VLAN_IDS, R0);
        }
        asm.compute(Operation::Add, SHIFT, -OUTER);
    }
    asm.jump(ends.other);
}

fn bare(asm: &mut Assembler, ends: &Ends) {
    asm.compute(Operation::Move, AT, 0);
    asm.load_packet(Width::Byte, 0, None);
    asm.compute(Operation::ShiftRight, R0, 4);
    asm.jump_if(Test::Equal, R0, 4, ends.v4);
    asm.jump_if(Test::Equal, R0, 6, ends.v6);
    asm.jump(ends.other);
}

/// Addresses in the form of IPv6 (RFC 4291 §2.5.5.2). `AT` goes on to the TCP header.
fn ipv4(asm: &mut Assembler, ends: &Ends) {
    asm.place(ends.v4);
    asm.load_packet(Width::Half, 6, Some(AT));
    asm.jump_if(Test::AnyBit, R0, 0x3fff, ends.other); // a fragment
    asm.load_packet(Width::Byte, 9, Some(AT));
    asm.jump_if(Test::NotEqual, R0, TCP, ends.other);
    for (offset, word) in [(12, 0), (16, 2)] {
        asm.load_packet(Width::Word, offset, Some(AT));
        asm.set(R2, 0xffff << 32);
        asm.compute(Operation::Or, R2, R0);
        asm.compute(Operation::Move, R1, 0);
        asm.store(R10, key(word), R1);
        asm.store(R10, key(word.saturating_add(1)), R2);
    }
    asm.load_packet(Width::Byte, 0, Some(AT));
    asm.compute(Operation::And, R0, 0x0f);
    asm.compute(Operation::ShiftLeft, R0, 2);
    asm.compute(Operation::Add, AT, R0);
    asm.jump(ends.tcp);
}

fn ipv6(asm: &mut Assembler, ends: &Ends) {
    asm.place(ends.v6);
    asm.load_packet(Width::Byte, 6, Some(AT));
    asm.jump_if(Test::NotEqual, R0, TCP, ends.other);
    for (offset, word) in [(8, 0), (16, 1), (24, 2), (32, 3)] {
        asm.load_packet(Width::Word, offset, Some(AT));
        asm.compute(Operation::Move, R9, R0);
        asm.compute(Operation::ShiftLeft, R9, 32);
        asm.load_packet(Width::Word, offset.saturating_add(4), Some(AT));
        asm.compute(Operation::Or, R9, R0);
        asm.store(R10, key(word), R9);
    }
    asm.compute(Operation::Add, AT, 40);
}

fn tcp(asm: &mut Assembler, ends: &Ends) {
    asm.place(ends.tcp);
    // A load beyond the end would end the program; the classic one reads less.
    asm.load_context(R2, LEN);
    asm.compute(Operation::Move, R1, AT);
    asm.compute(Operation::Add, R1, FLAGS.saturating_add(1));
    asm.jump_if(Test::Greater, R1, R2, ends.other);
    asm.load_packet(Width::Byte, FLAGS, Some(AT));
    asm.compute(Operation::Move, ENDS, R0);
    asm.compute(Operation::And, ENDS, FIN_SYN_RST);
    asm.load_packet(Width::Word, 0, Some(AT));
    asm.compute(Operation::ShiftLeft, R0, 32);
    asm.compute(Operation::Or, R0, VLAN_IDS);
    asm.store(R10, key(4), R0);
}

fn look_up(asm: &mut Assembler, ends: &Ends, tags: Tags, place: &Place, map: i32) {
    asm.set(R1, place.seed);
    asm.set(R3, SPREAD);
    for word in 0..KEY_WORDS {
        asm.load(R2, R10, key(word));
        asm.compute(Operation::Xor, R1, R2);
        asm.compute(Operation::Multiply, R1, R3);
        asm.compute(Operation::Move, R2, R1);
        asm.compute(Operation::ShiftRight, R2, 32);
        asm.compute(Operation::Xor, R1, R2);
    }
    asm.compute(Operation::And, R1, place.last_bucket.cast_signed());
    asm.store_32(R10, INDEX, R1);
    asm.set_map(R1, map);
    asm.compute(Operation::Move, R2, R10);
    asm.compute(Operation::Add, R2, i32::from(INDEX));
    asm.call(MAP_LOOKUP);
    asm.jump_if(Test::Equal, R0, 0, ends.other);
    for slot in 0..SLOTS {
        let (next, word) = (asm.label(), |word: usize| slot_word(slot, word));
        asm.load(R1, R0, word(0));
        asm.jump_if(Test::NotEqual, R1, i32::try_from(LIVE).unwrap_or(0), next);
        for index in 0..KEY_WORDS {
            asm.load(R1, R0, word(index.saturating_add(1)));
            asm.load(R2, R10, key(index));
            asm.jump_if(Test::NotEqual, R1, R2, next);
        }
        // What comes behind a SYN is another connection's, and may be here before anybody has looked at the SYN.
        let goes_on = asm.label();
        asm.jump_if(Test::Equal, ENDS, 0, goes_on);
        asm.compute(Operation::Move, R1, i32::try_from(STOPPED).unwrap_or(0));
        asm.store(R0, word(0), R1);
        asm.jump(ends.other);
        asm.place(goes_on);
        asm.compute(Operation::Move, R1, 1);
        asm.add_to_memory(R0, word(6), R1);
        asm.load_context(R1, LEN);
        if tags == Tags::All {
            let is_whole = asm.label();
            asm.load_context(R2, VLAN_PRESENT);
            asm.jump_if(Test::Equal, R2, 0, is_whole);
            asm.compute(Operation::Add, R1, 4); // the tag
            asm.place(is_whole);
        }
        asm.add_to_memory(R0, word(7), R1);
        asm.compute(Operation::Move, R0, 0);
        asm.exit();
        asm.place(next);
    }
}

/// Where on the stack a word is of what the packet shows.
fn key(word: usize) -> i16 {
    i16::try_from(word).unwrap_or(0).saturating_mul(8).saturating_sub(40)
}

/// Where in a bucket a word of a slot is.
fn slot_word(slot: usize, word: usize) -> i16 {
    i16::try_from(slot.saturating_mul(super::SLOT_WORDS).saturating_add(word).saturating_mul(8)).unwrap_or(0)
}

/// Where the header at hand begins.
const AT: Register = R7;
/// The VLAN ids: the outer one 12 bits further up than the inner one.
const VLAN_IDS: Register = R8;
/// FIN, SYN and RST of the packet.
const ENDS: Register = R9;
/// How far up the next tag's id goes.
const SHIFT: Register = R9;
const OUTER: i32 = 12;
/// Where on the stack the number of the bucket is.
const INDEX: i16 = -48;
/// Fields of struct __sk_buff.
const LEN: i16 = 0;
const VLAN_PRESENT: i16 = 20;
const VLAN_TCI: i16 = 24;
/// The function bpf_map_lookup_elem.
const MAP_LOOKUP: i32 = 1;
const TCP: i32 = 6;
/// Where the flags are in a TCP header.
const FLAGS: i32 = 13;
const FIN_SYN_RST: i32 = 0x07;
