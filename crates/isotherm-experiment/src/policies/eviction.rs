//! `service.eviction`: which idle containers go when their room is needed.

use isotherm_serverless::eviction::{ContainerEviction, LeastRecentlyUsed, MemoryFit};

use super::{BuiltIn, Policy, built_in, kinds};
use crate::check::schema::{FamilySpec, TableSpec, Takes, field};
use crate::manifest::text::string;

/// Which idle containers are evicted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum EvictionKind {
    /// Those idle for the longest time.
    Lru,
    /// The smallest one that makes enough room.
    Ram,
}

impl Policy for EvictionKind {
    const FAMILY: &'static FamilySpec = &FamilySpec {
        name: "eviction",
        doc: "Which idle containers go when their room is needed.",
        example: "\"lru\"",
        head: TableSpec {
            name: "eviction",
            title: "",
            doc: "",
            fields: &[field("kind", Takes::Words(|| EvictionKind::FAMILY.words()), "Which one.")],
        },
        kinds: kinds::<EvictionKind>,
    };

    const REGISTRY: &'static [BuiltIn<Self>] = &[
        built_in("lru", "those idle for the longest time", &[], |_| Some(EvictionKind::Lru)),
        built_in("ram", "the smallest one that makes enough room", &[], |_| Some(EvictionKind::Ram)),
    ];

    fn written(&self) -> Vec<(&'static str, String)> {
        let kind = match self {
            EvictionKind::Lru => "lru",
            EvictionKind::Ram => "ram",
        };
        vec![("kind", string(kind))]
    }
}

impl EvictionKind {
    /// Makes it.
    pub(crate) fn build(self) -> Box<dyn ContainerEviction> {
        match self {
            EvictionKind::Lru => Box::new(LeastRecentlyUsed),
            EvictionKind::Ram => Box::new(MemoryFit),
        }
    }
}
