//! Integration tests.

mod compare;
mod sweep;
