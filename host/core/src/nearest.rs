//! "Did you mean": the known name that is nearest to an unknown one.

/// The nearest of `known` to `name`, if it is near enough to be what was meant: at most a third of its
/// letters differ (Levenshtein distance), and at least two may.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= (candidate.chars().count() / 3).max(2))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// How many letters must be inserted, removed or replaced to make `b` of `a`.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i.saturating_add(1);
        let mut next = Vec::with_capacity(row.len());
        next.push(left);
        for (y, above) in b.chars().zip(row.iter().skip(1)) {
            let replaced = diagonal.saturating_add(usize::from(x != y));
            left = replaced.min(above.saturating_add(1)).min(left.saturating_add(1));
            next.push(left);
            diagonal = *above;
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{distance, nearest};

    #[test]
    fn a_slip_of_the_pen_finds_its_name_and_another_word_none() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(nearest("jsonschema", ["rest", "json-schema", "map"]), Some("json-schema"));
        assert_eq!(nearest("salesforce", ["rest", "json-schema", "map"]), None);
        assert_eq!(nearest("maps", ["rest", "map"]), Some("map"));
    }
}
