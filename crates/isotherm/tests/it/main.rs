//! The integration tests of `isotherm`: one program, which is linked once.

mod architecture;
mod boxed;
mod callbacks;
mod documentation;
mod handles;
mod lifetimes;
mod threads;
mod world;
