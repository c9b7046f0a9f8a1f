//! Finding alerts.

use super::alert::{COLUMNS, category_code, read};
use super::search::Search;
use super::words::{postgres_query, sqlite_query, words_of_query};
use super::{Alert, AlertStatus, Alerts, codes, severity_code};
use crate::db::{Dialect, Row, Value, values};
use crate::filter::{Conditions, Scope};
use crate::{Cursor, Page, PageRequest, StoreError};
use std::borrow::Cow;
use yagura_event::{Category, Severity, WallTime};

/// Names of the lists in cursors.
const NEWEST_FIRST: &str = "alerts";
const OLDEST_FIRST: &str = "alerts-oldest";

/// By how much an alert's place can be after its time with SQLite: less than a nanosecond for each stored alert.
const PLACE_SHIFT_NS: i64 = 1_000_000_000;

/// Digits of the ids that sensors give.
const ID_DIGITS: usize = 32;

/// Which alerts are wanted. Each list is an "or" and restricts nothing when empty; all fields together are an "and".
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AlertFilter {
    /// Ids.
    pub ids: Vec<String>,
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
    /// Each word of it is the beginning of a word of the alert, or it is the id of one; a text without any letter or digit
    /// restricts nothing.
    pub text: String,
    /// What the one who asks may see.
    pub scope: Option<Scope>,
}

/// How long a list may be looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effort {
    /// Until the page is full, or there is no more.
    Whole,
    /// A bounded number of rows; the page may be short.
    Bounded,
}

/// In which order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    NewestFirst,
    OldestFirst,
}

impl Order {
    /// What a list of that order is sorted by.
    pub(super) fn sort(self, dialect: Dialect, filter: &AlertFilter) -> String {
        let direction = match self {
            Order::NewestFirst => "DESC",
            Order::OldestFirst => "ASC",
        };
        match dialect {
            Dialect::Postgres => format!("time {direction}, id {direction}"),
            Dialect::Sqlite => format!("{} {direction}", sqlite_place(filter)),
        }
    }
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
        self.page(filter, page, Order::NewestFirst, Effort::Whole)
            .await
    }

    /// The same in some tens of milliseconds, however many alerts there are: if many of them have to be looked through,
    /// a page may be short or even empty and yet not the last. [`Page::next`] then says where the search goes on.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn list_in_steps(
        &self,
        filter: &AlertFilter,
        page: &PageRequest,
    ) -> Result<Page<Alert>, StoreError> {
        self.page(filter, page, Order::NewestFirst, Effort::Bounded)
            .await
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
        self.page(filter, page, Order::OldestFirst, Effort::Whole)
            .await
    }

    /// How many there are, counted up to `max` and no further.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn count_up_to(&self, filter: &AlertFilter, max: u32) -> Result<u32, StoreError> {
        let filter = &*self.by_id(filter).await?;
        if let Some(search) = Search::of(self.db, filter, Order::NewestFirst)? {
            return search.count_up_to(max).await;
        }
        let (source, values) = self.source(filter, Order::NewestFirst, None, max)?;
        let sql = format!("SELECT count(*) AS n FROM (SELECT 1 FROM {source} LIMIT {max}) AS few");
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
        effort: Effort,
    ) -> Result<Page<Alert>, StoreError> {
        let list = match order {
            Order::NewestFirst => NEWEST_FIRST,
            Order::OldestFirst => OLDEST_FIRST,
        };
        let after = page.after.as_ref().map(|cursor| cursor.place(list));
        let after = after.transpose()?;
        let rows = page.rows().saturating_add(1);
        let filter = &*self.by_id(filter).await?;
        let (items, stopped_at) = match Search::of(self.db, filter, order)? {
            Some(search) => {
                let found = search.page(after, rows, effort).await?;
                (found.rows, found.stopped_at)
            }
            None => (self.rows(filter, order, after, rows).await?, None),
        };
        let mut placed = Page::of(items, page, |(alert, place)| {
            Cursor::new(list, *place, &alert.id)
        });
        let stopped_at = stopped_at.map(|(time, id)| Cursor::new(list, time, &id));
        placed.next = placed.next.or(stopped_at);
        Ok(placed.map(|(alert, _)| alert))
    }

    /// The filter by id where its text is the id of an alert: ids are no words, since each would be a word of its own.
    pub(super) async fn by_id<'f>(
        &self,
        filter: &'f AlertFilter,
    ) -> Result<Cow<'f, AlertFilter>, StoreError> {
        let id = filter.text.trim();
        let is_id = id.len() == ID_DIGITS && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_id || self.get(id).await?.is_none() {
            return Ok(Cow::Borrowed(filter));
        }
        let mut filter = filter.clone();
        filter.ids = vec![std::mem::take(&mut filter.text).trim().to_owned()];
        Ok(Cow::Owned(filter))
    }

    /// Rows with their places, in order.
    async fn rows(
        &self,
        filter: &AlertFilter,
        order: Order,
        after: Option<(i64, &str)>,
        rows: u32,
    ) -> Result<Vec<(Alert, i64)>, StoreError> {
        let (source, values) = self.source(filter, order, after, rows)?;
        let place = match self.db.dialect() {
            Dialect::Postgres => "time",
            Dialect::Sqlite => "alerts.place",
        };
        let sort = order.sort(self.db.dialect(), filter);
        let sql = format!(
            "SELECT {COLUMNS}, {place} AS place_number FROM {source} ORDER BY {sort} LIMIT {rows}"
        );
        read_placed(&self.db.fetch(&sql, values).await?)
    }

    /// What to select from, with its conditions, for so many rows in that order.
    fn source(
        &self,
        filter: &AlertFilter,
        order: Order,
        after: Option<(i64, &str)>,
        rows: u32,
    ) -> Result<(String, Vec<Value>), StoreError> {
        let dialect = self.db.dialect();
        let by_codes = match dialect {
            Dialect::Postgres => codes::alone(filter),
            Dialect::Sqlite => None,
        };
        let filter = by_codes.as_ref().map_or(filter, |(_, rest)| rest);
        let (table, mut conditions) = conditions(dialect, filter)?;
        if let Some(place) = after {
            go_on(&mut conditions, dialect, filter, order, place);
        }
        let Some((combinations, _)) = &by_codes else {
            let (clause, values) = conditions.finish();
            return Ok((format!("{table}{clause}"), values));
        };
        conditions.plain(codes::CONDITION);
        let (clause, values) = conditions.finish();
        let sort = order.sort(dialect, filter);
        let of_each = format!("SELECT * FROM {table}{clause} ORDER BY {sort} LIMIT {rows}");
        let source = format!("{combinations} CROSS JOIN LATERAL ({of_each}) AS found");
        Ok((source, values))
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

/// What a filter asks of statuses, severities and categories.
pub(super) fn add_codes(conditions: &mut Conditions, filter: &AlertFilter) {
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
    add_conditions(&mut conditions, filter)?;
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

/// What a filter asks beside its words.
pub(super) fn add_conditions(
    conditions: &mut Conditions,
    filter: &AlertFilter,
) -> Result<(), StoreError> {
    add_codes(conditions, filter);
    conditions.texts("id", &filter.ids)?;
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
        conditions.hashed_texts(column, texts)?;
    }
    if let Some(scope) = &filter.scope {
        conditions.hashed_texts("cluster", &scope.clusters)?;
        conditions.hashed_texts("namespace", &scope.namespaces)?;
    }
    conditions.from("time", filter.from);
    conditions.before("time", filter.to);
    Ok(())
}
