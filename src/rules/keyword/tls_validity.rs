//! The dates of the leaf certificate: `tls_cert_notbefore`, `tls_cert_notafter`, `tls_cert_expired` and `tls_cert_valid`.

use std::ops::RangeInclusive;

use super::super::builder::{Builder, Claim, Test};
use super::super::diagnostic::Reason;
use super::super::subject::{FlowDirection, Sides, Subject};
use super::tls_certificate::leaf;
use super::{Keyword, Kind, no_value, required};
use crate::protocol::x509::{Facts, Time};

pub(super) const KEYWORDS: &[Keyword] = &[
    Keyword {
        name: "tls_cert_notbefore",
        aliases: &[],
        kind: Kind::Option(|b, v| date(b, v, "tls_cert_notbefore", |f| f.not_before)),
    },
    Keyword {
        name: "tls_cert_notafter",
        aliases: &[],
        kind: Kind::Option(|b, v| date(b, v, "tls_cert_notafter", |f| f.not_after)),
    },
    Keyword { name: "tls_cert_expired", aliases: &[], kind: Kind::Option(|b, v| validity(b, v, true)) },
    Keyword { name: "tls_cert_valid", aliases: &[], kind: Kind::Option(|b, v| validity(b, v, false)) },
];

/// One of the two dates has to be so.
#[derive(Debug)]
struct Date {
    keyword: &'static str,
    read: fn(&Facts) -> Option<Time>,
    wanted: Wanted,
}

/// What a date has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    /// `date`: within the year, day or second that is named.
    Within(Span),
    /// `<date`: before it begins.
    Before(Time),
    /// `>date`: after its first second.
    After(Time),
    /// `date<>date`: after the first one's and before the second one's first second.
    Between(Time, Time),
}

/// The seconds that a date means: all of a year where only that is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    first: Time,
    last: Time,
}

impl Test for Date {
    fn sides(&self) -> Sides {
        Sides::CERTIFICATES
    }

    fn holds(&self, subject: &Subject<'_>, side: FlowDirection) -> bool {
        let date = subject.session.and_then(|s| leaf(s, side)).and_then(self.read);
        date.is_some_and(|date| self.wanted.holds(date))
    }

    fn claim(&self) -> Option<Claim> {
        Some(Claim::Date(self.keyword, self.wanted.seconds()))
    }
}

/// The leaf is out of date at the packet's time, or is not.
#[derive(Debug)]
struct Expired(bool);

impl Test for Expired {
    fn sides(&self) -> Sides {
        Sides::CERTIFICATES
    }

    fn holds(&self, subject: &Subject<'_>, side: FlowDirection) -> bool {
        let end = subject.session.and_then(|s| leaf(s, side)).and_then(|f| f.not_after);
        end.is_some_and(|end| (end < Time::from(subject.now)) == self.0)
    }

    fn claim(&self) -> Option<Claim> {
        Some(Claim::Expired(self.0))
    }
}

impl Wanted {
    fn parse(text: &str) -> Option<Self> {
        if let Some((from, to)) = text.split_once("<>") {
            let (from, to) = (Span::parse(from)?.first, Span::parse(to)?.first);
            return (from < to).then_some(Self::Between(from, to));
        }
        let first = |text| Span::parse(text).map(|span| span.first);
        match text.as_bytes().first()? {
            b'<' => first(text.get(1..)?).map(Self::Before),
            b'>' => first(text.get(1..)?).map(Self::After),
            _ => Span::parse(text).map(Self::Within),
        }
    }

    /// The seconds since 1970 for which it holds.
    const fn seconds(self) -> RangeInclusive<i64> {
        match self {
            Self::Within(span) => span.first.as_unix()..=span.last.as_unix(),
            Self::Before(limit) => i64::MIN..=limit.as_unix().saturating_sub(1),
            Self::After(limit) => limit.as_unix().saturating_add(1)..=i64::MAX,
            Self::Between(from, to) => from.as_unix().saturating_add(1)..=to.as_unix().saturating_sub(1),
        }
    }

    fn holds(self, date: Time) -> bool {
        match self {
            Self::Within(span) => span.first <= date && date <= span.last,
            Self::Before(limit) => date < limit,
            Self::After(limit) => date > limit,
            Self::Between(from, to) => from < date && date < to,
        }
    }
}

impl Span {
    /// `YYYY[-MM[-DD[T| HH[:MM[:SS]]]]]`, or seconds since 1970 with more than four digits.
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.len() > 4 && text.bytes().all(|b| b.is_ascii_digit()) {
            let second = Time::from_unix(text.parse().ok()?);
            return Some(Self { first: second, last: second });
        }
        let (day, time) = match text.split_once(['T', ' ']) {
            Some((day, time)) => (day, Some(time)),
            None => (text, None),
        };
        let (date, dates) = numbers(day, '-', [0, 1, 1])?;
        let (clock, clocks) = time.map_or(Some(([0; 3], 0)), |time| numbers(time, ':', [0; 3]))?;
        if clocks > 0 && dates < 3 {
            return None;
        }
        let first =
            |[year, month, day]: [i64; 3], [hour, minute, second]: [i64; 3]| Time::from_utc(year, month, day, hour, minute, second);
        let start = first(date, clock)?;
        let [year, month, _] = date;
        let next = match (dates, clocks) {
            (1, _) => first([year.saturating_add(1), 1, 1], clock),
            (2, _) if month == 12 => first([year.saturating_add(1), 1, 1], clock),
            (2, _) => first([year, month.saturating_add(1), 1], clock),
            (_, 0) => Some(later(start, 86_400)),
            (_, 1) => Some(later(start, 3_600)),
            (_, 2) => Some(later(start, 60)),
            _ => Some(later(start, 1)),
        };
        Some(Self { first: start, last: next.map_or(END, |next| later(next, -1)) })
    }
}

fn later(time: Time, seconds: i64) -> Time {
    Time::from_unix(time.as_unix().saturating_add(seconds))
}

/// One to three numbers, and how many they were; in place of those left out what `rest` has. A year has four digits, all else two.
fn numbers(text: &str, separator: char, mut rest: [i64; 3]) -> Option<([i64; 3], usize)> {
    let mut count = 0_usize;
    for (i, part) in text.split(separator).enumerate() {
        let digits = if separator == '-' && i == 0 { 4 } else { 2 };
        if part.len() != digits || !part.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        *rest.get_mut(i)? = part.parse().ok()?;
        count = count.saturating_add(1);
    }
    Some((rest, count))
}

fn date(
    builder: &mut Builder<'_>,
    value: Option<&str>,
    keyword: &'static str,
    read: fn(&Facts) -> Option<Time>,
) -> Result<(), Reason> {
    let text = required(value)?.trim_matches('"').trim();
    let wanted = Wanted::parse(text).ok_or(Reason::BadValue("a date such as 2026-11-24, <date, >date or date<>date"))?;
    builder.test(Date { keyword, read, wanted })
}

fn validity(builder: &mut Builder<'_>, value: Option<&str>, expired: bool) -> Result<(), Reason> {
    no_value(value)?;
    builder.test(Expired(expired))
}

/// 9999-12-31T23:59:59Z, the last second that a certificate can name.
const END: Time = Time::from_unix(253_402_300_799);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_in_all_their_forms() {
        for (text, first, last) in [
            ("2015", "2015-01-01T00:00:00", "2015-12-31T23:59:59"),
            ("2016-02", "2016-02-01T00:00:00", "2016-02-29T23:59:59"),
            ("2015-12", "2015-12-01T00:00:00", "2015-12-31T23:59:59"),
            ("1998-05-01", "1998-05-01T00:00:00", "1998-05-01T23:59:59"),
            ("1998-05-01T12", "1998-05-01T12:00:00", "1998-05-01T12:59:59"),
            ("1998-05-01 12:30", "1998-05-01T12:30:00", "1998-05-01T12:30:59"),
            ("1998-05-01T12:30:15", "1998-05-01T12:30:15", "1998-05-01T12:30:15"),
            ("894024615", "1998-05-01T12:10:15", "1998-05-01T12:10:15"),
            ("9999", "9999-01-01T00:00:00", "9999-12-31T23:59:59"),
        ] {
            let span = Span::parse(text).expect(text);
            assert_eq!((span.first.to_string().as_str(), span.last.to_string().as_str()), (first, last), "{text}");
        }
        for bad in ["", "15", "2015-13", "2015-1-1", "2015-01-32", "2015-01-01T", "2015T12", "2015-01-01-01", "2015-01-01T25", "x"]
        {
            assert_eq!(Span::parse(bad), None, "{bad}");
        }
    }
}
