//! The integration tests of `isotherm-services`: one program, which is linked once.

mod actions_under_fire;
mod bare_metal;
mod common;
mod messages;
mod moving_data;
mod sleeper_order;
mod storage;
mod storage_failures;
mod storage_under_fire;
