//! Where calls may go.

use crate::address::{Reach, reach};
use crate::error::Failure;
use std::net::IpAddr;
use url::{Host, Url};

/// Names that mean this machine or its network, whatever a resolver says.
const INTERNAL_SUFFIXES: [&str; 6] = ["localhost", "local", "internal", "cluster.local", "home.arpa", "svc"];

/// Schemes, hosts and ports the operator wrote down.
///
/// A listed host may be on this machine or a private network: writing it down is the permission. A
/// listed name still never leads to link-local, multicast or reserved addresses.
#[derive(Clone, Debug, Default)]
pub struct AllowList {
    entries: Vec<Entry>,
    unlisted: Unlisted,
}

/// What holds for hosts nobody listed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Unlisted {
    /// Refused.
    #[default]
    Refused,
    /// Allowed over https and at public addresses only: for URLs that callers register.
    PublicHttps,
}

#[derive(Clone, Debug)]
struct Entry {
    /// None: http and https.
    scheme: Option<String>,
    host: Host<String>,
    /// None: the scheme's own port.
    port: Option<u16>,
}

/// An entry that is no origin.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{entry}` is not a host, host:port or http(s) URL: {reason}")]
pub struct InvalidEntry {
    /// As written.
    pub entry: String,
    /// What is wrong with it.
    pub reason: String,
}

impl AllowList {
    /// A list that allows nothing yet.
    pub fn new(unlisted: Unlisted) -> Self {
        Self {
            entries: Vec::new(),
            unlisted,
        }
    }

    /// Adds `host`, `host:port` (both schemes, default ports unless given) or the origin of a URL.
    ///
    /// # Errors
    /// When the entry is none of these.
    pub fn allow(&mut self, entry: &str) -> Result<(), InvalidEntry> {
        let parsed = parse(entry).map_err(|reason| InvalidEntry {
            entry: entry.to_owned(),
            reason,
        })?;
        self.entries.push(parsed);
        Ok(())
    }

    /// Judges a URL before anything is resolved or connected.
    ///
    /// # Errors
    /// `AddressBlocked` for internal names and addresses nobody listed, else `HostNotAllowed`.
    pub fn check(&self, url: &Url) -> Result<(), Failure> {
        let refused = || Failure::HostNotAllowed {
            host: authority_of(url),
        };
        let host = url.host().map(canonical).ok_or_else(refused)?;
        let known_scheme = matches!(url.scheme(), "http" | "https");
        if !known_scheme || !url.username().is_empty() || url.password().is_some() {
            return Err(refused());
        }
        if self.entries.iter().any(|entry| entry.covers(url, &host)) {
            return Ok(());
        }
        if is_internal(&host) {
            return Err(Failure::AddressBlocked {
                host: authority_of(url),
            });
        }
        // A name listed with a port is not open at others: the resolver knows names only.
        let open = self.unlisted == Unlisted::PublicHttps && url.scheme() == "https" && !self.lists(&host);
        if open { Ok(()) } else { Err(refused()) }
    }

    /// Judges an address that `name` resolved to.
    pub(crate) fn permits_address(&self, name: &str, address: IpAddr) -> bool {
        match reach(address) {
            Reach::Public => true,
            Reach::Internal => self.lists(&canonical(Host::Domain(name))),
            Reach::Special => false,
        }
    }

    fn lists(&self, host: &Host<String>) -> bool {
        self.entries.iter().any(|entry| entry.host == *host)
    }
}

impl Entry {
    fn covers(&self, url: &Url, host: &Host<String>) -> bool {
        let default_port = if url.scheme() == "https" { 443 } else { 80 };
        self.host == *host
            && self.scheme.as_deref().is_none_or(|scheme| scheme == url.scheme())
            && url.port_or_known_default() == Some(self.port.unwrap_or(default_port))
    }
}

fn parse(entry: &str) -> Result<Entry, String> {
    let has_scheme = entry.contains("://");
    let text = if has_scheme {
        entry.to_owned()
    } else {
        format!("http://{entry}")
    };
    let url = Url::parse(&text).map_err(|e| e.to_string())?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("the scheme is neither http nor https".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("credentials do not belong into a URL".to_owned());
    }
    if !has_scheme && (url.path() != "/" || url.query().is_some()) {
        return Err("only a full URL may have a path".to_owned());
    }
    // `url` drops a port that is the scheme's default; without a scheme `host:80` means port 80.
    let written_default = !has_scheme && entry.ends_with(":80");
    Ok(Entry {
        scheme: has_scheme.then(|| url.scheme().to_owned()),
        host: url.host().map(canonical).ok_or_else(|| "there is no host".to_owned())?,
        port: if written_default { Some(80) } else { url.port() },
    })
}

/// Case is folded by `url` already; the root's dot is dropped here, so that `localhost.` is `localhost`.
fn canonical<S: AsRef<str>>(host: Host<S>) -> Host<String> {
    match host {
        Host::Domain(name) => Host::Domain(name.as_ref().trim_end_matches('.').to_ascii_lowercase()),
        Host::Ipv4(v4) => Host::Ipv4(v4),
        Host::Ipv6(v6) => Host::Ipv6(v6),
    }
}

fn is_internal(host: &Host<String>) -> bool {
    match host {
        Host::Ipv4(v4) => reach(IpAddr::V4(*v4)) != Reach::Public,
        Host::Ipv6(v6) => reach(IpAddr::V6(*v6)) != Reach::Public,
        Host::Domain(name) => {
            // A single label is a search-domain name: something of this network.
            !name.contains('.')
                || INTERNAL_SUFFIXES
                    .iter()
                    .any(|suffix| name.strip_suffix(suffix).is_some_and(|rest| rest.ends_with('.')))
        }
    }
}

/// Host and port for messages, without credentials or path.
fn authority_of(url: &Url) -> String {
    match (url.host_str(), url.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (Some(host), None) => host.to_owned(),
        (None, _) => url.scheme().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(entries: &[&str], unlisted: Unlisted) -> AllowList {
        let mut list = AllowList::new(unlisted);
        entries.iter().for_each(|entry| list.allow(entry).unwrap());
        list
    }

    fn code(list: &AllowList, url: &str) -> &'static str {
        list.check(&Url::parse(url).unwrap())
            .err()
            .map_or("ok", |failure| failure.code())
    }

    #[test]
    fn internal_hosts_nobody_listed_are_blocked_in_every_spelling() {
        for unlisted in [Unlisted::Refused, Unlisted::PublicHttps] {
            let list = list(&["api.example.com"], unlisted);
            for host in [
                "127.0.0.1",
                "0",
                "2130706433",
                "0x7f.1",
                "0177.0.0.1",
                "[::1]",
                "[::ffff:10.0.0.1]",
                "169.254.169.254",
                "[fd00::1]",
                "100.64.0.1",
                "localhost.",
                "LOCALHOST",
                "a.localhost",
                "db.prod.svc.cluster.local",
                "metadata.google.internal",
                "intranet",
            ] {
                assert_eq!(code(&list, &format!("https://{host}/x")), "address_blocked", "{host}");
            }
        }
    }

    #[test]
    fn a_listed_origin_is_allowed_with_its_scheme_and_port_only() {
        let list = list(
            &[
                "http://127.0.0.1:8080/base",
                "api.example.com",
                "shop.example:8443",
                "old.example:80",
            ],
            Unlisted::Refused,
        );
        for (url, expected) in [
            ("http://127.0.0.1:8080/x", "ok"),
            ("http://2130706433:8080/x", "ok"),
            ("http://127.0.0.1:8081/", "address_blocked"),
            ("https://127.0.0.1:8080/", "address_blocked"),
            ("https://api.example.com/", "ok"),
            ("http://API.example.com./", "ok"),
            ("https://api.example.com:8443/", "host_not_allowed"),
            ("https://shop.example:8443/", "ok"),
            ("https://shop.example/", "host_not_allowed"),
            ("http://old.example/", "ok"),
            ("https://old.example/", "host_not_allowed"),
            ("https://other.example/", "host_not_allowed"),
            ("https://user:pass@api.example.com/", "host_not_allowed"),
            ("ftp://api.example.com/", "host_not_allowed"),
            ("file:///etc/passwd", "host_not_allowed"),
        ] {
            assert_eq!(code(&list, url), expected, "{url}");
        }
    }

    #[test]
    fn an_open_list_takes_public_hosts_over_https_only() {
        let list = list(&["api.example.com:8443"], Unlisted::PublicHttps);
        assert_eq!(code(&list, "https://hooks.example.org/x"), "ok");
        assert_eq!(code(&list, "http://hooks.example.org/x"), "host_not_allowed");
        assert_eq!(code(&list, "https://api.example.com/"), "host_not_allowed");
    }

    #[test]
    fn a_resolved_address_is_judged_by_whether_its_name_is_listed() {
        let list = list(&["inside.example"], Unlisted::PublicHttps);
        let permits = |name: &str, address: &str| list.permits_address(name, address.parse().unwrap());
        assert!(permits("inside.example", "10.0.0.7"));
        assert!(permits("INSIDE.example.", "127.0.0.1"));
        assert!(!permits("inside.example", "169.254.169.254"));
        assert!(!permits("outside.example", "10.0.0.7"));
        assert!(permits("outside.example", "8.8.8.8"));
    }

    #[test]
    fn an_entry_that_is_no_origin_is_refused() {
        let mut list = AllowList::default();
        for bad in [
            "",
            "a b",
            "ftp://x.example",
            "host/path",
            "http://u:p@x.example",
            "x:99999",
        ] {
            assert!(list.allow(bad).is_err(), "{bad}");
        }
    }
}
