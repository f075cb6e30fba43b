//! Flows: the key, the table, time-outs on packet time, TCP state and reassembly.

pub mod key;

pub use key::{Address, Direction, Endpoint, FlowKey};
