//! Portcullis watches port 443.

#![warn(missing_docs)]
// No input may panic: tests are free to.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::unreachable,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

pub mod base;
pub mod capture;
pub mod cli;
pub mod event;
pub mod flow;
pub mod packet;
pub mod protocol;
pub mod rules;
pub mod sink;
