//! `scan.*`, and `fd.*` of the file that was scanned.

use super::EventSubject;
use super::file::directory;
use crate::process_table::base_name;
use yagura_rules::Value;
use yagura_rules::fields::Field;

impl<'a> EventSubject<'a> {
    /// Fields of what scanning found; nothing if the field is another's.
    pub(super) fn scan_value(&self, field: Field) -> Option<Value<'a>> {
        let Some(scan) = self.what().scan() else {
            return is_scans(field).then_some(Value::Absent);
        };
        let finding = &scan.finding;
        let path = scan.path.as_bytes();
        Some(match field {
            Field::FdName | Field::FdNameraw => Value::text(path),
            Field::FdFilename => Value::text(base_name(path)),
            Field::FdDirectory => Value::text(directory(path)),
            Field::FdIno => Value::Number(scan.file.ino.cast_signed()),
            Field::ScanKey => Value::text(finding.key.as_bytes()),
            Field::ScanFamily => Value::text(finding.family.as_bytes()),
            Field::ScanScore => Value::Number(i64::from(finding.score)),
            Field::ScanEngine => Value::text(finding.engine.as_str()),
            Field::ScanRule => Value::text(finding.rule.as_bytes()),
            Field::ScanReason => Value::text(scan.reason.as_str()),
            Field::ScanSha256 => scan
                .sha256
                .map_or(Value::Absent, |digest| Value::owned(digest.to_string())),
            Field::ScanDistance => scan
                .distance
                .map_or(Value::Absent, |distance| Value::Number(i64::from(distance))),
            _ => return None,
        })
    }
}

fn is_scans(field: Field) -> bool {
    matches!(
        field,
        Field::ScanKey
            | Field::ScanFamily
            | Field::ScanScore
            | Field::ScanEngine
            | Field::ScanRule
            | Field::ScanReason
            | Field::ScanSha256
            | Field::ScanDistance
    )
}
