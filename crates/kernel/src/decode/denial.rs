//! Denials.

use super::{DecodeError, file};
use crate::cursor::Cursor;
use crate::records::{NAME_BYTES, PATH_BYTES_MAX, TARGET_BYTES_MAX};
use yagura_event::{
    Base, Behaviour, DenialEvent, DenialOutcome, Denied, DriftKind, EnforcementMeans, OriginClass,
    Text,
};

/// The rest of a denial's record.
pub(super) fn denial(base: Base, cursor: &mut Cursor<'_>) -> Result<DenialEvent, DecodeError> {
    let [is_drift, number, origin, outcome, means, ..] = cursor.array::<8>()?;
    let rule = cursor.u32()?;
    let exe_bytes = cursor.u32()?;
    let target_bytes = cursor.u32()?;
    cursor.u32()?;
    let name: [u8; NAME_BYTES] = cursor.array()?;
    let file = file(cursor)?;
    let is_present = file.present;
    let facts = file.with_path(cursor)?;
    Ok(DenialEvent {
        base,
        denied: denied(is_drift, number, origin)?,
        outcome: outcome_of(outcome)?,
        means: EnforcementMeans::from_number(means).ok_or(unknown("means", means))?,
        rule,
        name: Text::from(name.split(|byte| *byte == 0).next().unwrap_or_default()),
        exe: Text::from(cursor.bytes(exe_bytes, PATH_BYTES_MAX)?),
        file: is_present.then_some(facts),
        target: Text::from(cursor.bytes(target_bytes, TARGET_BYTES_MAX)?),
    })
}

fn denied(is_drift: u8, number: u8, origin: u8) -> Result<Denied, DecodeError> {
    if is_drift == 0 {
        let behaviour = Behaviour::from_number(number).ok_or(unknown("behaviour", number))?;
        return Ok(Denied::Behaviour(behaviour));
    }
    let kind = DriftKind::ALL.get(usize::from(number));
    let class = OriginClass::ALL.get(usize::from(origin));
    Ok(Denied::Drift(
        *kind.ok_or(unknown("kind of file", number))?,
        *class.ok_or(unknown("origin", origin))?,
    ))
}

fn outcome_of(number: u8) -> Result<DenialOutcome, DecodeError> {
    let outcomes = [
        DenialOutcome::Blocked,
        DenialOutcome::Killed,
        DenialOutcome::Watched,
    ];
    outcomes
        .into_iter()
        .find(|outcome| *outcome as u8 == number)
        .ok_or(unknown("outcome", number))
}

fn unknown(what: &'static str, number: u8) -> DecodeError {
    DecodeError::Denial { what, number }
}

#[cfg(test)]
mod tests {
    use crate::decode::{DecodeError, decode};
    use crate::records::{DENIAL, DENIAL_BYTES, FILE_PRESENT, HEADER_BYTES, VERSION};
    use yagura_event::{
        Behaviour, DenialEvent, DenialOutcome, Denied, DriftKind, EnforcementMeans, KernelEvent,
        OriginClass,
    };

    fn record(what: [u8; 5], path: &[u8], exe: &[u8], target: &[u8]) -> Vec<u8> {
        let mut record = vec![0u8; DENIAL_BYTES];
        record[..2].copy_from_slice(&DENIAL.to_ne_bytes());
        record[2..4].copy_from_slice(&VERSION.to_ne_bytes());
        record[HEADER_BYTES..HEADER_BYTES + 5].copy_from_slice(&what);
        let number = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap().to_ne_bytes();
        let at = HEADER_BYTES + 8;
        record[at..at + 4].copy_from_slice(&77u32.to_ne_bytes());
        record[at + 4..at + 8].copy_from_slice(&number(exe));
        record[at + 8..at + 12].copy_from_slice(&number(target));
        record[at + 16..at + 18].copy_from_slice(b"sh");
        let flags = at + 32 + 56;
        if !path.is_empty() {
            record[flags..flags + 4].copy_from_slice(&FILE_PRESENT.to_ne_bytes());
        }
        record[flags + 4..flags + 8].copy_from_slice(&number(path));
        for text in [path, exe, target] {
            record.extend(text);
        }
        let size = number(&record);
        record[4..8].copy_from_slice(&size);
        record
    }

    fn decoded(bytes: &[u8]) -> DenialEvent {
        match decode(bytes) {
            Ok(KernelEvent::Denied(event)) => *event,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn drift_is_decoded_field_by_field() {
        let event = decoded(&record([1, 2, 3, 2, 2], b"/tmp/x", b"/bin/sh", b""));
        let drift = Denied::Drift(DriftKind::Scripts, OriginClass::Deleted);
        assert_eq!((event.denied, event.rule), (drift, 77));
        assert_eq!(event.outcome, DenialOutcome::Killed);
        assert_eq!(event.means, EnforcementMeans::KillAtExec);
        assert_eq!(event.file.unwrap().path.as_bytes(), b"/tmp/x");
        let texts = [&event.exe, &event.name].map(|text| text.as_bytes().to_vec());
        assert_eq!(texts, [b"/bin/sh".to_vec(), b"sh".to_vec()]);
    }

    #[test]
    fn a_behaviour_has_a_target_and_no_file() {
        let event = decoded(&record([0, 18, 0, 1, 1], b"", b"/bin/sh", b"docker.sock"));
        assert_eq!(event.denied, Denied::Behaviour(Behaviour::RuntimeSocket));
        assert_eq!(event.target.as_bytes(), b"docker.sock");
        assert!(event.file.is_none());
    }

    #[test]
    fn unknown_numbers_and_wrong_lengths_are_refused() {
        for what in [
            [0, 63, 0, 1, 1],
            [1, 3, 0, 1, 1],
            [1, 0, 4, 1, 1],
            [0, 0, 0, 0, 1],
            [0, 0, 0, 1, 0],
        ] {
            let refused = decode(&record(what, b"", b"", b""));
            assert!(matches!(refused, Err(DecodeError::Denial { .. })));
        }
        let good = record([1, 0, 0, 1, 1], b"/a", b"/b", b"c");
        for length in 0..good.len() {
            assert!(decode(&good[..length]).is_err());
        }
        let long = record([0, 0, 0, 1, 1], b"", b"", &[b'x'; 257]);
        assert_eq!(decode(&long), Err(DecodeError::TooLong));
    }
}
