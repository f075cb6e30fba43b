//! What the tests are built of: TLS bytes, TCP conversations that carry them, and ways to run both.

#[cfg(target_os = "linux")]
pub mod bench;
mod dir;
pub mod run;
pub mod tcp;
pub mod tls;

pub use dir::Dir;
pub use run::{Events, Portcullis, pcap, replay};
pub use tcp::{Conversation, Packet, Side};
