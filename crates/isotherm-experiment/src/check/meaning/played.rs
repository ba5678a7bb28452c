//! What is played of each function: its own body, or what workloads have in place of it.

use isotherm_kernel::Duration;
use isotherm_workload::{AzureLike, Columns, Demand, FunctionColumn};

use super::bodies::{Bodies, Written, least_of_seconds};
use crate::check::known_traces::Traces;
use crate::plan::{AzureContent, Plan, StepPlan, WorkloadPlan};

/// What all invocations of a function have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Played {
    /// How long they run at least.
    pub least: Duration,
    /// What each of them writes into its container.
    pub written: Written,
    /// Whether workloads say how long they run.
    pub is_given: bool,
}

/// What is played of each function of a plan; `None` of those that are never invoked.
pub fn played(plan: &Plan, bodies: &Bodies<'_>, traces: &Traces) -> Vec<Option<Played>> {
    let mut gathered = Gathered {
        plan,
        bodies,
        all: vec![None; plan.functions.len()],
        is_called: vec![false; plan.functions.len()],
        called: Vec::new(),
    };
    // Without workloads a program invokes what it wants.
    if plan.workloads.is_empty() {
        gathered.call_all();
    }
    plan.workloads.iter().for_each(|workload| gathered.workload(workload, traces));
    gathered.follow();
    gathered.all
}

struct Gathered<'a> {
    plan: &'a Plan,
    bodies: &'a Bodies<'a>,
    all: Vec<Option<Played>>,
    /// Whether the own body of a function is played.
    is_called: Vec<bool>,
    /// Functions of which it is known since they were looked at last.
    called: Vec<usize>,
}

impl Gathered<'_> {
    fn workload(&mut self, workload: &WorkloadPlan, traces: &Traces) {
        match workload {
            WorkloadPlan::List(arrivals) => {
                for arrival in arrivals {
                    let function = arrival.function as usize;
                    let own = arrival.tag.and_then(|tag| self.plan.bodies.get(tag as usize));
                    match (arrival.duration, own) {
                        (Some(duration), _) => self.given(function, duration),
                        (None, Some(steps)) => self.steps(function, steps),
                        (None, None) => self.call(function),
                    }
                }
            }
            WorkloadPlan::Generated(generated) => {
                let config = &generated.config;
                let given = config.duration_s.as_ref().map(least_of_seconds);
                self.targets(config.targets.functions(), given);
            }
            WorkloadPlan::Closed(closed) => {
                let config = closed.closed.config();
                let given = config.duration_s.as_ref().map(least_of_seconds);
                self.targets(config.targets.functions(), given);
            }
            WorkloadPlan::AzureLike(azure) => self.azure_like(&azure.drawn, azure.first_function),
            WorkloadPlan::Azure(azure) => {
                for (index, number) in azure.trace.numbers.iter().enumerate() {
                    let Some(number) = *number else { continue };
                    let function = number as usize;
                    match &azure.trace.content {
                        AzureContent::Year2019(trace) => match trace.functions.get(index) {
                            Some(known) if known.has_durations => {
                                self.given(function, Duration::ZERO);
                            }
                            _ => self.call(function),
                        },
                        AzureContent::Year2021(trace) => {
                            let known = trace.demand.functions().get(index);
                            let least = known.and_then(|known| known.least);
                            self.given(function, least.unwrap_or(Duration::ZERO));
                        }
                    }
                }
            }
            WorkloadPlan::Csv(csv) => match traces.demand(csv, &self.plan.functions) {
                Some(demand) => self.demand(&demand),
                None => self.csv(&csv.columns),
            },
        }
    }

    /// A trace of which only the beginning was looked at: any function may be in it, and durations
    /// may be short.
    fn csv(&mut self, columns: &Columns) {
        let functions = match columns.function {
            FunctionColumn::Fixed(function) => function as usize..function as usize + 1,
            FunctionColumn::Named(_) | FunctionColumn::Numbered(_) => 0..self.all.len(),
        };
        for function in functions {
            match columns.duration {
                Some(_) => self.given(function, Duration::ZERO),
                None => self.call(function),
            }
        }
    }

    fn demand(&mut self, demand: &Demand) {
        for (index, function) in demand.functions().iter().enumerate() {
            if let Some(least) = function.least {
                self.given(index, least);
            }
            if function.bodies > 0.0 {
                self.call(index);
            }
        }
    }

    fn azure_like(&mut self, drawn: &AzureLike, first: u32) {
        let is_constant = drawn.config().sigma == 0.0;
        for (index, function) in drawn.functions().iter().enumerate() {
            let least = if is_constant { function.average } else { Duration::ZERO };
            self.given(first as usize + index, least);
        }
    }

    fn targets(&mut self, functions: &[u32], given: Option<Duration>) {
        for &function in functions {
            match given {
                Some(least) => self.given(function as usize, least),
                None => self.call(function as usize),
            }
        }
    }

    /// A function is invoked with a duration of at least this.
    fn given(&mut self, function: usize, least: Duration) {
        self.note(function, Played { least, written: Written::default(), is_given: true });
    }

    /// A function is invoked with a body that is not its own.
    fn steps(&mut self, function: usize, steps: &[StepPlan]) {
        let body = self.bodies.body(function, steps);
        let (least, written) = (body.least, body.written);
        self.note(function, Played { least, written, is_given: false });
        self.called_by(steps);
    }

    /// The own body of a function is played.
    fn call(&mut self, function: usize) {
        if let Some(is_called) = self.is_called.get_mut(function)
            && !std::mem::replace(is_called, true)
        {
            self.called.push(function);
        }
    }

    fn call_all(&mut self) {
        (0..self.is_called.len()).for_each(|function| self.call(function));
    }

    fn called_by(&mut self, steps: &[StepPlan]) {
        for step in steps {
            if let StepPlan::Invoke { function } = step {
                self.call(*function);
            }
        }
    }

    /// Notes the bodies that are played, and those that these invoke.
    fn follow(&mut self) {
        let plan = self.plan;
        while let Some(function) = self.called.pop() {
            let body = self.bodies.functions[function];
            let (least, written) = (body.least, body.written);
            self.note(function, Played { least, written, is_given: false });
            self.called_by(&plan.functions[function].body);
        }
    }

    fn note(&mut self, function: usize, played: Played) {
        let Some(known) = self.all.get_mut(function) else { return };
        *known = Some(known.map_or(played, |known| Played {
            least: known.least.min(played.least),
            written: known.written.min(played.written),
            is_given: known.is_given | played.is_given,
        }));
    }
}
