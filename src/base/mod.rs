//! The ground floor: time, a bounds-checked reader, hex and Base64, how much memory a value has, patterns with stars, what a slip of the pen meant, text that is safe to show. Everything stands on it, it stands on nothing.

pub mod base64;
pub mod heap;
pub mod hex;
pub mod pattern;
pub mod reader;
pub mod siphash;
pub mod slip;
pub mod time;
pub mod visible;

pub use reader::Reader;
pub use time::{Duration, Timestamp};
