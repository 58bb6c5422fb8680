//! Where a redirect leads.

use crate::error::Failure;
use http::{HeaderMap, StatusCode, header};
use url::Url;

/// Most redirects of one call.
pub(crate) const MAX_HOPS: usize = 5;

/// The next URL; none when this is no redirect. The caller judges it like any other.
pub(crate) fn target(from: &Url, status: StatusCode, headers: &HeaderMap) -> Result<Option<Url>, Failure> {
    let is_redirect = matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308);
    let Some(location) = headers.get(header::LOCATION).filter(|_| is_redirect) else {
        return Ok(None);
    };
    let next = location.to_str().ok().and_then(|text| from.join(text).ok());
    let next = next.ok_or_else(|| Failure::Protocol {
        detail: "a redirect leads to no URL".to_owned(),
    })?;
    if from.scheme() == "https" && next.scheme() != "https" {
        return Err(Failure::Protocol {
            detail: "a redirect leads from https to an insecure scheme".to_owned(),
        });
    }
    Ok(Some(next))
}

/// Headers for the next hop: another origin gets none of them, for any may hold a secret.
pub(crate) fn headers_for(from: &Url, to: &Url, headers: HeaderMap) -> HeaderMap {
    if from.origin() == to.origin() {
        headers
    } else {
        headers
            .into_iter()
            .filter_map(|(name, value)| Some((name?, value)))
            .filter(|(name, _)| name == header::ACCEPT || name == header::USER_AGENT)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(from: &str, location: &str) -> Result<Option<Url>, Failure> {
        let headers = HeaderMap::from_iter([(header::LOCATION, location.parse().unwrap())]);
        target(&Url::parse(from).unwrap(), StatusCode::FOUND, &headers)
    }

    #[test]
    fn a_redirect_never_leaves_https() {
        assert!(next("https://a.example/", "http://a.example/").is_err());
        assert_eq!(
            next("http://a.example/x/y", "../z").unwrap().unwrap().as_str(),
            "http://a.example/z"
        );
    }

    #[test]
    fn another_origin_gets_no_secret_header() {
        let from = Url::parse("https://a.example/").unwrap();
        let to = Url::parse("https://b.example/").unwrap();
        let mut headers = HeaderMap::new();
        headers.insert("x-api-key", "s".parse().unwrap());
        headers.insert(header::ACCEPT, "text/html".parse().unwrap());
        assert_eq!(headers_for(&from, &from, headers.clone()).len(), 2);
        assert_eq!(headers_for(&from, &to, headers).len(), 1);
    }
}
