//! What a file is that is no capture: said in words, so that the user sees the mistake at once.

use std::fmt;

use super::compression::Compression;

/// What was found where a capture was expected.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Found {
    /// Nothing: zero bytes.
    Empty,
    /// The start of a capture, too short to hold even its header.
    CutHeader {
        /// Bytes that are there.
        len: usize,
    },
    /// A kind of file that is known by its first bytes.
    Kind(&'static str),
    /// Text.
    Text,
    /// Unknown: its first bytes, eight at most.
    Bytes(Vec<u8>),
    /// A compressed stream, and what is in it.
    Compressed(Compression, Box<Found>),
    /// A compressed stream that ends before anything could be decompressed, and the decompressor's reason.
    Undecompressable(String),
}

impl Found {
    /// What the file with these first bytes is. A hundred bytes or so are enough.
    pub(super) fn by_first_bytes(bytes: &[u8]) -> Self {
        if bytes.is_empty() {
            return Self::Empty;
        }
        if let Some((_, kind)) = KINDS.iter().find(|(magic, _)| bytes.starts_with(magic)) {
            return Self::Kind(kind);
        }
        if looks_like_text(bytes) {
            return Self::Text;
        }
        Self::Bytes(bytes.iter().take(8).copied().collect())
    }

    /// The same, said to be inside a stream that is compressed so (or not at all).
    pub(super) fn inside(self, compression: Option<Compression>) -> Self {
        match compression {
            Some(compression) => Self::Compressed(compression, Box::new(self)),
            None => self,
        }
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => write!(f, "it is empty"),
            Self::CutHeader { len } => write!(f, "it ends inside the file header, after {len} bytes"),
            Self::Kind(kind) => write!(f, "it looks like {kind}"),
            Self::Text => write!(f, "it looks like text"),
            Self::Bytes(bytes) => {
                write!(f, "it starts with")?;
                bytes.iter().try_for_each(|byte| write!(f, " {byte:02x}"))
            }
            Self::Compressed(compression, found) => match &**found {
                Self::Empty => write!(f, "it is an empty file, compressed with {compression}"),
                Self::CutHeader { len } => {
                    write!(f, "it is {compression}-compressed and ends inside the file header, after {len} bytes")
                }
                Self::Kind(kind) => write!(f, "it looks like {kind}, compressed with {compression}"),
                Self::Text => write!(f, "it looks like {compression}-compressed text"),
                Self::Undecompressable(reason) => {
                    write!(f, "it looks like {compression}, but nothing can be decompressed: {reason}")
                }
                inner @ (Self::Bytes(_) | Self::Compressed(..)) => write!(f, "it is {compression}-compressed, and inside {inner}"),
            },
            Self::Undecompressable(reason) => write!(f, "nothing can be decompressed: {reason}"),
        }
    }
}

/// Text: valid UTF-8 (a character may be cut at the end) without control characters but for white space.
fn looks_like_text(bytes: &[u8]) -> bool {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            bytes.get(..error.valid_up_to()).and_then(|valid| std::str::from_utf8(valid).ok()).unwrap_or_default()
        }
        Err(_) => return false,
    };
    !text.is_empty() && text.chars().all(|c| !c.is_control() || c.is_ascii_whitespace())
}

/// Files that end up among captures, by their first bytes.
const KINDS: &[(&[u8], &str)] = &[
    (b"\x7fELF", "an ELF program or library"),
    (b"PK\x03\x04", "a ZIP archive (unpack it first)"),
    (b"BZh", "bzip2-compressed data (decompress it first: bunzip2)"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive (unpack it first)"),
    (b"\x1f\x9d", "data compressed with compress (decompress it first: uncompress)"),
    (b"\x1f\x8b", "gzip-compressed data"),
    (b"\x28\xb5\x2f\xfd", "zstd-compressed data"),
    (b"\xfd7zXZ\0", "xz-compressed data"),
    (b"\x04\x22\x4d\x18", "lz4-compressed data"),
    (b"\x02\x21\x4c\x18", "lz4-compressed data in the legacy format (decompress it first: lz4 -d)"),
    (b"snoop\0\0\0", "a snoop capture (convert it first: editcap -F pcapng)"),
    (b"GMBU", "a Network Monitor capture (convert it first: editcap -F pcapng)"),
    (b"RTSS", "a Network Monitor capture (convert it first: editcap -F pcapng)"),
    (b"TRSNIFF data", "a Sniffer capture (convert it first: editcap -F pcapng)"),
    (b"XCP\0", "a NetXRay capture (convert it first: editcap -F pcapng)"),
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"PAR1", "a Parquet file"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_a_file_is_by_its_first_bytes() {
        for (bytes, words) in [
            (&b""[..], "it is empty"),
            (b"\x7fELF\x02\x01\x01", "it looks like an ELF program or library"),
            (b"# Notes\nall of them\n", "it looks like text"),
            ("g\u{fc}ltig \u{fc}".as_bytes().split_last().unwrap().1, "it looks like text"),
            (b"\x00\x01\x02\x03\x04\x05\x06\x07\x08", "it starts with 00 01 02 03 04 05 06 07"),
            (b"BZh91AY", "it looks like bzip2-compressed data (decompress it first: bunzip2)"),
        ] {
            assert_eq!(Found::by_first_bytes(bytes).to_string(), words);
        }
    }

    #[test]
    fn says_what_is_inside_a_compressed_file() {
        for (found, words) in [
            (Found::Text, "it looks like gzip-compressed text"),
            (Found::Empty, "it is an empty file, compressed with gzip"),
            (Found::Bytes(vec![1, 0xab]), "it is gzip-compressed, and inside it starts with 01 ab"),
        ] {
            assert_eq!(found.inside(Some(Compression::Gzip)).to_string(), words);
        }
    }
}
