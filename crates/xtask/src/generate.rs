//! `cargo xtask generate`: files in the repository that are made from code.

use crate::command::output;
use crate::workspace::{BUILD_TIME_MAX, build_yagura_with_tests, root};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Instant;

/// A file that is made from what `yagura` prints.
struct Generated {
    path: &'static str,
    /// Arguments of `yagura`.
    arguments: &'static [&'static str],
    /// The file's content, from what was printed.
    content: fn(&str) -> Result<String>,
}

const GENERATED: &[Generated] = &[
    Generated {
        path: "docs/reference/alert.schema.json",
        arguments: &["schema", "alert"],
        content: |printed| Ok(printed.to_owned()),
    },
    Generated {
        path: "docs/reference/fields.md",
        arguments: &["rules", "fields", "--output", "json"],
        content: fields,
    },
    Generated {
        path: "docs/reference/catalogue.md",
        arguments: &["rules", "list", "--output", "json"],
        content: catalogue,
    },
];

/// Keys of the catalogue with what they are called.
const ITEMS: &str = "catalogue/items.tsv";

const FIELDS_HEAD: &str = "# Fields

What [detection rules](../guide/detection-rules.md) may ask of an event, in conditions, outputs, `fold_by` and `by`. Made by
`cargo xtask generate` from `yagura rules fields`.

An event that has no such value lets no comparison hold, `!=` included. A value that is there but not known (yet) makes the
condition neither true nor false: see [unknown values](../guide/detection-rules.md#values-that-are-not-known).
Fields marked *not supplied* are Falco's; rules that use them load with a warning, and no comparison with them holds.
";

const CATALOGUE_HEAD: &str = "# The threat catalogue

What ships with Yagura: each key with its rules. Made by `cargo xtask generate` from `yagura rules list`.
`yagura rules explain KEY` prints the rules of a key whole; [how they are written](../../catalogue/README.md) stands beside
them. `drift.binary` has no rule: the [drift policy](drift-policy.md) decides it.
";

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Write nothing; fail where a file is not what the code would make.
    #[arg(long)]
    check: bool,
}

/// Writes or checks every generated file.
///
/// # Errors
/// `yagura` can't be built or fails, a file can't be written, or, when checking, is stale.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let deadline = Instant::now() + BUILD_TIME_MAX;
    if arguments.check {
        check(deadline)?;
    } else {
        write(deadline)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Fails where a generated file is not what the code would make.
///
/// # Errors
/// `yagura` can't be built or fails, or a file is missing or stale.
pub(crate) fn check(deadline: Instant) -> Result<()> {
    let yagura = build_yagura_with_tests(deadline)?.yagura;
    for file in GENERATED {
        let wanted = make(&yagura, file)?;
        let path = file.path;
        let found = std::fs::read_to_string(root().join(path)).unwrap_or_default();
        ensure!(
            found == wanted,
            "{path} is missing or stale: run `cargo xtask generate`"
        );
    }
    Ok(())
}

fn write(deadline: Instant) -> Result<()> {
    let yagura = build_yagura_with_tests(deadline)?.yagura;
    for file in GENERATED {
        let path = file.path;
        let whole = root().join(path);
        let content = make(&yagura, file)?;
        if let Some(folder) = whole.parent() {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("making {}", folder.display()))?;
        }
        std::fs::write(&whole, content).with_context(|| format!("writing {path}"))?;
        println!("{path}");
    }
    Ok(())
}

fn make(yagura: &Path, file: &Generated) -> Result<String> {
    let printed = output(Command::new(yagura).args(file.arguments))?;
    let mut text =
        (file.content)(&printed).with_context(|| format!("making {} of it", file.path))?;
    text.truncate(text.trim_end().len());
    text.push('\n');
    Ok(text)
}

/// The fields in one table for each prefix and the sources that have them, in the order of the code.
fn fields(printed: &str) -> Result<String> {
    let mut sections: Vec<(String, String)> = Vec::new();
    for line in printed.lines() {
        let field: Value = serde_json::from_str(line)?;
        let name = text(&field, "field")?;
        let prefix = name.split('.').next().unwrap_or(name);
        let heading = format!("`{prefix}.*`, of {}", texts(&field, "sources").join(", "));
        let mut is = text(&field, "description")?.to_owned();
        if let Some(reason) = field.get("reason").and_then(Value::as_str) {
            write!(is, " *Not supplied:* {reason}.")?;
        }
        let row = format!("| `{name}` | {} | {} |\n", text(&field, "type")?, cell(&is));
        match sections.iter_mut().find(|section| section.0 == heading) {
            Some((_, rows)) => rows.push_str(&row),
            None => sections.push((heading, row)),
        }
    }
    let mut page = FIELDS_HEAD.to_owned();
    for (heading, rows) in sections {
        write!(page, "\n## {heading}\n\n| field | type | is |\n")?;
        write!(page, "| --- | --- | --- |\n{rows}")?;
    }
    Ok(page)
}

/// The rules in one table for each key, keys in the order of their list.
fn catalogue(printed: &str) -> Result<String> {
    let items = std::fs::read_to_string(root().join(ITEMS)).with_context(|| ITEMS.to_owned())?;
    catalogue_page(printed, &items)
}

fn catalogue_page(printed: &str, items: &str) -> Result<String> {
    let rules: Vec<Value> = printed
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?;
    let mut page = CATALOGUE_HEAD.to_owned();
    for item in items.lines().skip(1) {
        let mut columns = item.split('\t');
        let (Some(key), _, Some(label)) = (columns.next(), columns.next(), columns.next()) else {
            continue;
        };
        let its: Vec<&Value> = rules
            .iter()
            .filter(|rule| rule.get("key").and_then(Value::as_str) == Some(key))
            .collect();
        if its.is_empty() {
            continue;
        }
        write!(page, "\n## `{key}`\n\n{label}.\n\n")?;
        page.push_str("| rule | severity | source | techniques | fires when |\n");
        page.push_str("| --- | --- | --- | --- | --- |\n");
        for rule in its {
            let mut source = text(rule, "source")?.to_owned();
            let stateful = text(rule, "stateful")?;
            if !stateful.is_empty() {
                write!(source, ", {stateful}")?;
            }
            writeln!(
                page,
                "| {} | {} | {source} | {} | {} |",
                cell(text(rule, "rule")?),
                text(rule, "severity")?,
                texts(rule, "techniques").join(", "),
                cell(text(rule, "description")?)
            )?;
        }
    }
    Ok(page)
}

fn text<'v>(value: &'v Value, key: &str) -> Result<&'v str> {
    value
        .get(key)
        .and_then(Value::as_str)
        .with_context(|| format!("no text {key:?} in {value}"))
}

fn texts<'v>(value: &'v Value, key: &str) -> Vec<&'v str> {
    let list = value.get(key).and_then(Value::as_array);
    list.into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

/// Text that does not end a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_stand_in_a_table_for_each_prefix() {
        let printed = r#"{"field":"evt.args","type":"text","sources":["syscall"],"supplied":true,"reason":null,"description":"a|b."}
{"field":"evt.cpu","type":"number","sources":["syscall"],"supplied":false,"reason":"no","description":"c."}
{"field":"win.user","type":"text","sources":["windows"],"supplied":true,"reason":null,"description":"d."}"#;
        let page = fields(printed).unwrap();
        assert_eq!(page.matches("\n## ").count(), 2);
        assert!(page.contains("| `evt.args` | text | a\\|b. |\n"), "{page}");
        assert!(page.contains("| `evt.cpu` | number | c. *Not supplied:* no. |\n"));
        assert!(page.contains("## `win.*`, of windows\n"));
    }

    #[test]
    fn rules_stand_under_their_keys_in_the_order_of_the_items() {
        let rule = |name: &str, key: &str| {
            format!(
                r#"{{"rule":"{name}","key":"{key}","severity":"urgent","source":"syscall","stateful":"sequence","techniques":["T1"],"description":"x"}}"#
            )
        };
        let printed = [rule("r1", "b"), rule("r2", "a")].join("\n");
        let items = "key\tcategory\tlabel\na\tp\tA\nb\tp\tB\nc\tp\tC\n";
        let page = catalogue_page(&printed, items).unwrap();
        let place = |text: &str| page.find(text).unwrap();
        assert!(place("| r2 | urgent | syscall, sequence | T1 | x |") < place("| r1 |"));
        assert!(!page.contains("`c`"));
    }
}
