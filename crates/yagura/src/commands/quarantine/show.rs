//! `yagura quarantine list` and `show`.

use super::json::ItemJson;
use super::{StoreArguments, fail, say};
use crate::exit::{Failure, Outcome};
use crate::output::table::aligned;
use crate::output::{Form, print, print_json};
use anyhow::{Context as _, Error};
use yagura_quarantine::ItemId;

/// Characters of an id of a container in the table.
const CONTAINER_CHARS: usize = 12;

/// List what is in quarantine
///
/// Exit codes: 0 done, 1 there are files in the store that are no items or were tampered with, 3 the store can't be used.
#[derive(Debug, clap::Args)]
pub(crate) struct ListArguments {
    #[command(flatten)]
    store: StoreArguments,
}

/// Show an item, and check that its content is whole
///
/// Exit codes: 0 it is whole, 1 it was damaged or tampered with, 2 there is no such item, 3 the store can't be used.
#[derive(Debug, clap::Args)]
pub(crate) struct ShowArguments {
    /// The item
    #[arg(value_name = "ID")]
    id: ItemId,
    #[command(flatten)]
    store: StoreArguments,
}

/// Lists the items.
///
/// # Errors
/// [`Failure::CannotRun`] if the store can't be used, [`Failure::Failed`] if it can't be read.
pub(super) fn list(arguments: &ListArguments) -> Result<Outcome, Failure> {
    let store = arguments.store.open()?;
    let listing = store
        .list()
        .context("the store can't be read")
        .map_err(Failure::Failed)?;
    let items: Vec<ItemJson> = listing.items.iter().map(ItemJson::from).collect();
    match arguments.store.output {
        Form::Json => print_json(&items)?,
        Form::Table => print(&table(&items, &listing.items))?,
    }
    let is_sound = listing.unusable.is_empty() && !listing.is_cut;
    if listing.is_cut {
        say("warning: there are more files in the store than were looked at");
    }
    for file in listing.unusable {
        match file.error {
            Some(error) => say(&format!("warning: {}: {:#}", file.name, Error::new(error))),
            None => say(&format!("warning: {} is no item", file.name)),
        }
    }
    Ok(match is_sound {
        true => Outcome::Done,
        false => Outcome::Findings,
    })
}

fn table(items: &[ItemJson], ids: &[yagura_quarantine::Item]) -> String {
    let rows = items.iter().zip(ids).map(|(item, id)| {
        let container = item.container.as_deref().unwrap_or("host");
        vec![
            id.metadata.id.to_string(),
            item.taken.chars().take(19).collect(),
            container.chars().take(CONTAINER_CHARS).collect(),
            item.size.to_string(),
            item.path.clone(),
            item.reason.clone(),
        ]
    });
    aligned(
        &["id", "taken", "container", "bytes", "path", "reason"],
        rows,
    )
}

/// Shows one item.
///
/// # Errors
/// [`Failure::BadInput`] if there is none, [`Failure::Failed`] if it can't be trusted, [`Failure::CannotRun`].
pub(super) fn show(arguments: &ShowArguments) -> Result<Outcome, Failure> {
    let store = arguments.store.open()?;
    let item = store.verify(arguments.id).map_err(fail::read)?;
    let json = ItemJson::from(&item);
    if arguments.store.output == Form::Json {
        print_json(&json)?;
        return Ok(Outcome::Done);
    }
    let owner = format!("{}:{}", json.uid, json.gid);
    let lines = [
        ("path", json.path),
        (
            "container",
            json.container.unwrap_or_else(|| "host".to_owned()),
        ),
        ("taken", json.taken),
        ("reason", json.reason),
        ("found", json.key.unwrap_or_default()),
        ("sha256", json.sha256),
        ("size", format!("{} bytes", json.size)),
        ("mode", json.mode),
        ("owner", owner),
        ("modified", json.modified),
        ("names", json.links.to_string()),
        ("attributes", json.xattrs.join(", ")),
        ("content", "whole".to_owned()),
    ];
    let lines = lines.into_iter().filter(|(_, text)| !text.is_empty());
    let text: String = lines
        .map(|(head, text)| format!("{head:11}{text}\n"))
        .collect();
    print(&text)?;
    Ok(Outcome::Done)
}
