//! CRI-O: a file of our own among those that are read after its configuration.
//!
//! A later file replaces a runtime's whole table, so ours repeats everything that the others say of it.

use super::{Edit, InstallOptions, Left, Wraps};
use crate::limits::IMPORTS_MAX;
use crate::places;
use std::collections::BTreeMap;
use std::path::PathBuf;
use toml_edit::{DocumentMut, Item, Table, TableLike, value};

/// Sorts behind what administrators and packages write.
const DROP_IN: &str = "99-yagura-runtime-wrapper.conf";
const HEAD: &str = "# Written by `yagura runtime-wrapper install`; `yagura runtime-wrapper remove` takes it away.\n";

pub(super) fn edits(options: &InstallOptions, wraps: &mut Wraps) -> Result<Vec<Edit>, Left> {
    let mut runtimes: BTreeMap<String, Table> = BTreeMap::new();
    let mut default = None;
    let own = options.files.crio_drop_ins.join(DROP_IN);
    for path in files(options).into_iter().filter(|path| *path != own) {
        let bytes = places::read_optional(&options.seen(&path));
        let bytes = bytes
            .map_err(|error| Left::File(error.to_string()))?
            .unwrap_or_default();
        let text = std::str::from_utf8(&bytes).map_err(|_| Left::Malformed)?;
        let document: DocumentMut = text.parse().map_err(|_| Left::Malformed)?;
        let runtime = document.get("crio").and_then(|crio| crio.get("runtime"));
        let Some(runtime) = runtime.and_then(Item::as_table_like) else {
            continue;
        };
        if let Some(name) = runtime.get("default_runtime").and_then(Item::as_str) {
            default = Some(name.to_owned());
        }
        let tables = runtime.get("runtimes").and_then(Item::as_table_like);
        for (name, item) in tables.into_iter().flat_map(TableLike::iter) {
            let table = item.clone().into_table().map_err(|_| Left::Malformed)?;
            runtimes.insert(name.to_owned(), table);
        }
    }
    if let Some(name) = default
        .as_ref()
        .filter(|name| matches!(name.as_str(), "runc" | "crun"))
    {
        runtimes
            .entry(name.clone())
            .or_insert_with(|| by_default(name));
    }
    let mut wrapped = Table::new();
    wrapped.set_implicit(true);
    for (name, mut table) in runtimes {
        match wrap(&name, &mut table, wraps) {
            Ok(()) => drop(wrapped.insert(&name, Item::Table(table))),
            Err(left) => wraps.leave(&name, &left),
        }
    }
    if let Some(name) = default.filter(|name| !wrapped.contains_key(name)) {
        return Err(Left::Default(name));
    }
    if wrapped.is_empty() {
        return Err(Left::NoRuntime);
    }
    let before = places::read_optional(&options.seen(&own)).ok().flatten();
    Ok(vec![Edit {
        file: own,
        before,
        after: drop_in(wrapped).into_bytes(),
    }])
}

/// What CRI-O knows of a runtime without being told.
fn by_default(name: &str) -> Table {
    let mut table = Table::new();
    table.insert("runtime_type", value("oci"));
    table.insert("runtime_root", value(format!("/run/{name}")));
    table
}

fn wrap(name: &str, table: &mut Table, wraps: &mut Wraps) -> Result<(), Left> {
    if let Some(kind) = table.get("runtime_type").and_then(Item::as_str)
        && !matches!(kind, "" | "oci" | "pod")
    {
        return Err(Left::OtherType(kind.to_owned()));
    }
    let path = table.get("runtime_path").and_then(Item::as_str);
    let program = wraps.program(path.filter(|path| !path.is_empty()).unwrap_or(name))?;
    table.insert("runtime_path", value(program));
    // Its place in the file that it came from.
    table.set_position(None);
    table.set_implicit(false);
    Ok(())
}

fn drop_in(runtimes: Table) -> String {
    let mut document = DocumentMut::new();
    let implicit = |key: &str, inner: Table| {
        let mut table = Table::new();
        table.set_implicit(true);
        table.insert(key, Item::Table(inner));
        table
    };
    let runtime = implicit("runtimes", runtimes);
    document.insert("crio", Item::Table(implicit("runtime", runtime)));
    format!("{HEAD}{document}")
}

/// CRI-O's files in the order in which it reads them.
fn files(options: &InstallOptions) -> Vec<PathBuf> {
    let folder = &options.files.crio_drop_ins;
    let entries = std::fs::read_dir(options.seen(folder))
        .into_iter()
        .flatten()
        .flatten();
    let is_file = |entry: &std::fs::DirEntry| entry.path().is_file();
    let mut files: Vec<PathBuf> = entries
        .filter(is_file)
        .map(|entry| folder.join(entry.file_name()))
        .take(IMPORTS_MAX)
        .collect();
    files.sort();
    files.insert(0, options.files.crio.clone());
    files
}
