//! The integration tests of `isotherm-experiment`: one program, which is linked once.

mod at_start;
mod bad_input;
mod common;
mod containers;
mod counts;
mod disks;
mod examples;
mod export;
mod failures;
mod limits;
mod manifest;
mod orphans;
mod outages;
mod own_kinds;
mod parts;
mod plan;
mod policies;
mod reference;
mod robust;
mod stepping;
mod summary;
mod timeline;
mod trace_functions;
mod traits;
mod used;
mod warnings;
