//! The time of an event, as others want it.

/// EVE's time, `2026-11-24T11:28:11.793478+0000`, in nanoseconds since 1970. `None` for one of another form, or before 1970.
pub(super) fn nanoseconds(time: &str) -> Option<u64> {
    if !time.is_ascii() || time.len() != FORM.len() {
        return None;
    }
    let marks = |(at, mark): (usize, u8)| b"-T:.+".contains(&mark).then_some(at);
    if !FORM
        .bytes()
        .enumerate()
        .filter_map(marks)
        .filter(|at| *at != SIGN)
        .all(|at| time.as_bytes().get(at) == FORM.as_bytes().get(at))
    {
        return None;
    }
    let number = |range: std::ops::Range<usize>| {
        time.get(range).filter(|text| text.bytes().all(|b| b.is_ascii_digit())).and_then(|text| text.parse::<i64>().ok())
    };
    let days = days(number(0..4)?, number(5..7)?, number(8..10)?)?;
    let seconds = days.checked_mul(24)?.checked_add(number(11..13)?)?.checked_mul(60)?.checked_add(number(14..16)?)?;
    let seconds = seconds.checked_mul(60)?.checked_add(number(17..19)?)?;
    let offset = number(27..29)?.checked_mul(60)?.checked_add(number(29..31)?)?.checked_mul(60)?;
    let seconds = match time.as_bytes().get(SIGN)? {
        b'+' => seconds.checked_sub(offset)?,
        b'-' => seconds.checked_add(offset)?,
        _ => return None,
    };
    let nanoseconds = seconds.checked_mul(1_000_000_000)?.checked_add(number(20..26)?.checked_mul(1_000)?)?;
    u64::try_from(nanoseconds).ok()
}

/// Days since 1970 of a day in the Gregorian calendar: whole years of 365 days, leap days, whole months.
pub(super) fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    const BEFORE: [i64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    let before = *BEFORE.get(usize::try_from(month.checked_sub(1)?).ok()?)?;
    let leap_days = |years: i64| years.checked_div(4)?.checked_sub(years.checked_div(100)?)?.checked_add(years.checked_div(400)?);
    let is_leap = year.checked_rem(4)? == 0 && (year.checked_rem(100)? != 0 || year.checked_rem(400)? == 0);
    let leap = leap_days(year.checked_sub(1)?)?.checked_sub(leap_days(1969)?)?.checked_add(i64::from(is_leap && month > 2))?;
    year.checked_sub(1970)?.checked_mul(365)?.checked_add(leap)?.checked_add(before)?.checked_add(day)?.checked_sub(1)
}

const FORM: &str = "2026-11-24T11:28:11.793478+0000";
const SIGN: usize = 26;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_in_nanoseconds_since_1970() {
        // date -u -d TIME +%s%N
        for (time, expected) in [
            ("1970-01-01T00:00:00.000000+0000", Some(0)),
            ("2000-02-29T23:59:59.000001+0000", Some(951_868_799_000_001_000)),
            ("2026-11-24T11:28:11.793478+0000", Some(1_795_519_691_793_478_000)),
            ("2026-11-24T13:28:11.793478+0200", Some(1_795_519_691_793_478_000)),
            ("2024-03-01T00:00:00.000000-0130", Some(1_709_256_600_000_000_000)),
            ("1969-12-31T23:59:59.000000+0000", None),
            ("2026-13-24T11:28:11.793478+0000", None),
            ("2026-11-24 11:28:11.793478+0000", None),
            ("2026-11-24T11:28:11.793478Z", None),
            ("", None),
        ] {
            assert_eq!(nanoseconds(time), expected, "{time}");
        }
    }
}
