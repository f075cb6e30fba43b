//! What can go wrong between a name on the command line and a frame.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::compression::Compression;
use super::found::Found;

/// What went wrong with one input. None of them ends the run: the other inputs are still played.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CaptureError {
    /// The file or directory could not be opened or looked into.
    #[error("cannot open {}: {source}{}", shown(.path), advice(.source))]
    Open {
        /// The input.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A file was named that holds no capture.
    #[error("{} is no capture file: {found}; expected pcap or pcapng, plain or compressed with gzip, zstd, xz or lz4", shown(.path))]
    NotACapture {
        /// The input.
        path: PathBuf,
        /// What it is instead.
        found: Found,
    },
    /// A file in a directory, or one that a glob matched, holds no capture.
    #[error("skipped {}: no capture file: {found}", shown(.path))]
    Skipped {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        found: Found,
    },
    /// A directory, or what a glob matched, holds no capture at all.
    #[error("found no capture file in {}", shown(.path))]
    NothingFound {
        /// The input.
        path: PathBuf,
    },
    /// No file has this name, and as a glob it matches none.
    #[error("no file matches {}", shown(.path))]
    NoMatch {
        /// The input.
        path: PathBuf,
    },
    /// No file has this name, and as a glob it is malformed.
    #[error("{} is neither a file nor a glob: {reason}", shown(.path))]
    BadGlob {
        /// The input.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The system failed to read on. What was read before it has been played.
    #[error("cannot read on in {} after {offset} bytes: {source}", shown(.path))]
    Read {
        /// The input.
        path: PathBuf,
        /// Where, in bytes from the start (of the decompressed capture where it is compressed).
        offset: u64,
        /// The system's reason.
        source: io::Error,
    },
    /// The compressed stream is cut or damaged. What could be decompressed before it has been played.
    #[error("{} is cut or damaged: its {compression} stream ends after {offset} decompressed bytes: {source}", shown(.path))]
    Decompress {
        /// The input.
        path: PathBuf,
        /// With what it is compressed.
        compression: Compression,
        /// Where, in bytes of the decompressed capture.
        offset: u64,
        /// The decompressor's reason.
        source: io::Error,
    },
    /// The capture ends inside a packet, as after a full disk or a killed capture. All whole packets have been played.
    #[error("{} ends inside a packet: at least {missing} bytes are missing from the one at offset {offset}", shown(.path))]
    Cut {
        /// The input.
        path: PathBuf,
        /// Where the cut record or block begins, in bytes from the start of the (decompressed) capture.
        offset: u64,
        /// How many bytes of it are missing: more where even its header is cut.
        missing: u64,
    },
    /// A record or block that cannot be right, so that where the next one begins is unknown. All packets before it have been
    /// played.
    #[error("{} is damaged at offset {offset}: {corruption}; the rest of it is skipped", shown(.path))]
    Corrupt {
        /// The input.
        path: PathBuf,
        /// Where the record or block begins, in bytes from the start of the (decompressed) capture.
        offset: u64,
        /// What is wrong with it.
        corruption: Corruption,
    },
    /// Packets that nothing can be made of. What came before, between and after them has been played.
    #[error("{} has {} that cannot be read: {}", shown(.path), packets(.unread.blocks), .unread.first)]
    Unread {
        /// The input.
        path: PathBuf,
        /// Which.
        unread: Unread,
    },
    /// The thread that reads ahead could not be started, or died.
    #[error("cannot read ahead: {source}")]
    Reader {
        /// The system's reason.
        source: io::Error,
    },
    /// The output capture could not be written.
    #[error("cannot write {}: {source}", shown_output(.path))]
    Write {
        /// The output file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

impl CaptureError {
    /// How bad it is.
    pub fn severity(&self) -> Severity {
        match self {
            Self::Skipped { .. } => Severity::Note,
            Self::Decompress { .. } | Self::Cut { .. } | Self::Corrupt { .. } | Self::Unread { .. } => Severity::Warning,
            Self::Open { .. }
            | Self::NotACapture { .. }
            | Self::NothingFound { .. }
            | Self::NoMatch { .. }
            | Self::BadGlob { .. }
            | Self::Read { .. }
            | Self::Reader { .. }
            | Self::Write { .. } => Severity::Error,
        }
    }
}

/// How bad a [`CaptureError`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing is lost that was asked for.
    Note,
    /// Part of a capture is lost; the run did its work.
    Warning,
    /// What was asked for could not be done: exit status 1.
    Error,
}

/// Packets of a capture that nothing can be made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unread {
    /// How many blocks.
    pub blocks: u64,
    /// What is wrong with the first.
    pub first: Corruption,
}

/// Why a record or block of a capture cannot be right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Corruption {
    /// A classic pcap record says that more bytes were captured than the file's snap length allows, or 256 KiB where that is
    /// more, or 16 MiB where that is less.
    RecordTooLong {
        /// What it says.
        captured_len: u32,
        /// What is allowed.
        limit: u32,
    },
    /// A pcapng block's total length is less than its fixed parts, more than 16 MiB for a packet, or no multiple of four.
    BlockLength {
        /// The block's type.
        block_type: u32,
        /// Its total length.
        len: u32,
    },
    /// A pcapng block's leading and trailing total length differ.
    LengthsDiffer {
        /// The leading one.
        leading: u32,
        /// The trailing one.
        trailing: u32,
    },
    /// A pcapng packet says that it is longer than the block that holds it.
    PacketBeyondBlock {
        /// Captured bytes, as the block says.
        captured_len: u32,
        /// The block's total length.
        block_len: u32,
    },
    /// A pcapng packet from an interface that its section does not describe.
    UnknownInterface {
        /// The interface's number.
        interface: u32,
        /// How many are described.
        described: usize,
    },
    /// A pcapng section header without the byte-order magic, so that its byte order is unknown.
    ByteOrderMagic(u32),
    /// A pcapng section of another major version than 1.
    Version(u16),
    /// A pcapng interface description that cannot be read.
    InterfaceDescription,
    /// Zeros where a record or block should begin: the file was made longer than what was written to it.
    Zeros,
    /// A pcapng section with more than 65,536 interfaces.
    TooManyInterfaces,
}

impl fmt::Display for Corruption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::RecordTooLong { captured_len, limit } => {
                write!(f, "a record of {captured_len} captured bytes, where at most {limit} can be")
            }
            Self::BlockLength { block_type, len } => {
                write!(f, "a block of type 0x{block_type:08x} with the impossible length {len}")
            }
            Self::LengthsDiffer { leading, trailing } => {
                write!(f, "a block whose length is {leading} at its start and {trailing} at its end")
            }
            Self::PacketBeyondBlock { captured_len, block_len } => {
                write!(f, "a packet of {captured_len} bytes in a block of {block_len}")
            }
            Self::UnknownInterface { interface, described } => {
                write!(f, "a packet of interface {interface}, where only {described} are described")
            }
            Self::ByteOrderMagic(magic) => write!(f, "a section header with the byte-order magic 0x{magic:08x}"),
            Self::Version(major) => write!(f, "a section of pcapng version {major}, where only 1 is known"),
            Self::InterfaceDescription => write!(f, "an interface description that cannot be read"),
            Self::Zeros => f.write_str("zeros where a packet should begin, as of a file that was not written to its end"),
            Self::TooManyInterfaces => write!(f, "more than 65536 interfaces in one section"),
        }
    }
}

/// An input as the user knows it.
pub(super) fn shown(path: &Path) -> String {
    if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() }
}

fn shown_output(path: &Path) -> String {
    if path == Path::new("-") { "standard output".to_owned() } else { path.display().to_string() }
}

fn packets(n: u64) -> String {
    if n == 1 { "a packet".to_owned() } else { format!("{n} packets") }
}

/// What to do about it, where there is something to do.
fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "; make it readable for this user, or run as one who may read it",
        io::ErrorKind::NotFound => "; check the name",
        _ => "",
    }
}
