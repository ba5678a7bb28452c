//! The integration tests of `isotherm-cli`: one program, which is linked once.

mod check;
mod command;
mod compare;
mod explain;
mod interrupt;
mod mutations;
mod outputs;
mod picture;
mod platform;
mod policies;
mod precision;
mod ran;
mod search;
mod shards;
mod sweep_failures;
mod tutorial;
mod workload;
