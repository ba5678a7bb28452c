//! `on_failure`: what becomes of the container of an invocation that has failed, of the service and
//! of functions.
//!
//! ```toml
//! on_failure = "discard"                                  # however it has failed
//! on_failure = { timeout = "discard", error = "keep" }    # by how it has failed
//! ```

use isotherm_config::diagnostic::Report;
use isotherm_config::fields::{Choice, Fields, FromValue, choice, word, words};
use isotherm_config::schema::{Field, TableSpec, Takes, field, table};
use isotherm_config::tree::{Kind, Value};
use isotherm_serverless::{AfterFailure, OnFailure};

use crate::plan::OnFailurePlan;

const WHAT: &str = "What becomes of the container of an invocation that has failed: it serves again, or takes no further invocation and stops as soon as it serves nobody.";

const AFTER: &[Choice<AfterFailure>] = &[
    word("keep", "it serves again", AfterFailure::Keep),
    word(
        "discard",
        "it takes no further invocation, and stops as soon as it serves nobody",
        AfterFailure::Discard,
    ),
];

const A_WORD: Takes = Takes::Words(|| words(AFTER));

const BY_CAUSE: TableSpec = table(
    "on_failure",
    "By how it has failed. A container whose host has failed is gone in any case, and one whose invocation was cancelled is kept.",
)
.with(&[
    field("timeout", A_WORD, "It ran into its time limit.")
        .otherwise("as if `on_failure` were absent"),
    field(
        "error",
        A_WORD,
        "Its body failed: by its own account, or by what it read, wrote or invoked.",
    )
    .otherwise("as if `on_failure` were absent"),
]);

const EITHER: Takes = Takes::Either(&[A_WORD, Takes::Table(&BY_CAUSE)]);

/// `service.on_failure`
pub const OF_SERVICE: Field = field("on_failure", EITHER, WHAT).otherwise(
    "`{ timeout = \"discard\", error = \"keep\" }`, as on the large platforms; `\"keep\"` under preset `wrench`",
);

/// `on_failure` of a function.
pub const OF_FUNCTION: Field = field("on_failure", EITHER, WHAT).otherwise("that of the service");

fn after_failure(value: &Value, report: &Report) -> Option<AfterFailure> {
    choice(value, "on_failure", AFTER, report)
}

impl FromValue for OnFailurePlan {
    const WHAT: &'static str = "what becomes of a container";
    const EXAMPLE: &'static str = "\"discard\"";

    fn read(value: &Value, report: &Report) -> Option<Self> {
        match &value.kind {
            Kind::String(_) => {
                let after = after_failure(value, report);
                after.map(|after| OnFailurePlan { timeout: Some(after), error: Some(after) })
            }
            Kind::Table(_) => {
                let mut fields = Fields::of(value, &BY_CAUSE, report)?;
                let plan = OnFailurePlan {
                    timeout: fields.optional_with("timeout", after_failure),
                    error: fields.optional_with("error", after_failure),
                };
                fields.finish();
                Some(plan)
            }
            other => {
                let message = format!(
                    "`on_failure` must be a string or a table, not {}",
                    other.description()
                );
                let example = report.example("{ timeout = \"discard\", error = \"keep\" }");
                report.refuse(
                    value.span,
                    message,
                    format!("`\"keep\"`, `\"discard\"`, or like {example}"),
                )
            }
        }
    }
}

impl OnFailurePlan {
    /// What holds where this says nothing.
    #[must_use]
    pub fn or(self, otherwise: OnFailure) -> OnFailure {
        OnFailure {
            timeout: self.timeout.unwrap_or(otherwise.timeout),
            error: self.error.unwrap_or(otherwise.error),
        }
    }
}

/// What a field says, if anything.
pub fn read(fields: &mut Fields<'_>) -> OnFailurePlan {
    fields.optional_or("on_failure", OnFailurePlan::default())
}
