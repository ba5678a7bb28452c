//! Integration tests.

mod compare;
mod search;
mod shard;
mod sweep;
