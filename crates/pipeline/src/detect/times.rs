//! Times as rules' outputs show them.

use jiff::Timestamp;
use yagura_rules::fields::Field;

/// A wall time in the form that the field asks for, in UTC: the same on every machine that replays a recording.
pub(crate) fn show(field: Field, wall_ns: i64) -> String {
    let Ok(time) = Timestamp::from_nanosecond(i128::from(wall_ns)) else {
        return String::new();
    };
    let format = match field {
        Field::EvtTimeS => "%H:%M:%S",
        Field::EvtTimeIso8601 => "%Y-%m-%dT%H:%M:%S.%9fZ",
        Field::EvtDatetime => "%Y-%m-%d %H:%M:%S.%9f",
        Field::EvtDatetimeS => "%Y-%m-%d %H:%M:%S",
        _ => "%H:%M:%S.%9f",
    };
    time.strftime(format).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_shown_in_utc() {
        let wall_ns = 1_763_798_400_123_456_789;
        assert_eq!(show(Field::EvtTime, wall_ns), "08:00:00.123456789");
        assert_eq!(show(Field::EvtDatetimeS, wall_ns), "2025-11-22 08:00:00");
        assert_eq!(
            show(Field::EvtTimeIso8601, wall_ns),
            "2025-11-22T08:00:00.123456789Z"
        );
    }
}
