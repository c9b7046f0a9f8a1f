//! What is bound to a statement.

use crate::{StoreError, TokenHash, Version};
use sqlx::Arguments;
use sqlx::postgres::PgArguments;
use sqlx::sqlite::SqliteArguments;
use std::borrow::Cow;
use yagura_event::WallTime;

/// A value of a statement. Arrays are arrays to PostgreSQL and JSON to SQLite, which reads them with `json_each`.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Int(Option<i64>),
    Bool(bool),
    Text(Option<String>),
    Bytes(Option<Vec<u8>>),
    Ints(Vec<i64>),
    Texts(Vec<String>),
}

/// Makes a `Vec<Value>` of anything that becomes one.
macro_rules! values {
    ($($value:expr),* $(,)?) => {
        vec![$($crate::db::Value::from($value)),*]
    };
}
pub(crate) use values;

macro_rules! from {
    ($($type:ty => |$value:ident| $made:expr;)*) => {
        $(impl From<$type> for Value {
            fn from($value: $type) -> Value {
                $made
            }
        })*
    };
}

from! {
    i64 => |value| Value::Int(Some(value));
    i32 => |value| Value::Int(Some(value.into()));
    u32 => |value| Value::Int(Some(value.into()));
    Option<i64> => |value| Value::Int(value);
    bool => |value| Value::Bool(value);
    &str => |value| Value::Text(Some(value.to_owned()));
    &String => |value| Value::Text(Some(value.clone()));
    String => |value| Value::Text(Some(value));
    Option<String> => |value| Value::Text(value);
    Option<&str> => |value| Value::Text(value.map(str::to_owned));
    &[u8] => |value| Value::Bytes(Some(value.to_vec()));
    Vec<u8> => |value| Value::Bytes(Some(value));
    &TokenHash => |value| Value::Bytes(Some(value.as_bytes().to_vec()));
    WallTime => |value| Value::Int(Some(value.0));
    Option<WallTime> => |value| Value::Int(value.map(|time| time.0));
    Version => |value| Value::Int(Some(value.0));
    &serde_json::Value => |value| Value::Text(Some(value.to_string()));
    Vec<i64> => |value| Value::Ints(value);
    Vec<String> => |value| Value::Texts(value);
    &Vec<String> => |value| Value::Texts(value.clone());
    &[String] => |value| Value::Texts(value.to_vec());
}

/// PostgreSQL's texts can't hold the character of code 0, and names of containers can; both databases store another.
pub(crate) fn storable<'a>(text: impl Into<Cow<'a, str>>) -> Cow<'a, str> {
    let text = text.into();
    if text.contains('\0') {
        text.replace('\0', "\u{fffd}").into()
    } else {
        text
    }
}

fn owned(text: String) -> String {
    storable(text).into_owned()
}

pub(super) fn sqlite_arguments(values: Vec<Value>) -> Result<SqliteArguments<'static>, StoreError> {
    let mut arguments = SqliteArguments::default();
    for value in values {
        match value {
            Value::Int(value) => arguments.add(value),
            Value::Bool(value) => arguments.add(value),
            Value::Text(value) => arguments.add(value.map(owned)),
            Value::Bytes(value) => arguments.add(value),
            Value::Ints(list) => arguments.add(serde_json::Value::from(list).to_string()),
            Value::Texts(list) => {
                let list: Vec<String> = list.into_iter().map(owned).collect();
                arguments.add(serde_json::Value::from(list).to_string())
            }
        }
        .map_err(|error| StoreError::Query(sqlx::Error::Encode(error)))?;
    }
    Ok(arguments)
}

pub(super) fn postgres_arguments(values: Vec<Value>) -> Result<PgArguments, StoreError> {
    let mut arguments = PgArguments::default();
    for value in values {
        match value {
            Value::Int(value) => arguments.add(value),
            Value::Bool(value) => arguments.add(value),
            Value::Text(value) => arguments.add(value.map(owned)),
            Value::Bytes(value) => arguments.add(value),
            Value::Ints(list) => arguments.add(list),
            Value::Texts(list) => {
                arguments.add(list.into_iter().map(owned).collect::<Vec<String>>())
            }
        }
        .map_err(|error| StoreError::Query(sqlx::Error::Encode(error)))?;
    }
    Ok(arguments)
}
