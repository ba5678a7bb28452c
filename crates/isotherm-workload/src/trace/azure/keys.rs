//! Keys of apps and functions, and the short names made from them.

use std::collections::{BTreeSet, HashMap};

/// Numbers keys in the order in which they are added.
#[derive(Clone, Default)]
pub(super) struct Interner {
    numbers: HashMap<Box<[u8]>, u32>,
}

impl std::fmt::Debug for Interner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The order of the map differs from run to run.
        f.debug_struct("Interner").field("count", &self.numbers.len()).finish_non_exhaustive()
    }
}

impl Interner {
    pub(super) fn get(&self, key: &[u8]) -> Option<u32> {
        self.numbers.get(key).copied()
    }

    /// The number of a key, and whether the key is new.
    pub(super) fn add(&mut self, key: &[u8]) -> (u32, bool) {
        if let Some(number) = self.get(key) {
            return (number, false);
        }
        let number = u32::try_from(self.numbers.len()).unwrap_or(u32::MAX);
        self.numbers.insert(key.into(), number);
        (number, true)
    }
}

/// Each part of a name keeps at least this many characters.
const SHORTEST: usize = 8;

/// Separates the parts of a key. It occurs in no name: a file with this byte is no text.
pub(super) const SEPARATOR: u8 = 0;

/// Short unique names for keys whose last two parts are the app and the function: see the
/// [module](super).
pub(super) fn names<const PARTS: usize>(keys: &[[&str; PARTS]]) -> Vec<String> {
    short(keys, 2)
}

/// Short unique names for keys whose last part is the app.
pub(super) fn app_names<const PARTS: usize>(keys: &[[&str; PARTS]]) -> Vec<String> {
    short(keys, 1)
}

/// Short unique names of at least so many parts of their keys.
fn short<const PARTS: usize>(keys: &[[&str; PARTS]], least: usize) -> Vec<String> {
    let longest = keys.iter().flatten().map(|part| part.chars().count()).max().unwrap_or(0);
    // The last parts, cut to more and more characters; then more parts.
    let lengths = || (SHORTEST..longest).step_by(4).chain([longest.max(SHORTEST)]);
    let ways = (least..=PARTS).flat_map(|parts| lengths().map(move |length| (parts, length)));
    let mut names = Vec::new();
    for (parts, length) in ways {
        let cut = |part: &&str| part.chars().take(length).collect::<String>();
        let name = |key: &[&str; PARTS]| {
            key[PARTS - parts..].iter().map(cut).collect::<Vec<_>>().join("/")
        };
        names = keys.iter().map(name).collect();
        if names.iter().collect::<BTreeSet<_>>().len() == names.len() {
            break;
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_as_long_as_they_must_be() {
        let long = |end: &str| format!("0123456789{end}");
        let (one, other) = (long("a"), long("b"));
        assert_eq!(names(&[[&one, &one], ["app", &one]]), ["01234567/01234567", "app/01234567"]);
        assert_eq!(
            names(&[[&one, &one], [&one, &other]]),
            ["0123456789a/0123456789a", "0123456789a/0123456789b"]
        );
        assert_eq!(
            names(&[["a", &one], ["a", &one]]),
            ["a/0123456789a", "a/0123456789a"],
            "they are the same"
        );
        assert_eq!(names::<2>(&[]), [""; 0]);
    }

    /// Apps that have been cut alike in the names of functions, which differ in another part.
    #[test]
    fn apps_have_names_of_their_own() {
        let long = |end: &str| format!("0123456789{end}");
        let (one, other) = (long("a"), long("b"));
        assert_eq!(names(&[[&one, "f"], [&other, "g"]]), ["01234567/f", "01234567/g"]);
        assert_eq!(app_names(&[[&one], [&other]]), ["0123456789a", "0123456789b"]);
        assert_eq!(app_names(&[["o", "a"], ["p", "a"]]), ["o/a", "p/a"]);
    }

    #[test]
    fn names_have_the_owner_if_nothing_else_differs() {
        assert_eq!(names(&[["o", "a", "f"], ["p", "a", "g"]]), ["a/f", "a/g"]);
        assert_eq!(
            names(&[["o", "a", "f"], ["p", "a", "f"], ["p", "b", "f"]]),
            ["o/a/f", "p/a/f", "p/b/f"]
        );
        let long = |end: &str| format!("0123456789{end}");
        let owners = [long("a"), long("b")];
        let found = names(&owners.each_ref().map(|owner| [owner.as_str(), "a", "f"]));
        assert_eq!(found, ["0123456789a/a/f", "0123456789b/a/f"]);
    }
}
