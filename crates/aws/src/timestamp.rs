//! Moments in the forms that services use.

#![warn(clippy::arithmetic_side_effects)]

use crate::model::TimestampFormat;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use expressway_asl::Document;
use std::ops::RangeInclusive;

/// The years that every form of a moment can write, in seconds after 1970: 0 to 9999.
const WRITABLE: RangeInclusive<i64> = -62_167_219_200..=253_402_300_799;

/// Reads a moment in any of its forms: a number of seconds, ISO 8601, or RFC 822.
pub(crate) fn parse(value: &Document) -> Option<DateTime> {
    let moment = match value {
        Document::Number(number) => match number.as_i64() {
            Some(seconds) => Some(DateTime::from_secs(seconds)),
            None => from_seconds(number.as_f64()),
        },
        Document::String(text) => parse_text(text.trim()),
        _ => None,
    };
    moment.filter(|moment| WRITABLE.contains(&moment.secs()))
}

fn parse_text(text: &str) -> Option<DateTime> {
    if let Ok(seconds) = text.parse::<f64>() {
        return from_seconds(seconds);
    }
    let formats = [Format::DateTimeWithOffset, Format::HttpDate];
    let moment = formats.iter().find_map(|format| DateTime::from_str(text, *format).ok());
    // CloudTrail and others leave the zone out; it is UTC.
    moment.or_else(|| DateTime::from_str(&format!("{text}Z"), Format::DateTime).ok())
}

/// Milliseconds are kept, as in the Java SDK: services give no more, and a double holds no more.
fn from_seconds(seconds: f64) -> Option<DateTime> {
    seconds
        .is_finite()
        .then(|| DateTime::from_millis((seconds * 1000.0).round() as i64))
}

/// The text of a moment on the wire.
pub(crate) fn format(moment: DateTime, format: TimestampFormat) -> String {
    let text = match format {
        TimestampFormat::Iso8601 => moment.fmt(Format::DateTime),
        TimestampFormat::Unix => moment.fmt(Format::EpochSeconds),
        TimestampFormat::Rfc822 => DateTime::from_secs(moment.secs()).fmt(Format::HttpDate),
    };
    // Only years that have a form get here.
    text.unwrap_or_default()
}

/// The text of a moment in a result, as Java writes an `Instant`: with 0, 3, 6 or 9 digits of a second.
pub(crate) fn for_result(moment: DateTime) -> String {
    let whole = format(DateTime::from_secs(moment.secs()), TimestampFormat::Iso8601);
    let nanos = moment.subsec_nanos();
    let fraction = match nanos {
        0 => return whole,
        _ if nanos.is_multiple_of(1_000_000) => format!("{:03}", nanos / 1_000_000),
        _ if nanos.is_multiple_of(1_000) => format!("{:06}", nanos / 1_000),
        _ => format!("{nanos:09}"),
    };
    format!("{}.{fraction}Z", whole.trim_end_matches('Z'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_forms_are_read() {
        for (value, expected) in [
            ("1398796238", "2014-04-29T18:30:38Z"),
            ("1398796238.5", "2014-04-29T18:30:38.500Z"),
            ("1398796238.1234", "2014-04-29T18:30:38.123Z"),
            ("\"1398796238\"", "2014-04-29T18:30:38Z"),
            ("\"2014-04-29T18:30:38Z\"", "2014-04-29T18:30:38Z"),
            ("\"2014-04-29T18:30:38.123456Z\"", "2014-04-29T18:30:38.123456Z"),
            ("\"2014-04-29T20:30:38+02:00\"", "2014-04-29T18:30:38Z"),
            ("\"2014-04-29T18:30:38\"", "2014-04-29T18:30:38Z"),
            ("\"Tue, 29 Apr 2014 18:30:38 GMT\"", "2014-04-29T18:30:38Z"),
            ("-1", "1969-12-31T23:59:59Z"),
        ] {
            let moment = parse(&Document::parse(value).unwrap()).expect(value);
            assert_eq!(for_result(moment), expected, "{value}");
        }
        for value in [
            "\"yesterday\"",
            "null",
            "{}",
            "\"\"",
            "253402300800",
            "9223372036854775807",
            "-9223372036854775808",
            "1e18",
            "1e400",
            "\"-1e300\"",
            "\"NaN\"",
            "\"+292278994-08-17T07:12:55Z\"",
        ] {
            assert!(parse(&Document::parse(value).unwrap()).is_none(), "{value}");
        }
    }

    #[test]
    fn each_format_is_written() {
        let moment = DateTime::from_millis(1_398_796_238_500);
        assert_eq!(format(moment, TimestampFormat::Iso8601), "2014-04-29T18:30:38.5Z");
        assert_eq!(format(moment, TimestampFormat::Unix), "1398796238.5");
        assert_eq!(format(moment, TimestampFormat::Rfc822), "Tue, 29 Apr 2014 18:30:38 GMT");
    }
}
