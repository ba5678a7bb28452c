//! The sizes of inputs and outputs: the fields of functions.

use isotherm_config::fields::{Fields, Size, takes};
use isotherm_config::schema::{Field, field};

use crate::plan::ValueSizes;

/// `input_size` of a function.
pub const INPUT: Field = field(
    "input_size",
    takes::<Size>(),
    "The size of the input of an invocation, which takes its time on the network: with the request, and to the compute host before the body begins.",
)
.like("\"2MB\"")
.default("\"0B\"");

/// `output_size` of a function.
pub const OUTPUT: Field = field(
    "output_size",
    takes::<Size>(),
    "The size of the output of an invocation that completes, which takes its time on the network: to the service after the body has ended, and with the message of its end to the user.",
)
.like("\"2MB\"")
.default("\"0B\"");

/// Reads the fields of a function.
pub fn read(fields: &mut Fields<'_>) -> ValueSizes {
    let mut bytes = |key| fields.optional_or(key, Size(0)).0;
    ValueSizes { input: bytes("input_size"), output: bytes("output_size") }
}
