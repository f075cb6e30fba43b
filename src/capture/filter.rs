//! The kernel filter of a tap: what nobody wants is dropped before it costs anything.
//!
//! It errs on the side of letting in. What the decoder might find watched TCP in gets through: TCP of watched ports, fragments, IPv6 with
//! extension headers, tunnels, MPLS, PPPoE, LLC. What is left out is TCP of other ports, other UDP where no rule is about datagrams, and all that is not IP.

use super::bpf::{Assembler, Instruction, Operation, Test, Width};
use super::jumps::Label;
use crate::packet::{LinkType, PortSet, TunnelPorts};

/// What gets through.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// TCP ports.
    pub ports: PortSet,
    /// UDP ports of tunnels that can be moved.
    pub tunnels: TunnelPorts,
    /// All of UDP, not only tunnels.
    pub datagrams: bool,
}

impl Wanted {
    /// The program for frames that begin with `link`. One that has nothing to say of them lets all in.
    pub fn program(&self, link: LinkType) -> Vec<Instruction> {
        self.assemble(link).unwrap_or_else(|| one_answer(EVERYTHING))
    }

    fn assemble(&self, link: LinkType) -> Option<Vec<Instruction>> {
        let mut asm = Assembler::default();
        let ends = Ends {
            accept: asm.label(),
            reject: asm.label(),
            ipv4: asm.label(),
            ipv6: asm.label(),
            tcp: asm.label(),
            udp: asm.label(),
        };
        match link {
            LinkType::Ethernet => ethernet(&mut asm, &ends),
            LinkType::Raw => raw(&mut asm, &ends),
            _ => return None,
        }
        ip(&mut asm, &ends);
        asm.place(ends.reject);
        asm.answer(NOTHING);
        asm.place(ends.accept);
        asm.answer(EVERYTHING);
        asm.place(ends.udp);
        self.udp(&mut asm);
        asm.place(ends.tcp);
        self.tcp(&mut asm);
        asm.finish()
    }

    /// X is where the TCP header begins.
    fn tcp(&self, asm: &mut Assembler) {
        let ranges: Vec<_> = self.ports.ranges().take(MOST_RANGES.saturating_add(1)).collect();
        if ranges.len() > MOST_RANGES {
            return asm.answer(EVERYTHING);
        }
        for port in [SOURCE, DESTINATION] {
            asm.load(Width::Half, port, true);
            ranges.iter().for_each(|&(first, last)| asm.answer_if_within(first, last, EVERYTHING));
        }
        asm.answer(NOTHING);
    }

    /// X is where the UDP header begins.
    fn udp(&self, asm: &mut Assembler) {
        if self.datagrams {
            return asm.answer(EVERYTHING);
        }
        for port in [SOURCE, DESTINATION] {
            asm.load(Width::Half, port, true);
            EITHER_WAY.iter().for_each(|&port| asm.answer_if_within(port, port, EVERYTHING));
        }
        let moved = self.tunnels.vxlan.iter().chain(&self.tunnels.geneve);
        moved.chain(&[VXLAN_GPE]).for_each(|&port| asm.answer_if_within(port, port, EVERYTHING));
        asm.answer(NOTHING);
    }
}

/// A program that lets nothing in.
pub fn nothing() -> Vec<Instruction> {
    one_answer(NOTHING)
}

/// Parts of the program.
struct Ends {
    accept: Label,
    reject: Label,
    /// X is where the header begins.
    ipv4: Label,
    ipv6: Label,
    tcp: Label,
    udp: Label,
}

/// Up to two VLAN tags; the kernel has taken out one before. With more than that, the frame gets in.
fn ethernet(asm: &mut Assembler, ends: &Ends) {
    for behind in [14_u32, 18, 22] {
        let tagged = asm.label();
        asm.set_x(behind);
        asm.load(Width::Half, behind.saturating_sub(2), false);
        asm.jump_if(Test::Equal, 0x0800, ends.ipv4);
        asm.jump_if(Test::Equal, 0x86dd, ends.ipv6);
        VLAN.iter().for_each(|&tpid| asm.jump_if(Test::Equal, tpid, tagged));
        // MPLS, PPPoE, PPP, Ethernet in Ethernet; a length, with LLC behind it.
        [0x8847, 0x8848, 0x8864, 0x880b, 0x6558].iter().for_each(|&kind| asm.jump_if(Test::Equal, kind, ends.accept));
        let is_ethertype = asm.label();
        asm.jump_if(Test::AtLeast, 0x0600, is_ethertype);
        asm.jump(ends.accept);
        asm.place(is_ethertype);
        asm.jump(ends.reject);
        asm.place(tagged);
    }
    asm.jump(ends.accept);
}

fn raw(asm: &mut Assembler, ends: &Ends) {
    asm.set_x(0);
    asm.load(Width::Byte, 0, false);
    asm.compute(Operation::ShiftRight, Some(4));
    asm.jump_if(Test::Equal, 4, ends.ipv4);
    asm.jump_if(Test::Equal, 6, ends.ipv6);
    asm.jump(ends.reject);
}

fn ip(asm: &mut Assembler, ends: &Ends) {
    let (fragment, tcp_behind, udp_behind) = (asm.label(), asm.label(), asm.label());
    asm.place(ends.ipv4);
    asm.load(Width::Half, 6, true);
    asm.jump_if(Test::AnyBit, 0x3fff, fragment);
    asm.load(Width::Byte, 9, true);
    asm.jump_if(Test::Equal, TCP, tcp_behind);
    asm.jump_if(Test::Equal, UDP, udp_behind);
    CARRIERS.iter().for_each(|&protocol| asm.jump_if(Test::Equal, protocol, ends.accept));
    asm.jump(ends.reject);
    asm.place(fragment);
    asm.load(Width::Byte, 9, true);
    [TCP, UDP].iter().chain(CARRIERS).for_each(|&protocol| asm.jump_if(Test::Equal, protocol, ends.accept));
    asm.jump(ends.reject);
    for (place, to) in [(tcp_behind, ends.tcp), (udp_behind, ends.udp)] {
        asm.place(place);
        skip_ipv4(asm);
        asm.jump(to);
    }

    let (tcp_behind, udp_behind) = (asm.label(), asm.label());
    asm.place(ends.ipv6);
    asm.load(Width::Byte, 6, true);
    asm.jump_if(Test::Equal, TCP, tcp_behind);
    asm.jump_if(Test::Equal, UDP, udp_behind);
    CARRIERS.iter().chain(EXTENSIONS).for_each(|&protocol| asm.jump_if(Test::Equal, protocol, ends.accept));
    asm.jump(ends.reject);
    for (place, to) in [(tcp_behind, ends.tcp), (udp_behind, ends.udp)] {
        asm.place(place);
        asm.x_to_a();
        asm.compute(Operation::Add, Some(40));
        asm.a_to_x();
        asm.jump(to);
    }
}

/// X goes from the start of an IPv4 header to its end.
fn skip_ipv4(asm: &mut Assembler) {
    asm.load(Width::Byte, 0, true);
    asm.compute(Operation::And, Some(0x0f));
    asm.compute(Operation::ShiftLeft, Some(2));
    asm.compute(Operation::Add, None);
    asm.a_to_x();
}

fn one_answer(answer: u32) -> Vec<Instruction> {
    let mut asm = Assembler::default();
    asm.answer(answer);
    asm.finish().unwrap_or_default()
}

/// How much of a frame is let in.
const EVERYTHING: u32 = u32::MAX;
const NOTHING: u32 = 0;
/// Where ports are in a TCP or UDP header.
const SOURCE: u32 = 0;
const DESTINATION: u32 = 2;
const TCP: u32 = 6;
const UDP: u32 = 17;
/// Protocols that carry IP: IPv4, IPv6, GRE, AH, MPLS.
const CARRIERS: &[u32] = &[4, 41, 47, 51, 137];
/// Extension headers of IPv6: hop-by-hop, routing, fragment, destination, mobility, HIP, Shim6.
const EXTENSIONS: &[u32] = &[0, 43, 44, 60, 135, 139, 140];
pub(super) const VLAN: &[u32] = &[0x8100, 0x88a8, 0x9100, 0x9200];
/// UDP ports of tunnels that count as source and as destination: GTP-U, Teredo, CAPWAP.
const EITHER_WAY: &[u16] = &[2152, 3544, 5247];
const VXLAN_GPE: u16 = 4790;
/// Ranges of ports beyond which all TCP gets in: a program has at most 4,096 instructions.
const MOST_RANGES: usize = 600;

#[cfg(test)]
mod tests {
    use etherparse::PacketBuilder;

    use super::*;
    use crate::capture::bpf::run;

    fn wanted(ports: &str) -> Wanted {
        Wanted { ports: ports.parse().unwrap(), tunnels: TunnelPorts::default(), datagrams: false }
    }

    fn is_let_in(ports: &str, frame: &[u8]) -> bool {
        run(&wanted(ports).program(LinkType::Ethernet), frame, 0, 14) > 0
    }

    fn tcp4(source: u16, destination: u16) -> Vec<u8> {
        let mut frame = Vec::new();
        let built = PacketBuilder::ethernet2([1; 6], [2; 6]).ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64);
        built.tcp(source, destination, 1, 1).write(&mut frame, b"x").unwrap();
        frame
    }

    fn tcp6(source: u16, destination: u16) -> Vec<u8> {
        let mut frame = Vec::new();
        let built = PacketBuilder::ethernet2([1; 6], [2; 6]).ipv6([1; 16], [2; 16], 64);
        built.tcp(source, destination, 1, 1).write(&mut frame, b"x").unwrap();
        frame
    }

    fn udp4(source: u16, destination: u16) -> Vec<u8> {
        let mut frame = Vec::new();
        let built = PacketBuilder::ethernet2([1; 6], [2; 6]).ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64);
        built.udp(source, destination).write(&mut frame, b"x").unwrap();
        frame
    }

    /// `frame` with tags of these protocols behind its addresses.
    fn tagged(frame: &[u8], tpids: &[u16]) -> Vec<u8> {
        let tags = tpids.iter().flat_map(|tpid| [(tpid >> 8) as u8, *tpid as u8, 0, 7]);
        frame[..12].iter().copied().chain(tags).chain(frame[12..].iter().copied()).collect()
    }

    fn with(mut frame: Vec<u8>, at: usize, byte: u8) -> Vec<u8> {
        frame[at] = byte;
        frame
    }

    #[test]
    fn tcp_of_watched_ports_gets_in_either_way() {
        for make in [tcp4, tcp6] {
            for (ports, source, destination, expected) in [
                ("443", 443, 50_000, true),
                ("443", 50_000, 443, true),
                ("443", 50_000, 80, false),
                ("443", 442, 444, false),
                ("80,8000-8002", 1, 8001, true),
                ("80,8000-8002", 8002, 1, true),
                ("80,8000-8002", 7_999, 8_003, false),
                ("any", 1, 2, true),
            ] {
                let frame = make(source, destination);
                assert_eq!(is_let_in(ports, &frame), expected, "{ports}: {source} {destination}");
                for tpids in [&[0x8100][..], &[0x88a8, 0x8100]] {
                    assert_eq!(is_let_in(ports, &tagged(&frame, tpids)), expected, "{ports}: {source} {destination} {tpids:x?}");
                }
            }
        }
    }

    #[test]
    fn options_move_the_ports() {
        let mut frame = tcp4(50_000, 443);
        frame[14] = 0x46;
        frame.splice(34..34, [1, 1, 1, 0]);
        assert!(is_let_in("443", &frame));
        assert!(!is_let_in("80", &frame));
    }

    #[test]
    fn what_may_carry_watched_tcp_gets_in() {
        for (what, frame) in [
            ("three tags", tagged(&tcp4(1, 2), &[0x88a8, 0x8100, 0x8100])),
            ("MPLS", with(with(tcp4(1, 2), 12, 0x88), 13, 0x47)),
            ("LLC", with(with(tcp4(1, 2), 12, 0x00), 13, 0x40)),
            ("first fragment", with(tcp4(1, 2), 20, 0x20)),
            ("later fragment", with(tcp4(1, 2), 21, 0x08)),
            ("GRE", with(tcp4(1, 2), 23, 47)),
            ("IPv6 fragment", with(tcp6(1, 2), 20, 44)),
            ("IPv6 options", with(tcp6(1, 2), 20, 0)),
            ("VXLAN", udp4(50_000, 4789)),
            ("Geneve", udp4(50_000, 6081)),
            ("GTP-U, an answer", udp4(2152, 50_000)),
        ] {
            assert!(is_let_in("443", &frame), "{what}");
        }
    }

    #[test]
    fn what_nobody_wants_stays_out() {
        for (what, frame) in [
            ("ARP", with(with(tcp4(443, 443), 12, 0x08), 13, 0x06)),
            ("ICMP", with(tcp4(443, 443), 23, 1)),
            ("a fragment of ICMP", with(with(tcp4(443, 443), 23, 1), 20, 0x20)),
            ("DNS", udp4(50_000, 53)),
            ("ICMPv6", with(tcp6(443, 443), 20, 58)),
            ("cut before the ports", tcp4(443, 443)[..34].to_vec()),
        ] {
            assert!(!is_let_in("443", &frame), "{what}");
        }
    }

    #[test]
    fn datagrams_get_in_where_they_are_wanted() {
        let program = Wanted { datagrams: true, ..wanted("443") }.program(LinkType::Ethernet);
        for (frame, expected) in [(udp4(50_000, 53), true), (tcp4(1, 2), false), (tcp4(1, 443), true)] {
            assert_eq!(run(&program, &frame, 0, 14) > 0, expected);
        }
    }

    #[test]
    fn frames_without_a_link_layer_are_told_by_their_first_nibble() {
        let program = wanted("443").program(LinkType::Raw);
        for (frame, expected) in [(tcp4(1, 443), true), (tcp6(443, 1), true), (tcp4(1, 2), false)] {
            assert_eq!(run(&program, &frame[14..], 0, 0) > 0, expected);
        }
        assert_eq!(run(&program, &[0x10; 60], 0, 0), 0);
    }

    #[test]
    fn with_more_ranges_than_a_program_can_hold_all_tcp_gets_in() {
        let ports: Vec<_> = (1..2000).map(|n| (n * 2).to_string()).collect();
        assert!(is_let_in(&ports.join(","), &tcp4(1, 3)));
        let ports: Vec<_> = (1..=600).map(|n| (n * 2).to_string()).collect();
        assert!(!is_let_in(&ports.join(","), &tcp4(1, 3)));
        assert!(is_let_in(&ports.join(","), &tcp4(1, 1200)));
        assert!(wanted(&ports.join(",")).program(LinkType::Ethernet).len() <= 4096);
    }

    #[test]
    fn other_links_are_not_filtered() {
        assert_eq!(wanted("443").program(LinkType::LinuxSll).len(), 1);
        assert_eq!(run(&nothing(), &tcp4(443, 443), 0, 14), 0);
    }
}
