//! Keywords about what a flow has come to, with the packet at hand: `flow.age`, `flow.pkts`, `flow.bytes`.

use super::super::builder::{Builder, PacketTest};
use super::super::diagnostic::Reason;
use super::super::parse::number::Comparison;
use super::super::subject::{Packet, Totals};
use super::packet::comparison;
use super::{Keyword, Kind, required};

pub(super) const KEYWORDS: &[Keyword] = &[
    Keyword { name: "flow.age", aliases: &[], kind: Kind::Option(age) },
    Keyword { name: "flow.pkts", aliases: &[], kind: Kind::Option(|b, v| of_side(b, |t| t.packets, v)) },
    Keyword { name: "flow.pkts_toserver", aliases: &[], kind: Kind::Option(|b, v| count(b, |t| t.packets, Of::Client, v)) },
    Keyword { name: "flow.pkts_toclient", aliases: &[], kind: Kind::Option(|b, v| count(b, |t| t.packets, Of::Server, v)) },
    Keyword { name: "flow.bytes", aliases: &[], kind: Kind::Option(|b, v| of_side(b, |t| t.bytes, v)) },
    Keyword { name: "flow.bytes_toserver", aliases: &[], kind: Kind::Option(|b, v| count(b, |t| t.bytes, Of::Client, v)) },
    Keyword { name: "flow.bytes_toclient", aliases: &[], kind: Kind::Option(|b, v| count(b, |t| t.bytes, Of::Server, v)) },
];

/// `flow.age`
#[derive(Debug)]
struct Age(Comparison);

impl PacketTest for Age {
    fn holds(&self, packet: &Packet<'_>) -> bool {
        self.0.holds(packet.totals.age)
    }
}

fn age(builder: &mut Builder<'_>, value: Option<&str>) -> Result<(), Reason> {
    let wanted = comparison(value)?;
    builder.packet.push(Box::new(Age(wanted)));
    Ok(())
}

/// What the client and the server have sent.
type Read = fn(&Totals) -> [u64; 2];

#[derive(Debug)]
struct Count {
    read: Read,
    of: Of,
    wanted: Comparison,
}

/// Whose number counts.
#[derive(Clone, Copy, Debug)]
enum Of {
    Client,
    Server,
    Either,
    Both,
}

impl PacketTest for Count {
    fn holds(&self, packet: &Packet<'_>) -> bool {
        let [client, server] = (self.read)(&packet.totals).map(|n| self.wanted.holds(n));
        match self.of {
            Of::Client => client,
            Of::Server => server,
            Of::Either => client || server,
            Of::Both => client && server,
        }
    }
}

/// `toserver|toclient|either|both,comparison`
fn of_side(builder: &mut Builder<'_>, read: Read, value: Option<&str>) -> Result<(), Reason> {
    let bad = Reason::BadValue("toserver|toclient|either|both, comparison");
    let (of, wanted) = required(value)?.split_once(',').ok_or(bad.clone())?;
    let of = match of.trim() {
        "toserver" => Of::Client,
        "toclient" => Of::Server,
        "either" => Of::Either,
        "both" => Of::Both,
        _ => return Err(bad),
    };
    count(builder, read, of, Some(wanted))
}

fn count(builder: &mut Builder<'_>, read: Read, of: Of, value: Option<&str>) -> Result<(), Reason> {
    let wanted = comparison(value)?;
    builder.packet.push(Box::new(Count { read, of, wanted }));
    Ok(())
}
