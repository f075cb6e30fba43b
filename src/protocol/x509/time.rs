//! The moments of a certificate's validity (RFC 5280 §4.1.2.5).

use std::fmt;

use crate::base::Timestamp;

use super::tlv::{Tlv, tag};

/// A moment to the second, in seconds since 1970-01-01T00:00:00Z; before that, negative. Unlike packet time it has the whole
/// range that a certificate can say, years 0 to 9999: "99991231235959Z" means that there is no end (RFC 5280 §4.1.2.5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(i64);

impl Time {
    /// From seconds since the epoch.
    pub const fn from_unix(seconds: i64) -> Self {
        Self(seconds)
    }

    /// From a date and a time of day in UTC. `None` where there is none such; a day that its month lacks counts on into the next.
    pub fn from_utc(year: i64, month: i64, day: i64, hour: i64, minute: i64, second: i64) -> Option<Self> {
        let fits = (0..=9_999).contains(&year)
            && (1..=12).contains(&month)
            && (1..=31).contains(&day)
            && (0..24).contains(&hour)
            && (0..60).contains(&minute)
            && (0..=60).contains(&second);
        fits.then(|| Self(seconds(days_from_civil(year, month, day), hour, minute, second)))
    }

    /// Seconds since the epoch.
    pub const fn as_unix(self) -> i64 {
        self.0
    }

    /// Reads a UTCTime or GeneralizedTime. More is taken than DER allows: seconds may be missing, a fraction is passed over,
    /// and an offset (`+0100`) is taken into account. `None` for what is no moment: a 13th month, a 25th hour.
    pub(super) fn read(tlv: Tlv<'_>) -> Option<Self> {
        let mut digits = Digits(tlv.value);
        let year = match tlv.tag {
            // RFC 5280 §4.1.2.5.1: 50 to 99 are of the 20th century.
            tag::UTC_TIME => match digits.pair(0, 99)? {
                yy @ 50.. => yy.saturating_add(1900),
                yy => yy.saturating_add(2000),
            },
            tag::GENERALIZED_TIME => digits.pair(0, 99)?.saturating_mul(100).saturating_add(digits.pair(0, 99)?),
            _ => return None,
        };
        let (month, day) = (digits.pair(1, 12)?, digits.pair(1, 31)?);
        let (hour, minute) = (digits.pair(0, 23)?, digits.pair(0, 59)?);
        let second = digits.pair(0, 60).unwrap_or(0);
        let local = seconds(days_from_civil(year, month, day), hour, minute, second);
        Some(Self(local.saturating_sub(digits.offset())))
    }

    /// Year, month (1–12), day (1–31), hour, minute, second in UTC (proleptic Gregorian calendar).
    pub const fn utc(self) -> (i64, i64, i64, i64, i64, i64) {
        let (days, rest) = (self.0.div_euclid(SECONDS_PER_DAY), self.0.rem_euclid(SECONDS_PER_DAY));
        let (year, month, day) = civil_from_days(days);
        (year, month, day, rest / 3_600, rest % 3_600 / 60, rest % 60)
    }
}

impl From<Timestamp> for Time {
    fn from(moment: Timestamp) -> Self {
        Self(i64::try_from(moment.as_secs()).unwrap_or(i64::MAX))
    }
}

/// As EVE's `notbefore` and `notafter`: `2026-11-24T10:48:07`, in UTC.
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (y, mo, d, h, mi, s) = self.utc();
        write!(f, "{y:04}-{mo:02}-{d:02}T{h:02}:{mi:02}:{s:02}")
    }
}

/// Decimal digits, two at a time.
struct Digits<'a>(&'a [u8]);

impl Digits<'_> {
    /// The next two digits as a number from `low` to `high`; otherwise nothing is taken.
    fn pair(&mut self, low: i64, high: i64) -> Option<i64> {
        let (&[tens, ones], rest) = self.0.split_first_chunk()?;
        if !tens.is_ascii_digit() || !ones.is_ascii_digit() {
            return None;
        }
        let value = i64::from(tens & 0xf).saturating_mul(10).saturating_add(i64::from(ones & 0xf));
        (low..=high).contains(&value).then(|| {
            self.0 = rest;
            value
        })
    }

    /// What is left as an offset from UTC in seconds: zero for `Z`, for nothing and for what is no offset.
    fn offset(mut self) -> i64 {
        if let [b'.' | b',', fraction @ ..] = self.0 {
            let digits = fraction.iter().take_while(|b| b.is_ascii_digit()).count();
            self.0 = fraction.get(digits..).unwrap_or_default();
        }
        let (sign, rest) = match self.0 {
            [b'+', rest @ ..] => (1_i64, rest),
            [b'-', rest @ ..] => (-1, rest),
            _ => return 0,
        };
        self.0 = rest;
        let (hours, minutes) = (self.pair(0, 23).unwrap_or(0), self.pair(0, 59).unwrap_or(0));
        sign.saturating_mul(seconds(0, hours, minutes, 0))
    }
}

const SECONDS_PER_DAY: i64 = 86_400;

fn seconds(days: i64, hours: i64, minutes: i64, seconds: i64) -> i64 {
    let minutes = hours.saturating_mul(60).saturating_add(minutes);
    days.saturating_mul(SECONDS_PER_DAY).saturating_add(minutes.saturating_mul(60)).saturating_add(seconds)
}

/// Days since the epoch, after Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms". A day that its month lacks
/// (31 February) counts on into the next month.
#[allow(clippy::arithmetic_side_effects)] // years 0 to 9999, months 1 to 12, days 1 to 31
const fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let yoe = y.rem_euclid(400);
    let doy = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    era * 146_097 + doe - 719_468
}

/// The inverse of [`days_from_civil`].
#[allow(clippy::arithmetic_side_effects)] // days are at most i64::MAX / 86 400
const fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = doy - (153 * mp + 2) / 5 + 1;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    let year = yoe + z.div_euclid(146_097) * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(tag: u8, text: &str) -> Option<String> {
        Time::read(Tlv { tag, value: text.as_bytes(), whole: true }).map(|t| t.to_string())
    }

    #[test]
    fn reads_utc_time() {
        for (text, want) in [
            ("150131021829Z", "2015-01-31T02:18:29"),
            ("491231235959Z", "2049-12-31T23:59:59"),
            ("500101000000Z", "1950-01-01T00:00:00"),
            ("691231235959Z", "1969-12-31T23:59:59"),
            ("1501310218Z", "2015-01-31T02:18:00"),
            ("370116130016+0000", "2037-01-16T13:00:16"),
            ("1501010030+0100", "2014-12-31T23:30:00"),
            ("150101003000-0130", "2015-01-01T02:00:00"),
            ("150131021829", "2015-01-31T02:18:29"),
            ("161231235960Z", "2017-01-01T00:00:00"),
        ] {
            assert_eq!(read(tag::UTC_TIME, text).as_deref(), Some(want), "{text}");
        }
    }

    #[test]
    fn reads_generalized_time() {
        for (text, want) in [
            ("99991231235959Z", "9999-12-31T23:59:59"),
            ("00000101000000Z", "0000-01-01T00:00:00"),
            ("16010101000000Z", "1601-01-01T00:00:00"),
            ("20000229120000Z", "2000-02-29T12:00:00"),
            ("20150131021829.123Z", "2015-01-31T02:18:29"),
            ("20150131021829.5+0100", "2015-01-31T01:18:29"),
        ] {
            assert_eq!(read(tag::GENERALIZED_TIME, text).as_deref(), Some(want), "{text}");
        }
    }

    #[test]
    fn what_is_no_moment_is_none() {
        for text in ["", "15", "1501", "159931021829Z", "150132021829Z", "150131251829Z", "15013102xx29Z", "hello, world"] {
            assert_eq!(read(tag::UTC_TIME, text), None, "{text}");
        }
        assert_eq!(read(tag::PRINTABLE_STRING, "150131021829Z"), None);
    }

    #[test]
    fn seconds_are_those_of_the_unix_clock() {
        assert_eq!(Time::read(Tlv { tag: tag::UTC_TIME, value: b"700101000000Z", whole: true }), Some(Time::from_unix(0)));
        assert_eq!(Time::from_unix(-1).to_string(), "1969-12-31T23:59:59");
        assert_eq!(Time::from_unix(253_402_300_799).to_string(), "9999-12-31T23:59:59");
    }
}
