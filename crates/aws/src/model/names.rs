//! The names that Step Functions derives from the models.
//!
//! Step Functions calls services through AWS's Java SDK, so its names follow the rules of that SDK's code
//! generator. Recorded error names and all names in the Step Functions guide agree with them.

/// The key that Step Functions shows for a member: its first letter is a capital.
///
/// Java would clash with `Object.equals`, so a member of that name is written `EqualsValue`.
pub fn key(member: &str) -> String {
    if member == "equals" {
        return "EqualsValue".to_owned();
    }
    capitalized(member)
}

/// Whether two names differ at most in the case of their first letter.
pub fn same_but_first_case(left: &str, right: &str) -> bool {
    match (left.as_bytes(), right.as_bytes()) {
        ([left_first, left_rest @ ..], [right_first, right_rest @ ..]) => {
            left_first.eq_ignore_ascii_case(right_first) && left_rest == right_rest
        }
        (left, right) => left == right,
    }
}

/// The most similar of these names, if one is similar enough to be what was meant.
pub fn nearest<'n>(name: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    const EDITS_MAX: usize = 2;
    let wanted = name.to_lowercase();
    let distances = known
        .into_iter()
        .map(|known| (edit_distance(&known.to_lowercase(), &wanted), known));
    let (distance, nearest) = distances.min_by_key(|(distance, _)| *distance)?;
    (distance <= EDITS_MAX.min(wanted.len() / 2)).then_some(nearest)
}

/// How many letters must be added, left out or changed to make one text of the other.
fn edit_distance(left: &str, right: &str) -> usize {
    let mut row: Vec<usize> = (0..=right.chars().count()).collect();
    for (index, letter) in left.chars().enumerate() {
        let mut next = vec![index + 1];
        for ((other, above), diagonal) in right.chars().zip(row.iter().skip(1)).zip(&row) {
            let before = next.last().copied().unwrap_or_default();
            next.push((diagonal + usize::from(letter != other)).min(above + 1).min(before + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

/// What error names begin with, from a service id: `DynamoDb` from `DynamoDB`.
pub fn exception_prefix(service_id: &str) -> String {
    let name = pascal(service_id);
    let name = name
        .strip_prefix("Amazon")
        .or_else(|| name.strip_prefix("Aws"))
        .unwrap_or(&name);
    name.strip_suffix("Service").unwrap_or(name).to_owned()
}

/// The service part of a resource ARN, from a service id: `secretsmanager` from `Secrets Manager`.
pub fn arn_name(service_id: &str) -> String {
    exception_prefix(service_id).to_ascii_lowercase()
}

/// The name of an exception, from the name of its shape: `NoSuchKeyException` from `NoSuchKey`.
pub fn exception(shape: &str) -> String {
    let stem = shape
        .strip_suffix("Fault")
        .or_else(|| shape.strip_suffix("Exception"))
        .unwrap_or(shape);
    pascal(stem) + "Exception"
}

fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

fn pascal(name: &str) -> String {
    let words = split_words(name);
    words
        .split_whitespace()
        .map(|word| capitalized(&word.to_ascii_lowercase()))
        .collect()
}

/// Puts a space between any two words.
fn split_words(name: &str) -> String {
    let letters: Vec<char> = name
        .chars()
        .map(|letter| if letter.is_ascii_alphanumeric() { letter } else { ' ' })
        .collect();
    let mut words = String::with_capacity(name.len() + 4);
    for (index, letter) in letters.iter().enumerate() {
        if starts_word(&letters, index) {
            words.push(' ');
        }
        words.push(*letter);
    }
    words
}

fn starts_word(letters: &[char], index: usize) -> bool {
    let at = |index: usize| letters.get(index).copied().unwrap_or(' ');
    let before = index.checked_sub(1).map_or(' ', at);
    let (letter, after) = (at(index), at(index + 1));
    let camel = before.is_ascii_lowercase() && letter.is_ascii_uppercase() && after.is_ascii_alphanumeric();
    let acronym_ends = before.is_ascii_uppercase()
        && letter.is_ascii_uppercase()
        && after.is_ascii_lowercase()
        && !is_version(letters, index + 1);
    let number_ends = before.is_ascii_digit() && letter.is_ascii_alphabetic();
    camel || acronym_ends || number_ends || is_version(letters, index)
}

/// Whether a version begins here that has the other case than the word before it: `SESv2`, `WafV2`.
fn is_version(letters: &[char], index: usize) -> bool {
    let Some([first, second, letter, digit]) = index.checked_sub(2).and_then(|start| letters.get(start..index + 2))
    else {
        return false;
    };
    let stands_out = match letter {
        'v' => !first.is_ascii_lowercase() && !second.is_ascii_lowercase(),
        'V' => !first.is_ascii_uppercase() && !second.is_ascii_uppercase(),
        _ => false,
    };
    stands_out && digit.is_ascii_digit()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_and_arn_names_follow_the_guide() {
        for (service_id, prefix) in [
            ("DynamoDB", "DynamoDb"),
            ("SFN", "Sfn"),
            ("SQS", "Sqs"),
            ("S3", "S3"),
            ("SESv2", "SesV2"),
            ("WAFV2", "Wafv2"),
            ("CognitoV2", "CognitoV2"),
            ("Secrets Manager", "SecretsManager"),
            ("CloudWatch Logs", "CloudWatchLogs"),
            ("Bedrock Runtime", "BedrockRuntime"),
            ("EventBridge", "EventBridge"),
            ("Elasticsearch Service", "Elasticsearch"),
            ("Database Migration Service", "DatabaseMigration"),
        ] {
            assert_eq!(exception_prefix(service_id), prefix, "{service_id}");
            assert_eq!(arn_name(service_id), prefix.to_ascii_lowercase());
        }
    }

    #[test]
    fn exceptions_always_end_in_exception() {
        for (shape, name) in [
            ("NoSuchKey", "NoSuchKeyException"),
            ("ResourceNotFoundException", "ResourceNotFoundException"),
            ("DBInstanceNotFoundFault", "DbInstanceNotFoundException"),
            ("KMSDisabledException", "KmsDisabledException"),
            ("AccessDenied", "AccessDeniedException"),
        ] {
            assert_eq!(exception(shape), name);
        }
    }

    #[test]
    fn keys_differ_from_members_in_the_first_letter_only() {
        assert_eq!(key("stateMachineArn"), "StateMachineArn");
        assert_eq!(key("equals"), "EqualsValue");
        assert!(same_but_first_case("getItem", "GetItem"));
        assert!(!same_but_first_case("getitem", "GetItem"));
        assert!(!same_but_first_case("", "x"));
    }
}
