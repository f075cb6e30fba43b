//! A date as HTTP has it (RFC 9110, section 5.6.7), in any of the three forms that a recipient has to understand.

use crate::sink::time::days;

/// Seconds since 1970; `now` tells the century of a year of two digits. `None` for what is no date, or before 1970.
pub(super) fn seconds(text: &str, now: u64) -> Option<u64> {
    let (day_name, rest) = text.trim().split_once(' ')?;
    let words: Vec<&str> = rest.split_ascii_whitespace().collect();
    let (year, month, day, time) = match *words.as_slice() {
        // Sun, 06 Nov 1994 08:49:37 GMT
        [day, month, year, time, "GMT"] if day_name.ends_with(',') && year.len() == 4 => (number(year)?, month, day, time),
        // Sunday, 06-Nov-94 08:49:37 GMT
        [date, time, "GMT"] if day_name.ends_with(',') => {
            let (day, rest) = date.split_once('-')?;
            let (month, year) = rest.split_once('-')?;
            (century(year, now)?, month, day, time)
        }
        // Sun Nov  6 08:49:37 1994
        [month, day, time, year] if year.len() == 4 => (number(year)?, month, day, time),
        _ => return None,
    };
    let month = i64::try_from(MONTHS.iter().position(|name| *name == month)?).ok()?.checked_add(1)?;
    let day = number(day).filter(|day| (1..=31).contains(day))?;
    let mut parts = time.splitn(3, ':').map(number);
    let mut next = |most: i64| parts.next()?.filter(|part| *part <= most);
    let (hour, minute, second) = (next(23)?, next(59)?, next(60)?);
    let hours = days(year, month, day)?.checked_mul(24)?.checked_add(hour)?;
    let seconds = hours.checked_mul(60)?.checked_add(minute)?.checked_mul(60)?.checked_add(second)?;
    u64::try_from(seconds).ok()
}

fn number(text: &str) -> Option<i64> {
    let is_short = (1..=4).contains(&text.len());
    (is_short && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

/// A year of two digits; one that seems to be more than 50 years ahead is of the century before.
fn century(year: &str, now: u64) -> Option<i64> {
    let year = number(year).filter(|_| year.len() == 2)?;
    let this = i64::try_from(now.checked_div(SECONDS_OF_A_YEAR)?).ok()?.checked_add(1970)?;
    let year = this.checked_sub(this.checked_rem(100)?)?.checked_add(year)?;
    if year > this.checked_add(50)? { year.checked_sub(100) } else { Some(year) }
}

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
/// On average, in the Gregorian calendar.
const SECONDS_OF_A_YEAR: u64 = 31_556_952;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_forms_of_a_date_are_understood() {
        const NOW: u64 = 1_796_011_200; // date -u -d 2026-11-30T04:00:00Z +%s
        // date -u -d TEXT +%s
        for (text, expected) in [
            // RFC 9110, section 5.6.7
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(784_111_777)),
            ("Sun Nov  6 08:49:37 1994", Some(784_111_777)),
            ("Mon, 30 Nov 2026 04:00:00 GMT", Some(NOW)),
            ("Monday, 30-Nov-26 04:00:00 GMT", Some(NOW)),
            ("Thu, 29 Feb 2024 23:59:60 GMT", Some(1_709_251_200)),
            ("Wed, 31 Dec 1969 23:59:59 GMT", None),
            ("Sun, 06 Nov 1994 08:49:37 CET", None),
            ("Sun, 06 Nov 1994 24:00:00 GMT", None),
            ("Sun, 32 Nov 1994 08:49:37 GMT", None),
            ("Sun, 06 nov 1994 08:49:37 GMT", None),
            ("Sun, 06 Nov 99999999999999999999 08:49:37 GMT", None),
            ("Sunday, 06-Nov-1994 08:49:37 GMT", None),
            ("Sun, 06 Nov 1994 08:49 GMT", None),
            ("Sun, 06 Nov 1994 -8:49:37 GMT", None),
            ("120", None),
            ("", None),
        ] {
            assert_eq!(seconds(text, NOW), expected, "{text}");
        }
    }

    #[test]
    fn a_year_of_two_digits_is_not_more_than_fifty_years_ahead() {
        const NOW: u64 = 1_796_011_200;
        assert_eq!(century("76", NOW), Some(2076));
        assert_eq!(century("77", NOW), Some(1977));
    }
}
