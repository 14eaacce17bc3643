//! Where pointers of others may lead.

use expressway_asl::document::Text;

/// The longest key of S3, in bytes.
const KEY_BYTES_MAX: usize = 1024;

/// How much of a key an error message shows, in characters.
const SHOWN_MAX: usize = 200;

/// A bucket, or a part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Area {
    bucket: String,
    /// What keys begin with, including the slash at its end; may be empty.
    prefix: String,
}

/// A pointer leads to an object that no pointer may lead to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the message points to `{place}`, {reason}")]
pub struct ForeignBucket {
    /// The bucket.
    pub bucket: Text,
    place: String,
    reason: &'static str,
}

impl Area {
    /// The part of a bucket below a prefix, which is taken as whole path segments.
    pub(super) fn new(bucket: &str, prefix: &str) -> Area {
        let prefix = prefix.trim_matches('/');
        Area {
            bucket: bucket.to_owned(),
            prefix: match prefix {
                "" => String::new(),
                prefix => format!("{prefix}/"),
            },
        }
    }

    /// Reads `bucket` or `bucket/prefix`. The bucket may be the ARN of an access point, which has a slash itself.
    pub(super) fn parse(entry: &str) -> Area {
        let slashes = if entry.starts_with("arn:") { 2 } else { 1 };
        let mut parts = entry.splitn(slashes + 1, '/');
        let bucket: Vec<&str> = parts.by_ref().take(slashes).collect();
        Area::new(&bucket.join("/"), parts.next().unwrap_or_default())
    }

    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    fn holds(&self, bucket: &str, key: &str) -> bool {
        self.bucket == bucket && key.strip_prefix(&self.prefix).is_some_and(|rest| !rest.is_empty())
    }
}

/// Checks that a pointer leads into one of the areas. Keys are compared as S3 does, character by character.
pub(super) fn check(areas: &[Area], bucket: &Text, key: &Text) -> Result<(), ForeignBucket> {
    let refuse = |reason| {
        Err(ForeignBucket {
            bucket: Text::clone(bucket),
            place: shown(bucket, key),
            reason,
        })
    };
    // S3 takes dots literally, but a proxy or another store on the way may follow them out of the prefix or bucket.
    let is_step = |segment: &str| matches!(segment, "." | "..");
    let is_key = !key.is_empty() && key.len() <= KEY_BYTES_MAX && !key.chars().any(char::is_control);
    if !is_key || key.split(['/', '\\']).any(is_step) {
        return refuse("which no object is called that a pointer may lead to");
    }
    match areas.iter().any(|area| area.holds(bucket, key)) {
        true => Ok(()),
        false => refuse("which is not among the allowed buckets and prefixes"),
    }
}

/// A place for a message: on one line, and not as long as a sender likes.
pub(super) fn shown(bucket: &str, key: &str) -> String {
    let place = format!("s3://{bucket}/{key}");
    let mut shown: String = place.chars().take(SHOWN_MAX).flat_map(char::escape_debug).collect();
    if place.chars().nth(SHOWN_MAX).is_some() {
        shown.push_str("...");
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_lead_only_below_whole_segments_of_allowed_prefixes() {
        let mut areas = vec![Area::new("own", "/payloads/")];
        areas.extend(
            [
                "whole",
                "slash/",
                "part/pre/fix",
                "closed/pre/",
                "arn:aws:s3:eu-west-1:1:accesspoint/ap",
                "arn:aws:s3:eu-west-1:1:accesspoint/part/pre",
            ]
            .map(Area::parse),
        );
        let longest = "x".repeat(KEY_BYTES_MAX);
        let too_long = "x".repeat(KEY_BYTES_MAX + 1);
        let too_long_in_bytes = "é".repeat(KEY_BYTES_MAX / 2 + 1);
        for (bucket, key, expected) in [
            ("own", "payloads/0a1b", true),
            ("own", "payloads/a/b", true),
            ("own", "payloads//a", true),
            ("own", "payloads/%2e%2e/a", true),
            ("own", "payloads/...", true),
            ("own", "payloads/é", true),
            ("own", "payloads", false),
            ("own", "payloads/", false),
            ("own", "payloads-other/a", false),
            ("own", "payloadsa", false),
            ("own", "/payloads/a", false),
            ("own", "//payloads/a", false),
            ("own", "Payloads/a", false),
            ("own", "other/payloads/a", false),
            ("own", "payloads/../secret", false),
            ("own", "payloads/./a", false),
            ("own", "payloads/a/..", false),
            ("own", "payloads/..\\secret", false),
            ("own", "payloads%2Fa", false),
            ("own", "payloads\u{2215}a", false),
            ("own", "p\u{e0}yloads/a", false),
            ("own", "payloads/a\nb", false),
            ("own", "payloads/a\0", false),
            ("own", "", false),
            ("own", "secret", false),
            ("whole", "a", true),
            ("whole", "/a", true),
            ("whole", "a//b/", true),
            ("whole", "né", true),
            ("whole", &longest, true),
            ("whole", &too_long, false),
            ("whole", &too_long_in_bytes, false),
            ("whole", "", false),
            ("whole", "../own/payloads/a", false),
            ("slash", "a", true),
            ("part", "pre/fix/a", true),
            ("part", "pre/fix", false),
            ("part", "pre/fixed", false),
            ("part", "pre/a", false),
            ("part", "a", false),
            ("closed", "pre/a", true),
            ("closed", "prefix/a", false),
            ("arn:aws:s3:eu-west-1:1:accesspoint/ap", "a", true),
            ("arn:aws:s3:eu-west-1:1:accesspoint", "ap/a", false),
            ("arn:aws:s3:eu-west-1:1:accesspoint/part", "pre/a", true),
            ("arn:aws:s3:eu-west-1:1:accesspoint/part", "a", false),
            ("whol", "a", false),
            ("whole/", "a", false),
            ("Whole", "a", false),
            ("", "whole/a", false),
            ("part/pre", "fix/a", false),
            ("other", "a", false),
        ] {
            let checked = check(&areas, &bucket.into(), &key.into());
            assert_eq!(checked.is_ok(), expected, "{bucket} {key}");
            if let Err(refused) = checked {
                let message = refused.to_string();
                assert!(message.len() < 600 && !message.contains(['\n', '\0']), "{message}");
            }
        }
        assert!(check(&[Area::new("own", "")], &"own".into(), &"any/key".into()).is_ok());
    }
}
