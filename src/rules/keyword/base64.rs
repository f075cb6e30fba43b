//! `base64_decode` and `base64_data`: what a part of a buffer, read as Base64, stands for, and what is asked of that.

use super::super::builder::Builder;
use super::super::diagnostic::Reason;
use super::super::inspect::{Base64Decode, Step};
use super::super::subject::{Facts, Sides};
use super::super::transform::{Base64Mode, FromBase64};
use super::{Buffer, Case, Form, Keyword, Kind, absence, no_value, set_once};

pub(super) const KEYWORDS: &[Keyword] = &[
    Keyword { name: "base64_decode", aliases: &[], kind: Kind::Option(decode) },
    Keyword {
        name: "base64_data",
        aliases: &[],
        kind: Kind::Option(|builder, value| no_value(value).and_then(|()| builder.select(&BASE64_DATA))),
    },
];

/// What was decoded, as far as loading treats it as a buffer. No session has it: it comes with the buffer before it.
pub(in super::super) static BASE64_DATA: Buffer = Buffer {
    name: "base64_data",
    sides: Sides { to_server: Facts::NONE, to_client: Facts::NONE },
    multiple: false,
    form: Form::Free,
    case: Case::AsSent,
    read: |_, _, _| {},
    is_absent: absence::never,
};

/// `[bytes N][, offset N][, relative]`, in any order, or nothing.
fn decode(builder: &mut Builder<'_>, value: Option<&str>) -> Result<(), Reason> {
    const FORM: Reason = Reason::BadValue("bytes N, offset N, relative");
    let (mut bytes, mut offset, mut relative) = (None, None, None);
    for part in value.into_iter().flat_map(|v| v.split(',')).map(str::trim) {
        let number = |text: &str| text.trim().parse::<u16>().map(usize::from).map_err(|_| FORM);
        match part.split_once(char::is_whitespace) {
            Some(("bytes", n)) => set_once(&mut bytes, number(n)?)?,
            Some(("offset", n)) => set_once(&mut offset, number(n)?)?,
            None if part == "relative" => set_once(&mut relative, true)?,
            _ => return Err(FORM),
        }
    }
    if bytes == Some(0) {
        return Err(Reason::NeverMatches("nothing is decoded of no bytes"));
    }
    let from = FromBase64 { bytes, offset: offset.unwrap_or_default(), mode: Base64Mode::Ends };
    builder.step(Step::Base64(Box::new(Base64Decode { from, relative: relative.unwrap_or_default(), asks: None })))
}
