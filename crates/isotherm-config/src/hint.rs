//! Words for hints: suggestions for mistyped names, and lists of names.

/// `did you mean ...?` with the nearest candidate, if one is near enough.
pub fn suggestion<'a>(
    wrong: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    let simple = |text: &str| text.to_lowercase().replace(['-', '_', ' '], "");
    let wrong = simple(wrong);
    let limit = (wrong.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|known| (strsim::damerau_levenshtein(&wrong, &simple(known)), known))
        .filter(|&(distance, _)| distance <= limit)
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, known)| format!("did you mean `{known}`?"))
}

/// Names for a message: `a`, `b` and `c`.
#[must_use]
pub fn list(names: &[&str]) -> String {
    match names {
        [] => "nothing".to_owned(),
        [one] => format!("`{one}`"),
        [first @ .., last] => format!("`{}` and `{last}`", first.join("`, `")),
    }
}
