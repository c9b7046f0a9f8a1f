//! Docker: a runtime of our own beside its reserved one, made the default.

use super::{Edit, InstallOptions, Left, Wraps};
use crate::places;
use serde_json::{Map, Value, json};

/// The name of our runtime.
const NAME: &str = "yagura";
const BUILT_IN: &str = "runc";

pub(super) fn edits(options: &InstallOptions, wraps: &mut Wraps) -> Result<Vec<Edit>, Left> {
    let file = options.files.docker.clone();
    let before = places::read_optional(&options.seen(&file));
    let before = before.map_err(|error| Left::File(error.to_string()))?;
    let mut config = match &before {
        Some(bytes) => parse(bytes).ok_or(Left::Malformed)?,
        None => Map::new(),
    };
    let default = config.get("default-runtime").and_then(Value::as_str);
    let default = default.unwrap_or(BUILT_IN).to_owned();
    let named = config
        .get("runtimes")
        .and_then(|runtimes| runtimes.get(&default));
    let (runtime, arguments) = match named {
        None if default == BUILT_IN => (BUILT_IN, None),
        None => return Err(Left::Default(default)),
        Some(named) => match named.get("path").and_then(Value::as_str) {
            Some(path) => (path, named.get("runtimeArgs").cloned()),
            None => {
                let kind = named.get("runtimeType").and_then(Value::as_str);
                return Err(Left::OtherType(kind.unwrap_or_default().to_owned()));
            }
        },
    };
    let mut own = json!({ "path": wraps.program(runtime)? });
    if let (Some(arguments), Some(own)) = (arguments, own.as_object_mut()) {
        own.insert("runtimeArgs".to_owned(), arguments);
    }
    let runtimes = config
        .entry("runtimes")
        .or_insert_with(|| Value::Object(Map::new()));
    let runtimes = runtimes.as_object_mut().ok_or(Left::Malformed)?;
    runtimes.insert(NAME.to_owned(), own);
    config.insert("default-runtime".to_owned(), NAME.into());
    let after = print(config).ok_or(Left::Malformed)?;
    Ok(vec![Edit {
        file,
        before,
        after,
    }])
}

/// Takes our runtime out of a configuration that was changed since.
pub(super) fn take_out(now: &[u8], before: Option<&[u8]>) -> Option<Vec<u8>> {
    let mut config = parse(now)?;
    let original = before.and_then(parse).unwrap_or_default();
    let mut is_changed = false;
    if let Some(runtimes) = config.get_mut("runtimes").and_then(Value::as_object_mut) {
        is_changed |= runtimes.remove(NAME).is_some();
        if runtimes.is_empty() && !original.contains_key("runtimes") {
            config.remove("runtimes");
        }
    }
    if config.get("default-runtime").and_then(Value::as_str) == Some(NAME) {
        is_changed = true;
        match original.get("default-runtime") {
            Some(default) => drop(config.insert("default-runtime".to_owned(), default.clone())),
            None => drop(config.remove("default-runtime")),
        }
    }
    if is_changed {
        print(config)
    } else {
        Some(now.to_vec())
    }
}

fn parse(bytes: &[u8]) -> Option<Map<String, Value>> {
    if bytes.trim_ascii().is_empty() {
        return Some(Map::new());
    }
    serde_json::from_slice(bytes).ok()
}

fn print(config: Map<String, Value>) -> Option<Vec<u8>> {
    let mut text = serde_json::to_vec_pretty(&Value::Object(config)).ok()?;
    text.push(b'\n');
    Some(text)
}
