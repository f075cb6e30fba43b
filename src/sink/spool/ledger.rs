//! The ledger of a spool: its id, and up to which number events are acknowledged.

use std::path::{Path, PathBuf};
use std::{fs, io};

/// Id and first number that is not acknowledged. `None` where there is no ledger, or none that holds.
pub(super) fn read(dir: &Path) -> Option<(u64, u64)> {
    let bytes = fs::read(path(dir)).ok()?;
    let (body, sum) = bytes.split_at_checked(16)?;
    if crc32fast::hash(body).to_le_bytes() != sum {
        return None;
    }
    let (id, number) = body.split_at_checked(8)?;
    Some((u64::from_le_bytes(id.try_into().ok()?), u64::from_le_bytes(number.try_into().ok()?)))
}

/// Replaces the ledger, whole or not at all.
pub(super) fn write(dir: &Path, id: u64, acknowledged: u64) -> io::Result<()> {
    let mut bytes = [id.to_le_bytes(), acknowledged.to_le_bytes()].concat();
    bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
    let part = path(dir).with_added_extension("part");
    fs::write(&part, bytes)?;
    fs::rename(part, path(dir))
}

fn path(dir: &Path) -> PathBuf {
    dir.join("ledger")
}
