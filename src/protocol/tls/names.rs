//! Names of numbers, as IANA registers them.
