//! Anything that takes lines of JSON (`application/x-ndjson`).

use super::batch::Item;
use crate::sink::format::Format;

/// The body of a request.
pub(super) fn body(format: Format, items: &[Item], out: &mut Vec<u8>) {
    for item in items {
        out.extend(item.text(format));
        out.push(b'\n');
    }
}
