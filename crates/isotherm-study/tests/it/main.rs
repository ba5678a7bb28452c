//! Integration tests.

mod compare;
mod precision;
mod search;
mod shard;
mod sweep;
