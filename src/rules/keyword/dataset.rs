//! `dataset`: whether a buffer's whole value is in a file.

use super::super::builder::Builder;
use super::super::dataset::Spec;
use super::super::diagnostic::{Reason, excerpt};
use super::super::inspect::Membership;
use super::{Keyword, Kind, required};

pub(super) const KEYWORDS: &[Keyword] = &[Keyword { name: "dataset", aliases: &[], kind: Kind::Option(dataset) }];

/// `isset|isnotset,name[,type string|md5|sha256][,load file][,memcap size][,hashsize n]`
fn dataset(builder: &mut Builder<'_>, value: Option<&str>) -> Result<(), Reason> {
    let spec = Spec::parse(required(value)?)?;
    let dataset = builder.config.datasets.get(spec.name).ok_or_else(|| Reason::NoDataset(excerpt(spec.name)))?.clone();
    if spec.kind.is_some_and(|kind| kind != dataset.kind()) {
        return Err(Reason::OtherDataset(excerpt(spec.name)));
    }
    if spec.sized {
        builder.notes.push(Reason::NoEffect("a data set takes what its file needs"));
    }
    builder.current()?.datasets.push(Membership { dataset, present: spec.present });
    Ok(())
}
