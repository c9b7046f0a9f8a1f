//! One output's loop: what comes next is read, sent, and noted.

use super::backlog;
use super::send::{SendError, Sender, Sent};
use crate::app::outputs::Configured;
use crate::clock;
use crate::start::Center;
use std::time::Duration;
use tokio::time::Instant;
use yagura_event::WallTime;
use yagura_store::{
    Alert, ChangeKind, Feed, FeedPosition, Notice, OutputState, StoreError, Subscription,
};

/// Alerts that are read at a time.
const READ_MAX: u32 = 100;
/// The first wait after a failure; it doubles each time.
const RETRY_FIRST: Duration = Duration::from_secs(1);
/// The longest wait.
const RETRY_MAX: Duration = Duration::from_secs(5 * 60);
/// How long one replica holds an output.
const CLAIM: Duration = Duration::from_secs(60);
/// It is prolonged when less is left than a delivery may take, twice.
const CLAIM_LEFT_MIN: Duration = super::send::SEND_MAX.saturating_mul(2);
/// How often it is looked where nothing tells of new alerts.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How long after a notice it is looked: what is stored together goes out together.
const GATHER: Duration = Duration::from_millis(50);

/// Delivers to one output.
#[derive(Debug)]
pub(super) struct Worker {
    center: Center,
    output: Configured,
    sender: Sender,
    claimed_until: Option<Instant>,
}

enum Step {
    /// There may be more.
    More,
    /// There is nothing to send.
    Idle,
    /// Not before that.
    Wait(Duration),
}

/// Lets others deliver to an output.
///
/// # Errors
/// [`StoreError`]
pub(super) async fn give_back(center: &Center, output: &str) -> Result<(), StoreError> {
    let now = clock::now();
    let outputs = center.store().outputs();
    outputs
        .claim(output, center.replica(), now, now)
        .await
        .map(drop)
}

impl Worker {
    /// For an output as it is configured.
    pub(super) fn new(center: Center, output: Configured) -> Worker {
        Worker {
            sender: Sender::new(&output),
            center,
            output,
            claimed_until: None,
        }
    }

    /// Delivers until it is aborted.
    pub(super) async fn run(mut self) {
        let mut notices = self.center.store().subscribe();
        loop {
            match self.step().await {
                Ok(Step::More) => {}
                Ok(Step::Idle) => idle(&mut notices).await,
                Ok(Step::Wait(wait)) => tokio::time::sleep(wait).await,
                Err(error) => {
                    tracing::warn!(output = self.output.id, error = ?error, "an output waits for the database");
                    tokio::time::sleep(LOOK_EVERY).await;
                }
            }
        }
    }

    async fn step(&mut self) -> Result<Step, StoreError> {
        if !self.claim().await? {
            return Ok(Step::Wait(LOOK_EVERY));
        }
        let outputs = self.center.store().outputs();
        let Some(state) = outputs.state(&self.output.id).await? else {
            // Removed meanwhile; whoever starts workers will notice.
            return Ok(Step::Wait(LOOK_EVERY));
        };
        let now = clock::now();
        if let Some(at) = state.retry_at.filter(|at| *at > now) {
            return Ok(Step::Wait(between(now, at)));
        }
        if state.consecutive_failures > 0
            && backlog::give_up(&self.center, &self.output, &state).await? > 0
        {
            return Ok(Step::More);
        }
        let alerts = self.center.store().alerts();
        let feed = alerts.feed(state.position, READ_MAX).await?;
        match feed.position == state.position {
            true => Ok(Step::Idle),
            false => self.hand_over(&feed, &state).await,
        }
    }

    /// Whether this replica delivers.
    async fn claim(&mut self) -> Result<bool, StoreError> {
        let now = Instant::now();
        if let Some(until) = self.claimed_until
            && until.saturating_duration_since(now) > CLAIM_LEFT_MIN
        {
            return Ok(true);
        }
        let (outputs, time) = (self.center.store().outputs(), clock::now());
        let until = clock::plus(time, CLAIM);
        let claimed = outputs
            .claim(&self.output.id, self.center.replica(), until, time)
            .await?;
        self.claimed_until = claimed.then(|| now + CLAIM);
        Ok(claimed)
    }

    async fn hand_over(&mut self, feed: &Feed, state: &OutputState) -> Result<Step, StoreError> {
        let read = feed.alerts.iter().zip(&feed.positions);
        let wanted: Vec<(&Alert, FeedPosition)> = read
            .filter(|(alert, _)| self.output.wants(alert))
            .map(|(alert, position)| (alert, *position))
            .collect();
        let mut rest = wanted.as_slice();
        let mut together = rest.len();
        while !rest.is_empty() {
            if !self.claim().await? {
                return Ok(Step::Wait(LOOK_EVERY));
            }
            let next = rest.get(..together).unwrap_or(rest);
            let alerts: Vec<&Alert> = next.iter().map(|(alert, _)| *alert).collect();
            let Sent { count, stopped } = self.sender.send(&alerts).await;
            self.note_delivered(next, count).await?;
            rest = rest.get(count..).unwrap_or_default();
            match stopped {
                None => together = rest.len(),
                // One of several can't be taken: fewer at a time, until it is found.
                Some(SendError::Never(_)) if next.len() - count > 1 => {
                    together = (next.len() - count) / 2;
                }
                Some(SendError::Never(reason)) => {
                    self.note_dropped(rest.first(), &reason).await?;
                    rest = rest.get(1..).unwrap_or_default();
                    together = rest.len();
                }
                Some(SendError::Later { reason, after }) => {
                    let failures = if count > 0 {
                        0
                    } else {
                        state.consecutive_failures
                    };
                    return self.note_failed(failures, &reason, after).await;
                }
            }
        }
        let outputs = self.center.store().outputs();
        outputs
            .delivered(&self.output.id, feed.position, 0, clock::now())
            .await?;
        Ok(Step::More)
    }

    async fn note_delivered(
        &self,
        sent: &[(&Alert, FeedPosition)],
        count: usize,
    ) -> Result<(), StoreError> {
        let failed_templates = self.sender.take_template_failures();
        self.center
            .counters()
            .failed_templates
            .add(failed_templates);
        let last = count.checked_sub(1).and_then(|last| sent.get(last));
        let Some((_, position)) = last else {
            return Ok(());
        };
        self.center.counters().delivered_alerts.add(count as u64);
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        let outputs = self.center.store().outputs();
        outputs
            .delivered(&self.output.id, *position, count, clock::now())
            .await
    }

    async fn note_dropped(
        &self,
        dropped: Option<&(&Alert, FeedPosition)>,
        reason: &str,
    ) -> Result<(), StoreError> {
        let Some((alert, position)) = dropped else {
            return Ok(());
        };
        tracing::warn!(
            output = self.output.id,
            alert = alert.id,
            reason,
            "an alert was given up"
        );
        self.center.counters().dropped_deliveries.count();
        let outputs = self.center.store().outputs();
        outputs
            .dropped(&self.output.id, *position, 1, reason, clock::now())
            .await
    }

    async fn note_failed(
        &self,
        failures: i64,
        reason: &str,
        after: Option<Duration>,
    ) -> Result<Step, StoreError> {
        self.center.counters().failed_deliveries.count();
        let doublings = u32::try_from(failures).unwrap_or(u32::MAX).min(16);
        let wait = RETRY_FIRST.saturating_mul(1 << doublings).min(RETRY_MAX);
        let wait = after.map_or(wait, |after| after.max(wait));
        let now = clock::now();
        let outputs = self.center.store().outputs();
        outputs
            .failed(&self.output.id, reason, clock::plus(now, wait), now)
            .await?;
        Ok(Step::Wait(wait))
    }
}

/// Waits until alerts are stored, or for a while: with several writers an alert may appear a little after its notice.
async fn idle(notices: &mut Subscription) {
    tokio::select! {
        () = tokio::time::sleep(LOOK_EVERY) => {}
        () = alerts_stored(notices) => tokio::time::sleep(GATHER).await,
    }
}

async fn alerts_stored(notices: &mut Subscription) {
    while let Some(notice) = notices.next().await {
        match notice {
            Notice::Change(change) if change.kind == ChangeKind::Alerts => return,
            Notice::Change(_) => {}
            Notice::Missed => return,
        }
    }
    std::future::pending::<()>().await;
}

fn between(from: WallTime, to: WallTime) -> Duration {
    let nanoseconds = u64::try_from(to.0.saturating_sub(from.0)).unwrap_or_default();
    Duration::from_nanos(nanoseconds)
}
