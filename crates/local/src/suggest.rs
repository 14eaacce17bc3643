//! "Did you mean ...?"

/// The one of `known` that `asked` was probably meant to be.
pub fn closest<'a>(asked: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let changes_max = asked.chars().count() / 3;
    known
        .into_iter()
        .map(|name| (changes(&asked.to_lowercase(), &name.to_lowercase()), name))
        .filter(|(changes, _)| *changes <= changes_max)
        .min_by_key(|(changes, _)| *changes)
        .map(|(_, name)| name)
}

/// How many characters to insert, delete or replace to turn one text into the other (Levenshtein distance).
fn changes(left: &str, right: &str) -> usize {
    let mut row: Vec<usize> = (0..=right.chars().count()).collect();
    for (at, left) in left.chars().enumerate() {
        let mut next = Vec::with_capacity(row.len());
        let mut last = at + 1;
        next.push(last);
        for (right, above) in right.chars().zip(row.windows(2)) {
            let &[diagonal, above] = above else { continue };
            last = (last.min(above) + 1).min(diagonal + usize::from(left != right));
            next.push(last);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closest_name_is_suggested_when_it_is_close() {
        let known = ["HappyPath", "PaymentRetried", "Charge payment"];
        for (asked, expected) in [
            ("HapyPath", Some("HappyPath")),
            ("happypath", Some("HappyPath")),
            ("PaymentRetires", Some("PaymentRetried")),
            ("Chrage payment", Some("Charge payment")),
            ("Something else", None),
            ("", None),
        ] {
            assert_eq!(closest(asked, known), expected, "{asked}");
        }
    }
}
