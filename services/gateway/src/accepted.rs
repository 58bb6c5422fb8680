//! What is answered to whoever started a task.

use crate::routes::BASE;
use contracts::coordinator::SubmitResponse;
use serde::Serialize;

/// `{task_id, status, links{status, approval, events}}`.
#[derive(Serialize)]
pub struct Accepted<'a> {
    task_id: &'a str,
    status: &'a str,
    pub links: Links,
}

/// Paths of the REST interface.
#[derive(Serialize)]
pub struct Links {
    pub status: String,
    approval: String,
    events: String,
}

impl<'a> Accepted<'a> {
    /// Of a stored task.
    pub fn of(task: &'a SubmitResponse) -> Self {
        let id = &task.task_id;
        Self {
            task_id: id,
            status: &task.status,
            links: Links {
                status: format!("{BASE}/status/{id}"),
                approval: format!("{BASE}/approval/{id}"),
                events: format!("{BASE}/tasks/{id}/events"),
            },
        }
    }
}
