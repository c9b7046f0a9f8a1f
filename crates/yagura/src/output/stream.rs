//! Alerts as they come: one after the other, each whole.

use super::alert::AlertJson;
use super::{Form, print, stdout_has_colours, table};
use crate::exit::Failure;
use yagura_event::Alert;

/// Prints one alert: a line of JSON, or text for a person.
///
/// # Errors
/// [`Failure::Output`] if standard output can't be written.
pub(crate) fn print_alert(alert: &Alert, form: Form) -> Result<(), Failure> {
    let alert = AlertJson::from(alert);
    match form {
        Form::Json => {
            let mut line =
                serde_json::to_string(&alert).map_err(|error| Failure::Failed(error.into()))?;
            line.push('\n');
            print(&line)
        }
        Form::Table => print(&format!("{}\n", table::alert(&alert, stdout_has_colours()))),
    }
}
