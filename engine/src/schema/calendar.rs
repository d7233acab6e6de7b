//! Dates and times as text: ISO 8601 in the proleptic Gregorian calendar.
//!
//! - A date is `2026-11-23`. Years before 0 and after 9999 have a sign: `-0044-03-15`, `+12026-01-01`.
//! - A time is `12:34:56`, with a fraction where it is not zero, and that without zeros at its end:
//!   `12:34:56.5`. So one moment has one text, whatever the unit that it is counted in.
//! - A timestamp is a date and a time with `T` between them; an instant has `Z` behind it.

use std::io::Write;

/// Units in a second.
pub const SECONDS: i64 = 1;
/// Units in a second.
pub const MILLISECONDS: i64 = 1_000;
/// Units in a second.
pub const MICROSECONDS: i64 = 1_000_000;
/// Units in a second.
pub const NANOSECONDS: i64 = 1_000_000_000;

/// Seconds of a day.
pub const DAY: i64 = 86_400;

/// Writes a date, given in days since 1970-01-01.
pub fn write_date(out: &mut Vec<u8>, days: i64) {
    let (year, month, day) = civil(days);
    // Writing to memory does not fail, here and below.
    let _ = if (0..=9999).contains(&year) {
        write!(out, "{year:04}-{month:02}-{day:02}")
    } else {
        write!(out, "{year:+05}-{month:02}-{day:02}")
    };
}

/// Writes a time of day, given in units since midnight, `per_second` of which make a second. One
/// that no day has goes on after 23:59:59 or has a sign.
pub fn write_time(out: &mut Vec<u8>, value: i64, per_second: i64) {
    if value < 0 {
        out.push(b'-');
    }
    let value = value.unsigned_abs();
    let per_second = per_second.unsigned_abs();
    let seconds = value / per_second;
    let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60);
    let _ = write!(out, "{hours:02}:{minutes:02}:{:02}", seconds % 60);
    write_fraction(out, value % per_second, per_second);
}

/// Writes a timestamp, given in units since 1970-01-01T00:00:00, `per_second` of which make a second.
pub fn write_timestamp(out: &mut Vec<u8>, value: i64, per_second: i64, utc: bool) {
    let day = DAY * per_second;
    write_date(out, value.div_euclid(day));
    out.push(b'T');
    write_time(out, value.rem_euclid(day), per_second);
    if utc {
        out.push(b'Z');
    }
}

/// Writes a length of time as ISO 8601 has it (`P14M3DT-0.5S`): months, days and units of time stay
/// apart, as a month is no number of days. What is zero is left out; all zero is `PT0S`.
pub fn write_duration(out: &mut Vec<u8>, months: i64, days: i64, time: i64, per_second: i64) {
    out.push(b'P');
    for (value, unit) in [(months, "M"), (days, "D")] {
        if value != 0 {
            let _ = write!(out, "{value}{unit}");
        }
    }
    if time == 0 && (months, days) != (0, 0) {
        return;
    }
    out.push(b'T');
    if time < 0 {
        out.push(b'-');
    }
    let (time, per_second) = (time.unsigned_abs(), per_second.unsigned_abs());
    let _ = write!(out, "{}", time / per_second);
    write_fraction(out, time % per_second, per_second);
    out.push(b'S');
}

/// Writes an instant, given in seconds since 1970-01-01T00:00:00 UTC and nanoseconds on top of them,
/// fewer than a second has.
pub fn write_instant(out: &mut Vec<u8>, seconds: i64, nanoseconds: u32) {
    write_date(out, seconds.div_euclid(DAY));
    out.push(b'T');
    let time = seconds.rem_euclid(DAY) * NANOSECONDS + i64::from(nanoseconds);
    write_time(out, time, NANOSECONDS);
    out.push(b'Z');
}

/// Writes a length of time as [`write_duration`] does, also one of more nanoseconds than 64 bits hold.
pub fn write_nanoseconds(out: &mut Vec<u8>, nanoseconds: i128) {
    const PER_SECOND: u128 = NANOSECONDS as u128;
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let nanoseconds = nanoseconds.unsigned_abs();
    let _ = write!(out, "PT{sign}{}", nanoseconds / PER_SECOND);
    let fraction = (nanoseconds % PER_SECOND) as u64;
    write_fraction(out, fraction, NANOSECONDS.unsigned_abs());
    out.push(b'S');
}

/// A fraction of a second with its point, without zeros at its end.
fn write_fraction(out: &mut Vec<u8>, mut fraction: u64, per_second: u64) {
    if fraction == 0 {
        return;
    }
    let mut digits = per_second.ilog10() as usize;
    while fraction.is_multiple_of(10) {
        fraction /= 10;
        digits -= 1;
    }
    let _ = write!(out, ".{fraction:0digits$}");
}

/// Year, month and day of a number of days since 1970-01-01. Years are counted from March on, so
/// that the day that leap years add is the last of one.
fn civil(days: i64) -> (i64, i64, i64) {
    const DAYS_OF_400_YEARS: i64 = 146_097;
    /// From 0000-03-01 to 1970-01-01.
    const TO_1970: i64 = 719_468;
    let days = days + TO_1970;
    let era = days.div_euclid(DAYS_OF_400_YEARS);
    let day_of_era = days.rem_euclid(DAYS_OF_400_YEARS);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // Five months from March, and from August, have 153 days.
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = (from_march + 2) % 12 + 1;
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn dates_have_the_form_of_iso_8601() {
        for (days, date) in [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (11_016, "2000-02-29"),
            (11_017, "2000-03-01"),
            (-25_509, "1900-02-28"),
            (-25_508, "1900-03-01"),
            (20_780, "2026-11-23"),
            (-719_528, "0000-01-01"),
            (-719_529, "-0001-12-31"),
            (2_932_896, "9999-12-31"),
            (2_932_897, "+10000-01-01"),
        ] {
            assert_eq!(text(|out| write_date(out, days)), date);
        }
    }

    #[test]
    fn a_moment_has_one_text_whatever_its_unit() {
        let moment = 1_795_437_296_500_i64;
        for (value, per_second) in [
            (moment, MILLISECONDS),
            (moment * 1_000, MICROSECONDS),
            (moment * 1_000_000, NANOSECONDS),
        ] {
            assert_eq!(
                text(|out| write_timestamp(out, value, per_second, true)),
                "2026-11-23T12:34:56.5Z"
            );
        }
        assert_eq!(
            text(|out| write_timestamp(out, -1, NANOSECONDS, false)),
            "1969-12-31T23:59:59.999999999"
        );
        assert_eq!(text(|out| write_time(out, 0, SECONDS)), "00:00:00");
        assert_eq!(text(|out| write_time(out, 86_400, SECONDS)), "24:00:00");
        assert_eq!(
            text(|out| write_time(out, -1, MILLISECONDS)),
            "-00:00:00.001"
        );
        for value in [i64::MIN, i64::MAX] {
            for per_second in [SECONDS, MILLISECONDS, MICROSECONDS, NANOSECONDS] {
                text(|out| write_timestamp(out, value, per_second, true));
            }
        }
    }

    #[test]
    fn instants_and_lengths_of_any_size_have_the_same_form() {
        let moment = 1_795_437_296_500_000_000_i64;
        for value in [0, moment, -1, i64::MIN, i64::MAX] {
            let (seconds, nanos) = (value.div_euclid(NANOSECONDS), value.rem_euclid(NANOSECONDS));
            assert_eq!(
                text(|out| write_instant(out, seconds, nanos as u32)),
                text(|out| write_timestamp(out, value, NANOSECONDS, true))
            );
            assert_eq!(
                text(|out| write_nanoseconds(out, value.into())),
                text(|out| write_duration(out, 0, 0, value, NANOSECONDS))
            );
        }
        for seconds in [i64::MIN, i64::MAX] {
            text(|out| write_instant(out, seconds, 999_999_999));
        }
        let long = 315_576_000_000_i128 * 1_000_000_000 + 5;
        assert_eq!(
            text(|out| write_nanoseconds(out, -long)),
            "PT-315576000000.000000005S"
        );
    }

    #[test]
    fn lengths_of_time_keep_their_units_apart() {
        for (months, days, time, duration) in [
            (0, 0, 0, "PT0S"),
            (14, 0, 0, "P14M"),
            (0, -3, 0, "P-3D"),
            (0, 0, 1_500, "PT1.5S"),
            (1, 2, -1, "P1M2DT-0.001S"),
        ] {
            let written = text(|out| write_duration(out, months, days, time, MILLISECONDS));
            assert_eq!(written, duration);
        }
    }
}
