use serde::{Deserialize, Serialize};
use workflow::rollout::Arm;

/// One of the two sides that are compared.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Exposed, answered by the champion.
    Control,
    /// Exposed, answered by the challenger.
    Challenger,
}

/// Something of each side.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Arms<T> {
    /// The champion's.
    pub control: T,
    /// The challenger's.
    pub challenger: T,
}

impl Side {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Control => "control",
            Self::Challenger => "challenger",
        }
    }

    /// Reads one; none of another text, as of who takes no part.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Control, Self::Challenger]
            .into_iter()
            .find(|side| side.as_str() == text)
    }

    /// None of who takes part in no comparison.
    pub fn of(arm: Arm) -> Option<Self> {
        match arm {
            Arm::ChampionOutside => None,
            Arm::Control => Some(Self::Control),
            Arm::Challenger => Some(Self::Challenger),
        }
    }
}

impl<T> Arms<T> {
    /// Of one side.
    pub fn get_mut(&mut self, side: Side) -> &mut T {
        match side {
            Side::Control => &mut self.control,
            Side::Challenger => &mut self.challenger,
        }
    }

    /// The same of both.
    pub fn map<U>(&self, of: impl Fn(&T) -> U) -> Arms<U> {
        Arms {
            control: of(&self.control),
            challenger: of(&self.challenger),
        }
    }

    /// The smaller one.
    pub fn least(&self) -> T
    where
        T: Ord + Copy,
    {
        self.control.min(self.challenger)
    }
}
