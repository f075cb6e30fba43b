//! Where frames come from.
//!
//! [`CaptureSet::plan`] takes what the user named (files, directories, globs, `-`), looks into each for its format and
//! first packet, and orders them; [`CaptureSet::next_block`] then hands out the frames, block by block, and what went
//! wrong on the way. The way of the bytes, one file of code each:
//!
//! ```text
//! inputs ─▶ source ─▶ compression ─▶ read_ahead ─▶ play ─▶ format: pcap, pcapng ─▶ block
//! paths     open      decompress     fill buffers  join    find the records        frames over one buffer
//!                                    (own thread)
//! ```
//!
//! [`PcapngWriter`] is the way back: frames into a file.

mod block;
#[cfg(target_os = "linux")]
pub mod bpf;
#[cfg(target_os = "linux")]
pub mod bypass;
mod compression;
#[cfg(target_os = "linux")]
mod ebpf;
mod error;
#[cfg(target_os = "linux")]
pub mod filter;
mod format;
mod found;
mod inputs;
#[cfg(target_os = "linux")]
mod jumps;
#[cfg(target_os = "linux")]
pub mod nfqueue;
mod pcap;
mod pcapng;
mod play;
mod read_ahead;
mod set;
mod source;
#[cfg(target_os = "linux")]
pub mod steering;
#[cfg(target_os = "linux")]
pub mod sys;
#[cfg(target_os = "linux")]
pub mod tap;
#[cfg(test)]
mod testkit;
#[cfg(test)]
mod tests;
mod writer;

pub use block::{Block, FrameRecord};
pub use compression::Compression;
pub use error::{CaptureError, Corruption, Severity};
pub use found::Found;
pub use set::{Capture, CaptureSet, CaptureSettings};
pub use writer::PcapngWriter;
