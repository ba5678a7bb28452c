//! The integration tests of `isotherm-results`: one program, which is linked once.

mod events;
mod literature;
mod perfetto;
mod records;
mod reference;
mod time_series;
mod use_series;
mod utilisation;
