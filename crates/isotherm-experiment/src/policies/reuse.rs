//! `service.reuse`: which container serves an invocation if several can.

use isotherm_config::schema::{FamilySpec, table};
use isotherm_serverless::ContainerReuse;

use super::{Entry, Policy, built_in, kinds, which};

impl Policy for ContainerReuse {
    const FAMILY: &'static FamilySpec = &FamilySpec {
        name: "reuse",
        doc: "Which container serves an invocation when several can. Containers that serve several invocations at once are ordered by the date of the last invocation that they were given.",
        example: "\"newest\"",
        head: table("reuse", "").with(&[which::<ContainerReuse>()]),
        kinds: kinds::<ContainerReuse>,
    };

    const REGISTRY: &'static [Entry<Self>] = &[
        built_in("newest", "the idle container that was created last serves", &[], |_| {
            Some(ContainerReuse::Newest)
        }),
        built_in("oldest", "the idle container that was created first serves", &[], |_| {
            Some(ContainerReuse::Oldest)
        }),
        built_in(
            "least-recently-used",
            "oldest first: the one that has been idle for the longest time serves",
            &[],
            |_| Some(ContainerReuse::LeastRecentlyUsed),
        ),
        built_in(
            "most-recently-used",
            "newest first: the one that has been idle for the shortest time serves",
            &[],
            |_| Some(ContainerReuse::MostRecentlyUsed),
        ),
        built_in(
            "random",
            "one drawn at random serves, each with the same probability",
            &[],
            |_| Some(ContainerReuse::Random),
        ),
    ];
}
