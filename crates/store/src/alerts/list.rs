//! Finding alerts.

use super::alert::{COLUMNS, category_code, read};
use super::search::Search;
use super::words::{postgres_query, sqlite_query, words_of_query};
use super::{Alert, AlertStatus, Alerts, severity_code};
use crate::db::{Dialect, Row, values};
use crate::filter::{Conditions, Scope};
use crate::{Cursor, Page, PageRequest, StoreError};
use yagura_event::{Category, Severity, WallTime};

/// Names of the lists in cursors.
const NEWEST_FIRST: &str = "alerts";
const OLDEST_FIRST: &str = "alerts-oldest";

/// By how much an alert's place can be after its time with SQLite: less than a nanosecond for each stored alert.
const PLACE_SHIFT_NS: i64 = 1_000_000_000;

/// Which alerts are wanted. Each list is an "or" and restricts nothing when empty; all fields together are an "and".
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AlertFilter {
    /// Where they stand.
    pub statuses: Vec<AlertStatus>,
    /// How much they matter.
    pub severities: Vec<Severity>,
    /// Categories of the catalogue.
    pub categories: Vec<Category>,
    /// Names of detection rules.
    pub rules: Vec<String>,
    /// Catalogue keys.
    pub keys: Vec<String>,
    /// Names of nodes.
    pub nodes: Vec<String>,
    /// Names of clusters.
    pub clusters: Vec<String>,
    /// Namespaces.
    pub namespaces: Vec<String>,
    /// Names of pods.
    pub pods: Vec<String>,
    /// Ids of containers.
    pub container_ids: Vec<String>,
    /// Names of containers.
    pub containers: Vec<String>,
    /// Image references.
    pub images: Vec<String>,
    /// Ids of incidents.
    pub incidents: Vec<String>,
    /// Not before.
    pub from: Option<WallTime>,
    /// Before.
    pub to: Option<WallTime>,
    /// Each word of it is the beginning of a word of the alert; a text without any letter or digit restricts nothing.
    pub text: String,
    /// What the one who asks may see.
    pub scope: Option<Scope>,
}

/// In which order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    NewestFirst,
    OldestFirst,
}

impl Alerts<'_> {
    /// The alert of that id.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn get(&self, id: &str) -> Result<Option<Alert>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM alerts WHERE id = $1 ORDER BY seq LIMIT 1");
        let row = self.db.fetch_optional(&sql, values![id]).await?;
        row.as_ref().map(read).transpose()
    }

    /// Alerts, the newest first.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn list(
        &self,
        filter: &AlertFilter,
        page: &PageRequest,
    ) -> Result<Page<Alert>, StoreError> {
        self.page(filter, page, Order::NewestFirst).await
    }

    /// Alerts, the oldest first: a time line.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn list_oldest_first(
        &self,
        filter: &AlertFilter,
        page: &PageRequest,
    ) -> Result<Page<Alert>, StoreError> {
        self.page(filter, page, Order::OldestFirst).await
    }

    /// How many there are, counted up to `max` and no further.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn count_up_to(&self, filter: &AlertFilter, max: u32) -> Result<u32, StoreError> {
        if let Some(search) = Search::of(self.db, filter, Order::NewestFirst)? {
            return search.count_up_to(max).await;
        }
        let (table, conditions) = conditions(self.db.dialect(), filter)?;
        let (clause, values) = conditions.finish();
        let sql =
            format!("SELECT count(*) AS n FROM (SELECT 1 FROM {table}{clause} LIMIT {max}) AS few");
        match self.db.fetch_optional(&sql, values).await? {
            Some(row) => Ok(u32::try_from(row.get::<i64>("n")?).unwrap_or(max)),
            None => Ok(0),
        }
    }

    async fn page(
        &self,
        filter: &AlertFilter,
        page: &PageRequest,
        order: Order,
    ) -> Result<Page<Alert>, StoreError> {
        let (list, direction) = match order {
            Order::NewestFirst => (NEWEST_FIRST, "DESC"),
            Order::OldestFirst => (OLDEST_FIRST, "ASC"),
        };
        let after = page.after.as_ref().map(|cursor| cursor.place(list));
        let after = after.transpose()?;
        let rows = page.rows().saturating_add(1);
        let items = match Search::of(self.db, filter, order)? {
            Some(search) => search.page(after, rows).await?,
            None => self.rows(filter, order, direction, after, rows).await?,
        };
        let placed = Page::of(items, page, |(alert, place)| {
            Cursor::new(list, *place, &alert.id)
        });
        Ok(placed.map(|(alert, _)| alert))
    }

    /// Rows with their places, in order.
    async fn rows(
        &self,
        filter: &AlertFilter,
        order: Order,
        direction: &str,
        after: Option<(i64, &str)>,
        rows: u32,
    ) -> Result<Vec<(Alert, i64)>, StoreError> {
        let dialect = self.db.dialect();
        let (table, mut conditions) = conditions(dialect, filter)?;
        if let Some(place) = after {
            go_on(&mut conditions, dialect, filter, order, place);
        }
        let (clause, values) = conditions.finish();
        let sort = match dialect {
            Dialect::Postgres => format!("time {direction}, id {direction}"),
            Dialect::Sqlite => format!("{} {direction}", sqlite_place(filter)),
        };
        let place = match dialect {
            Dialect::Postgres => "time",
            Dialect::Sqlite => "alerts.place",
        };
        let sql = format!(
            "SELECT {COLUMNS}, {place} AS place_number FROM {table}{clause} ORDER BY {sort} LIMIT {rows}"
        );
        read_placed(&self.db.fetch(&sql, values).await?)
    }
}

pub(super) fn read_placed(rows: &[Row]) -> Result<Vec<(Alert, i64)>, StoreError> {
    rows.iter()
        .map(|row| Ok((read(row)?, row.get("place_number")?)))
        .collect()
}

/// What SQLite sorts by: with a text, the number in the full-text index, so that matches come in order.
fn sqlite_place(filter: &AlertFilter) -> &'static str {
    if has_words(filter) {
        "alert_words.rowid"
    } else {
        "alerts.place"
    }
}

fn has_words(filter: &AlertFilter) -> bool {
    filter.text.chars().any(char::is_alphanumeric)
}

fn go_on(
    conditions: &mut Conditions,
    dialect: Dialect,
    filter: &AlertFilter,
    order: Order,
    place: (i64, &str),
) {
    let ascending = order == Order::OldestFirst;
    match dialect {
        Dialect::Postgres => conditions.after(("time", "id"), ascending, place),
        Dialect::Sqlite => {
            let sign = if ascending { '>' } else { '<' };
            conditions.push(&format!("{} {sign} ", sqlite_place(filter)), place.0, "");
        }
    }
}

/// The table that a filter is asked of, and its conditions.
pub(super) fn conditions(
    dialect: Dialect,
    filter: &AlertFilter,
) -> Result<(&'static str, Conditions), StoreError> {
    let mut conditions = Conditions::new(dialect);
    let mut table = "alerts";
    let words = words_of_query(&filter.text)?;
    if !words.is_empty() {
        match dialect {
            Dialect::Postgres => conditions.push("words @@ ", postgres_query(&words), "::tsquery"),
            Dialect::Sqlite => {
                // A cross join is SQLite's way to say which table comes first.
                table = "alert_words CROSS JOIN alerts";
                conditions.push("alert_words MATCH ", sqlite_query(&words), "");
                conditions.plain("alerts.place = alert_words.rowid");
            }
        }
    }
    let codes = |codes: &mut dyn Iterator<Item = i64>| codes.collect::<Vec<_>>();
    conditions.codes(
        "status",
        &codes(&mut filter.statuses.iter().map(|status| status.code())),
    );
    conditions.codes(
        "severity",
        &codes(&mut filter.severities.iter().map(|item| severity_code(*item))),
    );
    conditions.codes(
        "category",
        &codes(&mut filter.categories.iter().map(|item| category_code(*item))),
    );
    for (column, texts) in [
        ("rule", &filter.rules),
        ("catalogue_key", &filter.keys),
        ("node", &filter.nodes),
        ("cluster", &filter.clusters),
        ("namespace", &filter.namespaces),
        ("pod", &filter.pods),
        ("container_id", &filter.container_ids),
        ("container", &filter.containers),
        ("image", &filter.images),
        ("incident", &filter.incidents),
    ] {
        conditions.texts(column, texts)?;
    }
    conditions.scope(filter.scope.as_ref(), "cluster", Some("namespace"))?;
    conditions.from("time", filter.from);
    conditions.before("time", filter.to);
    if dialect == Dialect::Sqlite {
        let place = sqlite_place(filter);
        conditions.from(place, filter.from);
        let to = filter
            .to
            .map(|to| WallTime(to.0.saturating_add(PLACE_SHIFT_NS)));
        conditions.before(place, to);
    }
    Ok((table, conditions))
}
