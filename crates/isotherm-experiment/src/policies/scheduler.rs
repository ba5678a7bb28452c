//! `service.scheduler`: which invocation runs where.

use isotherm_kernel::RandomStreams;
use isotherm_serverless::Rules;
use isotherm_serverless::scheduler::{Fcfs, RandomPlacement, Scheduler, WorkloadBalancing};

use super::{BuiltIn, Policy, built_in, kinds};
use crate::check::schema::{FamilySpec, TableSpec, Takes, field};
use crate::manifest::text::string;

/// The built-in schedulers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SchedulerKind {
    /// First come, first served.
    Fcfs,
    /// A node drawn at random for each invocation.
    Random,
    /// Cores shared out by the work that waits for each function.
    WorkloadBalancing,
}

impl Policy for SchedulerKind {
    const FAMILY: &'static FamilySpec = &FamilySpec {
        name: "scheduler",
        doc: "Who decides which invocation runs where.",
        example: "\"fcfs\"",
        head: TableSpec {
            name: "scheduler",
            title: "",
            doc: "",
            fields: &[field("kind", Takes::Words(|| SchedulerKind::FAMILY.words()), "Which one.")],
        },
        kinds: kinds::<SchedulerKind>,
    };

    const REGISTRY: &'static [BuiltIn<Self>] = &[
        built_in("fcfs", "first come, first served; on the first node where the image is nearest", &[], |_| {
            Some(SchedulerKind::Fcfs)
        }),
        built_in("random", "a compute host drawn at random for each invocation", &[], |_| Some(SchedulerKind::Random)),
        built_in("workload-balancing", "cores are shared out by the work that waits for each function", &[], |_| {
            Some(SchedulerKind::WorkloadBalancing)
        }),
    ];

    fn written(&self) -> Vec<(&'static str, String)> {
        let kind = match self {
            SchedulerKind::Fcfs => "fcfs",
            SchedulerKind::Random => "random",
            SchedulerKind::WorkloadBalancing => "workload-balancing",
        };
        vec![("kind", string(kind))]
    }
}

impl SchedulerKind {
    /// Makes it, for a service with these rules in a run with this seed.
    pub(crate) fn build(self, rules: Rules, seed: u64) -> Box<dyn Scheduler> {
        match self {
            SchedulerKind::Fcfs => Box::new(Fcfs::new(rules.fcfs_looks_at_room)),
            SchedulerKind::Random => {
                Box::new(RandomPlacement::new(RandomStreams::new(seed).stream("scheduler/random")))
            }
            SchedulerKind::WorkloadBalancing => Box::new(WorkloadBalancing),
        }
    }
}
