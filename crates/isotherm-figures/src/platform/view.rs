//! The platform that tables, routes and drawings are made of.

use std::collections::BTreeMap;

use isotherm_platform::{HostId, PlatformSpec, ZoneId};

use super::failures::{Failing, failing};

/// A platform to look at. See the [module](super).
#[derive(Clone, Debug)]
pub struct PlatformView {
    pub(super) title: String,
    pub(super) spec: PlatformSpec,
    parts: BTreeMap<HostId, &'static str>,
    pub(super) failing: Failing,
}

impl PlatformView {
    /// A view of a platform, under a title.
    pub fn new(title: impl Into<String>, spec: PlatformSpec) -> Self {
        let failing = failing(&spec);
        Self { title: title.into(), spec, parts: BTreeMap::new(), failing }
    }

    /// Says what hosts are for: `head`, `repository`, `user` or `compute`, each of which has a
    /// colour of its own in drawings. If a host is named several times, the first part holds.
    pub fn with_parts(mut self, parts: impl IntoIterator<Item = (HostId, &'static str)>) -> Self {
        for (host, part) in parts {
            self.parts.entry(host).or_insert(part);
        }
        self
    }

    /// The title: for instance the name of the experiment, or of the outermost zone.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.title
    }

    /// The platform itself.
    #[must_use]
    pub fn spec(&self) -> &PlatformSpec {
        &self.spec
    }

    /// What a host is for, if that is known.
    #[must_use]
    pub fn part(&self, host: HostId) -> Option<&'static str> {
        self.parts.get(&host).copied()
    }

    /// The zones that are in no other zone.
    pub(super) fn outermost(&self) -> impl Iterator<Item = ZoneId> {
        self.spec.zones().filter(|(_, zone)| zone.parent.is_none()).map(|(id, _)| id)
    }
}
