//! Texts in an admin's own words: Jinja templates that see an alert and nothing else.
//!
//! A template reads no file and calls nothing. What it may cost is bounded by fuel, which each instruction, each item and
//! every 64 bytes burn, so that time and memory are bounded together. Values of alerts come from attackers: where JSON is
//! made, every value is written as JSON.

use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior, Value};
use serde_json::json;
use yagura_store::Alert;

/// Bytes of a template.
const TEMPLATE_BYTES_MAX: usize = 16 * 1024;
/// Fuel of one text: some 12 MB of data or 200,000 instructions, which is a fraction of a second.
const FUEL: u64 = 200_000;
/// How deep blocks and calls nest.
const RECURSION_MAX: usize = 50;
/// The name by which the engine knows the one template.
const NAME: &str = "template";

/// What a template is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Given {
    /// One alert, as `alert`.
    One,
    /// Those of one delivery, as `alerts`.
    Several,
}

impl Given {
    fn names(self) -> &'static [&'static str] {
        match self {
            Given::One => &["alert", "console"],
            Given::Several => &["alerts", "console"],
        }
    }

    fn context(self, alerts: &[&Alert], console: &str) -> serde_json::Value {
        match self {
            Given::One => {
                let alert = alerts.first().map(|alert| seen(alert, console));
                json!({ "alert": alert, "console": console })
            }
            Given::Several => {
                let alerts: Vec<_> = alerts.iter().map(|alert| seen(alert, console)).collect();
                json!({ "alerts": alerts, "console": console })
            }
        }
    }
}

/// An alert as templates see it: its document, and a link.
fn seen(alert: &Alert, console: &str) -> serde_json::Value {
    let mut document = super::formats::document(alert);
    if let Some(fields) = document.as_object_mut() {
        fields.insert(
            "link".to_owned(),
            super::formats::link(alert, console).into(),
        );
    }
    document
}

/// What is made of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Makes {
    /// Text: values stand as they are.
    Text,
    /// JSON: values are written as JSON, and so is the whole.
    Json,
}

/// Why a template can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message} ({hint})")]
pub(super) struct TemplateError {
    /// The line, from 1.
    pub(super) line: usize,
    /// What is wrong.
    pub(super) message: String,
    /// What to do.
    pub(super) hint: &'static str,
}

/// A template that can be used.
#[derive(Debug)]
pub(super) struct Template {
    environment: Environment<'static>,
    given: Given,
    makes: Makes,
}

impl Template {
    /// Reads a template and tries it on a sample.
    ///
    /// # Errors
    /// [`TemplateError`]: the first problem.
    pub(super) fn new(source: &str, given: Given, makes: Makes) -> Result<Template, TemplateError> {
        if source.len() > TEMPLATE_BYTES_MAX {
            return Err(TemplateError {
                line: 1,
                message: format!("the template has {} bytes", source.len()),
                hint: "16384 bytes are allowed",
            });
        }
        check_operators(source)?;
        let mut environment = Environment::new();
        environment.set_fuel(Some(FUEL));
        environment.set_recursion_limit(RECURSION_MAX);
        environment.set_undefined_behavior(UndefinedBehavior::Chainable);
        environment.set_auto_escape_callback(move |_| match makes {
            Makes::Text => AutoEscape::None,
            Makes::Json => AutoEscape::Json,
        });
        // What the engine offers beside filters are ways to make data out of nothing.
        for function in ["range", "dict", "namespace", "debug", "lipsum"] {
            environment.remove_global(function);
        }
        environment
            .add_template_owned(NAME, source.to_owned())
            .map_err(|error| explained(&error))?;
        let template = Template {
            environment,
            given,
            makes,
        };
        template.check_names(source)?;
        let sample = super::formats::sample();
        template.render(&[&sample], "https://yagura.example")?;
        Ok(template)
    }

    fn check_names(&self, source: &str) -> Result<(), TemplateError> {
        let template = self.environment.get_template(NAME);
        let template = template.map_err(|error| explained(&error))?;
        let known = self.given.names();
        let mut unknown: Vec<String> = template
            .undeclared_variables(false)
            .into_iter()
            .filter(|name| !known.contains(&name.as_str()))
            .collect();
        unknown.sort();
        let Some(name) = unknown.first() else {
            return Ok(());
        };
        let at = source.lines().position(|line| line.contains(name.as_str()));
        Err(TemplateError {
            line: at.map_or(1, |index| index + 1),
            message: format!("there is no `{name}`"),
            hint: match self.given {
                Given::One => "a template of this kind sees `alert` and `console`",
                Given::Several => "a template of this kind sees `alerts` and `console`",
            },
        })
    }

    /// The text for alerts.
    ///
    /// # Errors
    /// [`TemplateError`] if it costs too much, makes no JSON, or does with a value what can't be done.
    pub(super) fn render(&self, alerts: &[&Alert], console: &str) -> Result<String, TemplateError> {
        let template = self.environment.get_template(NAME);
        let template = template.map_err(|error| explained(&error))?;
        let context = Value::from(Serde(self.given.context(alerts, console)));
        let text = template
            .render(context)
            .map_err(|error| explained(&error))?;
        if self.makes == Makes::Json
            && let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(&text)
        {
            return Err(TemplateError {
                line: error.line().max(1),
                message: format!("what the template makes is no JSON: {error}"),
                hint: "write {{ alert.title }} without quotation marks around it: values come as JSON",
            });
        }
        Ok(text)
    }
}

/// Refuses `*`: a list that is repeated costs no fuel until it is visited, and `in` visits it without.
fn check_operators(source: &str) -> Result<(), TemplateError> {
    let mut inside = false;
    for (index, line) in source.lines().enumerate() {
        let mut before = ' ';
        for c in line.chars() {
            match (before, c) {
                ('{', '{' | '%') => inside = true,
                ('}' | '%', '}') => inside = false,
                (_, '*') if inside => {
                    return Err(TemplateError {
                        line: index + 1,
                        message: "`*` is not allowed within {{ }} and {% %}".to_owned(),
                        hint: "repeating texts and lists makes too much",
                    });
                }
                _ => {}
            }
            before = c;
        }
    }
    Ok(())
}

fn explained(error: &Error) -> TemplateError {
    let message = match error.detail() {
        Some(detail) => detail.to_owned(),
        None => error.kind().to_string(),
    };
    TemplateError {
        line: error.line().unwrap_or(1),
        message: message.chars().take(300).collect(),
        hint: match error.kind() {
            ErrorKind::SyntaxError | ErrorKind::InvalidDelimiter => {
                "values stand in {{ … }}, statements such as `if` and `for` in {% … %}"
            }
            ErrorKind::UnknownFilter | ErrorKind::UnknownTest | ErrorKind::UnknownMethod => {
                "filters and tests are those of Jinja, such as default, join, length, lower, replace, tojson, upper"
            }
            ErrorKind::UnknownFunction => "a template calls no functions",
            ErrorKind::OutOfFuel => "it makes or visits too much; make it shorter",
            ErrorKind::UndefinedError => "the field may be missing: use the filter `default`",
            _ => "see the documentation of templates of outputs",
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outputs::formats::sample;

    fn check(source: &str, makes: Makes) -> Result<String, TemplateError> {
        let template = Template::new(source, Given::One, makes)?;
        let mut alert = sample();
        alert.document = json!({
            "title": "a \"quoted\"\nline", "severity": "urgent", "pod": null, "process": {"argv": ["sh", "-c"]},
        })
        .to_string();
        template.render(&[&alert], "https://c")
    }

    #[test]
    fn fields_filters_and_missing_fields() {
        let text = check(
            "{{ alert.severity|upper }} {{ alert.process.argv|join(' ') }} [{{ alert.pod.name|default('-') }}] {{ alert.link }}",
            Makes::Text,
        );
        let link = format!("https://c/alerts/{}", "0".repeat(32));
        assert_eq!(text.unwrap(), format!("URGENT sh -c [-] {link}"));
    }

    #[test]
    fn values_can_not_break_out_of_json() {
        let text = check(r#"{"text": {{ alert.title }}}"#, Makes::Json).unwrap();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value, json!({ "text": "a \"quoted\"\nline" }));
        let error = check(r#"{"text": "{{ alert.title }}"}"#, Makes::Json).unwrap_err();
        assert!(error.hint.contains("without quotation marks"), "{error}");
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        for (source, line, part) in [
            ("x\n{{ alert.title", 2, "end of"),
            ("{{ alert.title|nope }}", 1, "nope"),
            ("\n\n{{ alerts[0].title }}", 3, "there is no `alerts`"),
            ("{{ range(9) }}", 1, "range"),
            ("{% include 'etc/passwd' %}", 1, "include"),
            ("{% import 'a' as b %}", 1, "import"),
            ("{% macro a() %}{% endmacro %}", 1, "macro"),
        ] {
            let error = check(source, Makes::Text).unwrap_err();
            assert_eq!(error.line, line, "{source}: {error}");
            assert!(error.message.contains(part), "{source}: {error}");
            assert!(!error.hint.is_empty());
        }
        let long = "x".repeat(TEMPLATE_BYTES_MAX + 1);
        assert!(check(&long, Makes::Text).is_err());
    }

    #[test]
    fn nothing_costs_more_than_its_fuel() {
        let doubling = "{% set x = 'aaaaaaaaaa' %}".to_owned() + &"{% set x = x ~ x %}".repeat(60);
        for bomb in [
            "{{ 'x' * 100000000 }}",
            "{{ ('x' * 100000)|replace('x', 'x' * 100000) }}",
            "{{ (['x' * 1000] * 1000000)|join('x' * 1000) }}",
            "{{ 'a\nb'|indent(1000000000) }}",
            "{% for a in [1] * 1000000 %}{% for b in [1] * 1000000 %}x{% endfor %}{% endfor %}",
            "{{ 2 in [1] * 100000000 }}",
            doubling.as_str(),
        ] {
            let error = check(bomb, Makes::Text).unwrap_err();
            assert!(error.hint.contains("too much"), "{bomb}: {error}");
        }
    }
}
