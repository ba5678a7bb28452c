//! What a run leaves behind: columns, statistics and sinks.
//!
//! The simulation hands over one [`InvocationRecord`] per finished invocation, in the order in
//! which they end (see [`isotherm_serverless::RecordSink`]). Everything here is a stream: a record
//! is looked at once and forgotten, so that memory does not grow with the number of invocations.
//!
//! * [`Column`] is the reference of the columns of records: name, unit and meaning of each, in
//!   order. Files, documentation and tests are made from this one table.
//! * [`RecordWriter`] writes records as CSV, JSON Lines or Parquet ([`Format`]) into any
//!   [`std::io::Write`]; [`Table`] does the same for other tables.
//! * [`TimeSeries`] gathers from the event log what happened and was held over time, in bins.
//! * [`UseSeries`] does the same for the use of links and disks.
//! * [`EventWriter`] writes the event log itself as JSON Lines.
//! * [`PerfettoWriter`] writes a run as a timeline for Perfetto.
//! * [`Summary`] counts and measures as records pass; [`SummaryReport`] is what it has seen, ready
//!   for `summary.json` and for printing.
//! * [`PlatformCounts`] counts what the platform did (containers started and evicted, images moved)
//!   from its event log.
//! * [`Utilisation`] integrates slots and memory in use over time, from the same log.
//! * [`Breakdown`] gathers the numbers of each function and of each compute host.
//!   [`LiteratureReport`] has the metrics of the literature, made of that.
//! * [`Transient`] tells whether the beginning of a run has made its numbers.
//! * [`Window`] is the part of a run that counts in statistics, if not all of it does.
//!
//! * [`mod@reference`] is the documentation of all that, made of the same definitions.
//!
//! Nothing here opens a path or knows how a simulation works.
//!
//! [`InvocationRecord`]: isotherm_serverless::InvocationRecord

mod breakdown;
mod column;
mod compact;
mod counts;
mod decimal;
mod event_writer;
mod holdings;
mod literature;
mod percentiles;
mod perfetto;
mod record_writer;
pub mod reference;
mod summary;
mod table;
mod time_series;
mod transient;
mod use_series;
mod utilisation;
mod window;

pub use breakdown::{Breakdown, FunctionReport, NodeReport, write_rows};
pub use column::{Column, Unit};
pub use counts::PlatformCounts;
pub use decimal::write_seconds;
pub use event_writer::{EVENT_FIELDS, EVENTS, EventDoc, EventWriter, Names};
pub use literature::{
    CidreReport, FaasCacheReport, FeMuxReport, LiteratureReport, Paper, RUM_GB_S, SitwReport,
};
pub use percentiles::{EXACT_UP_TO, Percentiles, TimesReport};
pub use perfetto::PerfettoWriter;
pub use record_writer::{RecordWriter, SinkError};
pub use summary::{
    ColdReasonCounts, ColdStartReport, OutcomeCounts, ResponseReport, StartCounts, Summary,
    SummaryReport,
};
pub use table::{Format, Head, Kind, Table, Value};
pub use time_series::{MOST_BINS, MOST_NODES, TimeColumn, TimeSeries};
pub use transient::{Transient, TransientReport};
pub use use_series::{MOST_PARTS, UseColumn, UseSeries, UsedPart};
pub use utilisation::{
    ContainerMemory, MemoryReport, MemoryUse, SlotUse, Totals, Utilisation, UtilisationReport,
};
pub use window::{Window, WindowReport};
