//! Flows: the key, the table, time-outs on packet time, and reassembly.

pub mod key;
pub mod stream;
pub mod table;
pub mod timers;

pub use key::{Address, Direction, Endpoint, FlowKey, Pair};
pub use stream::Stream;
pub use table::{FlowId, Table};
