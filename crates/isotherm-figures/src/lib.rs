//! Pictures of what Isotherm simulates: drawings and tables of [platforms](platform).
//!
//! ```
//! use isotherm_figures::platform::PlatformView;
//! use isotherm_platform::PlatformBuilder;
//!
//! let mut builder = PlatformBuilder::new();
//! builder.cluster("rack", 64, 10e9).cores(16).link(1.25e9, 25e-6);
//! let view = PlatformView::new("a rack", builder.build()?);
//! assert_eq!(view.tables(false)[0].title, "hosts (64)");
//! assert!(view.svg().contains("64 hosts"));
//! # Ok::<(), Vec<isotherm_platform::PlatformError>>(())
//! ```
//!
//! # Invariants
//!
//! * A figure depends on what it shows alone: the same platform gives the same bytes.
//! * Figures are returned as text. This crate opens no path and does not know where a platform
//!   comes from.

pub mod platform;
