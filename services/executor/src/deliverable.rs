//! What goes to a channel.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// One result for one channel.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Deliverable {
    /// Which channel it is for.
    pub channel: String,
    /// One line.
    pub title: String,
    /// What is published.
    pub content: String,
    /// Media type of the content.
    pub content_type: String,
    /// Lower-case hex SHA-256 of the content.
    pub content_hash: String,
}

impl Deliverable {
    /// With the hash of its content.
    pub fn new(channel: &str, title: String, content: String, content_type: &str) -> Self {
        Self {
            channel: channel.to_owned(),
            title,
            content_hash: sha256_hex(&content),
            content,
            content_type: content_type.to_owned(),
        }
    }
}

/// Lower-case hex SHA-256.
pub fn sha256_hex(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().fold(String::with_capacity(64), |mut hex, byte| {
        // Writing to a string cannot fail.
        write!(hex, "{byte:02x}").unwrap_or_default();
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_sha_256_of_the_content() {
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let deliverable = Deliverable::new("blog", "t".to_owned(), "abc".to_owned(), "text/markdown");
        assert_eq!(deliverable.content_hash, expected);
    }
}
