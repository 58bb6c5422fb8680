//! What can go wrong, a closed list.

/// What went wrong. Each is told by what a record says, and by no model's opinion of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Code {
    /// An acceptance check of the plan did not hold (MAST FM-1.1, disobey task specification).
    AcceptanceCheckFailed,
    /// The judge blamed the step for a dimension that was not good enough.
    QualityBelowThreshold,
    /// A run of the step ended with an error.
    StepFailed,
    /// A person refused the call, or wanted another one, before it was made.
    CallRefused,
    /// A person wanted the result to be different.
    ResultRevised,
    /// A person did not want the result.
    ResultRejected,
}

impl Code {
    /// As documents say it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AcceptanceCheckFailed => "acceptance_check_failed",
            Self::QualityBelowThreshold => "quality_below_threshold",
            Self::StepFailed => "step_failed",
            Self::CallRefused => "call_refused",
            Self::ResultRevised => "result_revised",
            Self::ResultRejected => "result_rejected",
        }
    }
}
