//! `service.eviction`: which idle containers are evicted when their room is needed.

use std::sync::Arc;

use isotherm_config::schema::{FamilySpec, table};
use isotherm_kernel::RandomStreams;
use isotherm_serverless::eviction::{
    ContainerEviction, FirstInFirstOut, GreedyDual, LargestFirst, LeastFrequentlyUsed,
    LeastRecentlyUsed, MemoryFit, NeverEvict,
};

use super::{Entry, Kinds, OwnKind, Policy, built_in, kinds, which};

/// The eviction policies of containers, named by what is evicted first.
#[derive(Clone, Debug, PartialEq)]
pub enum EvictionKind {
    /// The container that has been idle for the longest time.
    Lru,
    /// The container that was started first.
    Fifo,
    /// A container of the function that was invoked least often on the node.
    Lfu,
    /// The container with the largest memory limit.
    Size,
    /// The container with the lowest Greedy-Dual-Size-Frequency priority.
    GreedyDual,
    /// The smallest container that makes enough room.
    Ram,
    /// No container: idle containers keep their room until they stop.
    None,
    /// One of a program's own.
    Own(OwnKind<dyn ContainerEviction>),
}

impl Policy for EvictionKind {
    const FAMILY: &'static FamilySpec = &FamilySpec {
        name: "eviction",
        doc: "Which idle containers are evicted when their room is needed.",
        example: "\"lru\"",
        head: table("eviction", "").with(&[which::<EvictionKind>()]),
        kinds: kinds::<EvictionKind>,
    };

    const REGISTRY: &'static [Entry<Self>] = &[
        built_in("lru", "those idle for the longest time", &[], |_| Some(EvictionKind::Lru)),
        built_in("fifo", "those that were started first", &[], |_| Some(EvictionKind::Fifo)),
        built_in(
            "lfu",
            "those of the function that was invoked least often on the compute host",
            &[],
            |_| Some(EvictionKind::Lfu),
        ),
        built_in("size", "those with the largest memory limit", &[], |_| Some(EvictionKind::Size)),
        built_in(
            "greedy-dual",
            "those that are quick to start again, large and seldom used (FaasCache, ASPLOS 2021)",
            &[],
            |_| Some(EvictionKind::GreedyDual),
        ),
        built_in("ram", "the smallest one that makes enough room", &[], |_| {
            Some(EvictionKind::Ram)
        }),
        built_in("none", "none: what needs their room waits until they stop", &[], |_| {
            Some(EvictionKind::None)
        }),
    ];

    fn own(kinds: &Kinds) -> Option<&[Arc<Entry<Self>>]> {
        Some(&kinds.evictions)
    }
}

impl EvictionKind {
    /// Makes the policy for a run with these streams.
    pub(crate) fn build(&self, streams: &RandomStreams) -> Box<dyn ContainerEviction> {
        match self {
            EvictionKind::Lru => Box::new(LeastRecentlyUsed),
            EvictionKind::Fifo => Box::new(FirstInFirstOut),
            EvictionKind::Lfu => Box::new(LeastFrequentlyUsed::default()),
            EvictionKind::Size => Box::new(LargestFirst),
            EvictionKind::GreedyDual => Box::new(GreedyDual::default()),
            EvictionKind::Ram => Box::new(MemoryFit),
            EvictionKind::None => Box::new(NeverEvict),
            EvictionKind::Own(own) => own.make(streams),
        }
    }
}
