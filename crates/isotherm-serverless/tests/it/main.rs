//! The integration tests of `isotherm-serverless`: one program, which is linked once.

mod at_start;
mod bodies;
mod callers;
mod common;
mod container_reuse;
mod failures;
mod idle_scheduler;
mod image_caches;
mod keep_alive;
mod lifecycle;
mod many_at_once;
mod membership;
mod observers;
mod off_at_start;
mod outages;
mod presets;
mod properties;
mod rounds_of_its_own;
mod schedulers;
mod unknown_ids;
mod values;
mod waiting;
mod what_policies_see;
mod workflow;
