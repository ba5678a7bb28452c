//! The integration tests of `isotherm-kernel`: one program, which is linked once.

use isotherm_kernel::{Kernel, Simulation};

mod actors;
mod combinators;
mod fluid;
mod fluid_incremental;
mod fluid_oracle;
mod metering;
mod nonsense;
mod order;
mod random;
mod series;
mod standstill;
mod stepping;
mod suspension;
mod ties;

/// A new simulation and its kernel.
fn simulation() -> (Simulation, Kernel) {
    let simulation = Simulation::new();
    let kernel = simulation.kernel();
    (simulation, kernel)
}
