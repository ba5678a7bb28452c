//! The integration tests of `isotherm-results`: one program, which is linked once.

mod records;
mod reference;
mod utilisation;
