use std::net::IpAddr;

use etherparse::PacketBuilder;

use super::*;
use crate::capture::bpf;
use crate::packet::TunnelPorts;

/// `None`, and it says so, where the kernel does not let us. With `PORTCULLIS_LIVE_TESTS` set that is a failure.
fn allowed<T>(made: io::Result<T>) -> Option<T> {
    match made {
        Ok(made) => Some(made),
        Err(error) if std::env::var_os("PORTCULLIS_LIVE_TESTS").is_none_or(|value| value == "0") => {
            eprintln!("SKIPPED: {error}");
            None
        }
        Err(error) => panic!("live tests are wanted, but {error}"),
    }
}

fn wanted(ports: &str) -> Wanted {
    Wanted { ports: ports.parse().unwrap(), tunnels: TunnelPorts::default(), datagrams: false }
}

fn run(bypass: &Bypass, link: LinkType, frame: &[u8]) -> u32 {
    bypass.programs.iter().find(|(of, _)| *of == (link, bypass.wanted.datagrams)).unwrap().1.run(frame).unwrap()
}

const CLIENT: ([u8; 4], u16) = ([10, 0, 0, 1], 40_000);
const SERVER: ([u8; 4], u16) = ([192, 0, 2, 1], 443);
const V6: ([u8; 16], [u8; 16]) = ([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8], [0xfe; 16]);

fn segment(from: ([u8; 4], u16), to: ([u8; 4], u16)) -> Vec<u8> {
    let mut frame = Vec::new();
    let ip = PacketBuilder::ethernet2([1; 6], [2; 6]).ipv4(from.0, to.0, 64);
    ip.tcp(from.1, to.1, 7, 500).ack(9).write(&mut frame, b"some bytes").unwrap();
    frame
}

fn segment6(from: u16, to: u16) -> Vec<u8> {
    let mut frame = Vec::new();
    let ip = PacketBuilder::ethernet2([1; 6], [2; 6]).ipv6(V6.0, V6.1, 64);
    ip.tcp(from, to, 7, 500).ack(9).write(&mut frame, b"some bytes").unwrap();
    frame
}

fn key<I: Into<IpAddr>>(from: (I, u16), to: (I, u16), vlan: [u16; 2]) -> (FlowKey, Direction) {
    let end = |(ip, port): (I, u16)| Endpoint { ip: ip.into(), port };
    FlowKey::new(end(from), end(to), 6, vlan)
}

/// `frame` with tags of these ids behind its addresses.
fn tagged(frame: &[u8], ids: &[u16]) -> Vec<u8> {
    let tags = ids.iter().flat_map(|id| [0x81, 0, 0x20 | (id >> 8) as u8, *id as u8]);
    frame[..12].iter().copied().chain(tags).chain(frame[12..].iter().copied()).collect()
}

fn with(frame: &[u8], at: usize, byte: u8) -> Vec<u8> {
    let mut frame = frame.to_vec();
    frame[at] = byte;
    frame
}

/// With nothing in the table, the kernel lets in what the classic filter does.
#[test]
fn what_is_not_passed_over_gets_in_as_by_the_classic_filter() {
    let v4 = segment(CLIENT, SERVER);
    let v6 = segment6(40_000, 443);
    let options = {
        let mut frame = with(&v4, 14, 0x46);
        frame.splice(34..34, [1, 1, 1, 0]);
        frame
    };
    let mut udp = Vec::new();
    PacketBuilder::ethernet2([1; 6], [2; 6]).ipv4([1; 4], [2; 4], 9).udp(5, 4789).write(&mut udp, &[0; 60]).unwrap();
    let mut frames = vec![
        segment(SERVER, CLIENT),
        segment(CLIENT, ([192, 0, 2, 1], 80)),
        options,
        tagged(&v4, &[5]),
        tagged(&v4, &[5, 6]),
        tagged(&v4, &[5, 6, 7]),
        tagged(&v6, &[5]),
        with(&v4, 20, 0x20),
        with(&v4, 21, 0x07),
        with(&v4, 23, 17),
        with(&v4, 23, 47),
        with(&v4, 47, 0x12),
        with(&v6, 20, 44),
        with(&v6, 20, 58),
        with(&v4, 13, 0x06),
        with(&with(&v4, 12, 0x88), 13, 0x47),
        udp,
    ];
    // Cut anywhere, as far as the kernel takes it.
    frames.extend([&v4, &v6, &tagged(&v4, &[1, 2])].iter().flat_map(|f| (1..f.len()).map(|len| f[..len].to_vec())));
    frames.extend([v4, v6]);
    for ports in ["443", "80,8000-9000", "any"] {
        for tags in [Tags::Ignored, Tags::InFrame, Tags::All] {
            let Some(bypass) = allowed(Bypass::new(16, wanted(ports), tags)) else { return };
            for frame in &frames {
                let expected = bpf::run(&wanted(ports).program(LinkType::Ethernet), frame, 0, 14);
                assert_eq!(run(&bypass, LinkType::Ethernet, frame), expected, "{ports} {tags:?} {frame:02x?}");
            }
            for frame in frames.iter().filter_map(|f| f.get(14..)).filter(|f| !f.is_empty()) {
                let expected = bpf::run(&wanted(ports).program(LinkType::Raw), frame, 0, 0);
                assert_eq!(run(&bypass, LinkType::Raw, frame), expected, "{ports} {tags:?} {frame:02x?}");
            }
        }
    }
}

#[test]
fn packets_of_a_flow_that_was_entered_are_counted_and_not_let_in() {
    let Some(bypass) = allowed(Bypass::new(16, wanted("443"), Tags::All)) else { return };
    let (there, back) = (segment(CLIENT, SERVER), segment(SERVER, CLIENT));
    let (key, direction) = key(CLIENT, SERVER, [0; 2]);
    let slot = bypass.enter(&key, direction).unwrap();
    for _ in 0..3 {
        assert_eq!(run(&bypass, LinkType::Ethernet, &there), 0);
    }
    assert_eq!(run(&bypass, LinkType::Raw, &there[14..]), 0, "whatever the link");
    assert!(run(&bypass, LinkType::Ethernet, &back) > 0, "the other direction is another matter");
    let bytes = there.len() as u64;
    let expected = Sent { packets: 4, bytes: 4 * bytes - 14 };
    assert_eq!(bypass.sent(&slot), expected);
    assert!(run(&bypass, LinkType::Ethernet, &with(&there, 20, 0x20)) > 0, "a fragment gets in");
    assert_eq!(bypass.leave(slot), expected);
    assert!(run(&bypass, LinkType::Ethernet, &there) > 0);
    let again = bypass.enter(&key, direction).unwrap();
    assert_eq!(bypass.sent(&again), Sent::default(), "it is counted anew");
}

/// What follows a SYN is another connection's hello.
#[test]
fn with_fin_syn_or_rst_a_direction_is_let_in_again() {
    let (there, back) = (segment(CLIENT, SERVER), segment(SERVER, CLIENT));
    for flags in [0x11, 0x12, 0x14, 0x02] {
        let Some(bypass) = allowed(Bypass::new(16, wanted("443"), Tags::All)) else { return };
        let (key, direction) = key(CLIENT, SERVER, [0; 2]);
        let slots = [direction, direction.reverse()].map(|direction| bypass.enter(&key, direction).unwrap());
        assert_eq!(run(&bypass, LinkType::Ethernet, &there), 0);
        assert!(run(&bypass, LinkType::Ethernet, &with(&there, 47, flags)) > 0, "{flags:#x}");
        assert!(run(&bypass, LinkType::Ethernet, &there) > 0, "{flags:#x}: and what follows");
        assert_eq!(run(&bypass, LinkType::Ethernet, &back), 0, "{flags:#x}: the other direction has not said so");
        assert_eq!(slots.map(|slot| bypass.leave(slot).packets), [1, 1]);
    }
}

#[test]
fn all_that_tells_flows_apart_does_so_in_the_kernel() {
    let (v4, v6) = (segment(CLIENT, SERVER), segment6(40_000, 443));
    let entered = |tags, (key, direction): (FlowKey, Direction), frame: &[u8]| {
        let bypass = allowed(Bypass::new(16, wanted("443"), tags))?;
        bypass.enter(&key, direction).unwrap();
        Some(run(&bypass, LinkType::Ethernet, frame) == 0)
    };
    let other_host = key(([10, 0, 0, 2], 40_000), SERVER, [0; 2]);
    for (what, tags, key, frame, expected) in [
        ("the flow itself", Tags::All, key(CLIENT, SERVER, [0; 2]), v4.clone(), true),
        ("another port", Tags::All, key((CLIENT.0, 40_001), SERVER, [0; 2]), v4.clone(), false),
        ("another host", Tags::All, other_host, v4.clone(), false),
        ("IPv6", Tags::All, key((V6.0, 40_000), (V6.1, 443), [0; 2]), v6.clone(), true),
        ("IPv6, another port", Tags::All, key((V6.0, 40_000), (V6.1, 444), [0; 2]), v6.clone(), false),
        ("a tag", Tags::InFrame, key(CLIENT, SERVER, [5, 0]), tagged(&v4, &[5]), true),
        ("two tags", Tags::All, key(CLIENT, SERVER, [5, 0xfff]), tagged(&v4, &[5, 0xfff]), true),
        ("two tags of IPv6", Tags::InFrame, key((V6.0, 40_000), (V6.1, 443), [1, 2]), tagged(&v6, &[1, 2]), true),
        ("another tag", Tags::All, key(CLIENT, SERVER, [6, 0]), tagged(&v4, &[5]), false),
        ("one tag more", Tags::All, key(CLIENT, SERVER, [5, 0]), tagged(&v4, &[5, 6]), false),
        ("the inner tag alone", Tags::All, key(CLIENT, SERVER, [0, 5]), tagged(&v4, &[5]), false),
        ("no tag", Tags::All, key(CLIENT, SERVER, [5, 0]), v4.clone(), false),
        ("a tag that does not count", Tags::Ignored, key(CLIENT, SERVER, [0; 2]), tagged(&v4, &[5]), true),
    ] {
        let Some(is_passed_over) = entered(tags, key, &frame) else { return };
        assert_eq!(is_passed_over, expected, "{what}");
    }
}

#[test]
fn a_full_bucket_takes_no_more_and_one_that_leaves_makes_room() {
    let Some(bypass) = allowed(Bypass::new(1, wanted("443"), Tags::All)) else { return };
    let enter = |port: u16| {
        let (key, direction) = key((CLIENT.0, port), SERVER, [0; 2]);
        bypass.enter(&key, direction)
    };
    let mut slots: Vec<_> = (0..4).map(|port| enter(port).unwrap()).collect();
    assert_eq!(enter(4), None);
    bypass.leave(slots.remove(1));
    slots.push(enter(5).unwrap());
    assert_eq!(enter(6), None);
    for (port, expected) in [(0, true), (1, false), (2, true), (3, true), (4, false), (5, true)] {
        assert_eq!(run(&bypass, LinkType::Ethernet, &segment((CLIENT.0, port), SERVER)) == 0, expected, "{port}");
    }
}

/// The kernel's verifier walks a million instructions, and each range of ports makes more ways through the program.
#[test]
fn a_hundred_ranges_of_ports_are_still_a_program() {
    let ports: Vec<_> = (1..=100).map(|n| (n * 2).to_string()).collect();
    let Some(bypass) = allowed(Bypass::new(16, wanted(&ports.join(",")), Tags::All)) else { return };
    assert!(run(&bypass, LinkType::Ethernet, &segment(CLIENT, (SERVER.0, 200))) > 0);
    assert_eq!(run(&bypass, LinkType::Ethernet, &segment(CLIENT, (SERVER.0, 201))), 0);
}
