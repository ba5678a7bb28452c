//! Durations that may be drawn at random: `"200ms"`, or
//! `{ kind = "lognormal", median = "200ms", sigma = 0.8 }`; and distributions of other quantities,
//! of which a [population](crate::check::population) is drawn.

use std::marker::PhantomData;

use isotherm_config::diagnostic::Report;
use isotherm_config::fields::{Choice, Fields, FromValue, Positive, choice, takes, word};
use isotherm_config::schema::{Field, TableSpec, Takes, field, table, value};
use isotherm_config::source::{Located, Span};
use isotherm_config::tree::{Kind, Value};
use isotherm_kernel::{Distribution, DistributionError, Duration};

use crate::duration_distribution::DurationDistribution;

/// What a field takes that is such a duration.
pub const A_DURATION: Takes = Takes::Either(&[takes::<Duration>(), Takes::Table(&DISTRIBUTION)]);

/// What the parameters of a distribution are.
pub trait Drawn: FromValue + Copy + PartialOrd + 'static {
    /// How they are written: low, typical, high, and the spread around the typical.
    const LIKE: [&'static str; 4];
    /// How quantiles are written, and one of them.
    const QUANTILES: [&'static str; 2];
    /// The kinds of distributions: what each takes, and what reads it.
    const KINDS: &'static [Choice<(&'static TableSpec, Reader)>];

    /// The number that is drawn.
    fn number(self) -> f64;
}

/// What reads the parameters of a kind; `Err` if they are no distribution.
pub type Reader = fn(&mut Fields<'_>) -> Option<Read>;

type Read = Result<Distribution, DistributionError>;

const SIGMA: Field =
    field("sigma", takes::<Positive>(), "The standard deviation of its natural logarithm.")
        .like("0.8");
const SHAPE: Field = field("shape", takes::<Positive>(), "Its shape, a number.").like("1.5");
pub const WEIGHTS: Field = field(
    "weights",
    value("a number for each of `values`", "[3, 2, 1]"),
    "How likely they are, in proportion to each other.",
)
.otherwise("all are alike");

const ONE_OF_TWO: &str = "another pair, or another `kind`";

/// The fields and the kinds of distributions of `Q`.
pub struct Of<Q>(PhantomData<Q>);

type KindOf = (&'static TableSpec, Reader);

impl<Q: Drawn> Of<Q> {
    pub const KIND: Field = field(
        "kind",
        value(
            "`constant`, `uniform`, `loguniform`, `exponential`, `lognormal`, `weibull`, \
             `pareto`, `choice`, `empirical` or, of durations, `huawei-2025`",
            "\"lognormal\"",
        ),
        "Which distribution.",
    );
    const MEAN: Field = field("mean", takes::<Q>(), "Its mean.").like(Q::LIKE[1]);
    const SD: Field = field("sd", takes::<Q>(), "Its standard deviation.").like(Q::LIKE[3]);
    const VALUE: Field = field("value", takes::<Q>(), "What it always is.").like(Q::LIKE[1]);
    const LOW: Field = field("low", takes::<Q>(), "The least.").like(Q::LIKE[0]);
    const HIGH: Field = field("high", takes::<Q>(), "The greatest.").like(Q::LIKE[2]);
    const MEDIAN: Field = field("median", takes::<Q>(), "Its median.").like(Q::LIKE[1]);
    const SCALE: Field =
        field("scale", takes::<Q>(), "Its scale: `P(X > x) = exp(-(x / scale)^shape)`.")
            .like(Q::LIKE[1]);
    const MINIMUM: Field =
        field("minimum", takes::<Q>(), "The least: `P(X > x) = (minimum / x)^shape`.")
            .like(Q::LIKE[0]);
    pub const VALUES: Field =
        field("values", value("a list", "[...]"), "Those of which each is one.");
    const QUANTILES: Field = field(
        "quantiles",
        value("pairs of a probability and a value", Q::QUANTILES[0]),
        "Its quantiles, from that of 0 (the minimum) to that of 1 (the maximum); between two of \
         them it is linear.",
    );

    /// All fields, as the reference describes them.
    const ALL: [Field; 14] = [
        Self::KIND,
        Self::LOW.otherwise("`uniform` and `loguniform` need it"),
        Self::HIGH.otherwise("`uniform` and `loguniform` need it"),
        Self::MEAN.otherwise("`exponential` needs it, and `lognormal` and `weibull` with `sd`"),
        Self::SD.otherwise("`lognormal` and `weibull` need it with `mean`"),
        Self::MEDIAN.otherwise("`lognormal` needs it with `sigma`"),
        SIGMA.otherwise("`lognormal` needs it with `median`"),
        SHAPE.otherwise("`weibull` needs it with `scale`, and `pareto` with `minimum`"),
        Self::SCALE.otherwise("`weibull` needs it with `shape`"),
        Self::MINIMUM.otherwise("`pareto` needs it"),
        Self::VALUES.otherwise("`choice` needs it"),
        WEIGHTS,
        Self::QUANTILES.otherwise("`empirical` needs it"),
        Self::VALUE.otherwise("`constant` needs it"),
    ];

    pub const CONSTANT: Choice<KindOf> = word(
        "constant",
        "always the same",
        (&of_kind("a constant", &[Self::KIND, Self::VALUE]), constant::<Q>),
    );
    pub const UNIFORM: Choice<KindOf> = word(
        "uniform",
        "anything between two values",
        (&of_kind("a uniform distribution", &[Self::KIND, Self::LOW, Self::HIGH]), uniform::<Q>),
    );
    pub const LOG_UNIFORM: Choice<KindOf> = word(
        "loguniform",
        "anything between two values, its logarithm uniform",
        (
            &of_kind("a loguniform distribution", &[Self::KIND, Self::LOW, Self::HIGH]),
            log_uniform::<Q>,
        ),
    );
    pub const EXPONENTIAL: Choice<KindOf> = word(
        "exponential",
        "exponential",
        (&of_kind("an exponential distribution", &[Self::KIND, Self::MEAN]), exponential::<Q>),
    );
    pub const LOG_NORMAL: Choice<KindOf> = word(
        "lognormal",
        "log-normal",
        (
            &of_kind(
                "a lognormal distribution",
                &[
                    Self::KIND,
                    Self::MEDIAN.otherwise(ONE_OF_TWO),
                    SIGMA,
                    Self::MEAN.otherwise(ONE_OF_TWO),
                    Self::SD,
                ],
            ),
            log_normal::<Q>,
        ),
    );
    pub const WEIBULL: Choice<KindOf> = word(
        "weibull",
        "Weibull",
        (
            &of_kind(
                "a weibull distribution",
                &[Self::KIND, SHAPE, Self::SCALE, Self::MEAN.otherwise(ONE_OF_TWO), Self::SD],
            ),
            weibull::<Q>,
        ),
    );
    pub const PARETO: Choice<KindOf> = word(
        "pareto",
        "Pareto",
        (&of_kind("a pareto distribution", &[Self::KIND, SHAPE, Self::MINIMUM]), pareto::<Q>),
    );
    pub const CHOICE: Choice<KindOf> = word(
        "choice",
        "one of some values",
        (&of_kind("a choice", &[Self::KIND, Self::VALUES, WEIGHTS]), chosen::<Q>),
    );
    pub const EMPIRICAL: Choice<KindOf> = word(
        "empirical",
        "quantiles",
        (&of_kind("an empirical distribution", &[Self::KIND, Self::QUANTILES]), empirical::<Q>),
    );
}

const HUAWEI: Choice<KindOf> = word(
    "huawei-2025",
    "cold starts of Huawei's platform",
    (&of_kind("the distribution `huawei-2025`", &[Of::<Duration>::KIND]), huawei),
);

impl Drawn for Duration {
    const LIKE: [&'static str; 4] = ["\"100ms\"", "\"200ms\"", "\"300ms\"", "\"80ms\""];
    const QUANTILES: [&'static str; 2] =
        ["[[0, \"3ms\"], [0.5, \"40ms\"], [0.99, \"900ms\"], [1, \"4s\"]]", "[0.5, \"40ms\"]"];
    const KINDS: &'static [Choice<KindOf>] = &[
        Of::<Self>::CONSTANT,
        Of::<Self>::UNIFORM,
        Of::<Self>::LOG_UNIFORM,
        Of::<Self>::EXPONENTIAL,
        Of::<Self>::LOG_NORMAL,
        Of::<Self>::WEIBULL,
        Of::<Self>::PARETO,
        Of::<Self>::CHOICE,
        Of::<Self>::EMPIRICAL,
        HUAWEI,
    ];

    fn number(self) -> f64 {
        self.as_secs_f64()
    }
}

/// All of them as the reference describes them.
pub const DISTRIBUTION: TableSpec = table(
    "a distribution",
    "A duration that is drawn anew each time, in place of one that is always the same: `{ kind = \
     \"uniform\", low = \"100ms\", high = \"300ms\" }`, and `loguniform` in the same way; \
     `exponential` has a `mean`; `lognormal` has `median` and `sigma`, or `mean` and `sd`; \
     `weibull` has `shape` and `scale`, or `mean` and `sd`; `pareto` has `shape` and `minimum`; \
     `choice` has `values`, perhaps with `weights`; `empirical` has `quantiles`; `huawei-2025` has \
     nothing else: it is how long cold starts took on Huawei's platform, `lognormal` with a mean \
     of 3.24 s and a standard deviation of 7.10 s. What is drawn comes from a random stream of its \
     own, which depends on the seed and on the place in the experiment, and is the same on every \
     machine.",
)
.titled("A duration drawn at random")
.with(&Of::<Duration>::ALL);

/// The distributions of `Q` that a whole population is drawn from.
pub const fn of_population<Q: Drawn>(doc: &'static str) -> TableSpec {
    table("a distribution", doc).titled("A value drawn for each function").with(&Of::<Q>::ALL)
}

const fn of_kind(name: &'static str, fields: &'static [Field]) -> TableSpec {
    TableSpec { name, title: "", doc: "", fields }
}

/// Reads a table that is a distribution. The second value says whether it is a constant.
pub fn read<Q: Drawn>(
    value: &Value,
    spec: &TableSpec,
    report: &Report,
) -> Option<(Distribution, bool)> {
    let before = report.count();
    let mut fields = Fields::of(value, spec, report)?;
    let kind = fields.required_value("kind", "\"lognormal\"")?;
    let is_constant = matches!(&kind.kind, Kind::String(kind) if kind == "constant");
    let (spec, read) = choice(kind, "distribution", Q::KINDS, report)?;
    fields.proceed_as(spec);
    let read = read(&mut fields);
    fields.finish();
    let distribution = read
        .filter(|_| report.count() == before)?
        .map_err(|error| report.error(value.span, error.to_string(), ""))
        .ok()?;
    Some((distribution, is_constant))
}

impl FromValue for DurationDistribution {
    const WHAT: &'static str = "a duration";
    const EXAMPLE: &'static str = "\"10s\"";

    fn read(value: &Value, report: &Report) -> Option<Self> {
        let Some(table) = value.table() else {
            return Duration::read(value, report).map(DurationDistribution::from);
        };
        match read::<Duration>(value, &DISTRIBUTION, report)? {
            // Exact to the nanosecond, and never drawn.
            (_, true) => Duration::read(table.get("value")?, report).map(Self::from),
            (distribution, false) => Some(distribution.into()),
        }
    }
}

fn constant<Q: Drawn>(fields: &mut Fields<'_>) -> Option<Read> {
    Some(Distribution::constant(fields.required::<Q>("value")?.number()))
}

/// The fit that was published with the table of cold starts of 2025: log-normal, mean 3.24 s,
/// standard deviation 7.10 s.
fn huawei(_: &mut Fields<'_>) -> Option<Read> {
    Some(Distribution::log_normal_with_mean(3.24, 7.1))
}

fn uniform<Q: Drawn>(fields: &mut Fields<'_>) -> Option<Read> {
    let (low, high) = low_and_high(fields, Fields::required::<Q>)?;
    Some(Distribution::uniform(low, high))
}

fn log_uniform<Q: Drawn>(fields: &mut Fields<'_>) -> Option<Read> {
    let (low, high) = low_and_high(fields, more_than_none::<Q>)?;
    Some(Distribution::log_uniform(low, high))
}

fn low_and_high<'a, Q: Drawn>(
    fields: &mut Fields<'a>,
    read_low: fn(&mut Fields<'a>, &'static str) -> Option<Q>,
) -> Option<(f64, f64)> {
    let low = read_low(fields, "low");
    let high = fields.required::<Located<Q>>("high");
    let (low, high) = (low?, high?);
    if high.value < low {
        fields.report().error(high.span, "`high` is less than `low`", "the least is `low`");
    }
    Some((low.number(), high.value.number()))
}

fn exponential<Q: Drawn>(fields: &mut Fields<'_>) -> Option<Read> {
    Some(Distribution::exponential_with_mean(more_than_none::<Q>(fields, "mean")?.number()))
}

fn log_normal<Q: Drawn>(fields: &mut Fields<'_>) -> Option<Read> {
    if fields.has("median") || fields.has("sigma") {
        let median = more_than_none::<Q>(fields, "median");
        let sigma = fields.required::<Positive>("sigma");
        return Some(Distribution::log_normal_with_median(median?.number(), sigma?.0));
    }
    let (mean, sd) = mean_and_sd::<Q>(fields, ("median", Q::LIKE[1]))?;
    Some(Distribution::log_normal_with_mean(mean, sd))
}

fn weibull<Q: Drawn>(fields: &mut Fields<'_>) -> Option<Read> {
    if fields.has("shape") || fields.has("scale") {
        let shape = fields.required::<Positive>("shape");
        let scale = more_than_none::<Q>(fields, "scale");
        return Some(Distribution::weibull(shape?.0, scale?.number()));
    }
    let (mean, sd) = mean_and_sd::<Q>(fields, ("shape", "1.5"))?;
    Some(Distribution::weibull_with_mean(mean, sd))
}

fn pareto<Q: Drawn>(fields: &mut Fields<'_>) -> Option<Read> {
    let shape = fields.required::<Positive>("shape");
    let minimum = more_than_none::<Q>(fields, "minimum");
    Some(Distribution::pareto(shape?.0, minimum?.number()))
}

/// `mean` and `sd`, where the distribution may be given in another way: by a field and its example.
fn mean_and_sd<Q: Drawn>(fields: &mut Fields<'_>, other: (&str, &str)) -> Option<(f64, f64)> {
    if !fields.has("mean") && !fields.has("sd") {
        fields.missing_one_of(other.0, &[other, ("mean", Q::LIKE[1])]);
        return None;
    }
    let mean = more_than_none::<Q>(fields, "mean");
    let sd = more_than_none::<Q>(fields, "sd");
    Some((mean?.number(), sd?.number()))
}

fn more_than_none<Q: Drawn>(fields: &mut Fields<'_>, key: &'static str) -> Option<Q> {
    let read = fields.required::<Located<Q>>(key)?;
    if read.value.number() <= 0.0 {
        let hint = "what is always the same is written alone, without a distribution";
        return fields.report().refuse(
            read.span,
            format!("the `{key}` of a distribution must be more than zero"),
            hint,
        );
    }
    Some(read.value)
}

fn empirical<Q: Drawn>(fields: &mut Fields<'_>) -> Option<Read> {
    let report = fields.report();
    let value = fields.required_value("quantiles", Q::QUANTILES[0])?;
    let pairs = Vec::<Located<Quantile<Q>>>::read(value, report)?;
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
    let quantiles: Vec<_> =
        pairs.iter().map(|pair| (pair.value.0, pair.value.1.number())).collect();
    Some(Distribution::empirical(&quantiles))
}

/// The values and weights of a choice.
fn chosen<Q: Drawn>(fields: &mut Fields<'_>) -> Option<Read> {
    let values = fields.required::<Located<Vec<Q>>>("values");
    let values = values.map(|values| (values.value.len(), values));
    let weights = weights(fields, values.as_ref().map(|(count, values)| (*count, values.span)));
    let ((_, values), weights) = (values?, weights?);
    let weighted: Vec<_> = values.value.into_iter().map(Q::number).zip(weights).collect();
    Some(Distribution::choice(&weighted))
}

/// The weights of so many values, which are written at this place.
pub fn weights(fields: &mut Fields<'_>, values: Option<(usize, Span)>) -> Option<Vec<f64>> {
    let report = fields.report();
    let weights = fields.optional::<Located<Vec<f64>>>("weights");
    let is_written = fields.has("weights");
    let (count, place) = values?;
    if count == 0 {
        return report.refuse(place, "a choice of nothing", "give at least one value");
    }
    let Some(weights) = weights else {
        return (!is_written).then(|| vec![1.0; count]);
    };
    if weights.value.len() != count {
        let message = format!("{} weights for {count} values", weights.value.len());
        return report.refuse(weights.span, message, "give one for each value, in their order");
    }
    if weights.value.iter().any(|&weight| weight < 0.0) {
        return report.refuse(weights.span, "a weight cannot be negative", "0 is never chosen");
    }
    if weights.value.iter().all(|&weight| weight == 0.0) {
        return report.refuse(weights.span, "nothing is chosen", "give one a weight above 0");
    }
    Some(weights.value)
}

/// A probability and a value.
struct Quantile<Q>(f64, Q);

impl<Q: Drawn> FromValue for Quantile<Q> {
    const WHAT: &'static str = "a pair of a probability and a value";
    const EXAMPLE: &'static str = Q::QUANTILES[1];

    fn read(value: &Value, report: &Report) -> Option<Self> {
        match &value.kind {
            Kind::Array(pair) if pair.len() == 2 => {
                let (probability, value) = (f64::read(&pair[0], report), Q::read(&pair[1], report));
                let (probability, value) = (probability?, value?);
                if !(0.0..=1.0).contains(&probability) {
                    return report.refuse(
                        pair[0].span,
                        "a probability is a number from 0 to 1",
                        "the median is that of 0.5",
                    );
                }
                Some(Quantile(probability, value))
            }
            _ => {
                let hint = format!("write it like {}", report.example(Self::EXAMPLE));
                report.refuse(value.span, format!("expected {}", Self::WHAT), hint)
            }
        }
    }
}
