//! Words among millions of alerts, with PostgreSQL. An index in the order of time finds a common word at once and a rare
//! one after millions of rows; the index of words is the other way round, and the planner, which takes every prefix for
//! one of two hundred rows, can't choose. So the newest rows are looked through first. What is not common there is looked
//! up by words: everything at once if that is little, else one week after the other until the page is full.

use super::alert::COLUMNS;
use super::codes::has_texts;
use super::list::{Order, add_codes, conditions, read_placed};
use super::partitions::first_time_of;
use super::words::{postgres_query, words_of_query};
use super::{Alert, AlertFilter};
use crate::StoreError;
use crate::db::{Db, Dialect};
use crate::filter::Conditions;
use yagura_event::WallTime;

/// Rows that are looked through in the order of time.
const SAMPLE_ROWS: u32 = 4_000;

/// The same where names restrict what is looked through: such rows are not neighbours, and each is a page to read.
const NAMED_SAMPLE_ROWS: u32 = 500;

/// Up to so many rows all that match are looked up at once, and sorted.
const FEW_ROWS_MAX: u32 = 2_000;

/// A word that fewer rows of the sample have is looked up by the index of words: then each week has some thousand.
const COMMON_ROWS_MIN: u32 = 40;

/// A search.
pub(super) struct Search<'a> {
    db: &'a Db,
    order: Order,
    words: String,
    /// The filter without its words.
    rest: AlertFilter,
}

impl<'a> Search<'a> {
    /// The search of a filter, if it has words and the database is PostgreSQL.
    pub(super) fn of(
        db: &'a Db,
        filter: &AlertFilter,
        order: Order,
    ) -> Result<Option<Search<'a>>, StoreError> {
        let words = words_of_query(&filter.text)?;
        if words.is_empty() || db.dialect() == Dialect::Sqlite {
            return Ok(None);
        }
        let rest = AlertFilter {
            text: String::new(),
            ..filter.clone()
        };
        Ok(Some(Search {
            db,
            order,
            words: postgres_query(&words),
            rest,
        }))
    }

    /// Rows after a place, with their places.
    pub(super) async fn page(
        &self,
        after: Option<(i64, &str)>,
        rows: u32,
    ) -> Result<Vec<(Alert, i64)>, StoreError> {
        let wanted = usize::try_from(rows).unwrap_or(usize::MAX);
        let found = self.look_through(after, rows).await?;
        if found.len() >= wanted {
            return Ok(found);
        }
        if let Some(found) = self.look_up_few(after, rows).await? {
            return Ok(found);
        }
        let mut found = Vec::new();
        for week in self.weeks(after).await? {
            let missing = wanted.saturating_sub(found.len());
            if missing == 0 {
                break;
            }
            found.extend(self.look_up(week, after, missing).await?);
        }
        Ok(found)
    }

    pub(super) async fn count_up_to(&self, max: u32) -> Result<u32, StoreError> {
        let common = self.look_through(None, COMMON_ROWS_MIN).await?;
        let is_common = common.len() >= usize::try_from(COMMON_ROWS_MIN).unwrap_or(usize::MAX);
        let (clause, values) = self.matching(None)?.finish();
        let matching = format!("SELECT 1 FROM alerts{clause}");
        let sql = match is_common {
            true => format!("SELECT count(*) AS n FROM ({matching} LIMIT {max}) AS few"),
            // As much of the first part is looked up as the second one asks for, and by the index, as for all of it.
            false => format!(
                "WITH found AS MATERIALIZED ({matching}) \
                 SELECT count(*) AS n FROM (SELECT 1 FROM found LIMIT {max}) AS few"
            ),
        };
        match self.db.fetch_optional(&sql, values).await? {
            Some(row) => Ok(u32::try_from(row.get::<i64>("n")?).unwrap_or(max)),
            None => Ok(0),
        }
    }

    /// What the first rows in the order of time have.
    async fn look_through(
        &self,
        after: Option<(i64, &str)>,
        rows: u32,
    ) -> Result<Vec<(Alert, i64)>, StoreError> {
        let without_codes = AlertFilter {
            statuses: Vec::new(),
            severities: Vec::new(),
            categories: Vec::new(),
            ..self.rest.clone()
        };
        let (sampled, values) = self.conditions(&without_codes, after)?.finish();
        // By rare codes alone it would be a long way to so many rows.
        let mut conditions = Conditions::following(Dialect::Postgres, values);
        add_codes(&mut conditions, &self.rest);
        conditions.push("words @@ ", self.words.as_str(), "::tsquery");
        let (clause, values) = conditions.finish();
        let sample = match has_texts(&self.rest) {
            true => NAMED_SAMPLE_ROWS,
            false => SAMPLE_ROWS,
        };
        let sort = self.sort();
        let sql = format!(
            "SELECT {COLUMNS}, time AS place_number FROM \
             (SELECT * FROM alerts{sampled} ORDER BY {sort} LIMIT {sample}) AS sample{clause} \
             ORDER BY {sort} LIMIT {rows}"
        );
        read_placed(&self.db.fetch(&sql, values).await?)
    }

    /// What there is, unless that is much: one look into the index of every week.
    async fn look_up_few(
        &self,
        after: Option<(i64, &str)>,
        rows: u32,
    ) -> Result<Option<Vec<(Alert, i64)>>, StoreError> {
        let (clause, values) = self.matching(after)?.finish();
        let sort = self.sort();
        let most = FEW_ROWS_MAX.saturating_add(1);
        let sql = format!(
            "WITH found AS MATERIALIZED (SELECT id, time FROM alerts{clause}), \
             few AS MATERIALIZED (SELECT id, time FROM found LIMIT {most}), \
             page AS MATERIALIZED (SELECT id, time FROM few ORDER BY {sort} LIMIT {rows}) \
             SELECT {COLUMNS}, time AS place_number, (SELECT count(*) FROM few) AS found \
             FROM page JOIN alerts USING (id, time) ORDER BY {sort}"
        );
        let page = self.db.fetch(&sql, values).await?;
        let found = page.first().map_or(Ok(0), |row| row.get::<i64>("found"))?;
        if found >= i64::from(most) {
            return Ok(None);
        }
        read_placed(&page).map(Some)
    }

    /// What a week has. Without a bound of their own, the rows that match are found by the index of words.
    async fn look_up(
        &self,
        week: i64,
        after: Option<(i64, &str)>,
        rows: usize,
    ) -> Result<Vec<(Alert, i64)>, StoreError> {
        let mut conditions = self.matching(after)?;
        conditions.from("time", Some(first_time_of(week)));
        conditions.before("time", Some(first_time_of(week.saturating_add(1))));
        let (clause, values) = conditions.finish();
        let sort = self.sort();
        let sql = format!(
            "WITH found AS MATERIALIZED (SELECT id, time FROM alerts{clause}), \
             few AS MATERIALIZED (SELECT id, time FROM found ORDER BY {sort} LIMIT {rows}) \
             SELECT {COLUMNS}, time AS place_number FROM few JOIN alerts USING (id, time) \
             WHERE time >= {} AND time < {} ORDER BY {sort}",
            first_time_of(week).0,
            first_time_of(week.saturating_add(1)).0
        );
        read_placed(&self.db.fetch(&sql, values).await?)
    }

    /// All conditions, that of the words among them.
    fn matching(&self, after: Option<(i64, &str)>) -> Result<Conditions, StoreError> {
        let mut conditions = self.conditions(&self.rest, after)?;
        conditions.push("words @@ ", self.words.as_str(), "::tsquery");
        Ok(conditions)
    }

    fn conditions(
        &self,
        filter: &AlertFilter,
        after: Option<(i64, &str)>,
    ) -> Result<Conditions, StoreError> {
        let (_, mut conditions) = conditions(Dialect::Postgres, filter)?;
        if let Some(place) = after {
            let ascending = self.order == Order::OldestFirst;
            conditions.after(("time", "id"), ascending, place);
            // The same in a form that leaves out whole weeks.
            let bound = WallTime(place.0);
            if ascending {
                conditions.from("time", Some(bound));
            } else {
                conditions.before("time", Some(WallTime(place.0.saturating_add(1))));
            }
        }
        Ok(conditions)
    }

    fn sort(&self) -> String {
        self.order.sort(Dialect::Postgres, &self.rest)
    }

    /// The weeks that there are, within the filter's times and after a place, in order.
    async fn weeks(&self, after: Option<(i64, &str)>) -> Result<Vec<i64>, StoreError> {
        let sql = "SELECT substring(inhrelid::regclass::text FROM '[0-9]+$')::bigint AS week FROM pg_inherits \
                   WHERE inhparent = 'alerts'::regclass";
        let mut weeks = Vec::new();
        for row in self.db.fetch(sql, Vec::new()).await? {
            let week: i64 = row.get("week")?;
            let (start, end) = (first_time_of(week), first_time_of(week.saturating_add(1)));
            let reached = match (after, self.order) {
                (Some((time, _)), Order::NewestFirst) => start.0 <= time,
                (Some((time, _)), Order::OldestFirst) => end.0 > time,
                (None, _) => true,
            };
            let asked = self.rest.from.is_none_or(|from| end > from)
                && self.rest.to.is_none_or(|to| start < to);
            if reached && asked {
                weeks.push(week);
            }
        }
        weeks.sort_unstable();
        if self.order == Order::NewestFirst {
            weeks.reverse();
        }
        Ok(weeks)
    }
}
