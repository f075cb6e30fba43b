//! Amounts as people write them.

use std::time::Duration;

use crate::engine::LANES;

/// A number of bytes: `65536`, `512K`, `256MiB`, `1G`. Units are powers of 1024.
pub(super) fn bytes(text: &str) -> Result<usize, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = text.get(digits.len()..).unwrap_or_default();
    let shift = match unit.to_ascii_lowercase().trim_end_matches("ib").trim_end_matches('b') {
        "" => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        _ => return Err(format!("unknown unit '{unit}': use K, M or G")),
    };
    let number: usize = digits.parse().map_err(|_| format!("'{digits}' is no whole number"))?;
    number.checked_mul(1 << shift).ok_or_else(|| "too large".to_owned())
}

/// A number of seconds, with a fraction where one is wanted: `30`, `0.5`.
pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.strip_suffix('s').unwrap_or(text).parse().map_err(|_| format!("'{text}' is no number of seconds"))?;
    Duration::try_from_secs_f64(seconds).map_err(|_| format!("{text} seconds are out of range"))
}

/// How often something is told, in seconds of packet time: one or more, since time is looked at once a second.
pub(super) fn interval(text: &str) -> Result<Duration, String> {
    let interval = seconds(text)?;
    if interval < Duration::from_secs(1) {
        return Err(format!("{text} seconds are too few: use 1 or more, or leave it out for none"));
    }
    Ok(interval)
}

/// A period in whole seconds: `3600`, `90s`, `15m`, `1h`, `1d`.
pub(super) fn period(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit: u64 = match text.get(digits.len()..).unwrap_or_default() {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        unit => return Err(format!("unknown unit '{unit}': use s, m, h or d")),
    };
    let number: u64 = digits.parse().map_err(|_| format!("'{digits}' is no whole number"))?;
    let seconds = number.checked_mul(unit).ok_or_else(|| "too large".to_owned())?;
    if seconds == 0 { Err("use 1 second or more".to_owned()) } else { Ok(seconds) }
}

/// How many flows are followed: at least one for each lane.
pub(super) fn flows(text: &str) -> Result<usize, String> {
    let flows: usize = text.parse().map_err(|_| format!("'{text}' is no whole number"))?;
    if flows < LANES {
        return Err(format!("{flows} flows are too few: use {LANES} or more"));
    }
    Ok(flows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_units_of_1024() {
        for (text, n) in [("0", 0), ("1000", 1000), ("64K", 65_536), ("2kb", 2_048), ("256MiB", 256 << 20), ("1g", 1 << 30)] {
            assert_eq!(bytes(text), Ok(n), "{text}");
        }
        for text in ["", "x", "1T", "-1", "1.5M", "99999999999999999999"] {
            assert!(bytes(text).is_err(), "{text}");
        }
    }

    #[test]
    fn seconds_may_have_a_fraction() {
        assert_eq!(seconds("30"), Ok(Duration::from_secs(30)));
        assert_eq!(seconds("0.5s"), Ok(Duration::from_millis(500)));
        for text in ["", "soon", "-1", "inf", "1e30"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_interval_is_a_second_or_more() {
        assert_eq!(interval("1"), Ok(Duration::from_secs(1)));
        assert_eq!(interval("1.5"), Ok(Duration::from_millis(1_500)));
        for text in ["0", "0.5", "0.999", "soon"] {
            assert!(interval(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_period_has_units_of_time() {
        for (text, seconds) in [("1", 1), ("90s", 90), ("15m", 900), ("1h", 3_600), ("7d", 604_800)] {
            assert_eq!(period(text), Ok(seconds), "{text}");
        }
        for text in ["", "0", "0d", "1w", "-1", "1.5h", "99999999999999999999d", "999999999999999999d"] {
            assert!(period(text).is_err(), "{text}");
        }
    }

    #[test]
    fn each_lane_has_room_for_a_flow() {
        assert_eq!(flows("16"), Ok(16));
        for text in ["0", "15", "-1", "many", "1.5"] {
            assert!(flows(text).is_err(), "{text}");
        }
    }
}
