//! Looking again what there is to serve, when the coordinator asks for it.
//!
//! Whoever finds tools outside takes part: it waits for the next discovery, looks, and says that it has. The
//! announcement that answers the discovery waits for all of them, for a while.

use std::collections::BTreeMap;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::timeout;

/// A source that is slower is announced by itself later.
const PATIENCE: Duration = Duration::from_secs(4);

/// The discoveries of this executor. Cheap to clone; clones see the same.
#[derive(Clone, Default)]
pub struct Discovery {
    asked: watch::Sender<u64>,
    hinted: watch::Sender<()>,
    /// The last discovery each source has looked for.
    done: watch::Sender<BTreeMap<String, u64>>,
}

/// One that takes part.
pub struct Source {
    name: String,
    asked: watch::Receiver<u64>,
    /// The last one it was told of.
    heard: u64,
    discovery: Discovery,
}

impl Discovery {
    /// Has every source look again. `generation`: the coordinator's number of it.
    pub fn ask(&self, generation: u64) {
        self.asked
            .send_if_modified(|asked| std::mem::replace(asked, generation.max(*asked)) < generation);
    }

    /// There may be something else by now, which others have seen already. Sources look when they come to it.
    pub fn hint(&self) {
        self.hinted.send_replace(());
    }

    /// Takes part under `name`, from the next discovery on.
    pub fn join(&self, name: &str) -> Source {
        let asked = self.asked.subscribe();
        let heard = *asked.borrow();
        let source = Source {
            name: name.to_owned(),
            asked,
            heard,
            discovery: self.clone(),
        };
        source.looked();
        source
    }

    /// Waits until every source has looked for `generation`, 4 s at most.
    pub async fn settled(&self, generation: u64) {
        let mut done = self.done.subscribe();
        let all = done.wait_for(|done| done.values().all(|looked| *looked >= generation));
        if timeout(PATIENCE, all).await.is_err() {
            tracing::info!(
                generation,
                "a source of tools takes its time; what it finds is announced later"
            );
        }
    }
}

impl Source {
    /// Waits for the next discovery; its number goes into [`Source::done`].
    pub async fn asked(&mut self) -> u64 {
        // The sender lives as long as this source.
        drop(self.asked.changed().await);
        self.heard = *self.asked.borrow_and_update();
        self.heard
    }

    /// Changes with every hint.
    pub fn hints(&self) -> watch::Receiver<()> {
        self.discovery.hinted.subscribe()
    }

    /// Has looked for all discoveries it has heard of.
    pub fn looked(&self) {
        self.done(self.heard);
    }

    /// Has looked.
    pub fn done(&self, generation: u64) {
        self.discovery.done.send_modify(|done| {
            done.insert(self.name.clone(), generation);
        });
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        self.discovery.done.send_modify(|done| {
            done.remove(&self.name);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::Discovery;
    use tokio::time::Instant;

    #[tokio::test(start_paused = true)]
    async fn a_discovery_waits_for_every_source_and_not_for_ever() {
        let discovery = Discovery::default();
        let (mut quick, slow) = (discovery.join("quick"), discovery.join("slow"));
        let began = Instant::now();
        discovery.settled(0).await;
        assert_eq!(began.elapsed().as_secs(), 0, "nobody asked yet");
        discovery.ask(3);
        discovery.ask(2);
        assert_eq!(quick.asked().await, 3, "the last one counts");
        quick.done(3);
        discovery.settled(3).await;
        assert_eq!(
            began.elapsed().as_secs(),
            4,
            "the slow one is not waited for any longer"
        );
        slow.done(3);
        discovery.settled(3).await;
        assert_eq!(began.elapsed().as_secs(), 4);
        drop(slow);
        discovery.ask(4);
        quick.done(4);
        discovery.settled(4).await;
        assert_eq!(began.elapsed().as_secs(), 4, "one that is gone is not waited for");
    }
}
