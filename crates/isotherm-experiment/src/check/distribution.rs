//! Durations that may be drawn at random: `"200ms"`, or
//! `{ kind = "lognormal", median = "200ms", sigma = 0.8 }`.

use isotherm_config::diagnostic::Report;
use isotherm_config::fields::{Choice, Fields, FromValue, Positive, choice, takes, word};
use isotherm_config::schema::{Field, TableSpec, Takes, field, table, value};
use isotherm_config::source::Located;
use isotherm_config::tree::{Kind, Value};
use isotherm_kernel::{Distribution, DistributionError, Duration};

use crate::duration_distribution::DurationDistribution;

/// What a field takes that is such a duration.
pub const A_DURATION: Takes = Takes::Either(&[takes::<Duration>(), Takes::Table(&DISTRIBUTION)]);

const KIND: Field = field(
    "kind",
    value(
        "`uniform`, `exponential`, `lognormal`, `weibull`, `pareto`, `empirical`, `constant` or `huawei-2025`",
        "\"lognormal\"",
    ),
    "Which distribution.",
);

const MEAN: Field = field("mean", takes::<Duration>(), "Its mean.").like("\"200ms\"");
const SD: Field = field("sd", takes::<Duration>(), "Its standard deviation.").like("\"80ms\"");
const VALUE: Field = field("value", takes::<Duration>(), "How long it always is.");
const LOW: Field = field("low", takes::<Duration>(), "The shortest.").like("\"100ms\"");
const HIGH: Field = field("high", takes::<Duration>(), "The longest.").like("\"300ms\"");
const MEDIAN: Field = field("median", takes::<Duration>(), "Its median.").like("\"200ms\"");
const SIGMA: Field =
    field("sigma", takes::<Positive>(), "The standard deviation of its natural logarithm.")
        .like("0.8");
const SHAPE: Field = field("shape", takes::<Positive>(), "Its shape, a number.").like("1.5");
const SCALE: Field =
    field("scale", takes::<Duration>(), "Its scale: `P(X > x) = exp(-(x / scale)^shape)`.")
        .like("\"200ms\"");
const MINIMUM: Field =
    field("minimum", takes::<Duration>(), "The shortest: `P(X > x) = (minimum / x)^shape`.")
        .like("\"100ms\"");
const QUANTILES: Field = field(
    "quantiles",
    value(
        "pairs of a probability and a duration",
        "[[0, \"3ms\"], [0.5, \"40ms\"], [0.99, \"900ms\"], [1, \"4s\"]]",
    ),
    "Its quantiles, from that of 0 (the minimum) to that of 1 (the maximum); between two of them it is linear.",
);

const ONE_OF_TWO: &str = "another pair, or another `kind`";

/// All of them as the reference describes them.
pub const DISTRIBUTION: TableSpec = table(
    "a distribution",
    "A duration that is drawn anew each time, in place of one that is always the same: `{ kind = \"uniform\", low = \"100ms\", high = \
          \"300ms\" }`; `exponential` has a `mean`; `lognormal` has `median` and `sigma`, or `mean` and `sd`; `weibull` has `shape` and `scale`, or \
          `mean` and `sd`; `pareto` has `shape` and `minimum`; `empirical` has `quantiles`; `huawei-2025` has nothing else: it is how long cold starts took on \
          Huawei's platform, `lognormal` with a mean of 3.24 s and a standard deviation of 7.10 s. What is drawn comes from a random stream of its own, \
          which depends on the seed and on the place in the experiment, and is the same on every machine.",
)
.titled("A duration drawn at random").with(&[
    KIND,
    LOW.otherwise("`uniform` needs it"),
    HIGH.otherwise("`uniform` needs it"),
    MEAN.otherwise("`exponential` needs it, and `lognormal` and `weibull` with `sd`"),
    SD.otherwise("`lognormal` and `weibull` need it with `mean`"),
    MEDIAN.otherwise("`lognormal` needs it with `sigma`"),
    SIGMA.otherwise("`lognormal` needs it with `median`"),
    SHAPE.otherwise("`weibull` needs it with `scale`, and `pareto` with `minimum`"),
    SCALE.otherwise("`weibull` needs it with `shape`"),
    MINIMUM.otherwise("`pareto` needs it"),
    QUANTILES.otherwise("`empirical` needs it"),
    VALUE.otherwise("`constant` needs it"),
]);

const fn of_kind(name: &'static str, fields: &'static [Field]) -> TableSpec {
    TableSpec { name, title: "", doc: "", fields }
}

/// What reads the parameters of a kind; `Err` if they are no distribution.
type Reader = fn(&mut Fields<'_>) -> Option<Read>;

type Read = Result<DurationDistribution, DistributionError>;

/// The kinds: what each takes, and what reads it.
const KINDS: &[Choice<(&TableSpec, Reader)>] = &[
    word(
        "constant",
        "always the same",
        (&of_kind("a constant duration", &[KIND, VALUE]), constant),
    ),
    word(
        "uniform",
        "anything between two durations",
        (&of_kind("a uniform distribution", &[KIND, LOW, HIGH]), uniform),
    ),
    word(
        "exponential",
        "exponential",
        (&of_kind("an exponential distribution", &[KIND, MEAN]), exponential),
    ),
    word(
        "lognormal",
        "log-normal",
        (
            &of_kind(
                "a lognormal distribution",
                &[KIND, MEDIAN.otherwise(ONE_OF_TWO), SIGMA, MEAN.otherwise(ONE_OF_TWO), SD],
            ),
            log_normal,
        ),
    ),
    word(
        "weibull",
        "Weibull",
        (
            &of_kind(
                "a weibull distribution",
                &[KIND, SHAPE, SCALE, MEAN.otherwise(ONE_OF_TWO), SD],
            ),
            weibull,
        ),
    ),
    word("pareto", "Pareto", (&of_kind("a pareto distribution", &[KIND, SHAPE, MINIMUM]), pareto)),
    word(
        "empirical",
        "quantiles",
        (&of_kind("an empirical distribution", &[KIND, QUANTILES]), empirical),
    ),
    word(
        "huawei-2025",
        "cold starts of Huawei's platform",
        (&of_kind("the distribution `huawei-2025`", &[KIND]), huawei),
    ),
];

impl FromValue for DurationDistribution {
    const WHAT: &'static str = "a duration";
    const EXAMPLE: &'static str = "\"10s\"";

    fn read(value: &Value, report: &Report) -> Option<Self> {
        if !matches!(value.kind, Kind::Table(_)) {
            return Duration::read(value, report).map(DurationDistribution::from);
        }
        let before = report.count();
        let mut fields = Fields::of(value, &DISTRIBUTION, report)?;
        let kind = fields.required_value("kind", "\"lognormal\"")?;
        let (spec, read) = choice(kind, "distribution", KINDS, report)?;
        fields.proceed_as(spec);
        let read = read(&mut fields);
        fields.finish();
        read.filter(|_| report.count() == before)?
            .map_err(|error| report.error(value.span, error.to_string(), ""))
            .ok()
    }
}

fn random(seconds: Result<Distribution, DistributionError>) -> Option<Read> {
    Some(seconds.map(DurationDistribution::from))
}

fn s(duration: Duration) -> f64 {
    duration.as_secs_f64()
}

fn constant(fields: &mut Fields<'_>) -> Option<Read> {
    fields.required::<Duration>("value").map(|value| Ok(value.into()))
}

/// The fit that was published with the table of cold starts of 2025: log-normal, mean 3.24 s,
/// standard deviation 7.10 s.
fn huawei(_: &mut Fields<'_>) -> Option<Read> {
    let (mean, sd) = (Duration::from_millis(3_240), Duration::from_millis(7_100));
    random(Distribution::log_normal_with_mean(s(mean), s(sd)))
}

fn uniform(fields: &mut Fields<'_>) -> Option<Read> {
    let low = fields.required::<Duration>("low");
    let high = fields.required::<Located<Duration>>("high");
    let (low, high) = (low?, high?);
    if high.value < low {
        fields.report().error(high.span, "`high` is less than `low`", "the shortest is `low`");
    }
    random(Distribution::uniform(s(low), s(high.value)))
}

fn exponential(fields: &mut Fields<'_>) -> Option<Read> {
    random(Distribution::exponential_with_mean(s(longer_than_none(fields, "mean")?)))
}

fn log_normal(fields: &mut Fields<'_>) -> Option<Read> {
    if fields.has("median") || fields.has("sigma") {
        let median = longer_than_none(fields, "median");
        let sigma = fields.required::<Positive>("sigma");
        return random(Distribution::log_normal_with_median(s(median?), sigma?.0));
    }
    let (mean, sd) = mean_and_sd(fields, ("median", "\"200ms\""))?;
    random(Distribution::log_normal_with_mean(s(mean), s(sd)))
}

fn weibull(fields: &mut Fields<'_>) -> Option<Read> {
    if fields.has("shape") || fields.has("scale") {
        let shape = fields.required::<Positive>("shape");
        let scale = longer_than_none(fields, "scale");
        return random(Distribution::weibull(shape?.0, s(scale?)));
    }
    let (mean, sd) = mean_and_sd(fields, ("shape", "1.5"))?;
    random(Distribution::weibull_with_mean(s(mean), s(sd)))
}

fn pareto(fields: &mut Fields<'_>) -> Option<Read> {
    let shape = fields.required::<Positive>("shape");
    let minimum = longer_than_none(fields, "minimum");
    random(Distribution::pareto(shape?.0, s(minimum?)))
}

/// `mean` and `sd`, where the distribution may be given in another way: by a field and its example.
fn mean_and_sd(fields: &mut Fields<'_>, other: (&str, &str)) -> Option<(Duration, Duration)> {
    if !fields.has("mean") && !fields.has("sd") {
        fields.missing_one_of(other.0, &[other, ("mean", "\"200ms\"")]);
        return None;
    }
    let mean = longer_than_none(fields, "mean");
    let sd = longer_than_none(fields, "sd");
    Some((mean?, sd?))
}

fn longer_than_none(fields: &mut Fields<'_>, key: &'static str) -> Option<Duration> {
    let duration = fields.required::<Located<Duration>>(key)?;
    if duration.value.is_zero() {
        let hint = "a duration that is always the same is written alone, as in \"0s\"";
        return fields.report().refuse(
            duration.span,
            format!("the `{key}` of a distribution must be more than zero"),
            hint,
        );
    }
    Some(duration.value)
}

fn empirical(fields: &mut Fields<'_>) -> Option<Read> {
    let report = fields.report();
    let example = "[[0, \"3ms\"], [0.5, \"40ms\"], [1, \"4s\"]]";
    let value = fields.required_value("quantiles", example)?;
    let pairs = Vec::<Located<Quantile>>::read(value, report)?;
    let wrong = |place, message: &str, hint: &str| report.error(place, message, hint);
    let [first, .., last] = &pairs[..] else {
        wrong(value.span, "at least two quantiles are needed", "those of 0 and of 1");
        return None;
    };
    if first.value.0 != 0.0 {
        wrong(first.span, "the first quantile must be that of 0", "its value is the minimum");
    }
    if last.value.0 != 1.0 {
        wrong(last.span, "the last quantile must be that of 1", "its value is the maximum");
    }
    for pair in pairs.windows(2) {
        if pair[1].value.0 <= pair[0].value.0 {
            wrong(
                pair[1].span,
                "this probability is not above the one before",
                "probabilities go up from 0 to 1",
            );
        } else if pair[1].value.1 < pair[0].value.1 {
            wrong(pair[1].span, "this value is below the one before", "quantiles never go down");
        }
    }
    let quantiles: Vec<_> = pairs.iter().map(|pair| (pair.value.0, s(pair.value.1))).collect();
    random(Distribution::empirical(&quantiles))
}

/// A probability and a duration.
struct Quantile(f64, Duration);

impl FromValue for Quantile {
    const WHAT: &'static str = "a pair of a probability and a duration";
    const EXAMPLE: &'static str = "[0.5, \"40ms\"]";

    fn read(value: &Value, report: &Report) -> Option<Self> {
        match &value.kind {
            Kind::Array(pair) if pair.len() == 2 => {
                let (probability, duration) =
                    (f64::read(&pair[0], report), Duration::read(&pair[1], report));
                let (probability, duration) = (probability?, duration?);
                if !(0.0..=1.0).contains(&probability) {
                    return report.refuse(
                        pair[0].span,
                        "a probability is a number from 0 to 1",
                        "the median is that of 0.5",
                    );
                }
                Some(Quantile(probability, duration))
            }
            _ => {
                let hint = format!("write it like {}", report.example(Self::EXAMPLE));
                report.refuse(value.span, format!("expected {}", Self::WHAT), hint)
            }
        }
    }
}
