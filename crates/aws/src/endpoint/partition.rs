//! Partitions: groups of regions that share host names.

use super::function::is_host_label;
use expressway_asl::Document;
use expressway_asl::document::Text;
use std::sync::LazyLock;

/// botocore's `partitions.json` without descriptions; see `tables/SOURCE`.
static FILE: &str = include_str!("../../tables/partitions.json");

static PARTITIONS: LazyLock<Document> = LazyLock::new(|| {
    // A broken file cannot get past the tests.
    Document::parse(FILE).unwrap_or_default()
});

/// What rules know about the partition of a region: its DNS suffixes and what it supports.
///
/// A region that is new to the tables belongs to the partition whose pattern it has, else to `aws`.
pub(super) fn of_region(region: &str) -> Document {
    let partitions = PARTITIONS.get("partitions").and_then(Document::as_array);
    let partitions = partitions.map_or(&[][..], |partitions| partitions);
    let lists = |partition: &&Document| {
        partition
            .get("regions")
            .is_some_and(|regions| regions.get(region).is_some())
    };
    let pattern_of = |partition: &Document| {
        partition
            .get("regionRegex")
            .and_then(Document::as_str)
            .map(str::to_owned)
    };
    let has_pattern = |partition: &&Document| pattern_of(partition).is_some_and(|pattern| matches(&pattern, region));
    let partition = (partitions.iter().find(lists))
        .or_else(|| partitions.iter().find(has_pattern))
        .or_else(|| partitions.first());
    partition
        .and_then(|partition| partition.get("outputs"))
        .cloned()
        .unwrap_or_default()
}

/// What the hosts of a region's services end in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsSuffixes {
    /// `amazonaws.com`
    pub standard: Text,
    /// Of hosts with IPv6, `api.aws`.
    pub dual_stack: Text,
}

/// What the hosts of a region's services end in; `None` if the text cannot be the name of a region.
pub fn dns_suffixes(region: &str) -> Option<DnsSuffixes> {
    if !is_host_label(region) {
        return None;
    }
    let partition = of_region(region);
    let suffix = |key: &str| Some(Text::from(partition.get(key)?.as_str()?));
    Some(DnsSuffixes {
        standard: suffix("dnsSuffix")?,
        dual_stack: suffix("dualStackDnsSuffix")?,
    })
}

/// Whether a region has the pattern of a partition.
///
/// All patterns have the form `^(us|eu)\-\w+\-\d+$` or `^us\-gov\-\w+\-\d+$`, which needs no engine.
fn matches(pattern: &str, region: &str) -> bool {
    let Some(starts) = pattern
        .strip_prefix('^')
        .and_then(|rest| rest.strip_suffix(r"\-\w+\-\d+$"))
    else {
        return false;
    };
    let starts = starts.replace('\\', "");
    let starts = starts
        .strip_prefix('(')
        .and_then(|rest| rest.strip_suffix(')'))
        .unwrap_or(&starts);
    let has_rest = |rest: &str| match rest.strip_prefix('-').and_then(|rest| rest.split_once('-')) {
        Some((word, number)) => {
            !word.is_empty()
                && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
                && !number.is_empty()
                && number.bytes().all(|byte| byte.is_ascii_digit())
        }
        None => false,
    };
    starts
        .split('|')
        .any(|start| region.strip_prefix(start).is_some_and(has_rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_belong_to_partitions() {
        for (region, name) in [
            ("us-east-1", "aws"),
            ("cn-north-1", "aws-cn"),
            ("us-gov-west-1", "aws-us-gov"),
            // Not in the tables: the pattern decides, else the first partition.
            ("eu-nowhere-9", "aws"),
            ("cn-nowhere-9", "aws-cn"),
            ("moon-base-1", "aws"),
        ] {
            let partition = of_region(region);
            assert_eq!(partition.get("name").and_then(Document::as_str), Some(name), "{region}");
        }
    }

    #[test]
    fn every_pattern_has_a_form_that_we_read() {
        for partition in PARTITIONS.get("partitions").unwrap().as_array().unwrap().iter() {
            let pattern = partition.get("regionRegex").unwrap().as_str().unwrap();
            assert!(
                pattern.starts_with('^') && pattern.ends_with(r"\-\w+\-\d+$"),
                "{pattern}"
            );
        }
    }
}
