//! `dataset` and `datarep`: whether a buffer's whole value is in a set, and what reputation it has.

use super::super::builder::Builder;
use super::super::dataset::{Membership, Rated, RepSpec, SetSpec, Spec};
use super::super::diagnostic::Reason;
use super::{HeaderTest, Keyword, Kind, required};

pub(super) const KEYWORDS: &[Keyword] = &[
    Keyword { name: "dataset", aliases: &[], kind: Kind::Option(dataset) },
    Keyword { name: "datarep", aliases: &[], kind: Kind::Option(datarep) },
];

/// `set|unset|isset|isnotset,name[,type …][,load file][,save file][,state file][,memcap size][,hashsize n][,mask n]`
fn dataset(builder: &mut Builder<'_>, value: Option<&str>) -> Result<(), Reason> {
    let Spec { command, name, set } = Spec::parse(required(value)?)?;
    let dataset = builder.shared.sets.set(name, &set)?;
    note_sizes(builder, &set);
    let current = builder.current()?;
    if HeaderTest::is_about(current) {
        return Err(NO_HEADERS);
    }
    if dataset.kind.is_of_addresses() && current.address.is_none() {
        return Err(ONLY_ADDRESSES);
    }
    current.datasets.push(Membership { dataset, command, mask: set.mask, enrichment_key: set.enrichment_key.map(Into::into) });
    Ok(())
}

/// `name,operator,value[,load file][,type …][,memcap size][,hashsize n]`
fn datarep(builder: &mut Builder<'_>, value: Option<&str>) -> Result<(), Reason> {
    let RepSpec { name, wanted, set } = RepSpec::parse(required(value)?)?;
    let reputations = builder.shared.sets.reputations(name, &set)?;
    note_sizes(builder, &set);
    let current = builder.current()?;
    if HeaderTest::is_about(current) {
        return Err(NO_HEADERS);
    }
    if reputations.kind.is_of_addresses() && current.address.is_none() {
        return Err(ONLY_ADDRESSES);
    }
    current.reputations.push(Rated { reputations, wanted });
    Ok(())
}

fn note_sizes(builder: &mut Builder<'_>, set: &SetSpec<'_>) {
    if set.hashsize {
        builder.note(Reason::NoEffect("a data set takes what it needs"));
    }
}

const NO_HEADERS: Reason = Reason::BadValue("another buffer than a packet's header before a data set");
const ONLY_ADDRESSES: Reason = Reason::BadValue("ip.src or ip.dst before a data set of addresses");
