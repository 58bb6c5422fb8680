//! NoticeService: events for webhooks; executors take what is due, and say how it went.

#[cfg(test)]
mod tests;

use super::worker::{parse, unavailable};
use crate::store::notices::{self, End, Ended, Receiver};
use crate::writer::Shared;
use contracts::coordinator::notice_service_server::NoticeService;
use contracts::coordinator::{
    EndNoticesRequest, EndNoticesResponse, EndedNotice, Notice, TakeNoticesRequest, TakeNoticesResponse,
};
use std::sync::Arc;
use std::time::Duration;
use tonic::{Request, Response, Status};

/// Characters of an error that are kept.
const MAX_ERROR: usize = 300;
/// Ends in one message.
const MAX_ENDS: usize = 1_000;

/// The service.
pub struct Notices(pub Arc<Shared>);

#[tonic::async_trait]
impl NoticeService for Notices {
    async fn take_notices(
        &self,
        request: Request<TakeNoticesRequest>,
    ) -> Result<Response<TakeNoticesResponse>, Status> {
        let ask = request.into_inner();
        let to = receiver(&ask.webhook, &ask.url_hash)?;
        let lease_id = service::ids::v7();
        let due = notices::take(&self.0.pool, &to, seconds(ask.timeout_seconds), lease_id)
            .await
            .map_err(unavailable)?;
        let notices = due.into_iter().map(|due| Notice {
            stream_id: due.stream.to_string(),
            sequence: due.sequence,
            event_id: due.stream.event(due.sequence).to_string(),
            event_json: due.body,
            lease_id: lease_id.to_string(),
        });
        Ok(Response::new(TakeNoticesResponse {
            notices: notices.collect(),
        }))
    }

    async fn end_notices(&self, request: Request<EndNoticesRequest>) -> Result<Response<EndNoticesResponse>, Status> {
        let ask = request.into_inner();
        if ask.ended.len() > MAX_ENDS {
            return Err(Status::invalid_argument("too many ends in one message"));
        }
        let to = receiver(&ask.webhook, &ask.url_hash)?;
        let ended = ask.ended.iter().map(read).collect::<Result<Vec<_>, Status>>()?;
        let counted = notices::end(&self.0.pool, &to, &ended).await.map_err(unavailable)?;
        let counted = ended.iter().zip(counted).filter(|(_, counted)| *counted);
        for (ended, _) in counted {
            self.tell(to.name, ended);
        }
        Ok(Response::new(EndNoticesResponse {}))
    }
}

impl Notices {
    fn tell(&self, webhook: &str, ended: &Ended) {
        let outcome = match &ended.end {
            End::Delivered => "delivered",
            End::Failed { error, .. } => {
                tracing::debug!(webhook, error, "a webhook did not take an event");
                "failed"
            }
            End::Gone => {
                tracing::error!(
                    webhook,
                    "the webhook said that it is gone (410): it is told nothing any more until its URL is another one"
                );
                "gone"
            }
        };
        self.0.metrics.webhook(webhook, outcome);
    }
}

fn receiver<'a>(name: &'a str, url_hash: &'a str) -> Result<Receiver<'a>, Status> {
    bus::Token::parse(name).map_err(|error| Status::invalid_argument(error.to_string()))?;
    bus::Token::parse(url_hash).map_err(|error| Status::invalid_argument(error.to_string()))?;
    Ok(Receiver { name, url_hash })
}

fn read(ended: &EndedNotice) -> Result<Ended, Status> {
    let end = match ended.outcome.as_str() {
        "delivered" => End::Delivered,
        "failed" => End::Failed {
            error: ended
                .error
                .chars()
                .filter(|c| !c.is_control())
                .take(MAX_ERROR)
                .collect(),
            retry_after: seconds(ended.retry_after_seconds),
        },
        "gone" => End::Gone,
        _ => return Err(Status::invalid_argument("an end is delivered, failed or gone")),
    };
    Ok(Ended {
        stream: parse(&ended.stream_id, "stream_id")?,
        sequence: ended.sequence,
        lease_id: parse(&ended.lease_id, "lease_id")?,
        end,
    })
}

/// What is no duration counts as none.
fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::ZERO)
}
