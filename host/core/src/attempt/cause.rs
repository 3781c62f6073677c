//! What an attempt failed of.

use serde::{Deserialize, Serialize};

use crate::manifest::Kind;

/// Every way in which an attempt can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// The guest rejected its input.
    Rejected,
    /// A validate step found violations.
    Invalid,
    /// An expression of the workflow could not be evaluated on this run's data.
    Expression,
    /// What the step or the run waited for did not come in time.
    TimedOut,
    /// A person declined what the step asks for.
    Declined,
    /// A run that the step has begun failed or was cancelled.
    Child,
    /// The guest asked for a retry.
    RetryAsked,
    /// The guest trapped: a panic, an out-of-bounds access, an unreachable instruction.
    Trap,
    /// The guest's call stack overflowed.
    StackOverflow,
    /// The guest's memories or tables reached their limit.
    MemoryLimit,
    /// The guest used up its CPU time.
    CpuDeadline,
    /// The attempt took too long on the wall clock.
    WallDeadline,
    /// The output is larger than its limit.
    OutputLimit,
    /// The guest's answer breaks the contract, such as an empty media type.
    BadAnswer,
    /// Another run changed what this attempt's storage conditions relied on.
    StorageConflict,
    /// The host could not make the attempt.
    Host,
}

/// The four classes of a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// The guest said no: a dead letter at once.
    Rejected,
    /// The guest asked for another attempt.
    Retryable,
    /// Trap, limit or deadline: counts against the plugin.
    Faulted,
    /// Our fault: costs no attempt.
    Host,
}

impl Class {
    /// The class as it is stored and shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rejected => "rejected",
            Self::Retryable => "retryable",
            Self::Faulted => "faulted",
            Self::Host => "host",
        }
    }
}

impl Cause {
    /// All of them, in the order of their definition.
    pub const ALL: [Self; 16] = [
        Self::Rejected,
        Self::Invalid,
        Self::Expression,
        Self::TimedOut,
        Self::Declined,
        Self::Child,
        Self::RetryAsked,
        Self::Trap,
        Self::StackOverflow,
        Self::MemoryLimit,
        Self::CpuDeadline,
        Self::WallDeadline,
        Self::OutputLimit,
        Self::BadAnswer,
        Self::StorageConflict,
        Self::Host,
    ];

    /// The cause of this [name](Self::name).
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.name() == name)
    }

    /// The class of this cause.
    pub fn class(self) -> Class {
        match self {
            Self::Rejected
            | Self::Invalid
            | Self::Expression
            | Self::TimedOut
            | Self::Declined
            | Self::Child => Class::Rejected,
            Self::RetryAsked => Class::Retryable,
            Self::Trap
            | Self::StackOverflow
            | Self::MemoryLimit
            | Self::CpuDeadline
            | Self::WallDeadline
            | Self::OutputLimit
            | Self::BadAnswer => Class::Faulted,
            Self::StorageConflict | Self::Host => Class::Host,
        }
    }

    /// Whether the same attempt on the same input could end otherwise. A pure step that traps will
    /// trap again; one that ran out of time on a busy machine may not.
    pub fn may_pass_when_pure(self) -> bool {
        match self {
            Self::RetryAsked
            | Self::CpuDeadline
            | Self::WallDeadline
            | Self::StorageConflict
            | Self::Host => true,
            Self::Rejected
            | Self::Invalid
            | Self::Expression
            | Self::TimedOut
            | Self::Declined
            | Self::Child
            | Self::Trap
            | Self::StackOverflow
            | Self::MemoryLimit
            | Self::OutputLimit
            | Self::BadAnswer => false,
        }
    }

    /// Whether the same attempt of a step of this kind could end otherwise. An expression and a validation
    /// see what is committed and nothing else, whatever step they belong to.
    pub fn may_pass(self, kind: Kind) -> bool {
        match self {
            Self::Expression | Self::Invalid | Self::TimedOut | Self::Declined | Self::Child => false,
            Self::Rejected
            | Self::RetryAsked
            | Self::Trap
            | Self::StackOverflow
            | Self::MemoryLimit
            | Self::CpuDeadline
            | Self::WallDeadline
            | Self::OutputLimit
            | Self::BadAnswer
            | Self::StorageConflict
            | Self::Host => !kind.is_pure() || self.may_pass_when_pure(),
        }
    }

    /// The cause as it is stored and shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rejected => "rejected",
            Self::Invalid => "invalid",
            Self::Expression => "expression",
            Self::TimedOut => "timed-out",
            Self::Declined => "declined",
            Self::Child => "child",
            Self::RetryAsked => "retry-asked",
            Self::Trap => "trap",
            Self::StackOverflow => "stack-overflow",
            Self::MemoryLimit => "memory-limit",
            Self::CpuDeadline => "cpu-deadline",
            Self::WallDeadline => "wall-deadline",
            Self::OutputLimit => "output-limit",
            Self::BadAnswer => "bad-answer",
            Self::StorageConflict => "storage-conflict",
            Self::Host => "host",
        }
    }
}
