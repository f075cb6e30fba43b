//! EVE events.
