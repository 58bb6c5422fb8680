//! Names a message over the limit by its usual code.

use http::{HeaderValue, Response};

const GRPC_STATUS: &str = "grpc-status";

/// The library says OUT_OF_RANGE of a message over the limit, which nothing else here does; clients
/// look for RESOURCE_EXHAUSTED.
pub fn name_exhaustion<B>(mut response: Response<B>) -> Response<B> {
    let out_of_range = HeaderValue::from(tonic::Code::OutOfRange as i32);
    if response.headers().get(GRPC_STATUS) == Some(&out_of_range) {
        let exhausted = HeaderValue::from(tonic::Code::ResourceExhausted as i32);
        response.headers_mut().insert(GRPC_STATUS, exhausted);
    }
    response
}
