//! The integration tests of `isotherm-figures`: one program, which is linked once.

mod platform;
