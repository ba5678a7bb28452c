//! Checks the call graph of functions: an invoked function must have a body, and the graph must
//! have no cycle, since a function that invokes itself would never end.

use std::collections::BTreeSet;

use isotherm_config::diagnostic::Diagnostic;
use isotherm_config::hint::list;
use isotherm_config::source::Span;
use isotherm_config::syntax::Syntax;

use crate::check::context::Context;
use crate::plan::{Body, StepPlan};

/// The body of a function, for the check of the call graph.
#[derive(Clone)]
pub struct BodyOf {
    /// The place of the function; the functions of a file share that of `[functions]`.
    pub place: Span,
    /// The body, empty if there is none.
    pub body: Body,
    /// Whether there is a field `body`.
    pub is_written: bool,
}

/// Reports functions that are invoked but have no body, and cycles of the call graph.
pub fn check_bodies(functions: &[BodyOf], context: &Context<'_>) {
    let needs = context.needs.borrow();
    // The functions of a file share a place and are reported once.
    let mut reported = BTreeSet::new();
    for invoked in &needs.invoked {
        let Some(function) = functions.get(invoked.value) else { continue };
        if !function.is_written && reported.insert(function.place) {
            let name = context.functions.name(invoked.value);
            let example = "[{ sleep = \"1s\" }]";
            let hint = match context.report.syntax() {
                Syntax::Toml => format!("add `body = {example}`"),
                Syntax::Json => format!("add `\"body\": {}`", context.report.example(example)),
            };
            context.report.push(
                Diagnostic::at(function.place, format!("function `{name}` has no body"), hint)
                    .with_related(invoked.span, "invoked here without a body of its own"),
            );
        }
    }
    let name = |index: usize| context.functions.name(index);
    for cycle in cycles(functions) {
        let message = format!("function `{}` invokes itself without end", name(cycle[0]));
        let hint = match cycle.len() {
            1 => "its own body invokes it".to_owned(),
            _ => {
                let names: Vec<_> = cycle.iter().map(|&index| name(index)).collect();
                format!("through {}", list(&names[1..]))
            }
        };
        context.report.error(functions[cycle[0]].place, message, hint);
    }
}

/// The state of a function in the depth-first search.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    No,
    OnPath,
    Done,
}

/// Finds cycles of the call graph by depth-first search, in time linear in the number of steps.
///
/// Each cycle begins with its first function in the file. If there are cycles, at least one is
/// found, but not all that share functions, because every call is followed once.
fn cycles(functions: &[BodyOf]) -> Vec<Vec<usize>> {
    let mut cycles = Vec::new();
    let mut seen = vec![Seen::No; functions.len()];
    for start in 0..functions.len() {
        // The stack of the search: functions, each with the index of its next step.
        let mut path: Vec<(usize, usize)> = Vec::new();
        if seen[start] == Seen::No {
            seen[start] = Seen::OnPath;
            path.push((start, 0));
        }
        while let Some((function, step)) = path.last_mut() {
            let Some(next) = functions[*function].body.get(*step) else {
                seen[*function] = Seen::Done;
                path.pop();
                continue;
            };
            *step += 1;
            let StepPlan::Invoke { function: next } = *next else { continue };
            match seen.get(next) {
                Some(Seen::No) => {
                    seen[next] = Seen::OnPath;
                    path.push((next, 0));
                }
                Some(Seen::OnPath) => {
                    let from = path.iter().position(|&(function, _)| function == next).unwrap_or(0);
                    let mut cycle: Vec<_> =
                        path[from..].iter().map(|&(function, _)| function).collect();
                    let first = (0..cycle.len()).min_by_key(|&at| cycle[at]).unwrap_or(0);
                    cycle.rotate_left(first);
                    cycles.push(cycle);
                }
                _ => {}
            }
        }
    }
    cycles.sort();
    cycles.dedup();
    cycles
}
