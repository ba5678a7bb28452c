//! The integration tests of `isotherm-conform`: one program, which is linked once.

mod conformance;
mod examples;
