//! Words among millions of alerts, with PostgreSQL. An index in the order of time finds a common word at once and a rare
//! one after millions of rows; the index of words is the other way round, and the planner, which takes every prefix for
//! one of two hundred rows, can't choose. So the newest rows are looked through first. If what is searched is not common
//! there, some rows of every week tell where it is. What is in none of them is rare, and looked up by words: everything at
//! once if that is little, else one week after the other until the page is full. What is common in a week is looked for
//! there in the order of time; a flood of other alerts may lie before it, so that such a search can end early, and says
//! where it goes on.

use super::alert::COLUMNS;
use super::codes::has_texts;
use super::list::{Effort, Order, add_codes, add_conditions, read_placed};
use super::partitions::first_time_of;
use super::words::{postgres_query, words_of_query};
use super::{Alert, AlertFilter};
use crate::StoreError;
use crate::db::{Db, Dialect, Value};
use crate::filter::Conditions;
use std::collections::BTreeSet;
use yagura_event::WallTime;

/// Rows that are looked through in the order of time.
const SAMPLE_ROWS: u32 = 4_000;

/// The same where names restrict what is looked through: such rows are not neighbours, and each is a page to read.
const NAMED_SAMPLE_ROWS: u32 = 500;

/// Up to so many rows all that match are looked up at once, and sorted.
const FEW_ROWS_MAX: u32 = 2_000;

/// What fewer rows of the sample have is counted by the index of words.
const COMMON_ROWS_MIN: u32 = 40;

/// Times within a week at which rows are looked at to tell whether something is common, and rows at each of them.
const PROBES: u32 = 8;
/// See [`PROBES`].
const PROBE_ROWS: u32 = 40;

/// Rows of a week that are looked through at a time, and the same where names restrict them.
const STEP_ROWS: u32 = 8_000;
/// See [`STEP_ROWS`].
const NAMED_STEP_ROWS: u32 = 1_000;

/// Steps of that kind, and looks into the index of a week, after which a search with [`Effort::Bounded`] ends.
const STEPS_MAX: usize = 2;

/// What a search found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Rows with their places.
    pub(super) rows: Vec<(Alert, i64)>,
    /// Time and id up to which was looked, if not to the end.
    pub(super) stopped_at: Option<(i64, String)>,
}

impl Found {
    fn whole(rows: Vec<(Alert, i64)>) -> Found {
        Found {
            rows,
            stopped_at: None,
        }
    }

    /// Rows that a page still has room for.
    fn missing(&self, rows: u32) -> u32 {
        rows.saturating_sub(u32::try_from(self.rows.len()).unwrap_or(u32::MAX))
    }
}

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
        effort: Effort,
    ) -> Result<Found, StoreError> {
        let found = Found::whole(self.look_through(after, rows).await?);
        if found.missing(rows) == 0 {
            return Ok(found);
        }
        let common = self.common_weeks(after).await?;
        if !common.is_empty() {
            return self.go_through(&common, after, rows, effort).await;
        }
        if let Some(found) = self.look_up_few(after, rows).await? {
            return Ok(Found::whole(found));
        }
        let mut found = Found::default();
        for week in self.weeks(after).await? {
            let missing = found.missing(rows);
            if missing == 0 {
                break;
            }
            found.rows.extend(self.look_up(week, after, missing).await?);
        }
        Ok(found)
    }

    /// Goes from week to week: where it is common through the rows, elsewhere by the index of words.
    async fn go_through(
        &self,
        common: &BTreeSet<i64>,
        after: Option<(i64, &str)>,
        rows: u32,
        effort: Effort,
    ) -> Result<Found, StoreError> {
        let mut found = Found {
            rows: Vec::new(),
            stopped_at: after.map(|(time, id)| (time, id.to_owned())),
        };
        let mut steps: usize = 0;
        for week in self.weeks(after).await? {
            let mut is_done = false;
            while !is_done {
                let missing = found.missing(rows);
                if missing == 0 || (effort == Effort::Bounded && steps >= STEPS_MAX) {
                    return Ok(found);
                }
                steps = steps.saturating_add(1);
                let place = found.stopped_at.as_ref();
                let place = place.map(|(time, id)| (*time, id.as_str()));
                if common.contains(&week) {
                    let step = self.step(week, place, missing).await?;
                    found.rows.extend(step.rows);
                    is_done = step.stopped_at.is_none();
                    found.stopped_at = step.stopped_at.or(found.stopped_at);
                } else {
                    found.rows.extend(self.look_up(week, place, missing).await?);
                    is_done = true;
                }
            }
            found.stopped_at = Some(self.end_of(week));
        }
        found.stopped_at = None;
        Ok(found)
    }

    /// The place behind everything of a week.
    fn end_of(&self, week: i64) -> (i64, String) {
        match self.order {
            Order::NewestFirst => (first_time_of(week).0, String::new()),
            // No id begins with such a character.
            Order::OldestFirst => {
                let next = first_time_of(week.saturating_add(1));
                (next.0.saturating_sub(1), "~".to_owned())
            }
        }
    }

    pub(super) async fn count_up_to(&self, max: u32) -> Result<u32, StoreError> {
        let common = self.look_through(None, COMMON_ROWS_MIN).await?;
        let is_common = Found::whole(common).missing(COMMON_ROWS_MIN) == 0;
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
        let (sampled, values) = self.conditions(&self.without_codes(), after)?.finish();
        let (clause, values) = self.wanted(values).finish();
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

    /// What the next rows of a week have. It ends at a place if there may be more rows behind it.
    async fn step(
        &self,
        week: i64,
        after: Option<(i64, &str)>,
        rows: u32,
    ) -> Result<Found, StoreError> {
        let mut conditions = self.conditions(&self.without_codes(), after)?;
        conditions.from("time", Some(first_time_of(week)));
        conditions.before("time", Some(first_time_of(week.saturating_add(1))));
        let (clause, values) = conditions.finish();
        let (wanted, values) = self.wanted(values).joined();
        let sort = self.sort();
        let step = match has_texts(&self.rest) {
            true => NAMED_STEP_ROWS,
            false => STEP_ROWS,
        };
        let last = match self.order {
            Order::NewestFirst => "time, id",
            Order::OldestFirst => "time DESC, id DESC",
        };
        let sql = format!(
            "WITH passed AS MATERIALIZED (SELECT id, time, {wanted} AS wanted FROM \
             (SELECT * FROM alerts{clause} ORDER BY {sort} LIMIT {step}) AS next), \
             page AS MATERIALIZED (SELECT id, time FROM passed WHERE wanted ORDER BY {sort} LIMIT {rows}), \
             found AS (SELECT {COLUMNS}, time AS place_number FROM page JOIN alerts USING (id, time)), \
             last AS (SELECT id AS step_id, time AS step_time, (SELECT count(*) FROM passed) AS passed \
             FROM passed ORDER BY {last} LIMIT 1) \
             SELECT * FROM last LEFT JOIN found ON true ORDER BY {sort}"
        );
        let answer = self.db.fetch(&sql, values).await?;
        let Some(first) = answer.first() else {
            return Ok(Found::default());
        };
        let is_more = first.get::<i64>("passed")? >= i64::from(step);
        let last = (first.get("step_time")?, first.get("step_id")?);
        let has_row = first.get::<Option<i64>>("place_number")?.is_some();
        Ok(Found {
            rows: match has_row {
                true => read_placed(&answer)?,
                false => Vec::new(),
            },
            stopped_at: is_more.then_some(last),
        })
    }

    /// The weeks after a place that have what is searched among some of their rows.
    async fn common_weeks(&self, after: Option<(i64, &str)>) -> Result<BTreeSet<i64>, StoreError> {
        let mut probes: [Vec<i64>; 3] = Default::default();
        for week in self.weeks(after).await? {
            let start = first_time_of(week).0;
            let end = first_time_of(week.saturating_add(1)).0;
            let length = end.saturating_sub(start) / i64::from(PROBES);
            for probe in 0..i64::from(PROBES) {
                let from = start.saturating_add(length.saturating_mul(probe));
                let [weeks, starts, ends] = &mut probes;
                weeks.push(week);
                starts.push(from);
                ends.push(from.saturating_add(length));
            }
        }
        let probes = probes.into_iter().map(Value::from).collect();
        let mut conditions = Conditions::following(Dialect::Postgres, probes);
        self.add_conditions(&mut conditions, &self.without_codes(), after)?;
        conditions.plain("time >= probe.start AND time < probe.until");
        let (clause, values) = conditions.finish();
        let (wanted, values) = self.wanted(values).joined();
        let sort = self.sort();
        let sql = format!(
            "SELECT DISTINCT probe.week AS week \
             FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS probe (week, start, until) \
             CROSS JOIN LATERAL (SELECT * FROM alerts{clause} ORDER BY {sort} LIMIT {PROBE_ROWS}) AS few WHERE {wanted}"
        );
        let rows = self.db.fetch(&sql, values).await?;
        rows.iter().map(|row| row.get("week")).collect()
    }

    /// The filter without what few rows may have by their codes: it could be a long way to many of those.
    fn without_codes(&self) -> AlertFilter {
        AlertFilter {
            statuses: Vec::new(),
            severities: Vec::new(),
            categories: Vec::new(),
            ..self.rest.clone()
        }
    }

    /// What a row of [`Search::without_codes`] must have.
    fn wanted(&self, values: Vec<Value>) -> Conditions {
        let mut conditions = Conditions::following(Dialect::Postgres, values);
        add_codes(&mut conditions, &self.rest);
        conditions.push("words @@ ", self.words.as_str(), "::tsquery");
        conditions
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
        rows: u32,
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
        let mut conditions = Conditions::new(Dialect::Postgres);
        self.add_conditions(&mut conditions, filter, after)?;
        Ok(conditions)
    }

    fn add_conditions(
        &self,
        conditions: &mut Conditions,
        filter: &AlertFilter,
        after: Option<(i64, &str)>,
    ) -> Result<(), StoreError> {
        add_conditions(conditions, filter)?;
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
        Ok(())
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
