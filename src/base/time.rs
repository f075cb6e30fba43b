//! Packet time. The sans-IO middle never asks a clock: the only time it knows is that of the frames.

use std::fmt;

pub use std::time::Duration;

/// A moment of packet time: nanoseconds since 1970-01-01T00:00:00Z, as the capture recorded it.
///
/// Bounds: 1970 to 2554. Capture formats that can say more saturate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The earliest moment.
    pub const ZERO: Self = Self(0);

    /// From nanoseconds since the epoch.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// From whole seconds and nanoseconds since the epoch; saturates.
    pub const fn from_parts(seconds: u64, nanos: u64) -> Self {
        Self(seconds.saturating_mul(NANOS_PER_SECOND).saturating_add(nanos))
    }

    /// Nanoseconds since the epoch.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Whole seconds since the epoch.
    pub const fn as_secs(self) -> u64 {
        self.0 / NANOS_PER_SECOND
    }

    /// Nanoseconds within the second.
    pub const fn subsec_nanos(self) -> u64 {
        self.0 % NANOS_PER_SECOND
    }

    /// Later by `duration`; saturates.
    pub fn saturating_add(self, duration: Duration) -> Self {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(nanos))
    }

    /// How long after `earlier`; zero where it is not after.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// Year, month (1–12), day (1–31), hour, minute, second in UTC (proleptic Gregorian calendar).
    pub const fn utc(self) -> (u32, u32, u32, u32, u32, u32) {
        civil(self.as_secs())
    }
}

/// EVE's form, in UTC: `2026-11-24T10:48:07.000000+0000`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (y, mo, d, h, mi, s) = self.utc();
        let micros = self.subsec_nanos() / 1_000;
        write!(f, "{y:04}-{mo:02}-{d:02}T{h:02}:{mi:02}:{s:02}.{micros:06}+0000")
    }
}

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// Days-to-civil after Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms"; no input overflows it.
#[allow(clippy::arithmetic_side_effects, clippy::cast_possible_truncation)] // bounded by u64 seconds / 86 400
const fn civil(secs: u64) -> (u32, u32, u32, u32, u32, u32) {
    let (days, rest) = (secs / 86_400, secs % 86_400);
    let z = days + 719_468;
    let era = z / 146_097;
    let doe = z % 146_097;
    let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = doy - (153 * mp + 2) / 5 + 1;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    let year = yoe + era * 400 + if month <= 2 { 1 } else { 0 };
    let (h, mi, s) = (rest / 3_600, rest % 3_600 / 60, rest % 60);
    (year as u32, month as u32, day as u32, h as u32, mi as u32, s as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_as_eve_does() {
        for (secs, nanos, text) in [
            (0, 0, "1970-01-01T00:00:00.000000+0000"),
            (951_782_400, 0, "2000-02-29T00:00:00.000000+0000"),
            (1_795_517_287, 123_456_789, "2026-11-24T10:48:07.123456+0000"),
        ] {
            assert_eq!(Timestamp::from_parts(secs, nanos).to_string(), text);
        }
    }

    #[test]
    fn differences_never_go_below_zero() {
        let (a, b) = (Timestamp::from_parts(1, 0), Timestamp::from_parts(3, 5));
        assert_eq!(b.since(a), Duration::new(2, 5));
        assert_eq!(a.since(b), Duration::ZERO);
    }
}
