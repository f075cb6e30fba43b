//! `app-layer-protocol`: what a flow speaks.

use super::super::builder::{Builder, Test};
use super::super::diagnostic::Reason;
use super::super::subject::{AppProto, FlowDirection, Sides, Subject};
use super::{Keyword, Kind, required};

pub(super) const KEYWORDS: &[Keyword] =
    &[Keyword { name: "app-layer-protocol", aliases: &[], kind: Kind::Option(app_layer_protocol) }];

#[derive(Debug)]
struct Speaks(AppProto);

impl Test for Speaks {
    fn sides(&self) -> Sides {
        Sides::DECIDED
    }

    fn holds(&self, subject: &Subject<'_>, _: FlowDirection) -> bool {
        subject.app_proto == self.0
    }
}

/// `[!]tls`. Other protocols are not told apart.
fn app_layer_protocol(builder: &mut Builder<'_>, value: Option<&str>) -> Result<(), Reason> {
    let proto = match required(value)? {
        "tls" | "ssl" => AppProto::Tls,
        "!tls" | "!ssl" => AppProto::NotTls,
        _ => return Err(Reason::NotSupported("anything but tls and !tls")),
    };
    builder.tests.push(Box::new(Speaks(proto)));
    Ok(())
}
