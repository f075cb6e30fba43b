//! Keywords about the packet at hand: `flags`, `seq`, `ack`, `window`, `ttl`, `dsize`, `sameip`, `stream_size`.

use super::super::builder::{Builder, PacketTest};
use super::super::compile::Transports;
use super::super::diagnostic::Reason;
use super::super::parse::number::Comparison;
use super::super::subject::Packet;
use super::{Keyword, Kind, no_value, number, required};
use crate::packet::{SegmentHeader, TcpFlags};

pub(super) const KEYWORDS: &[Keyword] = &[
    Keyword { name: "flags", aliases: &["tcp.flags"], kind: Kind::Option(flags) },
    Keyword { name: "seq", aliases: &["tcp.seq"], kind: Kind::Option(|b, v| of_tcp(b, |h| h.seq, exactly(v)?)) },
    Keyword { name: "ack", aliases: &["tcp.ack"], kind: Kind::Option(|b, v| of_tcp(b, |h| h.ack, exactly(v)?)) },
    Keyword { name: "window", aliases: &[], kind: Kind::Option(|b, v| of_tcp(b, |h| h.window.into(), comparison(v)?)) },
    Keyword { name: "ttl", aliases: &[], kind: Kind::Option(|b, v| field(b, |h| h.ttl.into(), comparison(v)?)) },
    Keyword { name: "dsize", aliases: &[], kind: Kind::Option(dsize) },
    Keyword { name: "sameip", aliases: &[], kind: Kind::Option(same_ip) },
    Keyword { name: "stream_size", aliases: &[], kind: Kind::Option(stream_size) },
];

/// `flags`: which bits are set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Flags {
    how: How,
    bits: u8,
    /// Bits that do not count.
    ignored: u8,
}

/// How the bits of a packet are compared with those of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// These and no others.
    Exactly,
    /// `+`: these, and maybe others.
    All,
    /// `*`: one of these.
    Any,
    /// `!`: not all of these.
    NotAll,
}

impl How {
    /// By the sign before or behind the letters; and the letters.
    pub fn parse(text: &str) -> (Self, &str) {
        for (sign, how) in [('+', Self::All), ('*', Self::Any), ('!', Self::NotAll)] {
            if let Some(rest) = text.strip_prefix(sign).or_else(|| text.strip_suffix(sign)) {
                return (how, rest.trim());
            }
        }
        (Self::Exactly, text)
    }

    /// Whether `set`, the bits of a packet, are as the rule wants with `bits`.
    pub const fn holds(self, set: u8, bits: u8) -> bool {
        match self {
            Self::Exactly => set == bits,
            Self::All => set & bits == bits,
            Self::Any => set & bits != 0,
            Self::NotAll => set & bits != bits,
        }
    }
}

impl Flags {
    /// `[modifier]flags[,ignored]`; the modifier may also be behind the flags.
    fn parse(text: &str) -> Option<Self> {
        let (wanted, ignored) = text.split_once(',').unwrap_or((text, ""));
        let (how, letters) = How::parse(wanted.trim());
        let wanted = match letters {
            "" => return None,
            "0" => 0,
            letters => bits(letters)?,
        };
        Some(Self { how, bits: wanted, ignored: bits(ignored.trim())? })
    }

    const fn hold(self, flags: TcpFlags) -> bool {
        self.how.holds(flags.0 & !self.ignored, self.bits)
    }
}

impl PacketTest for Flags {
    fn holds(&self, packet: &Packet<'_>) -> bool {
        self.hold(packet.segment.header.flags)
    }
}

/// The bits that letters stand for: those of RFC 9293 by their first letter, CWR and ECE (RFC 3168) also by Snort's old numbers.
fn bits(letters: &str) -> Option<u8> {
    letters.chars().try_fold(0, |bits, letter| {
        let bit = match letter.to_ascii_uppercase() {
            'F' => TcpFlags::FIN,
            'S' => TcpFlags::SYN,
            'R' => TcpFlags::RST,
            'P' => TcpFlags::PSH,
            'A' => TcpFlags::ACK,
            'U' => TcpFlags::URG,
            'E' | '2' => ECE,
            'C' | '1' => CWR,
            _ => return None,
        };
        Some(bits | bit)
    })
}

fn flags(builder: &mut Builder<'_>, value: Option<&str>) -> Result<(), Reason> {
    let flags = Flags::parse(required(value)?).ok_or(Reason::BadValue("[+*!]flags[,ignored], of FSRPAUCE, 1, 2 or 0"))?;
    builder.only_over(Transports::TCP);
    builder.packet.push(Box::new(flags));
    Ok(())
}

/// A number in the header.
#[derive(Debug)]
struct Field {
    read: fn(&SegmentHeader) -> u32,
    wanted: Comparison,
}

impl PacketTest for Field {
    fn holds(&self, packet: &Packet<'_>) -> bool {
        self.wanted.holds((self.read)(packet.segment.header).into())
    }
}

fn field(builder: &mut Builder<'_>, read: fn(&SegmentHeader) -> u32, wanted: Comparison) -> Result<(), Reason> {
    builder.packet.push(Box::new(Field { read, wanted }));
    Ok(())
}

/// A number in TCP's header.
fn of_tcp(builder: &mut Builder<'_>, read: fn(&SegmentHeader) -> u32, wanted: Comparison) -> Result<(), Reason> {
    builder.only_over(Transports::TCP);
    field(builder, read, wanted)
}

fn dsize(builder: &mut Builder<'_>, value: Option<&str>) -> Result<(), Reason> {
    let wanted = comparison(value)?;
    builder.payload_len.push(wanted);
    field(builder, |h| h.payload_len, wanted)
}

fn exactly(value: Option<&str>) -> Result<Comparison, Reason> {
    Ok(Comparison::Equal(number::<u32>(value)?.into()))
}

pub(super) fn comparison(value: Option<&str>) -> Result<Comparison, Reason> {
    Comparison::parse(required(value)?).ok_or(Reason::BadValue("N, !N, <N, >N, <=N, >=N, A<>B, A-B, !A-B or &M=N"))
}

/// `sameip`
#[derive(Debug)]
struct SameIp;

impl PacketTest for SameIp {
    fn holds(&self, packet: &Packet<'_>) -> bool {
        let header = packet.segment.header;
        header.key.sender(header.sender).ip == header.key.receiver(header.sender).ip
    }
}

fn same_ip(builder: &mut Builder<'_>, value: Option<&str>) -> Result<(), Reason> {
    no_value(value)?;
    builder.packet.push(Box::new(SameIp));
    Ok(())
}

/// `stream_size`: how far sequence numbers have come.
#[derive(Debug)]
struct StreamSize {
    of: StreamOf,
    wanted: Comparison,
}

#[derive(Clone, Copy, Debug)]
enum StreamOf {
    Client,
    Server,
    Both,
    Either,
}

impl PacketTest for StreamSize {
    fn holds(&self, packet: &Packet<'_>) -> bool {
        let [client, server] = packet.totals.reach.map(|size| self.wanted.holds(size.into()));
        match self.of {
            StreamOf::Client => client,
            StreamOf::Server => server,
            StreamOf::Both => client && server,
            StreamOf::Either => client || server,
        }
    }
}

/// `side,operator,number`
fn stream_size(builder: &mut Builder<'_>, value: Option<&str>) -> Result<(), Reason> {
    let bad = Reason::BadValue("server|client|both|either, operator, number");
    let parts: Vec<&str> = required(value)?.split(',').map(str::trim).collect();
    let [side, operator, number] = parts.as_slice() else { return Err(bad) };
    let of = match *side {
        "client" => StreamOf::Client,
        "server" => StreamOf::Server,
        "both" => StreamOf::Both,
        "either" => StreamOf::Either,
        _ => return Err(bad),
    };
    let number = number.parse().map_err(|_| bad.clone())?;
    let wanted = match *operator {
        ">" => Comparison::Greater(number),
        "<" => Comparison::Less(number),
        "=" => Comparison::Equal(number),
        "!=" => Comparison::NotEqual(number),
        ">=" => Comparison::AtLeast(number),
        "<=" => Comparison::AtMost(number),
        _ => return Err(bad),
    };
    builder.only_over(Transports::TCP);
    builder.packet.push(Box::new(StreamSize { of, wanted }));
    Ok(())
}

const ECE: u8 = 0x40;
const CWR: u8 = 0x80;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_in_all_their_forms() {
        let set = |letters: &str| TcpFlags(bits(letters).unwrap());
        for (text, matching, others) in [
            ("S", &["S"][..], &["SA", "", "SF", "SC"][..]),
            ("s", &["S"], &["A"]),
            ("S,12", &["S", "SC", "SE", "SCE"], &["SA"]),
            ("S,CE", &["S", "SCE"], &["SA"]),
            ("SA", &["SA"], &["S", "A", "SAP"]),
            ("0", &[""], &["S"]),
            ("0,12", &["", "CE"], &["S"]),
            ("+S", &["S", "SA", "SFP"], &["A", ""]),
            ("SUF+", &["SUF", "SUFA"], &["SU"]),
            ("*FSR,12", &["F", "SA", "RA", "FSR"], &["A", "PA", ""]),
            ("!A,12", &["S", "", "F"], &["A", "SA", "AC"]),
            ("!SF", &["S", "F", "A", ""], &["SF", "SFA"]),
            ("12", &["CE"], &["C", "SCE"]),
        ] {
            let flags = Flags::parse(text).expect(text);
            assert!(matching.iter().all(|m| flags.hold(set(m))), "{text}");
            assert!(!others.iter().any(|m| flags.hold(set(m))), "{text}");
        }
        for bad in ["", "X", "S,Z", "+", "SX", ",12"] {
            assert_eq!(Flags::parse(bad), None, "{bad}");
        }
    }
}
