//! Integration tests.

mod compare;
mod search;
mod sweep;
