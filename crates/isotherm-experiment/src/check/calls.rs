//! Who invokes whom: functions that are invoked must have a body, and no function may invoke itself without end.

use std::collections::BTreeSet;

use crate::check::context::Context;
use crate::check::fields::list;
use crate::diagnostic::Diagnostic;
use crate::plan::{Body, StepPlan};
use crate::source::Span;

/// The body of a function.
pub struct BodyOf {
    /// Where the function is named.
    pub place: Span,
    /// What it does.
    pub body: Body,
    /// Whether that is written, or empty for want of a `body`.
    pub is_written: bool,
}

/// Reports functions that are invoked but have no body, and functions that invoke themselves without end.
pub fn check_bodies(functions: &[BodyOf], context: &Context<'_>) {
    let needs = context.needs.borrow();
    let mut told = BTreeSet::new();
    for invoked in &needs.invoked {
        let Some(function) = functions.get(invoked.value) else { continue };
        if !function.is_written && told.insert(invoked.value) {
            let name = context.functions.name(invoked.value);
            context.report.push(
                Diagnostic::at(
                    function.place,
                    format!("function `{name}` has no body"),
                    "add `body = [{ sleep = \"1s\" }]`",
                )
                .with_related(invoked.span, "invoked here without a body of its own"),
            );
        }
    }
    for start in 0..functions.len() {
        if let Some(path) = path_back(start, functions) {
            let name = |index: usize| context.functions.name(index);
            let message = format!("function `{}` invokes itself without end", name(start));
            let hint = match path.len() {
                0 | 1 => "its own body invokes it".to_owned(),
                _ => {
                    let names: Vec<_> = path.iter().map(|&index| name(index)).collect();
                    format!("through {}", list(&names[1..]))
                }
            };
            context.report.error(functions[start].place, message, hint);
        }
    }
}

/// The functions on the way from a function back to itself, beginning with it; only if it is the first of them in the file, so that a
/// circle is told once.
fn path_back(start: usize, functions: &[BodyOf]) -> Option<Vec<usize>> {
    let mut came_from: Vec<Option<usize>> = vec![None; functions.len()];
    let mut waiting = vec![start];
    while let Some(function) = waiting.pop() {
        for step in functions[function].body.iter() {
            let StepPlan::Invoke { function: next } = *step else { continue };
            if next == start {
                let mut path = vec![function];
                while let Some(&at) = path.last().filter(|&&at| at != start) {
                    path.push(came_from[at]?);
                }
                path.reverse();
                return path.iter().all(|&index| index >= start).then_some(path);
            }
            if next < functions.len() && came_from[next].is_none() {
                came_from[next] = Some(function);
                waiting.push(next);
            }
        }
    }
    None
}
