//! Points in time as Choice rules compare them and the Context object shows them.

#![warn(clippy::arithmetic_side_effects)]

use std::fmt;
use std::time::{Duration, SystemTime};

const NANOS_PER_SECOND: u32 = 1_000_000_000;
const SECONDS_PER_DAY: i64 = 86_400;

/// A point in time, to the nanosecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    seconds: i64,
    nanos: u32,
}

impl Timestamp {
    /// The point in time this many milliseconds after 1970.
    #[expect(clippy::arithmetic_side_effects, reason = "less than 1,000 milliseconds")]
    pub fn from_epoch_millis(millis: i64) -> Timestamp {
        Timestamp {
            seconds: millis.div_euclid(1000),
            // Less than 1,000, so it fits.
            nanos: millis.rem_euclid(1000) as u32 * 1_000_000,
        }
    }

    /// Milliseconds after 1970, rounded down.
    pub fn epoch_millis(self) -> i64 {
        self.seconds
            .saturating_mul(1000)
            .saturating_add(i64::from(self.nanos / 1_000_000))
    }

    /// Whole seconds after 1970, rounded down.
    pub fn epoch_seconds(self) -> i64 {
        self.seconds
    }

    /// Parses a timestamp in the profile of RFC 3339 that ASL asks for: with `T`, with seconds, with `Z` or an
    /// offset, with up to nine digits of a fraction. None if it is anything else.
    #[expect(clippy::arithmetic_side_effects, reason = "years have four digits")]
    pub fn parse(text: &str) -> Option<Timestamp> {
        let mut reader = Reader(text);
        let year = reader.digits(4)?;
        reader.mark("-")?;
        let month = reader.digits(2)?;
        reader.mark("-")?;
        let day = reader.digits(2)?;
        reader.mark("T")?;
        let hour = reader.digits(2)?;
        reader.mark(":")?;
        let minute = reader.digits(2)?;
        reader.mark(":")?;
        let second = reader.digits(2)?;
        let nanos = reader.fraction()?;
        let offset = reader.offset()?;
        let is_valid = reader.0.is_empty()
            && (1..=12).contains(&month)
            && (1..=days_in_month(year, month)).contains(&day)
            && hour < 24
            && minute < 60
            && second < 60;
        is_valid.then(|| Timestamp {
            seconds: days_from_civil(year, month, day) * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second - offset,
            nanos,
        })
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Timestamp {
        match time.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => Timestamp {
                seconds: i64::try_from(after.as_secs()).unwrap_or(i64::MAX),
                nanos: after.subsec_nanos(),
            },
            Err(error) => {
                let before = error.duration();
                let seconds = i64::try_from(before.as_secs()).unwrap_or(i64::MAX);
                match before.subsec_nanos() {
                    0 => Timestamp {
                        seconds: seconds.saturating_neg(),
                        nanos: 0,
                    },
                    nanos => Timestamp {
                        seconds: seconds.saturating_neg().saturating_sub(1),
                        nanos: NANOS_PER_SECOND.saturating_sub(nanos),
                    },
                }
            }
        }
    }
}

/// Times that a `SystemTime` cannot hold become 1970, which every timer takes for long past; no timestamp of
/// four-digit years is one of them on the systems this runs on.
impl From<Timestamp> for SystemTime {
    fn from(timestamp: Timestamp) -> SystemTime {
        let epoch = SystemTime::UNIX_EPOCH;
        let whole = Duration::from_secs(timestamp.seconds.unsigned_abs());
        let time = match timestamp.seconds < 0 {
            true => epoch.checked_sub(whole),
            false => epoch.checked_add(whole),
        };
        time.and_then(|time| time.checked_add(Duration::from_nanos(timestamp.nanos.into())))
            .unwrap_or(epoch)
    }
}

/// As the service prints it: UTC, with no fraction or one of 3, 6 or 9 digits.
impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil_from_days(self.seconds.div_euclid(SECONDS_PER_DAY));
        let second = self.seconds.rem_euclid(SECONDS_PER_DAY);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(
            formatter,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"
        )?;
        match self.nanos {
            0 => {}
            nanos if nanos % 1_000_000 == 0 => write!(formatter, ".{:03}", nanos / 1_000_000)?,
            nanos if nanos % 1000 == 0 => write!(formatter, ".{:06}", nanos / 1000)?,
            nanos => write!(formatter, ".{nanos:09}")?,
        }
        formatter.write_str("Z")
    }
}

struct Reader<'t>(&'t str);

impl Reader<'_> {
    fn mark(&mut self, mark: &str) -> Option<()> {
        self.0 = self.0.strip_prefix(mark)?;
        Some(())
    }

    fn digits(&mut self, count: usize) -> Option<i64> {
        let digits = self.0.get(..count)?;
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        self.0 = self.0.get(count..)?;
        digits.parse().ok()
    }

    /// Nanoseconds; none are given if there is no dot.
    fn fraction(&mut self) -> Option<u32> {
        let Some(rest) = self.0.strip_prefix('.') else {
            return Some(0);
        };
        let count = rest.bytes().take_while(u8::is_ascii_digit).count();
        let digits: u32 = rest.get(..count)?.parse().ok()?;
        self.0 = rest.get(count..)?;
        let missing = 9_u32.checked_sub(u32::try_from(count).ok()?)?;
        digits
            .checked_mul(10_u32.pow(missing))
            .filter(|nanos| *nanos < NANOS_PER_SECOND)
    }

    /// Seconds east of UTC.
    #[expect(clippy::arithmetic_side_effects, reason = "less than 24 hours")]
    fn offset(&mut self) -> Option<i64> {
        if self.mark("Z").is_some() {
            return Some(0);
        }
        let sign = match self.mark("-") {
            Some(()) => -1,
            None => self.mark("+").map(|()| 1)?,
        };
        let hours = self.digits(2)?;
        self.mark(":")?;
        let minutes = self.digits(2)?;
        (hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
    }
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to a date of the Gregorian calendar.
///
/// Years are counted from March, so that the leap day is the last of its year, and in eras of 400 years,
/// which all have the same number of days.
#[expect(clippy::arithmetic_side_effects, reason = "years have four digits")]
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The reverse of [`days_from_civil`].
#[expect(clippy::arithmetic_side_effects, reason = "the days of an i64 of seconds")]
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_and_writes_points_in_time() {
        for (text, epoch_millis, shown) in [
            ("1970-01-01T00:00:00Z", 0, "1970-01-01T00:00:00Z"),
            ("1970-01-01T01:00:00+01:00", 0, "1970-01-01T00:00:00Z"),
            ("1969-12-31T23:59:59.999Z", -1, "1969-12-31T23:59:59.999Z"),
            ("2000-02-29T12:00:00Z", 951_825_600_000, "2000-02-29T12:00:00Z"),
            ("2024-02-29T23:30:00-01:00", 1_709_253_000_000, "2024-03-01T00:30:00Z"),
            ("2025-08-27T10:04:42.12Z", 1_756_289_082_120, "2025-08-27T10:04:42.120Z"),
            (
                "2025-08-27T10:04:42.123456Z",
                1_756_289_082_123,
                "2025-08-27T10:04:42.123456Z",
            ),
            (
                "2025-08-27T10:04:42.000000001Z",
                1_756_289_082_000,
                "2025-08-27T10:04:42.000000001Z",
            ),
            ("0000-01-01T00:00:00Z", -62_167_219_200_000, "0000-01-01T00:00:00Z"),
            ("9999-12-31T23:59:59Z", 253_402_300_799_000, "9999-12-31T23:59:59Z"),
        ] {
            let timestamp = Timestamp::parse(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(
                (timestamp.epoch_millis(), timestamp.to_string().as_str()),
                (epoch_millis, shown)
            );
        }
    }

    #[test]
    fn refuses_what_is_not_rfc_3339() {
        for text in [
            "",
            "2016-12-05",
            "2016-12-05T21:29:29",
            "2016-12-05 21:29:29Z",
            "2016-12-05t21:29:29Z",
            "2016-12-05T21:29:29z",
            "2016-12-05T21:29Z",
            "2016-12-05T21:29:29.Z",
            "2016-12-05T21:29:29.1234567890Z",
            "2016-12-05T21:29:29+01",
            "2016-12-05T21:29:29+0100",
            "2016-12-05T21:29:29+24:00",
            "2016-12-05T21:29:29Z ",
            "2016-13-05T21:29:29Z",
            "2016-00-05T21:29:29Z",
            "2016-04-31T21:29:29Z",
            "2015-02-29T21:29:29Z",
            "1900-02-29T21:29:29Z",
            "2016-12-05T24:00:00Z",
            "2016-12-05T23:59:60Z",
            "05-12-2016T21:29:29Z",
            "+016-12-05T21:29:29Z",
            "٢٠١٦-12-05T21:29:29Z",
        ] {
            assert_eq!(Timestamp::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_can_be_read(millis in -62_167_219_200_000_i64..253_402_300_800_000) {
            let timestamp = Timestamp::from_epoch_millis(millis);
            prop_assert_eq!(timestamp.epoch_millis(), millis);
            prop_assert_eq!(Timestamp::parse(&timestamp.to_string()), Some(timestamp));
            prop_assert_eq!(Timestamp::from(SystemTime::from(timestamp)), timestamp);
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[0-9TZ:+.-]{0,32}|.*") {
            let _ = Timestamp::parse(&text);
        }
    }
}
