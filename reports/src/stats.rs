//! The few statistics that reports show: a success rate with its uncertainty, and how times are spread.

use crate::record::Rate;

/// The 97.5 % quantile of the normal distribution: what a two-sided 95 % interval is built with.
const Z: f64 = 1.959_963_984_540_054;

/// A success rate with its 95 % Wilson score interval (Wilson 1927), which stays sensible for few rounds and for rates of 0 and 1.
///
/// None when nothing was counted, as nothing can be said then.
pub fn rate(passed: u32, of: u32) -> Option<Rate> {
    if of == 0 {
        return None;
    }
    let n = f64::from(of);
    let p = f64::from(passed.min(of)) / n;
    let z2 = Z * Z;
    let middle = (p + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = Z / (1.0 + z2 / n) * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
    // At the ends the formula is exact in theory and a rounding error off in practice.
    let low = if passed == 0 { 0.0 } else { (middle - half).max(0.0) };
    let high = if passed >= of { 1.0 } else { (middle + half).min(1.0) };
    Some(Rate { passed: passed.min(of), of, low, high })
}

/// How a set of numbers is spread, in the unit of the numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// How many numbers.
    pub count: usize,
    /// The smallest.
    pub min: f64,
    /// The median.
    pub p50: f64,
    /// Nine in ten are not above it.
    pub p90: f64,
    /// Ninety-nine in a hundred are not above it.
    pub p99: f64,
    /// The largest.
    pub max: f64,
}

/// The spread of `values`, by the nearest-rank method: every number shown was really measured. None without finite numbers.
pub fn spread(values: &[f64]) -> Option<Spread> {
    let sorted = sorted(values);
    let (min, max) = (*sorted.first()?, *sorted.last()?);
    Some(Spread {
        count: sorted.len(),
        min,
        p50: nearest_rank(&sorted, 50),
        p90: nearest_rank(&sorted, 90),
        p99: nearest_rank(&sorted, 99),
        max,
    })
}

/// The median by the nearest-rank method. None without finite numbers.
pub fn median(values: &[f64]) -> Option<f64> {
    spread(values).map(|s| s.p50)
}

/// One bin of a histogram.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bin {
    /// Lower edge, included.
    pub from: f64,
    /// Upper edge, excluded but in the last bin.
    pub to: f64,
    /// Numbers in it.
    pub count: usize,
}

/// `bins` bins of one width from the smallest to the largest of `values`; one bin when all are alike, none without finite numbers.
pub fn histogram(values: &[f64], bins: usize) -> Vec<Bin> {
    let sorted = sorted(values);
    let (Some(&min), Some(&max)) = (sorted.first(), sorted.last()) else { return Vec::new() };
    let bins = if max > min { bins.max(1) } else { 1 };
    let width = (max - min) / bins as f64;
    let mut out: Vec<Bin> =
        (0..bins).map(|i| Bin { from: min + width * i as f64, to: min + width * (i + 1) as f64, count: 0 }).collect();
    let mut bin = 0;
    for value in sorted {
        while bin + 1 < bins && value >= out[bin].to {
            bin += 1;
        }
        out[bin].count += 1;
    }
    if let Some(last) = out.last_mut() {
        last.to = max;
    }
    out
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    sorted
}

/// `sorted` is not empty.
fn nearest_rank(sorted: &[f64], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted[rank - 1]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_interval_agrees_with_published_values() {
        // Newcombe (1998), table I: 81 of 263 gives 0.2553 to 0.3662 by the score method without continuity correction.
        let rate = rate(81, 263).unwrap();
        assert!((rate.low - 0.2553).abs() < 5e-5 && (rate.high - 0.3662).abs() < 5e-5, "{rate:?}");
    }

    #[test]
    fn all_of_ten_does_not_mean_certainty() {
        let rate = rate(10, 10).unwrap();
        assert!(rate.high >= 1.0 && (rate.low - 0.7225).abs() < 1e-4, "{rate:?}");
    }

    #[test]
    fn quantiles_are_measured_values() {
        let values: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        let spread = spread(&values).unwrap();
        assert_eq!((spread.min, spread.p50, spread.p90, spread.p99, spread.max), (1.0, 50.0, 90.0, 99.0, 100.0));
    }

    proptest! {
        #[test]
        fn an_interval_holds_its_rate(of in 1u32..5000, share in 0.0f64..=1.0) {
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of `of` fits")]
            let passed = (f64::from(of) * share) as u32;
            let rate = rate(passed, of).unwrap();
            let p = f64::from(passed) / f64::from(of);
            prop_assert!(0.0 <= rate.low && rate.low <= p + 1e-12 && p <= rate.high + 1e-12 && rate.high <= 1.0);
        }

        #[test]
        fn a_histogram_loses_no_number(values in prop::collection::vec(-1e6f64..1e6, 0..200), bins in 0usize..20) {
            let total: usize = histogram(&values, bins).iter().map(|b| b.count).sum();
            prop_assert_eq!(total, values.len());
        }
    }
}
