//! The guarded HTTP client: every call of the product to the outside goes through it.
//!
//! A call is made only to a scheme, host and port the operator wrote down; the address a name
//! resolves to is judged inside the resolver, so that what was checked is what is connected; each
//! redirect is judged again; time and bytes are bounded, those of compressed answers after they are
//! expanded; proxies of the environment and cookies are off. Whatever cannot be judged is refused.

mod address;
mod allow_list;
mod body;
mod client;
#[cfg(test)]
mod client_tests;
mod error;
mod message;
#[cfg(test)]
mod name_tests;
mod redirect;
mod resolver;
mod streaming;
mod upload;

pub use allow_list::{AllowList, InvalidEntry, Unlisted};
pub use client::{BuildError, Client, Limits};
pub use error::{Failure, OutboundError, RequestSent};
pub use message::{Redirects, Request, Response};
pub use resolver::Names;
pub use streaming::{Pace, Streaming};

pub use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
pub use url::{Origin, Url};
