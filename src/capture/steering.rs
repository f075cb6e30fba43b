//! Which worker has a flow: both directions the same one, whatever interface their frames came in by.
//!
//! The kernel is given a program that finds it for TCP over IP as it lies. Fragments of TCP go by their addresses alone. All else goes to the
//! first worker: the two directions of a flow in tunnels may be between other hosts, and are to come in order. A worker that finds
//! another's flow in a frame hands the segment over.

use std::net::IpAddr;

use super::bpf::{Assembler, Instruction, NETWORK, Operation, PROTOCOL, Test, Width};
use crate::packet::{Direction, FlowKey, LinkType};

/// The worker, of `workers`, that has the flow `key`.
pub fn worker_of(key: &FlowKey, workers: usize) -> usize {
    if workers < 2 {
        return 0;
    }
    let (source, destination) = (key.sender(Direction::AToB), key.receiver(Direction::AToB));
    choose(fold(source.ip) ^ fold(destination.ip), source.port ^ destination.port, workers)
}

/// The worker, of `workers`, that `frame` goes to: what [`program`] says.
pub fn worker_for(frame: &[u8], link: LinkType, workers: usize) -> usize {
    if workers < 2 {
        return 0;
    }
    look(frame, link).map_or(0, |(addresses, ports)| choose(addresses, ports, workers))
}

/// The program by which the kernel finds the worker, whose number is the answer modulo how many there are.
pub fn program() -> Vec<Instruction> {
    assemble().unwrap_or_default() // a test runs it
}

#[allow(clippy::cast_possible_truncation)] // 16 bits, and a remainder
fn choose(addresses: u32, ports: u16, workers: usize) -> usize {
    let spread = (addresses ^ u32::from(ports)).wrapping_mul(SPREAD) >> 16;
    (spread as usize).checked_rem(workers).unwrap_or(0)
}

/// An address as one word.
fn fold(address: IpAddr) -> u32 {
    match address {
        IpAddr::V4(v4) => v4.to_bits(),
        IpAddr::V6(v6) => fold_words(&v6.octets()),
    }
}

fn fold_words(bytes: &[u8]) -> u32 {
    bytes.as_chunks().0.iter().fold(0, |sum, word| sum ^ u32::from_be_bytes(*word))
}

/// The addresses of a frame as one word, and of whole TCP segments the ports as one.
fn look(frame: &[u8], link: LinkType) -> Option<(u32, u16)> {
    let mut rest = frame;
    let ethertype = match link {
        LinkType::Ethernet => {
            rest = frame.get(14..)?;
            let mut ethertype = half(frame, 12)?;
            for _ in 0..MOST_TAGS {
                if TAGS.contains(&u32::from(ethertype)) {
                    ethertype = half(rest, 2)?;
                    rest = rest.get(4..)?;
                }
            }
            ethertype
        }
        _ if frame.first()? >> 4 == 4 => 0x0800,
        _ => 0x86dd,
    };
    let (addresses, behind) = match ethertype {
        0x0800 if *rest.get(9)? == TCP => {
            let is_whole = half(rest, 6)? & 0x3fff == 0;
            let len = usize::from(rest.first()? & 0x0f).saturating_mul(4);
            (fold_words(rest.get(12..20)?), rest.get(len..).filter(|_| is_whole))
        }
        0x86dd => match *rest.get(6)? {
            TCP => (fold_words(rest.get(8..40)?), rest.get(40..)),
            next if EXTENSIONS.contains(&next) => (fold_words(rest.get(8..40)?), None),
            _ => return None,
        },
        _ => return None,
    };
    let ports = behind.and_then(|tcp| Some(half(tcp, 0)? ^ half(tcp, 2)?));
    Some((addresses, ports.unwrap_or(0)))
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map(|half| u16::from_be_bytes(*half))
}

/// Where the network header is, beyond which X is; the kernel has taken out the outermost VLAN tag.
fn assemble() -> Option<Vec<Instruction>> {
    let mut asm = Assembler::default();
    let (ipv4, ipv6, ports, spread) = (asm.label(), asm.label(), asm.label(), asm.label());
    asm.load(Width::Word, PROTOCOL, false);
    for behind in TAGS_BEHIND {
        let tagged = asm.label();
        asm.set_x(behind);
        asm.jump_if(Test::Equal, 0x0800, ipv4);
        asm.jump_if(Test::Equal, 0x86dd, ipv6);
        TAGS.iter().for_each(|&tpid| asm.jump_if(Test::Equal, tpid, tagged));
        asm.answer(0);
        asm.place(tagged);
        asm.load(Width::Half, NETWORK.wrapping_add(behind).wrapping_add(2), false);
    }
    asm.answer(0);

    let no_ports = asm.label();
    asm.place(ipv4);
    let is_tcp = asm.label();
    asm.load(Width::Byte, NETWORK.wrapping_add(9), true);
    asm.jump_if(Test::Equal, TCP.into(), is_tcp);
    asm.answer(0);
    asm.place(is_tcp);
    fold_addresses(&mut asm, &[12, 16]);
    asm.load(Width::Half, NETWORK.wrapping_add(6), true);
    asm.jump_if(Test::AnyBit, 0x3fff, no_ports);
    asm.load(Width::Byte, NETWORK, true);
    asm.compute(Operation::And, Some(0x0f));
    asm.compute(Operation::ShiftLeft, Some(2));
    asm.compute(Operation::Add, None);
    asm.a_to_x();
    asm.jump(ports);

    asm.place(ipv6);
    fold_addresses(&mut asm, &[8, 12, 16, 20, 24, 28, 32, 36]);
    let is_tcp = asm.label();
    asm.load(Width::Byte, NETWORK.wrapping_add(6), true);
    asm.jump_if(Test::Equal, TCP.into(), is_tcp);
    EXTENSIONS.iter().for_each(|&header| asm.jump_if(Test::Equal, header.into(), no_ports));
    asm.answer(0);
    asm.place(is_tcp);
    asm.x_to_a();
    asm.compute(Operation::Add, Some(40));
    asm.a_to_x();

    asm.place(ports);
    fold_ports(&mut asm);
    asm.jump(spread);
    asm.place(no_ports);
    asm.recall(ADDRESSES);
    asm.place(spread);
    asm.compute(Operation::Multiply, Some(SPREAD));
    asm.compute(Operation::ShiftRight, Some(16));
    asm.answer_a();
    asm.finish()
}

/// Folds the words at these offsets of the header at X into a cell.
fn fold_addresses(asm: &mut Assembler, offsets: &[u32]) {
    asm.store_x(HEADER);
    for (index, &offset) in offsets.iter().enumerate() {
        asm.load(Width::Word, NETWORK.wrapping_add(offset), true);
        if index > 0 {
            asm.recall_x(ADDRESSES);
            asm.compute(Operation::Xor, None);
            asm.recall_x(HEADER);
        }
        asm.store(ADDRESSES);
    }
}

/// A is what the addresses came to, and the ports of the TCP header at X.
fn fold_ports(asm: &mut Assembler) {
    asm.load(Width::Half, NETWORK, true);
    asm.store(PORT);
    asm.load(Width::Half, NETWORK.wrapping_add(2), true);
    for cell in [PORT, ADDRESSES] {
        asm.recall_x(cell);
        asm.compute(Operation::Xor, None);
    }
}

const TCP: u8 = 6;
/// Headers of IPv6 behind which TCP may be: hop-by-hop options, routing, fragment, authentication, destination options.
const EXTENSIONS: &[u8] = &[0, 43, 44, 51, 60];
/// How many bytes of VLAN tags the kernel may have left before IP.
const TAGS_BEHIND: [u32; 3] = [0, 4, 8];
/// How many tags that makes with the one that it has taken out.
const MOST_TAGS: u32 = 3;
const TAGS: &[u32] = &[0x8100, 0x88a8, 0x9100, 0x9200];
/// 2^32 divided by the golden ratio: spreads what differs in few bits (Knuth, The Art of Computer Programming 3, 6.4).
const SPREAD: u32 = 0x9e37_79b1;
/// Cells of the program's memory.
const ADDRESSES: u32 = 0;
const HEADER: u32 = 1;
const PORT: u32 = 2;

#[cfg(test)]
mod tests {
    use etherparse::PacketBuilder;

    use super::*;
    use crate::base::Timestamp;
    use crate::capture::bpf::run;
    use crate::packet::{Decoded, Decoder, DecoderConfig, Frame, PortSet};

    /// What the kernel's program answers for a frame, whose outermost tag the kernel takes out before.
    fn by_kernel(frame: &[u8], workers: usize) -> usize {
        let untagged = match TAGS.contains(&u32::from(half(frame, 12).unwrap())) {
            true => [&frame[..12], &frame[16..]].concat(),
            false => frame.to_vec(),
        };
        run(&program(), &untagged, half(&untagged, 12).unwrap(), 14) as usize % workers
    }

    fn by_key(frame: &[u8], workers: usize) -> usize {
        let mut decoder = Decoder::new(DecoderConfig { ports: PortSet::any(), ..DecoderConfig::default() });
        let frame = Frame {
            data: frame,
            link: LinkType::Ethernet,
            timestamp: Timestamp::ZERO,
            original_len: frame.len() as u32,
            capture: 0,
            number: 1,
        };
        let Decoded::Segment(decoded) = decoder.decode(&frame) else { panic!("no segment") };
        worker_of(&decoded.header.key, workers)
    }

    /// Frames between these hosts and ports, both ways, with VLAN tags or without.
    fn frames() -> Vec<Vec<u8>> {
        let mut frames = Vec::new();
        for host in 0..20_u8 {
            for (source, destination) in [(40_000 + u16::from(host) * 7, 443), (443, 40_000 + u16::from(host) * 7)] {
                let (client, server) = ([10, 0, host, host.wrapping_mul(37)], [192, 168, 3, 4]);
                let (from, to) = if destination == 443 { (client, server) } else { (server, client) };
                let mut v4 = Vec::new();
                let ip = PacketBuilder::ethernet2([1; 6], [2; 6]).ipv4(from, to, 64);
                ip.tcp(source, destination, 1, 1).write(&mut v4, b"x").unwrap();
                let v6_of = |v4: [u8; 4]| {
                    let mut v6 = [0x20; 16];
                    v6[3..7].copy_from_slice(&v4);
                    v6[12..].copy_from_slice(&v4.map(|b| b ^ 0x55));
                    v6
                };
                let mut v6 = Vec::new();
                let ip = PacketBuilder::ethernet2([1; 6], [2; 6]).ipv6(v6_of(from), v6_of(to), 64);
                ip.tcp(source, destination, 1, 1).write(&mut v6, b"x").unwrap();
                for frame in [v4, v6] {
                    for tags in [&[][..], &[0x81, 0, 0, 5], &[0x88, 0xa8, 0, 5, 0x81, 0, 0, 6]] {
                        frames.push([&frame[..12], tags, &frame[12..]].concat());
                    }
                }
            }
        }
        frames
    }

    #[test]
    fn kernel_reader_and_worker_agree_on_plain_tcp() {
        for frame in frames() {
            for workers in [1, 2, 3, 16] {
                let expected = by_key(&frame, workers);
                assert_eq!(worker_for(&frame, LinkType::Ethernet, workers), expected, "{frame:02x?}");
                assert_eq!(by_kernel(&frame, workers), expected, "{frame:02x?}");
            }
        }
    }

    #[test]
    fn both_directions_have_the_same_worker_and_all_have_work() {
        let frames = frames();
        // Six kinds of frame for each direction of a host.
        for pair in frames.as_chunks::<12>().0 {
            for (there, back) in pair[..6].iter().zip(&pair[6..]) {
                assert_eq!(by_key(there, 16), by_key(back, 16));
            }
        }
        let mut busy: Vec<_> = frames.iter().map(|frame| by_key(frame, 4)).collect();
        busy.sort_unstable();
        busy.dedup();
        assert_eq!(busy, [0, 1, 2, 3]);
    }

    #[test]
    fn pieces_of_a_datagram_go_to_one_place() {
        let first = frames().remove(0);
        let (mut one, mut two) = (first.clone(), first.clone());
        one[20] = 0x20; // more fragments
        two[21] = 0x08; // an offset
        two[34..38].fill(9); // and what lies there is no ports
        assert_ne!(by_kernel(&one, 16), by_kernel(&first, 16));
        for place in [|f: &[u8]| worker_for(f, LinkType::Ethernet, 16), |f: &[u8]| by_kernel(f, 16)] {
            assert_eq!(place(&one), place(&two));
        }
    }

    #[test]
    fn what_is_not_tcp_goes_to_the_first() {
        let frame = frames().remove(0);
        assert_ne!(by_kernel(&frame, 16), 0);
        for (at, byte) in [(12, 0x88), (23, 17), (23, 47)] {
            let mut frame = frame.clone();
            frame[at] = byte;
            assert_eq!(worker_for(&frame, LinkType::Ethernet, 16), 0);
            assert_eq!(by_kernel(&frame, 16), 0);
        }
        assert_eq!(worker_for(&[], LinkType::Raw, 16), 0);
    }

    #[test]
    fn without_a_link_layer_ip_is_told_by_its_first_nibble() {
        for frame in frames().iter().filter(|f| f[12] == 0x08 || f[12] == 0x86) {
            assert_eq!(worker_for(&frame[14..], LinkType::Raw, 16), worker_for(frame, LinkType::Ethernet, 16));
        }
    }
}
