//! Flows: the table, time-outs on packet time, and reassembly. The key is made by whoever decodes a packet, and lives there.

pub mod stream;
pub mod table;
pub mod timers;

pub use crate::packet::key::{Address, Direction, Endpoint, FlowKey, Pair};
pub use stream::{Placement, Stream};
pub use table::{FlowId, Table};
