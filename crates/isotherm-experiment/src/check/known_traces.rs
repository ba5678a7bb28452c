//! What is known of the traces that an experiment names. The runs of a sweep mostly name the same
//! ones, which are read once.

use std::cell::RefCell;
use std::sync::Arc;

use isotherm_kernel::Time;
use isotherm_workload::{Demand, Part};

use crate::check::trace_functions::{NamingTable, TraceFunctions};
use crate::plan::{AzureContent, AzureSource, CsvPlan, FunctionPlan};

/// How much of a trace is looked at before a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// The header and the first row; the rest when the run reaches it.
    Beginning,
    /// All rows.
    Whole,
}

/// What is known of a trace whose rows have all been looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TraceSize {
    /// How many invocations are in it.
    pub arrivals: u64,
    /// When the last of them arrives.
    pub last: Time,
}

/// The traces that were looked at.
#[derive(Debug)]
pub struct Traces {
    depth: Depth,
    known: RefCell<Vec<Known>>,
    firsts: RefCell<Vec<(CsvPlan, Time)>>,
    azure: RefCell<Vec<(AzureSource, Option<AzureContent>)>>,
    functions: RefCell<Vec<(Vec<NamingTable>, Option<TraceFunctions>)>>,
    played: RefCell<Vec<(AzureSource, Part, Option<u64>)>>,
}

#[derive(Clone, Debug)]
struct Known {
    plan: CsvPlan,
    functions: Vec<String>,
    size: TraceSize,
    demand: Arc<Demand>,
}

/// What is known of the traces whose rows have all been looked at.
#[derive(Clone, Debug)]
pub struct KnownTraces(Vec<Known>);

impl KnownTraces {
    /// What is known of a trace: nothing if only its beginning was looked at.
    #[must_use]
    pub fn size(&self, plan: &CsvPlan) -> Option<TraceSize> {
        size(&self.0, plan)
    }
}

fn size(known: &[Known], plan: &CsvPlan) -> Option<TraceSize> {
    known.iter().find(|known| known.plan == *plan).map(|known| known.size)
}

impl Traces {
    /// None so far.
    #[must_use]
    pub fn new(depth: Depth) -> Self {
        Traces {
            depth,
            known: RefCell::default(),
            firsts: RefCell::default(),
            azure: RefCell::default(),
            functions: RefCell::default(),
            played: RefCell::default(),
        }
    }

    /// What is known of a trace so far.
    pub fn size(&self, plan: &CsvPlan) -> Option<TraceSize> {
        size(&self.known.borrow(), plan)
    }

    /// What the invocations of a trace ask for, if all rows were looked at with these functions.
    pub fn demand(&self, plan: &CsvPlan, functions: &[FunctionPlan]) -> Option<Arc<Demand>> {
        let is_it = |known: &&Known| {
            let names = functions.iter().map(|function| &function.name);
            known.plan == *plan && known.functions.iter().eq(names.take(known.functions.len()))
        };
        self.known.borrow().iter().find(is_it).map(|known| Arc::clone(&known.demand))
    }

    /// When the first invocation of a trace arrives, if it was looked at and can be read.
    pub fn first(&self, plan: &CsvPlan) -> Option<Time> {
        let firsts = self.firsts.borrow();
        firsts.iter().find(|(known, _)| known == plan).map(|(_, first)| *first)
    }

    /// Takes note of when a trace begins.
    pub fn add_first(&self, plan: &CsvPlan, first: Time) {
        if self.first(plan).is_none() {
            self.firsts.borrow_mut().push((plan.clone(), first));
        }
    }

    /// What has been learnt.
    pub fn into_known(self) -> KnownTraces {
        KnownTraces(self.known.into_inner())
    }

    /// What is in a trace of Azure Functions: `read` reads it, and reports what is wrong with it.
    pub fn azure(
        &self,
        source: &AzureSource,
        read: impl FnOnce() -> Option<AzureContent>,
    ) -> Option<AzureContent> {
        if let Some((_, content)) = self.azure.borrow().iter().find(|(known, _)| known == source) {
            return content.clone();
        }
        let content = read();
        self.azure.borrow_mut().push((source.clone(), content.clone()));
        content
    }

    /// The functions that tables name: `read` reads them, and reports what is wrong.
    pub fn functions(
        &self,
        tables: &[NamingTable],
        read: impl FnOnce() -> Option<TraceFunctions>,
    ) -> Option<TraceFunctions> {
        let is_it = |known: &&(Vec<NamingTable>, _)| known.0 == tables;
        if let Some((_, functions)) = self.functions.borrow().iter().find(is_it) {
            return functions.clone();
        }
        let functions = read();
        self.functions.borrow_mut().push((tables.to_vec(), functions.clone()));
        functions
    }

    /// How many invocations of a trace of Azure Functions are in a part of it: `count` counts them,
    /// and reports what is wrong.
    pub fn played(
        &self,
        source: &AzureSource,
        part: &Part,
        count: impl FnOnce() -> Option<u64>,
    ) -> Option<u64> {
        let is_it = |known: &&(AzureSource, Part, _)| known.0 == *source && known.1 == *part;
        if let Some((.., count)) = self.played.borrow().iter().find(is_it) {
            return *count;
        }
        let count = count();
        self.played.borrow_mut().push((source.clone(), *part, count));
        count
    }

    /// How much of a trace is to be looked at.
    pub fn depth(&self) -> Depth {
        self.depth
    }

    /// Whether all rows of a trace were looked at, with these functions.
    pub fn is_known(&self, plan: &CsvPlan, functions: &[String]) -> bool {
        let known = self.known.borrow();
        known.iter().any(|known| known.plan == *plan && known.functions == functions)
    }

    /// Takes note of a trace whose rows have all been looked at.
    pub fn add(&self, plan: CsvPlan, functions: Vec<String>, size: TraceSize, demand: Demand) {
        self.known.borrow_mut().push(Known { plan, functions, size, demand: Arc::new(demand) });
    }
}
