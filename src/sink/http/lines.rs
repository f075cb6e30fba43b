//! Anything that takes lines of JSON (`application/x-ndjson`).

use super::batch::Item;
use crate::sink::spool::with_id;

/// The body of a request.
pub(super) fn body(items: &[Item], out: &mut Vec<u8>) {
    for item in items {
        with_id(out, &item.event, &item.id);
        out.push(b'\n');
    }
}
