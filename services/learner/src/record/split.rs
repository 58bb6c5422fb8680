//! Which part of a data set a record belongs to.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A part of a data set: clusters are drawn to it, so the shares of records are near these where clusters are many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// 80 of 100 clusters.
    Train,
    /// 10 of 100 clusters.
    Validation,
    /// 10 of 100 clusters.
    Test,
}

impl Split {
    /// The part of the cluster of that id. The same in every export, for ever: a record never moves from test to
    /// train.
    pub fn of(cluster: &str) -> Self {
        let hash = Sha256::digest(cluster.as_bytes());
        let head = hash
            .iter()
            .take(8)
            .fold(0_u64, |head, byte| head << 8 | u64::from(*byte));
        match head % 100 {
            0..80 => Self::Train,
            80..90 => Self::Validation,
            _ => Self::Test,
        }
    }

    /// As it is stored.
    pub const fn number(self) -> i16 {
        match self {
            Self::Train => 0,
            Self::Validation => 1,
            Self::Test => 2,
        }
    }

    /// As it stands beside the lines of a file.
    pub const fn byte(self) -> u8 {
        match self {
            Self::Train => 0,
            Self::Validation => 1,
            Self::Test => 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_of_their_size_and_never_change() {
        let of = |n: u32| Split::of(&format!("record-{n}"));
        let size = |split: Split| (0..10_000).filter(|n| of(*n) == split).count();
        assert!((7_800..8_200).contains(&size(Split::Train)), "{}", size(Split::Train));
        assert!(
            (850..1_150).contains(&size(Split::Validation)),
            "{}",
            size(Split::Validation)
        );
        // Pinned: another function would mix sets that were exported before.
        let train = |n: &u32| of(*n) == Split::Train;
        assert_eq!((0..30).filter(|n| !train(n)).collect::<Vec<_>>(), [8, 11, 13, 20]);
    }
}
