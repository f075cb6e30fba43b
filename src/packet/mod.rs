//! From a frame to a segment: link layers, VLANs, tunnels, IP, fragments, transport. One file per wire format.
//!
//! [`Decoder::decode`](decoder::Decoder::decode) is the way in. What cannot be decoded is counted by reason, never a panic.

pub mod frame;
pub mod segment;

pub use frame::{Frame, LinkType};
pub use segment::{Segment, SegmentHeader, TcpFlags};
