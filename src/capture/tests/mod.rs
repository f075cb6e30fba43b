//! What the room as a whole promises, by subject.

mod buffers;
mod compressed;
mod damage;
mod formats;
mod inputs;
mod writer;
