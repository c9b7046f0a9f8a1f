//! Alerts of a stream on standard output.

use super::{Form, table};
use crate::exit::Failure;
use yagura_event::Alert;
use yagura_event::json::AlertJson;

/// Prints one alert of a stream: as one line of JSON, or for people.
///
/// # Errors
/// [`Failure::Output`] if standard output can't be written or nobody reads it any more.
pub(crate) fn print(alert: &Alert, form: Form) -> Result<(), Failure> {
    let text = match form {
        Form::Table => table::alert(alert, super::stdout_has_colours()),
        Form::Json => {
            let line = serde_json::to_string(&AlertJson::from(alert));
            line.map_err(|error| Failure::Failed(error.into()))?
        }
    };
    super::write(&(text + "\n")).map_err(Failure::Output)
}

#[cfg(test)]
pub(crate) mod tests;
