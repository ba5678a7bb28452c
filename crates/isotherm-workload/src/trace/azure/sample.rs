//! Which apps of a trace are kept.

use isotherm_kernel::RandomStreams;

/// A random sample of the apps of a trace.
///
/// Apps are ordered by a hash of their name and the number of the sample, and the first ones are
/// kept. So a larger sample contains a smaller one of the same number, and whether an app comes
/// before another does not depend on the other apps of the files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AppSample {
    /// How many apps are kept; `None` for all.
    pub apps: Option<u64>,
    /// Which of the samples of this size.
    pub number: u64,
}

impl AppSample {
    /// The key by which apps are ordered.
    fn rank(&self, app: &str) -> u64 {
        RandomStreams::new(self.number).stream(&format!("azure/apps/{app}")).next_word()
    }

    /// For each app whether it is kept. Names must be unique.
    pub(in crate::trace) fn kept(&self, apps: &[String]) -> Vec<bool> {
        let Some(most) = self.apps else { return vec![true; apps.len()] };
        let mut order: Vec<_> =
            apps.iter().enumerate().map(|(index, app)| (self.rank(app), app, index)).collect();
        order.sort_unstable();
        let mut kept = vec![false; apps.len()];
        for &(.., index) in order.iter().take(usize::try_from(most).unwrap_or(usize::MAX)) {
            kept[index] = true;
        }
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_larger_sample_has_the_apps_of_a_smaller_one() {
        let apps: Vec<String> = (0..100).map(|app| format!("app{app}")).collect();
        let kept = |count, number| AppSample { apps: Some(count), number }.kept(&apps);
        let [ten, twenty, other] = [kept(10, 0), kept(20, 0), kept(10, 1)];
        assert_eq!(ten.iter().filter(|&&kept| kept).count(), 10);
        assert!(ten.iter().zip(&twenty).all(|(small, large)| !small || *large));
        assert!(ten != other, "another number is another sample");
        // The other apps of the files do not matter: the first of ten is the first of those that
        // are left as well.
        let left: Vec<String> = apps
            .iter()
            .zip(&twenty)
            .filter(|(_, kept)| **kept)
            .map(|(app, _)| app.clone())
            .collect();
        let again = AppSample { apps: Some(10), number: 0 }.kept(&left);
        let names = |apps: &[String], kept: &[bool]| -> Vec<String> {
            apps.iter().zip(kept).filter(|(_, kept)| **kept).map(|(app, _)| app.clone()).collect()
        };
        assert_eq!(names(&left, &again), names(&apps, &ten));
        assert_eq!(kept(1_000, 0), [true; 100]);
    }
}
