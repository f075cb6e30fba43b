//! Keywords about VLAN tags: `vlan.id`, `vlan.layers`. Two tags are kept, the outer ones.

use super::super::builder::{Builder, PacketTest};
use super::super::diagnostic::Reason;
use super::super::parse::number::Comparison;
use super::super::subject::Packet;
use super::packet::comparison;
use super::{Keyword, Kind, required};

pub(super) const KEYWORDS: &[Keyword] = &[
    Keyword { name: "vlan.id", aliases: &[], kind: Kind::Option(vlan_id) },
    Keyword { name: "vlan.layers", aliases: &[], kind: Kind::Option(vlan_layers) },
];

/// `vlan.id`
#[derive(Debug)]
struct Id {
    wanted: Comparison,
    layer: Layer,
}

/// Which tag is looked at.
#[derive(Clone, Copy, Debug)]
enum Layer {
    Any,
    All,
    /// From 0 for the outermost.
    Outer(usize),
    /// From 0 for the innermost.
    Inner(usize),
}

impl PacketTest for Id {
    fn holds(&self, packet: &Packet<'_>) -> bool {
        let mut ids = packet.segment.header.key.vlan();
        let fits = |id: u16| self.wanted.holds(id.into());
        match self.layer {
            Layer::Any => ids.any(fits),
            Layer::All => ids.next().is_some_and(fits) && ids.all(fits),
            Layer::Outer(layer) => ids.nth(layer).is_some_and(fits),
            Layer::Inner(layer) => {
                let inner = ids.count().checked_sub(layer.saturating_add(1));
                inner.and_then(|at| packet.segment.header.key.vlan().nth(at)).is_some_and(fits)
            }
        }
    }
}

/// `comparison[,any|all|0|1|2|-1|-2|-3]`
fn vlan_id(builder: &mut Builder<'_>, value: Option<&str>) -> Result<(), Reason> {
    let text = required(value)?;
    let (wanted, layer) = text.split_once(',').map_or((text, "any"), |(wanted, layer)| (wanted, layer.trim()));
    let layer = match layer {
        "any" => Layer::Any,
        "all" => Layer::All,
        "0" => Layer::Outer(0),
        "1" => Layer::Outer(1),
        "2" => Layer::Outer(2),
        "-1" => Layer::Inner(0),
        "-2" => Layer::Inner(1),
        "-3" => Layer::Inner(2),
        _ => return Err(Reason::BadValue("comparison[, any|all|0|1|2|-1|-2|-3]")),
    };
    let wanted = comparison(Some(wanted))?;
    builder.packet.push(Box::new(Id { wanted, layer }));
    Ok(())
}

/// `vlan.layers`
#[derive(Debug)]
struct Layers(Comparison);

impl PacketTest for Layers {
    fn holds(&self, packet: &Packet<'_>) -> bool {
        self.0.holds(u64::try_from(packet.segment.header.key.vlan().count()).unwrap_or(u64::MAX))
    }
}

fn vlan_layers(builder: &mut Builder<'_>, value: Option<&str>) -> Result<(), Reason> {
    let wanted = comparison(value)?;
    builder.packet.push(Box::new(Layers(wanted)));
    Ok(())
}
