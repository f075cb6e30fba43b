//! Portcullis watches port 443.

#![warn(missing_docs)]

pub mod base;
pub mod capture;
pub mod event;
pub mod flow;
pub mod packet;
pub mod protocol;
pub mod rules;
