//! Random streams and distributions against values computed elsewhere.
//!
//! The expected values were computed with an implementation of PCG, SplitMix64, FNV-1a and of the
//! textbook formulas in Python, written from their definitions and sharing no code with the crate:
//!
//! ```python
//! import math
//! M, MM = (1 << 64) - 1, (1 << 128) - 1
//! def mix(z):
//!     z = ((z ^ (z >> 30)) * 0xbf58476d1ce4e5b9) & M
//!     z = ((z ^ (z >> 27)) * 0x94d049bb133111eb) & M
//!     return z ^ (z >> 31)
//! def split(x, n):                                   # n outputs of SplitMix64 started at x
//!     return [mix((x + k * 0x9e3779b97f4a7c15) & M) for k in range(1, n + 1)]
//! def fnv(b):
//!     h = 0xcbf29ce484222325
//!     for c in b: h = ((h ^ c) * 0x100000001b3) & M
//!     return h
//! class Pcg:
//!     def __init__(s, seed, path):
//!         w = split(split(seed, 1)[0] ^ fnv(path.encode()), 4)
//!         s.inc = ((w[2] << 64 | w[3]) << 1 | 1) & MM
//!         s.st = ((w[0] << 64 | w[1]) + s.inc) & MM
//!         s.step()
//!     def step(s): s.st = (s.st * 0x2360ED051FC65DA44385DF649FCCF645 + s.inc) & MM
//!     def next(s):
//!         s.step()
//!         rot, x = s.st >> 122, ((s.st >> 64) ^ s.st) & M
//!         return ((x >> rot) | (x << (64 - rot))) & M
//! def below(g, n):
//!     while True:
//!         m = g.next() * n
//!         if m & M >= 2**64 % n: return m >> 64
//! def uniform_open(g): return ((g.next() >> 12) + 0.5) * 2.0**-52
//! # Quantiles: -log1p(-p)/rate, scale*(-log1p(-p))**(1/shape), minimum*(1-p)**(-1/shape), cumulative sums for Zipf,
//! # and for the normal family the bisection of 0.5*erfc(-x/sqrt(2)) = p.
//! ```

use isotherm_kernel::{
    Distribution, DistributionError, Duration, Random, RandomDuration, RandomStreams,
};
use rand_core::TryRng;

fn stream(seed: u64, path: &str) -> Random {
    RandomStreams::new(seed).stream(path)
}

#[test]
fn streams_yield_the_golden_words() {
    let golden: [(u64, &str, [u64; 4]); 5] = [
        (0, "", [0x67acea8aeb9bd2ed, 0x899c9f772d8f8f43, 0xf350d79d2574bba2, 0x0a621517ca710553]),
        (
            42,
            "workload/resize",
            [0xfeaef3aff9d8d8d5, 0x7795e7426b82b563, 0xa8fe023dceb590da, 0x2459fd5df56651df],
        ),
        (
            42,
            "workload/thumbnail",
            [0x1da68fadfca1b75f, 0x24db1f744251baf1, 0xd75a16657039ec6b, 0x7f19a4eae14726d9],
        ),
        (
            43,
            "workload/resize",
            [0x60b30bb42221a3a4, 0x647c7870661273fc, 0x7d2268fca020626e, 0x45216f2d7c8ef7ee],
        ),
        (
            u64::MAX,
            "scheduler",
            [0xed7a61601ffd376e, 0x093970bdf9acfb1e, 0x34c5f378f71e56f5, 0x87f1d5f39e361ceb],
        ),
    ];
    for (seed, path, words) in golden {
        let mut random = stream(seed, path);
        assert_eq!(
            std::array::from_fn::<_, 4, _>(|_| random.next_word()),
            words,
            "seed {seed}, path {path:?}"
        );
    }
}

#[test]
fn derived_numbers_are_the_golden_ones() {
    let fresh = || stream(42, "workload/resize");
    let mut random = fresh();
    assert_eq!(
        std::array::from_fn::<_, 4, _>(|_| random.uniform()),
        [0.9948570541981526, 0.4671310937078583, 0.6601258660218348, 0.14199813407813022]
    );
    let mut random = fresh();
    assert_eq!(
        std::array::from_fn::<_, 4, _>(|_| random.uniform_open()),
        [0.9948570541981526, 0.46713109370785844, 0.6601258660218349, 0.14199813407813033]
    );
    let mut random = fresh();
    assert_eq!(
        std::array::from_fn::<_, 12, _>(|_| random.below(10)),
        [9, 4, 6, 1, 9, 5, 0, 3, 3, 8, 7, 2]
    );
    // 3·2^62: a quarter of all words is rejected, so this also shows the rejection (eight numbers
    // from 13 words).
    assert_eq!(
        std::array::from_fn::<_, 8, _>(|_| random.below(3 << 62)),
        [
            3599344813105611716,
            12899959580662702899,
            11253963459266087861,
            3340572018323569686,
            1749962973741079622,
            3225014871048598078,
            11050740197417493767,
            7798478147898231673
        ]
    );
    let mut random = fresh();
    let mut items = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
    random.shuffle(&mut items);
    assert_eq!(items, [1, 8, 3, 6, 2, 7, 0, 5, 4, 9]);
}

#[test]
fn a_stream_does_not_depend_on_the_others() {
    let streams = RandomStreams::new(7);
    let alone = streams.stream("b").next_word();
    let mut other = streams.stream("a");
    other.next_word();
    assert_eq!(streams.stream("b").next_word(), alone);
    assert_ne!(streams.stream("a").next_word(), alone);
    assert_eq!(streams.seed(), 7);
}

#[test]
fn a_stream_is_a_generator_of_the_rand_family() {
    let mut words = stream(1, "x");
    let mut generator = stream(1, "x");
    let Ok(word) = generator.try_next_u64();
    assert_eq!(word, words.next_word());
    let Ok(half) = generator.try_next_u32();
    assert_eq!(half, words.next_word() as u32);
    let mut bytes = [0; 8];
    let Ok(()) = generator.try_fill_bytes(&mut bytes);
    assert_eq!(bytes, words.next_word().to_le_bytes());
}

#[test]
fn below_is_uniform_and_never_reaches_its_bound() {
    // 70,000 draws of 7 values: 10,000 each, standard deviation sqrt(70000 · 1/7 · 6/7) = 92.6;
    // five of them are 463.
    let mut random = stream(3, "below");
    let mut counts = [0u32; 7];
    for _ in 0..70_000 {
        counts[random.below(7) as usize] += 1;
    }
    for count in counts {
        assert!(count.abs_diff(10_000) < 463, "{counts:?}");
    }
    assert_eq!(random.below(1), 0);
    assert!(random.below(u64::MAX) < u64::MAX);
}

#[test]
#[should_panic(expected = "a random choice among nothing")]
fn below_zero_is_refused() {
    stream(0, "").below(0);
}

#[test]
fn choose_and_shuffle_on_next_to_nothing_draw_nothing() {
    let mut random = stream(5, "few");
    let untouched = random.clone();
    assert_eq!(random.choose::<u8>(&[]), None);
    random.shuffle::<u8>(&mut []);
    random.shuffle(&mut [1]);
    assert_eq!(random, untouched);
    assert_eq!(random.choose(&["only"]), Some(&"only"));
}

#[test]
fn every_order_comes_equally_often_out_of_a_shuffle() {
    // 60,000 shuffles of three items: 10,000 of each order, standard deviation sqrt(60000 · 1/6 ·
    // 5/6) = 91.3; five of them are 457.
    let mut random = stream(9, "shuffle");
    let mut counts = std::collections::BTreeMap::new();
    for _ in 0..60_000 {
        let mut items = [1, 2, 3];
        random.shuffle(&mut items);
        *counts.entry(items).or_insert(0u32) += 1;
    }
    assert_eq!(counts.len(), 6);
    assert!(counts.values().all(|count| count.abs_diff(10_000) < 457), "{counts:?}");
}

fn distributions() -> Vec<(&'static str, Distribution)> {
    vec![
        ("constant", Distribution::constant(4.5).unwrap()),
        ("uniform", Distribution::uniform(2.0, 6.0).unwrap()),
        ("exponential", Distribution::exponential(0.5).unwrap()),
        ("normal", Distribution::normal(10.0, 3.0).unwrap()),
        ("log-normal", Distribution::log_normal(1.0, 0.5).unwrap()),
        ("log-normal by mean", Distribution::log_normal_with_mean(2.0, 3.0).unwrap()),
        ("weibull", Distribution::weibull(1.5, 2.0).unwrap()),
        ("pareto", Distribution::pareto(2.5, 3.0).unwrap()),
        ("zipf", Distribution::zipf(1000, 1.1).unwrap()),
        (
            "empirical",
            Distribution::empirical(&[(0.0, 1.0), (0.25, 2.0), (0.5, 10.0), (1.0, 20.0)]).unwrap(),
        ),
        ("log-uniform", Distribution::log_uniform(2.0, 32.0).unwrap()),
        ("choice", Distribution::choice(&[(5.0, 2.0), (9.0, 1.0), (1.0, 1.0)]).unwrap()),
    ]
}

#[test]
fn samples_are_the_golden_ones() {
    let golden: [[f64; 5]; 12] = [
        [4.5; 5],
        [
            5.400311288143472,
            4.391598654513073,
            2.8455091510454635,
            4.961031567225994,
            2.1923708397889725,
        ],
        [
            3.7952778661773285,
            1.822107257083502,
            0.47493451448991103,
            2.6961320635600705,
            0.09857526666260955,
        ],
        [
            13.11030165985925,
            10.743743065528463,
            7.595045486014388,
            11.932422025134306,
            5.009095402536657,
        ],
        [
            4.564840665699393,
            3.0770064040072906,
            1.8206148025941489,
            3.751179551248504,
            1.1831525956570894,
        ],
        [
            3.419160736253767,
            1.4520408939558387,
            0.46463630660925487,
            2.232532663791682,
            0.18226016695747493,
        ],
        [
            3.065531033511995,
            1.8795734010775718,
            0.7669478243083804,
            2.440642143110212,
            0.26885738627529304,
        ],
        [
            6.408773185539518,
            4.319042525542232,
            3.29893335862862,
            5.144039683257146,
            3.059732035404739,
        ],
        [214.0, 25.0, 2.0, 79.0, 1.0],
        [
            17.001556440717362,
            11.957993272565364,
            1.8455091510454635,
            14.805157836129974,
            1.1923708397889725,
        ],
        [
            21.11668239571121,
            10.49477007484764,
            3.5937975786224516,
            15.573610744833172,
            2.285279841514556,
        ],
        [9.0, 5.0, 1.0, 5.0, 1.0],
    ];
    for ((name, distribution), expected) in distributions().into_iter().zip(golden) {
        let mut random = stream(7, "golden");
        for value in expected {
            let sample = distribution.sample(&mut random);
            // Python uses the C library's functions, whose last digits differ.
            assert!((sample / value - 1.0).abs() < 1e-13, "{name}: {sample} instead of {value}");
        }
    }
}

#[test]
fn samples_have_the_same_bits_on_every_machine() {
    // Recorded, not derived: the exclusive or of the rotated bits of 1,000 samples of all
    // distributions. It changes when a formula, libm or the compiler's arithmetic changes, and then
    // results change.
    let (mut digest, mut digests) = (0u64, Vec::new());
    for (_, distribution) in distributions() {
        let mut random = stream(11, "bits");
        for _ in 0..1000 {
            digest = digest.rotate_left(7) ^ distribution.sample(&mut random).to_bits();
        }
        digests.push(digest);
    }
    assert_eq!((digests[9], digests[11]), (254_999_592_269_539_382, 14_827_969_632_202_604_338));
}

#[test]
fn a_sample_takes_one_word_whatever_the_distribution() {
    for (name, distribution) in distributions() {
        let mut random = stream(1, "one");
        let mut words = random.clone();
        distribution.sample(&mut random);
        words.next_word();
        assert_eq!(random, words, "{name}");
    }
}

#[test]
fn means_follow_the_textbook() {
    // exp(mu + sigma²/2); scale · Γ(1 + 1/shape) with Γ(5/3) = 0.902745292950934; minimum · shape /
    // (shape - 1); the sum of k · k^-1.1 over that of k^-1.1; the trapezoids of the quantiles:
    // 0.25·1.5 + 0.25·6 + 0.5·15.
    let zipf_mean = (1..=1000).map(|k| f64::from(k).powf(-0.1)).sum::<f64>()
        / (1..=1000).map(|k| f64::from(k).powf(-1.1)).sum::<f64>();
    let expected = [
        4.5,
        4.0,
        2.0,
        10.0,
        3.080_216_848_918_031,
        2.0,
        2.0 * 0.902_745_292_950_934,
        5.0,
        zipf_mean,
        0.375 + 1.5 + 7.5,
    ];
    for ((name, distribution), expected) in distributions().into_iter().zip(expected) {
        let mean = distribution.mean().unwrap();
        assert!((mean / expected - 1.0).abs() < 1e-12, "{name}: {mean} instead of {expected}");
    }
    assert_eq!(Distribution::pareto(1.0, 1.0).unwrap().mean(), None);
    assert_eq!(Distribution::exponential_with_mean(0.25).unwrap().mean(), Some(0.25));
}

#[test]
fn moments_of_many_samples_are_those_of_the_distribution() {
    // Variances from the textbook. The mean of n samples has the standard deviation sqrt(variance /
    // n): five of them are allowed. The sample variance of a distribution with kurtosis k has the
    // standard deviation variance · sqrt((k - 1) / n): checked, again with five of them, where the
    // fourth moment is known and moderate.
    const N: u32 = 200_000;
    let cases: [(Distribution, f64, Option<f64>); 8] = [
        (Distribution::uniform(2.0, 6.0).unwrap(), 16.0 / 12.0, Some(1.8)),
        (Distribution::exponential(0.5).unwrap(), 4.0, Some(9.0)),
        (Distribution::normal(10.0, 3.0).unwrap(), 9.0, Some(3.0)),
        (Distribution::log_normal_with_mean(2.0, 1.0).unwrap(), 1.0, None),
        // Weibull with shape 2 (Rayleigh): scale² (1 - π/4), kurtosis 3.2450893.
        (
            Distribution::weibull(2.0, 2.0).unwrap(),
            4.0 * (1.0 - std::f64::consts::FRAC_PI_4),
            Some(3.2450893),
        ),
        // Pareto with shape 3: minimum² · 3 / ((3 - 1)² (3 - 2)).
        (Distribution::pareto(3.0, 2.0).unwrap(), 3.0, None),
        // From 1 to e²: E X = (e² - 1) / 2 = 3.194528, E X² = (e⁴ - 1) / 4 = 13.399538.
        (Distribution::log_uniform(1.0, libm::exp(2.0)).unwrap(), 3.194_528, None),
        // 1 and 5 at odds of three to one: mean 2, variance 3, kurtosis (3/4 + 81/4) / 9 = 7/3.
        (Distribution::choice(&[(1.0, 3.0), (5.0, 1.0)]).unwrap(), 3.0, Some(7.0 / 3.0)),
    ];
    for (distribution, variance, kurtosis) in cases {
        let mut random = stream(2024, "moments");
        let samples: Vec<f64> = (0..N).map(|_| distribution.sample(&mut random)).collect();
        let n = f64::from(N);
        let mean = samples.iter().sum::<f64>() / n;
        let deviation = (mean - distribution.mean().unwrap()).abs();
        assert!(deviation < 5.0 * (variance / n).sqrt(), "{distribution:?}: mean {mean}");
        if let Some(kurtosis) = kurtosis {
            let spread = samples.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / n;
            let allowed = 5.0 * variance * ((kurtosis - 1.0) / n).sqrt();
            assert!((spread - variance).abs() < allowed, "{distribution:?}: variance {spread}");
        }
    }
}

#[test]
fn a_weibull_distribution_by_its_mean_and_deviation() {
    // Shape and scale were solved with Python's `math.lgamma` and bisection; the median is scale ·
    // ln(2)^(1/shape).
    let expected = [
        ((1.25, 3.66), 0.175_300_400_878_202_37),
        ((2.0, 2.0), 2.0 * std::f64::consts::LN_2),
        ((10.0, 1.0), 10.120_522_036_188_492),
        ((3600.0, 10.0), 3_601.631_892_531_036),
    ];
    for ((mean, sd), median) in expected {
        let distribution = Distribution::weibull_with_mean(mean, sd).unwrap();
        assert!((distribution.mean().unwrap() / mean - 1.0).abs() < 1e-12, "{distribution:?}");
        assert!(
            (distribution.quantile(0.5) / median - 1.0).abs() < 1e-9,
            "{distribution:?}: {}",
            distribution.quantile(0.5)
        );
    }
    for (mean, sd) in [(1.0, 0.001), (1.0, 1e6), (1.0, 0.0), (0.0, 1.0), (1.0, f64::NAN)] {
        assert!(Distribution::weibull_with_mean(mean, sd).is_err(), "{mean} {sd}");
    }
}

#[test]
fn a_random_duration_is_drawn_in_nanoseconds_and_never_below_zero() {
    let samples = |distribution: &Distribution| {
        let mut random = stream(7, "d");
        (0..100).map(|_| distribution.sample(&mut random)).collect::<Vec<_>>()
    };
    let distribution = Distribution::normal(0.0, 1.0).unwrap();
    let drawn = RandomDuration::new(distribution.clone(), stream(7, "d"));
    let twin = drawn.clone();
    for (index, sample) in samples(&distribution).into_iter().enumerate() {
        // Clones share the stream.
        let duration = if index % 2 == 0 { drawn.draw() } else { twin.draw() };
        assert_eq!(duration.as_nanos(), (sample.max(0.0) * 1e9).round() as u64);
    }
    let huge = RandomDuration::new(Distribution::constant(1e300).unwrap(), stream(0, ""));
    assert_eq!(huge.draw(), Duration::MAX);
}

#[test]
fn zipf_ranks_come_as_often_as_they_should() {
    // Exponent 1 over three ranks: weights 1, 1/2, 1/3, that is 6/11, 3/11, 2/11 of 110,000 draws:
    // 60,000, 30,000, 20,000; the largest standard deviation is sqrt(110000 · 6/11 · 5/11) = 165,
    // five of them are 826.
    let distribution = Distribution::zipf(3, 1.0).unwrap();
    let mut random = stream(8, "zipf");
    let mut counts = [0u32; 3];
    for _ in 0..110_000 {
        counts[distribution.sample(&mut random) as usize - 1] += 1;
    }
    for (count, expected) in counts.into_iter().zip([60_000, 30_000, 20_000]) {
        assert!(count.abs_diff(expected) < 826, "{counts:?}");
    }
    assert_eq!(distribution.quantile(0.0), 1.0);
    assert_eq!(distribution.quantile(1.0), 3.0, "not one rank past the end");
    assert_eq!(Distribution::zipf(1, 2.0).unwrap().quantile(0.5), 1.0);
}

#[test]
fn quantiles_at_the_ends() {
    assert_eq!(Distribution::exponential(1.0).unwrap().quantile(0.0), 0.0);
    assert_eq!(Distribution::exponential(1.0).unwrap().quantile(1.0), f64::INFINITY);
    assert_eq!(Distribution::pareto(1.0, 4.0).unwrap().quantile(0.0), 4.0);
    assert_eq!(Distribution::uniform(1.0, 1.0).unwrap().quantile(0.7), 1.0);
    assert_eq!(Distribution::normal(5.0, 0.0).unwrap().quantile(1.0), 5.0);
    let empirical = Distribution::empirical(&[(0.0, 1.0), (0.5, 3.0), (1.0, 4.0)]).unwrap();
    assert_eq!(
        [0.0, 0.25, 0.5, 0.75, 1.0, 2.0].map(|p| empirical.quantile(p)),
        [1.0, 2.0, 3.0, 3.5, 4.0, 4.0]
    );
}

#[test]
fn bad_parameters_are_refused_with_their_name() {
    let cases: [(Result<Distribution, DistributionError>, &str); 19] = [
        (
            Distribution::constant(f64::NAN),
            "the value of the constant distribution must be a finite number, not NaN",
        ),
        (
            Distribution::uniform(3.0, 2.0),
            "the high of the uniform distribution must be at least its low, not 2",
        ),
        (
            Distribution::uniform(f64::NEG_INFINITY, 2.0),
            "low of the uniform distribution must be a finite number",
        ),
        (
            Distribution::exponential(0.0),
            "the rate of the exponential distribution must be a positive number, not 0",
        ),
        (Distribution::exponential(-1.0), "must be a positive number, not -1"),
        (Distribution::exponential_with_mean(f64::INFINITY), "mean of the exponential"),
        (Distribution::exponential_with_mean(1e-320), "mean of the exponential"),
        (
            Distribution::normal(0.0, -1.0),
            "the standard deviation of the normal distribution must be zero or a positive",
        ),
        (Distribution::log_normal(f64::NAN, 1.0), "the mu of the log-normal distribution"),
        (
            Distribution::log_normal_with_mean(0.0, 1.0),
            "the mean of the log-normal distribution must be a positive",
        ),
        (Distribution::log_normal_with_mean(1e-200, 1e200), "in proportion to its mean"),
        (Distribution::weibull(0.0, 1.0), "the shape of the Weibull distribution"),
        (Distribution::pareto(1.0, 0.0), "the minimum of the Pareto distribution"),
        (Distribution::log_uniform(0.0, 1.0), "the low of the log-uniform distribution"),
        (Distribution::choice(&[]), "the sum of weights of the choice distribution"),
        (Distribution::choice(&[(1.0, -1.0)]), "weight of the choice distribution must be zero or"),
        (
            Distribution::zipf(0, 1.0),
            "the number of ranks of the Zipf distribution must be from 1 to 10000000, not 0",
        ),
        (Distribution::zipf(10_000_001, 1.0), "not 10000001"),
        (
            Distribution::zipf(10, -0.5),
            "the exponent of the Zipf distribution must be zero or a positive number",
        ),
    ];
    for (result, expected) in cases {
        let message = result.expect_err(expected).to_string();
        assert!(message.contains(expected), "{message:?} does not contain {expected:?}");
    }
}

#[test]
fn bad_quantiles_are_refused_with_their_number() {
    let cases: [(&[(f64, f64)], &str); 9] = [
        (&[], "at least two quantiles"),
        (&[(0.0, 1.0)], "at least two quantiles"),
        (
            &[(0.1, 1.0), (1.0, 2.0)],
            "quantile 0 of an empirical distribution must have the probability 0",
        ),
        (
            &[(0.0, 1.0), (0.9, 2.0)],
            "quantile 1 of an empirical distribution must have the probability 1",
        ),
        (
            &[(0.0, 1.0), (0.5, 2.0), (0.5, 3.0), (1.0, 4.0)],
            "quantile 2 of an empirical distribution has a probability",
        ),
        (
            &[(0.0, 1.0), (0.5, 0.5), (1.0, 4.0)],
            "quantile 1 of an empirical distribution has a value below",
        ),
        (
            &[(0.0, 1.0), (1.5, 2.0), (1.0, 4.0)],
            "quantile 1 of an empirical distribution has a probability outside",
        ),
        (
            &[(0.0, f64::NAN), (1.0, 4.0)],
            "quantile 0 of an empirical distribution has a value that is not a finite",
        ),
        (
            &[(0.0, 1.0), (f64::NAN, 2.0), (1.0, 4.0)],
            "quantile 1 of an empirical distribution has a probability outside",
        ),
    ];
    for (quantiles, expected) in cases {
        let message = Distribution::empirical(quantiles).expect_err(expected).to_string();
        assert!(message.contains(expected), "{message:?} does not contain {expected:?}");
    }
}
