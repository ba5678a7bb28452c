//! `service.keep_alive` and `keep_alive` of functions: how long idle containers are kept.

use std::sync::Arc;

use isotherm_config::fields::{Fields, Number, Share, takes};
use isotherm_config::schema::{FamilySpec, Field, field, table};
use isotherm_kernel::{Duration, RandomStreams};
use isotherm_serverless::keep_alive::{Fixed, HybridConfig, HybridHistogram, KeepAlive};

use super::{Entry, Kinds, OwnKind, Policy, built_in, kinds, which};

/// The keep-alive policies.
#[derive(Clone, Debug, PartialEq)]
pub enum KeepAliveKind {
    /// A container stops when its last invocation has ended.
    None,
    /// A container stops after this idle time.
    Fixed(Duration),
    /// A container is kept until it is evicted.
    Forever,
    /// A histogram of the idle times of its function determines when a container is stopped and
    /// when one is started ahead.
    Hybrid(HybridConfig),
    /// One of a program's own.
    Own(OwnKind<dyn KeepAlive>),
}

impl Policy for KeepAliveKind {
    const FAMILY: &'static FamilySpec = &FamilySpec {
        name: "keep_alive",
        doc: "How long an idle container is kept.",
        example: "{ kind = \"fixed\", idle = \"10min\" }",
        head: table("keep_alive", "").with(&[which::<KeepAliveKind>().default("\"fixed\"")]),
        kinds: kinds::<KeepAliveKind>,
    };

    const REGISTRY: &'static [Entry<Self>] = &[
        built_in("none", "a container stops when its invocation has ended", &[], |_| {
            Some(KeepAliveKind::None)
        }),
        built_in(
            "fixed",
            "a container stops after this idle time",
            &[field("idle", takes::<Duration>(), "How long a container is kept when it is idle.")
                .like("\"10min\"")],
            |fields| {
                fields.required::<Duration>("idle").map(|idle| match idle.is_zero() {
                    true => KeepAliveKind::None,
                    false => KeepAliveKind::Fixed(idle),
                })
            },
        ),
        built_in(
            "forever",
            "a container is kept until it is evicted because its room is needed",
            &[],
            |_| Some(KeepAliveKind::Forever),
        ),
        built_in(
            "hybrid-histogram",
            "a histogram of the past idle times of the function determines when its container is stopped and when one is started ahead (Shahrad et al., ATC 2020)",
            HYBRID,
            hybrid,
        ),
    ];

    fn own(kinds: &Kinds) -> Option<&[Arc<Entry<Self>>]> {
        Some(&kinds.keep_alives)
    }
}

const HYBRID: &[Field] = &[
    field("bin", takes::<Duration>(), "The width of a bin of the histograms.").like("\"1min\"").default("\"1min\""),
    field(
        "range",
        takes::<Duration>(),
        "The idle times that the bins cover together, with at most 100,000 bins. Longer idle times are counted separately.",
    )
    .like("\"4h\"")
    .default("\"4h\""),
    field(
        "head",
        takes::<Share>(),
        "The percentile of idle times, as a fraction, before which a container is started ahead.",
    )
    .like("0.05")
    .default("0.05"),
    field("tail", takes::<Share>(), "The percentile of idle times, as a fraction, until which a container is kept.")
        .like("0.99")
        .default("0.99"),
    field("margin", takes::<Share>(), "By how much the head is shortened and the tail lengthened, as a fraction of each.")
        .like("0.1")
        .default("0.1"),
    field(
        "forecast_margin",
        takes::<Share>(),
        "How long before the forecast end of an idle time a container is ready, and how long after it is kept, as a fraction of the forecast.",
    )
    .like("0.15")
    .default("0.15"),
    field(
        "variation",
        takes::<Number>(),
        "A histogram whose bins have a lower coefficient of variation than this is not used.",
    )
    .like("2.0")
    .default("2.0"),
    field("fallback", takes::<Duration>(), "How long a container is kept when the histogram is not used.")
        .like("\"4h\"")
        .otherwise("`range`"),
];

fn hybrid(fields: &mut Fields<'_>) -> Option<KeepAliveKind> {
    let usual = HybridConfig::default();
    let bin = fields.optional_or("bin", usual.bin);
    let range = fields.optional_or("range", usual.range);
    for (key, value) in [("bin", bin), ("range", range)] {
        if value.is_zero()
            && let Some(entry) = fields.entry(key)
        {
            fields.report().error(
                entry.value.span,
                format!("`{key}` must be longer than zero"),
                "",
            );
        }
    }
    check_bins(fields, bin, range);
    Some(KeepAliveKind::Hybrid(HybridConfig {
        bin,
        range,
        head: fields.optional_or("head", Share(usual.head)).0,
        tail: fields.optional_or("tail", Share(usual.tail)).0,
        margin: fields.optional_or("margin", Share(usual.margin)).0,
        forecast_margin: fields.optional_or("forecast_margin", Share(usual.forecast_margin)).0,
        variation: fields.optional_or("variation", Number(usual.variation)).0,
        fallback: fields.optional_or("fallback", range),
    }))
}

/// Reports a range of less than one bin, or of more than [`HybridConfig::MOST_BINS`].
fn check_bins(fields: &mut Fields<'_>, bin: Duration, range: Duration) {
    let Some(bins) = range.as_nanos().checked_div(bin.as_nanos()).filter(|_| !range.is_zero())
    else {
        return;
    };
    let Some(entry) = fields.entry("bin").or_else(|| fields.entry("range")) else { return };
    let span = entry.value.span;
    if bins == 0 {
        fields.report().error(
            span,
            "a bin must not be longer than the range",
            "`range` is what all bins cover together",
        );
    } else if bins > HybridConfig::MOST_BINS {
        let most = HybridConfig::MOST_BINS;
        let message = format!("these are {bins} bins, and a histogram has {most} at most");
        fields.report().error(span, message, "make `bin` longer or `range` shorter");
    }
}

impl KeepAliveKind {
    /// Makes the policy for a run with these streams.
    pub(crate) fn build(&self, streams: &RandomStreams) -> Box<dyn KeepAlive> {
        Box::new(match self {
            KeepAliveKind::None => Fixed::NONE,
            KeepAliveKind::Fixed(idle) => Fixed::new(*idle),
            KeepAliveKind::Forever => Fixed::FOREVER,
            KeepAliveKind::Hybrid(config) => return Box::new(HybridHistogram::new(*config)),
            KeepAliveKind::Own(own) => return own.make(streams),
        })
    }
}
