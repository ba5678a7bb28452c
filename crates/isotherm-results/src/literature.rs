//! Metrics of the literature, as the papers define them, from what [`Breakdown`] has gathered.
//!
//! Formulas and sources are in the documentation of the fields, and so in the reference.
//!
//! [`Breakdown`]: crate::Breakdown

use std::collections::BTreeMap;

use serde::Serialize;

use crate::reference::{Described, FieldDoc, described};
use crate::{FunctionReport, UtilisationReport};

/// The papers whose metrics can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Paper {
    /// Shahrad et al., "Serverless in the Wild", ATC 2020.
    Sitw,
    /// Fuerst and Sharma, "FaasCache", ASPLOS 2021.
    FaasCache,
    /// "CIDRE", ASPLOS 2025.
    Cidre,
    /// "FeMux", EuroSys 2026.
    FeMux,
}

impl Paper {
    /// All of them.
    pub const ALL: [Paper; 4] = [Paper::Sitw, Paper::FaasCache, Paper::Cidre, Paper::FeMux];

    /// The name in experiments and files: `sitw`, `faascache`, `cidre`, `femux`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Paper::Sitw => "sitw",
            Paper::FaasCache => "faascache",
            Paper::Cidre => "cidre",
            Paper::FeMux => "femux",
        }
    }
}

/// The gigabyte-seconds of wasted memory that weigh as much as a second of cold start, by default:
/// FeMux, section on RUM: 80.5 GB·s ÷ 0.808 s, from a keep-alive of 537 s × 150 MB and a cold start
/// of 0.808 s, both weighted means.
pub const RUM_GB_S: f64 = 99.7;

/// What the metrics are made of, besides the reports of functions.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Sums {
    /// Time that cold starts whose body began waited for images and start-ups, in nanoseconds.
    pub(crate) cold: u128,
    /// How long bodies ran, in nanoseconds.
    pub(crate) executed: u128,
    /// The sum of the overhead ratios of those that completed, and how many of them took any time.
    pub(crate) overhead_ratios: f64,
    pub(crate) taking_time: u64,
    /// Containers that were started in what counts.
    pub(crate) created: u64,
}

pub(crate) fn report(
    papers: &[Paper],
    functions: &[FunctionReport],
    sums: &Sums,
    utilisation: Option<&UtilisationReport>,
) -> LiteratureReport {
    let asked = |paper| papers.contains(&paper);
    let memory = utilisation.map(|utilisation| utilisation.container_memory);
    let (busy_gb_s, wasted_gb_s) =
        memory.map_or((0.0, 0.0), |memory| (memory.busy_mb_s / 1e3, memory.idle_mb_s / 1e3));
    let cold_start_s = sums.cold as f64 / 1e9;
    let (cold, started) = functions.iter().fold((0, 0), |(cold, started), function| {
        (cold + function.cold, started + function.cold + function.warm)
    });
    let ratio = |part: f64, whole: f64| (whole > 0.0).then(|| part / whole);
    LiteratureReport {
        sitw: asked(Paper::Sitw).then(|| sitw(functions, wasted_gb_s)),
        faascache: asked(Paper::FaasCache).then(|| FaasCacheReport {
            cold_share: ratio(cold as f64, started as f64),
            execution_increase: ratio(sums.cold as f64, sums.executed as f64),
        }),
        cidre: asked(Paper::Cidre).then(|| {
            let p99s: Vec<f64> =
                functions.iter().filter_map(|function| function.slowdown_p99).collect();
            let logarithms: f64 = p99s.iter().map(|&p99| libm::log(p99)).sum();
            let mean = ratio(logarithms, p99s.len() as f64);
            CidreReport {
                overhead_ratio: ratio(sums.overhead_ratios, sums.taking_time as f64),
                p99_slowdown_geometric_mean: mean.map(libm::exp),
                p99_slowdown_max: p99s.into_iter().reduce(f64::max),
            }
        }),
        femux: asked(Paper::FeMux).then(|| {
            let invocations: u64 = functions.iter().map(|function| function.invocations).sum();
            let time = utilisation.map_or(0.0, |time| time.to_s - time.from_s);
            FeMuxReport {
                cold_start_s,
                wasted_gb_s,
                rum: cold_start_s + wasted_gb_s / RUM_GB_S,
                normalised_memory: ratio(busy_gb_s + wasted_gb_s, busy_gb_s),
                created_per_invocation: ratio(sums.created as f64, invocations as f64),
                created_per_second: ratio(sums.created as f64, time),
            }
        }),
    }
}

fn sitw(functions: &[FunctionReport], wasted_gb_s: f64) -> SitwReport {
    let mut apps: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for function in functions {
        let (cold, started) = apps.entry(&function.app).or_default();
        *cold += function.cold;
        *started += function.cold + function.warm;
    }
    let started = apps.values().filter(|(_, started)| *started > 0);
    let mut shares: Vec<f64> =
        started.map(|&(cold, started)| cold as f64 / started as f64).collect();
    shares.sort_by(f64::total_cmp);
    let count = shares.len();
    let rank =
        |percent: usize| shares.get((count * percent).div_ceil(100).saturating_sub(1)).copied();
    let always = shares.iter().filter(|&&share| share >= 1.0).count();
    let idle_s: f64 = functions.iter().map(|function| function.idle_s).sum();
    SitwReport {
        apps: count as u64,
        app_median_cold_share: rank(50),
        app_third_quartile_cold_share: rank(75),
        apps_always_cold_share: (count > 0).then(|| always as f64 / count as f64),
        wasted_h: idle_s / 3600.0,
        wasted_gb_h: wasted_gb_s / 3600.0,
    }
}

impl LiteratureReport {
    /// All metrics that were asked for, with the names of their paper and their own, in order.
    #[must_use]
    pub fn named(&self) -> Vec<(&'static str, &'static str, Option<f64>)> {
        let all = serde_json::to_value(self).unwrap_or_default();
        let fields = [
            (Paper::Sitw, SitwReport::FIELDS),
            (Paper::FaasCache, FaasCacheReport::FIELDS),
            (Paper::Cidre, CidreReport::FIELDS),
            (Paper::FeMux, FeMuxReport::FIELDS),
        ];
        let asked = fields.into_iter().filter(|(paper, _)| all.get(paper.name()).is_some());
        let named = asked.flat_map(|(paper, fields)| {
            let value = |name| all[paper.name()][name].as_f64();
            let metric = move |field: &FieldDoc| (paper.name(), field.name);
            let names: Vec<_> = fields.iter().map(metric).collect();
            names
                .into_iter()
                .map(move |(paper, name)| (paper, name, value(name)))
                .collect::<Vec<_>>()
        });
        named.collect()
    }
}

described! {
    /// Metrics of the literature: those of the papers that `metrics` in `[output]` names.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
    pub struct LiteratureReport {
        /// Those of Shahrad et al., "Serverless in the Wild", ATC 2020; absent if not asked for.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub sitw: Option<SitwReport>,
        /// Those of Fuerst and Sharma, "FaasCache", ASPLOS 2021; absent if not asked for.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub faascache: Option<FaasCacheReport>,
        /// Those of "CIDRE", ASPLOS 2025; absent if not asked for.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub cidre: Option<CidreReport>,
        /// Those of "FeMux", EuroSys 2026; absent if not asked for.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub femux: Option<FeMuxReport>,
    }

    /// Cold starts by app, and wasted memory time.
    #[derive(Clone, Copy, Debug, PartialEq, Serialize)]
    pub struct SitwReport {
        /// Apps that had a start. A function without an app is an app of its own.
        pub apps: u64,
        /// Of each app the cold starts ÷ all starts; of these shares the median, by nearest rank;
        /// null if there was no start.
        pub app_median_cold_share: Option<f64>,
        /// The 75th percentile of these shares, by nearest rank.
        pub app_third_quartile_cold_share: Option<f64>,
        /// The part of the apps whose starts were all cold.
        pub apps_always_cold_share: Option<f64>,
        /// Wasted memory time as in the paper, where all apps take as much memory: how long
        /// containers were idle, summed over them, in hours. The paper divides it by that of a
        /// fixed keep-alive of 10 minutes: so does `isotherm compare` with such a run.
        pub wasted_h: f64,
        /// The same weighted with the memory of the containers, in GB × hours.
        pub wasted_gb_h: f64,
    }

    /// Cold starts and what they add to execution times.
    #[derive(Clone, Copy, Debug, PartialEq, Serialize)]
    pub struct FaasCacheReport {
        /// Cold starts ÷ all starts; null if there was none.
        pub cold_share: Option<f64>,
        /// By how much cold starts prolong executions: the time that cold starts waited for the
        /// download, copy and load of their image and for the start-up ÷ the time that all bodies
        /// ran. 0.25 is an increase by 25 %. Null if none ran.
        pub execution_increase: Option<f64>,
    }

    /// Overhead of waiting. The slowdowns are those of the comparison of autoscalers in arXiv
    /// 2509.03104.
    #[derive(Clone, Copy, Debug, PartialEq, Serialize)]
    pub struct CidreReport {
        /// Mean over the completed invocations of wait ÷ (wait + execution), where the wait is from
        /// submission to the beginning of the body; null if none took any time.
        pub overhead_ratio: Option<f64>,
        /// Of each function the 99th percentile of the slowdown, response time ÷ execution time;
        /// of these the geometric mean; null if there is none.
        pub p99_slowdown_geometric_mean: Option<f64>,
        /// The largest of these percentiles.
        pub p99_slowdown_max: Option<f64>,
    }

    /// Waste and cold starts weighed against each other. Normalised memory and the rate of creation
    /// are those of the comparison of autoscalers in arXiv 2509.03104.
    #[derive(Clone, Copy, Debug, PartialEq, Serialize)]
    pub struct FeMuxReport {
        /// Cold-start seconds: how long cold starts waited for the download, copy and load of their
        /// image and for the start-up, summed over them, in seconds.
        pub cold_start_s: f64,
        /// Memory × time of idle containers, in GB × seconds.
        pub wasted_gb_s: f64,
        /// RUM with the weights of the paper: `cold_start_s` + `wasted_gb_s` ÷ 99.7.
        pub rum: f64,
        /// Memory × time of all containers ÷ that of busy ones; null if none was busy.
        pub normalised_memory: Option<f64>,
        /// Containers that were started, or were warm from the start, ÷ invocations; null if there
        /// was none.
        pub created_per_invocation: Option<f64>,
        /// The same ÷ seconds from the first submission, or from 0 if containers were warm from the
        /// start, or from where what counts begins, to the end; null if no time passed.
        pub created_per_second: Option<f64>,
    }
}
