//! What every kind of workload says: which function is invoked, and at which date.

use isotherm_config::schema::{Takes, value};
use isotherm_config::source::Located;
use isotherm_kernel::{Duration, Time};

use crate::check::context::Context;

/// The name of a function.
pub const A_FUNCTION: Takes = value("the name of a function", "\"resize\"");

/// The function that is invoked. One without a body of its own must bring the function's.
pub fn function(name: &Located<String>, own_body: bool, context: &Context<'_>) -> Option<u32> {
    let index = context.functions.resolve(name, context.report)?;
    if !own_body {
        let place = Located { value: index, span: name.span };
        context.needs.borrow_mut().invoked.push(place);
    }
    // A file with more functions than that does not fit into memory.
    u32::try_from(index).ok()
}

/// The date that is so long after the beginning.
pub fn date(duration: Duration) -> Time {
    Time::from_nanos(duration.as_nanos())
}
