//! `/training-data/upload-model`: a model's file comes home.

use super::learning::document;
use crate::application::Application;
use crate::body::{self, JsonBody};
use crate::idempotency::IdempotencyKey;
use crate::refusal::Refusal;
use crate::uploads::{Form, too_large};
use axum::body::HttpBody;
use axum::extract::{FromRequest, Request, State};
use axum::response::Response;
use http::{StatusCode, header};
use std::sync::Arc;

/// What a form has beside the file.
const BESIDE: u64 = 2 << 20;

/// Takes in a file: a form with its bytes, or JSON that names one of the directory of models.
pub async fn upload(
    State(app): State<Arc<Application>>,
    key: IdempotencyKey,
    request: Request,
) -> Result<Response, Refusal> {
    let Some(boundary) = body::boundary(request.headers())? else {
        let JsonBody(fields) = JsonBody::from_request(request, &app).await.map_err(with_forms)?;
        let registered = app.take_in_model(&fields, key).await?;
        return Ok(document(StatusCode::ACCEPTED, registered));
    };
    let most = app.limits.model_bytes;
    let waits = request.headers().contains_key(header::EXPECT);
    let announced = request.body().size_hint().lower();
    let mut pieces = request.into_body().into_data_stream();
    if announced > most.saturating_add(BESIDE) {
        if !waits {
            body::discard(&mut pieces).await;
        }
        return Err(too_large(most));
    }
    let registered = app.upload_model(&mut Form::new(pieces, boundary, most), key).await?;
    Ok(document(StatusCode::ACCEPTED, registered))
}

fn with_forms(refusal: Refusal) -> Refusal {
    match refusal.status() {
        415 => Refusal::new(
            415,
            "unsupported_media_type",
            "send Content-Type: application/json, or multipart/form-data",
        ),
        _ => refusal,
    }
}
