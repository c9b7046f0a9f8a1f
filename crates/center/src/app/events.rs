//! Changes as they happen.

use crate::auth::Caller;
use crate::http::dto::settings::EventBody;
use crate::start::Center;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use std::convert::Infallible;
use std::time::Duration;
use tokio::time::Instant;
use tokio_stream::Stream;
use yagura_store::{ChangeKind, Notice, Subscription};

/// How often something is sent where nothing happens, so that proxies keep the connection: the shortest time-outs that
/// are usual are 20 seconds and more.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How long one stream lasts: the client comes again, and its session is looked at anew.
const STREAM_LASTS: Duration = Duration::from_secs(10 * 60);

/// The kinds of changes that callers are told of. What they may see of it they learn by reading it.
fn told(kind: ChangeKind) -> bool {
    !matches!(
        kind,
        ChangeKind::Session | ChangeKind::Token | ChangeKind::User | ChangeKind::Enrolment
    )
}

/// A stream of changes. It names what changed and holds none of it, so that nobody learns from it what they may not read.
pub(crate) fn watch(center: &Center, caller: &Caller) -> Response {
    let unlimited = caller.scope().is_none();
    let stream = Changes {
        subscription: center.store().subscribe(),
        ends: Instant::now() + STREAM_LASTS,
        unlimited,
        stopping: center.stopping(),
    };
    let events = futures_from(stream);
    Sse::new(events)
        .keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
        .into_response()
}

struct Changes {
    subscription: Subscription,
    ends: Instant,
    unlimited: bool,
    stopping: tokio::sync::watch::Receiver<bool>,
}

impl Changes {
    async fn next(&mut self) -> Option<EventBody> {
        loop {
            let notice = tokio::select! {
                notice = self.subscription.next() => notice?,
                () = tokio::time::sleep_until(self.ends) => return None,
                () = crate::start::stopped(&mut self.stopping) => return None,
            };
            match notice {
                Notice::Change(change) if told(change.kind) => {
                    return Some(EventBody {
                        kind: change.kind.as_str().to_owned(),
                        // An id of something in another cluster is nobody's business.
                        id: match self.unlimited {
                            true => change.id,
                            false => String::new(),
                        },
                        version: change.version,
                    });
                }
                Notice::Change(_) => {}
                Notice::Missed => {
                    return Some(EventBody {
                        kind: "missed".to_owned(),
                        id: String::new(),
                        version: 0,
                    });
                }
            }
        }
    }
}

/// The changes as a stream of events.
fn futures_from(changes: Changes) -> impl Stream<Item = Result<Event, Infallible>> {
    let (sender, receiver) = tokio::sync::mpsc::channel(16);
    tokio::spawn(async move {
        let mut changes = changes;
        loop {
            // A client that has gone away is noticed here, not at the next change.
            let body = tokio::select! {
                body = changes.next() => body,
                () = sender.closed() => return,
            };
            let Some(body) = body else {
                return;
            };
            let event = Event::default().event("change").json_data(&body);
            let Ok(event) = event else {
                return;
            };
            if sender.send(Ok(event)).await.is_err() {
                return;
            }
        }
    });
    tokio_stream::wrappers::ReceiverStream::new(receiver)
}
