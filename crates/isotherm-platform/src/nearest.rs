//! Suggestions for misspelt names.

/// The candidate with the smallest edit distance (Damerau-Levenshtein, case ignored), if at most a
/// third of the letters differ.
pub(crate) fn nearest<'a>(
    wrong: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    // Every other name of one letter is at the same distance.
    let limit = match wrong.chars().count() {
        0 | 1 => 0,
        length => (length / 3).max(1),
    };
    candidates
        .into_iter()
        .map(|candidate| {
            let distance = if candidate.eq_ignore_ascii_case(wrong) {
                0
            } else {
                strsim::damerau_levenshtein(wrong, candidate)
            };
            (distance, candidate)
        })
        .filter(|&(distance, _)| distance <= limit)
        // `min_by_key` keeps the first of equals.
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| candidate)
}
