//! From text to values: trees with places, field descriptions, units, diagnostics.
//!
//! A configuration file is TOML or JSON of the same shape. Its way to values has four steps:
//!
//! 1. Its text is added to the [`Sources`](source::Sources), to which places refer.
//! 2. It is [parsed into a tree](tree) in which every key and value knows its place. Values from
//!    outside are [set by path](tree::path), and [parameters](tree::parameters) are filled in.
//! 3. Tables are [described by data](schema). [`Fields`](fields::Fields) reads a table by its
//!    description: quantities with [units], words, numbers, [names].
//! 4. What is wrong goes into a [`Report`](diagnostic::Report), which never stops the reading, and
//!    becomes [`Diagnostics`](diagnostic::Diagnostics): every error at once, each in its line.
//!
//! The way back is [`write`](mod@write): values as TOML text that reads as the same value, with
//! every default in its place if they were [resolved](resolve) before. From descriptions,
//! [`reference`](mod@reference) writes the reference page of a file format.
//!
//! # Invariants
//!
//! * Nothing here knows what an experiment is: tables and fields are given by descriptions.
//! * Nothing opens a path; nothing prints.
//! * A field that is not described cannot be read.

pub mod diagnostic;
pub mod fields;
pub mod hint;
pub mod names;
pub mod quantity;
pub mod ranges;
pub mod reference;
pub mod resolve;
pub mod schema;
pub mod source;
pub mod syntax;
pub mod tree;
pub mod units;
pub mod write;
