//! Clusters: requests much alike go together, and all of a cluster is in one part of the data set.
//!
//! A record's cluster is found once and never changes. A record near to clusters of two parts is set apart: in whichever
//! part it stood, something much like it would stand in another. So records of two parts never have a band in common.

mod minhash;

pub use minhash::{BANDS, bands};

use crate::record::Split;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// Clusters of one part that have a band in common, at most. Records join the oldest, so that more come only from files
/// that name a cluster for every record, and each would be compared with all.
const MOST_TOGETHER: usize = 32;

/// A cluster, ordered by age.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cluster {
    /// Rises within a tenant: the oldest has the least.
    pub no: i64,
    /// Its name.
    pub id: Uuid,
    /// The part it is in.
    pub split: Split,
}

/// Where a record belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its cluster.
    pub cluster: Cluster,
    /// It is like records of another part, too, or of too many clusters: it belongs to none.
    pub apart: bool,
}

/// Clusters by the bands of their records, as far as they were looked up, with those that came since.
#[derive(Debug, Default)]
pub struct Neighbourhood {
    by_band: BTreeMap<i64, BTreeSet<Cluster>>,
    by_id: BTreeMap<Uuid, Cluster>,
    last: i64,
    new_clusters: Vec<Cluster>,
    new_bands: Vec<(i64, Uuid)>,
}

impl Neighbourhood {
    /// The youngest cluster there is has number `last`.
    pub fn new(last: i64) -> Self {
        Self {
            last,
            ..Self::default()
        }
    }

    /// Makes a stored cluster known.
    pub fn know(&mut self, cluster: Cluster) {
        self.by_id.insert(cluster.id, cluster);
    }

    /// Makes known that a record of a stored cluster has this band.
    pub fn know_band(&mut self, band: i64, cluster: Cluster) {
        self.know(cluster);
        self.by_band.entry(band).or_default().insert(cluster);
    }

    /// Finds the place of a record. `named`: the cluster it says it is of; else it joins the oldest one near, or begins
    /// one.
    pub fn place(&mut self, record: Uuid, bands: &[i64; BANDS], named: Option<Uuid>) -> Place {
        let near: BTreeSet<Cluster> = bands
            .iter()
            .filter_map(|band| self.by_band.get(band))
            .flatten()
            .copied()
            .collect();
        let cluster = match named {
            Some(id) => self.known_or_new(id),
            None => match near.first() {
                Some(oldest) => *oldest,
                None => self.known_or_new(begun_by(record)),
            },
        };
        let apart = near.iter().any(|other| other.split != cluster.split) || self.is_crowded(bands, cluster);
        if !apart {
            for band in bands {
                if self.by_band.entry(*band).or_default().insert(cluster) {
                    self.new_bands.push((*band, cluster.id));
                }
            }
        }
        Place { cluster, apart }
    }

    /// One of the bands has all the clusters it may, and this is another one.
    fn is_crowded(&self, bands: &[i64; BANDS], cluster: Cluster) -> bool {
        let mut held = bands.iter().filter_map(|band| self.by_band.get(band));
        held.any(|clusters| clusters.len() >= MOST_TOGETHER && !clusters.contains(&cluster))
    }

    fn known_or_new(&mut self, id: Uuid) -> Cluster {
        if let Some(known) = self.by_id.get(&id) {
            return *known;
        }
        self.last += 1;
        let cluster = Cluster {
            no: self.last,
            id,
            split: Split::of(&id.to_string()),
        };
        self.by_id.insert(id, cluster);
        self.new_clusters.push(cluster);
        cluster
    }

    /// What came since, to be stored: clusters, and bands with the cluster that has them.
    pub fn into_new(self) -> (Vec<Cluster>, Vec<(i64, Uuid)>) {
        (self.new_clusters, self.new_bands)
    }
}

/// The name of the cluster that a record begins: tells nothing of the record.
fn begun_by(record: Uuid) -> Uuid {
    let hash = Sha256::new()
        .chain_update(b"cluster")
        .chain_update(record.as_bytes())
        .finalize();
    let mut id = [0; 16];
    for (to, from) in id.iter_mut().zip(hash) {
        *to = from;
    }
    uuid::Builder::from_custom_bytes(id).into_uuid()
}

#[cfg(test)]
mod tests;
