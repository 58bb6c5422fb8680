//! Identifiers. All are UUIDs that sort by the time their task was made.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }
    };
}

id!(
    /// A task. UUIDv7, made by the coordinator.
    TaskId
);
id!(
    /// A job: a step in one round, a planning, an assessment, a formatting, a publication.
    JobId
);
id!(
    /// One execution of a job, named by the worker that took it.
    RunId
);
id!(
    /// A human decision a task waits for.
    GateId
);

/// Number of a job or gate within its task, from 1. Never used twice, so that a result of an
/// older round or plan version names a job that is no longer there.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Serial(pub u32);

impl TaskId {
    /// The id of job `serial` of this task.
    ///
    /// The task's time and 42 of its random bits, then the serial: UUIDv7-shaped, unique as long as
    /// the task ids are, and the serial can be read back without a table.
    pub fn job(self, serial: Serial) -> JobId {
        JobId(self.derive(serial.0))
    }

    /// The id of gate `serial`. Jobs and gates share one counter.
    pub fn gate(self, serial: Serial) -> GateId {
        GateId(self.derive(serial.0))
    }

    /// The id of event `sequence` of this task.
    pub fn event(self, sequence: u64) -> Uuid {
        // The high bit keeps events apart from jobs and gates; sequences stay far below 2^31.
        self.derive(0x8000_0000 | u32::try_from(sequence).unwrap_or(u32::MAX))
    }

    fn derive(self, tail: u32) -> Uuid {
        let head = self.0.as_u128() & !0xffff_ffff_u128;
        Uuid::from_u128(head | u128::from(tail))
    }
}

impl JobId {
    /// The serial, if this is a job of `task`.
    pub fn serial_in(self, task: TaskId) -> Option<Serial> {
        serial_in(self.0, task)
    }
}

impl GateId {
    /// The serial, if this is a gate of `task`.
    pub fn serial_in(self, task: TaskId) -> Option<Serial> {
        serial_in(self.0, task)
    }
}

fn serial_in(id: Uuid, task: TaskId) -> Option<Serial> {
    let tail = u32::try_from(id.as_u128() & 0xffff_ffff).ok()?;
    (task.derive(tail) == id).then_some(Serial(tail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_derived_id_names_its_serial_only_within_its_task() {
        let task = TaskId(Uuid::from_u128(0x0192_0000_0000_7abc_8def_0123_4567_89ab));
        let other = TaskId(Uuid::from_u128(0x0192_0000_0000_7abc_8def_0124_4567_89ab));
        let job = task.job(Serial(7));
        assert_eq!(job.0.get_version_num(), 7);
        assert_eq!(job.serial_in(task), Some(Serial(7)));
        assert_eq!(job.serial_in(other), None);
    }
}
