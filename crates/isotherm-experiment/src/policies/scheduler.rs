//! `service.scheduler`: on which compute host (node) each invocation runs.

use std::sync::Arc;

use isotherm_config::fields::{Choice, Fields, Multiple, choice, takes, word, words};
use isotherm_config::schema::{FamilySpec, Field, Takes, field, table};
use isotherm_kernel::RandomStreams;
use isotherm_serverless::Rules;
use isotherm_serverless::scheduler::{
    ByNode, FirstFit, HashAffinity, LeastLoaded, LoadMeasure, Locality, MostLoaded, PowerOfTwo,
    RandomPlacement, RoundRobin, Scheduler, WarmFirst, WorkloadBalancing,
};

use super::{Entry, Kinds, OwnKind, Policy, built_in, kinds, which};

/// The schedulers.
#[derive(Clone, Debug, PartialEq)]
pub enum SchedulerKind {
    /// First come, first served, on the first of the nodes nearest to the image.
    Fcfs,
    /// First fit: the first node with room.
    FirstFit {
        /// Whether an idle container on any node is preferred to the node chosen by the rule.
        prefer_warm: bool,
    },
    /// Round robin: one node after the other.
    RoundRobin {
        /// Whether an idle container on any node is preferred to the node chosen by the rule.
        prefer_warm: bool,
    },
    /// Worst fit: the least loaded node.
    LeastLoaded {
        /// The measure of load.
        by: LoadMeasure,
        /// Whether an idle container on any node is preferred to the node chosen by the rule.
        prefer_warm: bool,
    },
    /// Best fit: the fullest node with room.
    MostLoaded {
        /// Whether an idle container on any node is preferred to the node chosen by the rule.
        prefer_warm: bool,
    },
    /// Power of two choices: the less busy of two random nodes.
    PowerOfTwo {
        /// Whether an idle container on any node is preferred to the node chosen by the rule.
        prefer_warm: bool,
    },
    /// An idle container on any node; otherwise, of the nodes with free room, the one nearest to
    /// the image.
    WarmFirst,
    /// The node nearest to the image: it has it in memory, or on its disk.
    Locality,
    /// Consistent hashing with bounded loads: a home node for each function.
    HashAffinity {
        /// The bound on the load of a node, as a multiple of the mean over all nodes.
        load_factor: f64,
    },
    /// A random node for each invocation.
    Random,
    /// Free slots are shared in proportion to the pending work of functions.
    WorkloadBalancing,
    /// One of a program's own.
    Own(OwnKind<dyn Scheduler>),
}

const PREFER_WARM: Field = field(
    "prefer_warm",
    takes::<bool>(),
    "Whether an idle container of the function on any node is preferred. If not, a node is chosen first, and an idle container serves only if it is on that node.",
)
.default("true");

const LOADS: &[Choice<LoadMeasure>] = &[
    word(
        "memory",
        "the memory that busy containers hold: the node with the most available memory is chosen",
        LoadMeasure::Memory,
    ),
    word("running", "the number of running invocations", LoadMeasure::Running),
];

fn prefer_warm(fields: &mut Fields<'_>) -> bool {
    fields.optional_or("prefer_warm", true)
}

impl Policy for SchedulerKind {
    const FAMILY: &'static FamilySpec = &FamilySpec {
        name: "scheduler",
        doc: "Which invocation runs on which node, and when.",
        example: "\"warm-first\"",
        head: table("scheduler", "").with(&[which::<SchedulerKind>()]),
        kinds: kinds::<SchedulerKind>,
    };

    const REGISTRY: &'static [Entry<Self>] = &[
        built_in(
            "fcfs",
            "first come, first served, on the first of the nodes that are nearest to the image",
            &[],
            |_| Some(SchedulerKind::Fcfs),
        ),
        built_in("first-fit", "the first node that has room", &[PREFER_WARM], |fields| {
            Some(SchedulerKind::FirstFit { prefer_warm: prefer_warm(fields) })
        }),
        built_in("round-robin", "the next node in turn that has room", &[PREFER_WARM], |fields| {
            Some(SchedulerKind::RoundRobin { prefer_warm: prefer_warm(fields) })
        }),
        built_in(
            "least-loaded",
            "the node with the least load",
            &[
                field("by", Takes::Words(|| words(LOADS)), "What counts as load.")
                    .default("\"memory\""),
                PREFER_WARM,
            ],
            |fields| {
                let report = fields.report();
                let by = match fields.entry("by") {
                    Some(entry) => choice(&entry.value, "load", LOADS, report),
                    None => Some(LoadMeasure::Memory),
                };
                let prefer_warm = prefer_warm(fields);
                Some(SchedulerKind::LeastLoaded { by: by?, prefer_warm })
            },
        ),
        built_in("most-loaded", "the fullest node that has room", &[PREFER_WARM], |fields| {
            Some(SchedulerKind::MostLoaded { prefer_warm: prefer_warm(fields) })
        }),
        built_in(
            "power-of-two",
            "the less busy of two nodes drawn at random",
            &[PREFER_WARM],
            |fields| Some(SchedulerKind::PowerOfTwo { prefer_warm: prefer_warm(fields) }),
        ),
        built_in(
            "warm-first",
            "an idle container on any node; otherwise a new one, on the node nearest to the image among those with free room",
            &[],
            |_| Some(SchedulerKind::WarmFirst),
        ),
        built_in(
            "locality",
            "the node that has the image nearest (in memory, then on disk); of several, the one with the most available memory",
            &[],
            |_| Some(SchedulerKind::Locality),
        ),
        built_in(
            "hash-affinity",
            "a home node for each function, and the next ones when it is too busy: consistent hashing with bounded loads",
            &[field(
                "load_factor",
                takes::<Multiple>(),
                "The limit on the running invocations of a node, as a multiple of the mean over all nodes.",
            )
            .default("1.25")],
            |fields| {
                let load_factor = fields.optional_or("load_factor", Multiple(1.25)).0;
                Some(SchedulerKind::HashAffinity { load_factor })
            },
        ),
        built_in(
            "random",
            "a node drawn at random for each invocation, and drawn again as long as that node is full",
            &[],
            |_| Some(SchedulerKind::Random),
        ),
        built_in(
            "workload-balancing",
            "slots are divided among functions by their pending work",
            &[],
            |_| Some(SchedulerKind::WorkloadBalancing),
        ),
    ];

    fn own(kinds: &Kinds) -> Option<&[Arc<Entry<Self>>]> {
        Some(&kinds.schedulers)
    }
}

impl SchedulerKind {
    /// Makes the scheduler for a run with these rules and these streams.
    pub(crate) fn build(&self, rules: Rules, streams: &RandomStreams) -> Box<dyn Scheduler> {
        match *self {
            SchedulerKind::Fcfs => rules.fcfs(),
            SchedulerKind::FirstFit { prefer_warm } => Box::new(ByNode::new(FirstFit, prefer_warm)),
            SchedulerKind::RoundRobin { prefer_warm } => {
                Box::new(ByNode::new(RoundRobin::new(), prefer_warm))
            }
            SchedulerKind::LeastLoaded { by, prefer_warm } => {
                Box::new(ByNode::new(LeastLoaded::by(by), prefer_warm))
            }
            SchedulerKind::MostLoaded { prefer_warm } => {
                Box::new(ByNode::new(MostLoaded, prefer_warm))
            }
            SchedulerKind::PowerOfTwo { prefer_warm } => Box::new(ByNode::new(
                PowerOfTwo::new(streams.stream("scheduler/power-of-two")),
                prefer_warm,
            )),
            SchedulerKind::WarmFirst => Box::new(ByNode::new(WarmFirst, true)),
            SchedulerKind::Locality => Box::new(ByNode::new(Locality, false)),
            SchedulerKind::HashAffinity { load_factor } => {
                Box::new(ByNode::new(HashAffinity::new(load_factor), false))
            }
            SchedulerKind::Random => {
                Box::new(RandomPlacement::new(streams.stream("scheduler/random")))
            }
            SchedulerKind::WorkloadBalancing => Box::new(WorkloadBalancing),
            SchedulerKind::Own(ref own) => own.make(streams),
        }
    }
}
