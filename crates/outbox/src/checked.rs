//! The events stream as the relay found it on the connection that stands now.

use bus::Bus;
use bus::connection::Connection;
use std::sync::{Mutex, PoisonError};

/// The stream that was looked at, and on which connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Checked {
    generation: u64,
    /// When the stream was created, in microseconds since the Unix epoch.
    pub created: i64,
}

/// What the relay tells those who publish by themselves.
///
/// After every connect the relay looks first whether the stream still holds what was recorded. Only
/// then may others publish: their events would hide that an older copy was put in its place.
#[derive(Default, Debug)]
pub struct EventsStream(Mutex<Option<Checked>>);

impl EventsStream {
    /// The stream, if it was looked at on the connection that stands now.
    pub fn now(&self, bus: &Bus) -> Option<Checked> {
        let checked = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        checked.filter(|checked| checked.holds(bus))
    }

    /// The stream was looked at on `connection`.
    pub(crate) fn set(&self, connection: Connection, created: i64) {
        let checked = connection.up.then_some(Checked {
            generation: connection.generation,
            created,
        });
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = checked;
    }
}

impl Checked {
    /// The connection has not been lost since. An acknowledgement that was given on an earlier one may be
    /// of a stream that is there no more.
    pub fn holds(&self, bus: &Bus) -> bool {
        let now = *bus.watch_connection().borrow();
        now.up && now.generation == self.generation
    }
}
