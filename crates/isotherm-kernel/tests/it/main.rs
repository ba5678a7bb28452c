//! The integration tests of `isotherm-kernel`: one program, which is linked once.

mod actors;
mod combinators;
mod fluid;
mod fluid_incremental;
mod fluid_oracle;
mod nonsense;
mod order;
mod random;
mod series;
mod standstill;
mod ties;
