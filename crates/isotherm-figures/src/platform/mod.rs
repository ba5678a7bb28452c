//! A platform as tables, as JSON, as a drawing, and the routes between its hosts.
//!
//! A [`PlatformView`] is made from a [`PlatformSpec`](isotherm_platform::PlatformSpec), wherever
//! that comes from, and optionally knows the [part](PlatformView::with_parts) of each host in an
//! experiment. It describes the platform in [tables](table), shows [routes](route) with the
//! bandwidth of a lone transfer, and draws the platform as [SVG](PlatformView::svg) or for
//! [Graphviz](PlatformView::dot). Large platforms stay readable: hosts, links and zones that are
//! alike are grouped.
//!
//! The drawings share their steps: `graph` derives from the routes of a zone which links meet and
//! merges what is alike, `label` writes the text of each node, `layout` gives nodes their
//! positions (Graphviz does that itself), `svg` and `dot` write the result.

mod dot;
mod failures;
mod graph;
mod label;
mod layout;
pub mod route;
mod svg;
pub mod table;
mod view;

pub use failures::FailureRow;
pub use route::{RouteError, RouteView, routes_json};
pub use table::Table;
pub use view::PlatformView;
