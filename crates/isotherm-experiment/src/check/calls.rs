//! Who invokes whom: functions that are invoked must have a body, and no function may invoke itself
//! without end.

use std::collections::BTreeSet;

use isotherm_config::diagnostic::Diagnostic;
use isotherm_config::hint::list;
use isotherm_config::source::Span;
use isotherm_config::syntax::Syntax;

use crate::check::context::Context;
use crate::plan::{Body, StepPlan};

/// The body of a function, or of all functions of a file.
#[derive(Clone)]
pub struct BodyOf {
    /// Where the function is named.
    pub place: Span,
    /// What it does.
    pub body: Body,
    /// Whether that is written, or empty for want of a `body`.
    pub is_written: bool,
}

/// Reports functions that are invoked but have no body, and functions that invoke themselves
/// without end.
pub fn check_bodies(functions: &[BodyOf], context: &Context<'_>) {
    let needs = context.needs.borrow();
    // The functions of a file share a place, and it is told once that they have no body.
    let mut told = BTreeSet::new();
    for invoked in &needs.invoked {
        let Some(function) = functions.get(invoked.value) else { continue };
        if !function.is_written && told.insert(function.place) {
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
    for circle in circles(functions) {
        let message = format!("function `{}` invokes itself without end", name(circle[0]));
        let hint = match circle.len() {
            1 => "its own body invokes it".to_owned(),
            _ => {
                let names: Vec<_> = circle.iter().map(|&index| name(index)).collect();
                format!("through {}", list(&names[1..]))
            }
        };
        context.report.error(functions[circle[0]].place, message, hint);
    }
}

/// How far the search for circles has come with a function.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    Not,
    OnTheWay,
    Done,
}

/// Circles of functions that invoke each other, each beginning with the first of its functions in
/// the file. Every call is followed once, so that not all circles through the same functions are
/// found, but one at least.
fn circles(functions: &[BodyOf]) -> Vec<Vec<usize>> {
    let mut circles = Vec::new();
    let mut seen = vec![Seen::Not; functions.len()];
    for start in 0..functions.len() {
        // The functions on the way, each with the number of the step that is looked at next.
        let mut way: Vec<(usize, usize)> = Vec::new();
        if seen[start] == Seen::Not {
            seen[start] = Seen::OnTheWay;
            way.push((start, 0));
        }
        while let Some((function, step)) = way.last_mut() {
            let Some(next) = functions[*function].body.get(*step) else {
                seen[*function] = Seen::Done;
                way.pop();
                continue;
            };
            *step += 1;
            let StepPlan::Invoke { function: next } = *next else { continue };
            match seen.get(next) {
                Some(Seen::Not) => {
                    seen[next] = Seen::OnTheWay;
                    way.push((next, 0));
                }
                Some(Seen::OnTheWay) => {
                    let from = way.iter().position(|&(function, _)| function == next).unwrap_or(0);
                    let mut circle: Vec<_> =
                        way[from..].iter().map(|&(function, _)| function).collect();
                    let first = (0..circle.len()).min_by_key(|&at| circle[at]).unwrap_or(0);
                    circle.rotate_left(first);
                    circles.push(circle);
                }
                _ => {}
            }
        }
    }
    circles.sort();
    circles.dedup();
    circles
}
