//! From a frame to a segment: link layers, VLANs, tunnels, IP, fragments, transport.
//!
//! [`Decoder::decode`](decoder::Decoder::decode) is the way in. Most packets are plain TCP over IP over Ethernet, and take the
//! short way in `fast`; all others go from layer to layer in the loop of [`decoder`]. [`wire`] has one file per format. What
//! cannot be decoded is counted by reason, never a panic.

pub mod anomaly;
pub mod config;
pub mod counters;
pub mod decoder;
mod fallen;
mod fast;
mod fragments;
pub mod frame;
pub mod key;
pub mod ports;
pub mod segment;
mod walk;
pub mod wire;

pub use anomaly::DecodeAnomaly;
pub use config::{DecoderConfig, TunnelPorts};
pub use counters::DecoderCounters;
pub use decoder::{Decoded, DecodedSegment, Decoder, PayloadRef};
pub use fallen::FallenDatagrams;
pub use fragments::{FragmentKey, OverlapPolicy};
pub use frame::{Frame, LinkType};
pub use key::{Address, Direction, Endpoint, FlowKey, Pair};
pub use ports::{PortSet, PortSetError};
pub use segment::{IpFields, Segment, SegmentHeader, TcpFlags};
