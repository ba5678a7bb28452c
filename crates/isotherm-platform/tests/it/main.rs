//! The integration tests of `isotherm-platform`: one program, which is linked once.

mod builder;
mod clusters;
mod common;
mod cpu;
mod disks;
mod failures;
mod fat_trees;
mod metering;
mod migration;
mod network;
mod ordering;
mod paths;
mod profiles;
mod robust;
mod routes;
mod streams;
mod written;
mod xml;
