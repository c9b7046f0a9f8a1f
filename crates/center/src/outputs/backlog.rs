//! What waits for an output is bounded: beyond a number, and shortly before the store forgets it, alerts are given up and
//! counted.

use super::settings::backlog_max;
use crate::app::outputs::Configured;
use crate::clock;
use crate::start::Center;
use std::time::Duration;
use yagura_store::{OutputState, PAGE_ROWS_MAX, StoreError};

/// How long before the store forgets alerts an output gives them up: more than the time between two clean-ups, so that
/// none goes uncounted.
const BEFORE_FORGOTTEN: Duration = Duration::from_secs(2 * 60 * 60);

/// Gives up the oldest of what waits, as far as it is too much or too old; returns how far that went, in alerts.
///
/// # Errors
/// [`StoreError`]
pub(super) async fn give_up(
    center: &Center,
    output: &Configured,
    state: &OutputState,
) -> Result<usize, StoreError> {
    let (most, page) = (backlog_max(output), u64::from(PAGE_ROWS_MAX));
    let alerts = center.store().alerts();
    let waiting = alerts.feed_waiting(state.position, most + page).await?;
    let too_many = usize::try_from(waiting.saturating_sub(most)).unwrap_or(usize::MAX);
    let feed = alerts.feed(state.position, PAGE_ROWS_MAX).await?;
    let now = clock::now();
    let oldest = clock::minus(now, center.alerts_kept().saturating_sub(BEFORE_FORGOTTEN));
    let too_old = feed.alerts.iter().take_while(|alert| alert.time < oldest);
    let count = too_old.count().max(too_many.min(feed.alerts.len()));
    let Some(position) = count
        .checked_sub(1)
        .and_then(|last| feed.positions.get(last))
    else {
        return Ok(0);
    };
    let given_up = feed.alerts.iter().take(count);
    let lost = given_up.filter(|alert| output.wants(alert)).count();
    let reason = match too_many > 0 {
        true => format!("more than {most} alerts waited"),
        false => "alerts waited for as long as they are kept".to_owned(),
    };
    tracing::warn!(
        output = output.id,
        alerts = lost,
        reason,
        "waiting alerts were given up"
    );
    center.counters().dropped_deliveries.add(lost as u64);
    let lost = u32::try_from(lost).unwrap_or(u32::MAX);
    let outputs = center.store().outputs();
    outputs
        .dropped(&output.id, *position, lost, &reason, now)
        .await?;
    Ok(count)
}
