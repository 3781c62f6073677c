//! What kind of trouble it is.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::attempt::{Cause, Failure, Record};
use crate::manifest::Kind;

/// What kind of trouble killed a run. The first row that fits decides; *status* is that of the last
/// exchange.
///
/// | cause | and | category |
/// |---|---|---|
/// | `trap`, `stack-overflow`, `bad-answer` | | plugin-fault |
/// | `memory-limit`, `cpu-deadline`, `output-limit` | | limit |
/// | `wall-deadline` | a connector whose last exchange has no answer: the system was too slow | transient |
/// | | otherwise | limit |
/// | `expression` | | config |
/// | `invalid`, `declined`, `child` | | data |
/// | `timed-out` | what was waited for may come yet | transient |
/// | `host`, `storage-conflict` | | transient |
/// | `retry-asked` | status 401, 403, 407 | auth |
/// | | otherwise: the plugin held that it would pass | transient |
/// | `rejected` | status 401, 403, 407 | auth |
/// | | status 404, 405, 410 of a system, whose paths are the workflow's | config |
/// | | status 3xx, 501, 505: the address is wrong, or the method | config |
/// | | status 408, 425, 429, other 5xx | transient |
/// | | any other status: a request or an answer that would not do | data |
/// | | no status, a code of the SDK's: `config`, `http-denied`, `http-invalid-request` | config |
/// | | no status, `http-request-too-large`, `http-response-too-large`, `http-too-many-requests` | limit |
/// | | no status, any other code | data |
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Category {
    /// The workflow, a plugin's config or a system's address is wrong.
    Config,
    /// The payload, or what was made of it, would not do.
    Data,
    /// A system did not accept the credentials, or they may not do this.
    Auth,
    /// Something was down or busy for longer than was waited.
    Transient,
    /// The attempt needed more than its limits.
    Limit,
    /// The plugin is broken.
    PluginFault,
}

/// Codes that the SDKs reject with where there is no answer of a system, and what they mean.
const SDK_CODES: [(&str, Category); 6] = [
    ("config", Category::Config),
    ("http-denied", Category::Config),
    ("http-invalid-request", Category::Config),
    ("http-request-too-large", Category::Limit),
    ("http-response-too-large", Category::Limit),
    ("http-too-many-requests", Category::Limit),
];

impl Category {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Config, Self::Data, Self::Auth, Self::Transient, Self::Limit, Self::PluginFault];

    /// What kind of trouble the attempt of a step of this `kind` had; see the table. A record without a
    /// failure, which no dead letter has, can only be a plugin's that broke the contract.
    pub fn of(kind: Kind, record: &Record) -> Self {
        let Some(failure) = &record.failure else { return Self::PluginFault };
        match failure.cause {
            Cause::Trap | Cause::StackOverflow | Cause::BadAnswer => Self::PluginFault,
            Cause::MemoryLimit | Cause::CpuDeadline | Cause::OutputLimit => Self::Limit,
            Cause::WallDeadline if !kind.is_pure() && is_unanswered(record) => Self::Transient,
            Cause::WallDeadline => Self::Limit,
            Cause::Expression => Self::Config,
            Cause::Invalid | Cause::Declined | Cause::Child => Self::Data,
            Cause::TimedOut => Self::Transient,
            Cause::Host | Cause::StorageConflict => Self::Transient,
            Cause::RetryAsked => match record.last_status() {
                Some(401 | 403 | 407) => Self::Auth,
                Some(_) | None => Self::Transient,
            },
            Cause::Rejected => match record.last_status() {
                Some(status) => Self::of_rejection(status, record.last_system().is_some()),
                None => Self::of_code(failure),
            },
        }
    }

    fn of_rejection(status: u16, is_system: bool) -> Self {
        match status {
            401 | 403 | 407 => Self::Auth,
            404 | 405 | 410 if is_system => Self::Config,
            300..=399 | 501 | 505 => Self::Config,
            408 | 425 | 429 | 500 | 502..=504 | 506..=599 => Self::Transient,
            0..=299 | 400..=499 | 600..=u16::MAX => Self::Data,
        }
    }

    fn of_code(failure: &Failure) -> Self {
        let known = SDK_CODES.iter().find(|(code, _)| failure.code == *code);
        known.map_or(Self::Data, |(_, category)| *category)
    }

    /// The category as it is stored and shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Data => "data",
            Self::Auth => "auth",
            Self::Transient => "transient",
            Self::Limit => "limit",
            Self::PluginFault => "plugin-fault",
        }
    }

    /// What a person should do about it, in a sentence.
    pub fn advice(self) -> &'static str {
        match self {
            Self::Config => {
                "correct the workflow, the step's `with` or the system's URL, deploy it, then redrive"
            }
            Self::Data => "correct the payload in a redrive, or have its sender correct it and send it again",
            Self::Auth => {
                "renew the system's credentials, or have the system allow them what the step does, then redrive"
            }
            Self::Transient => {
                "redrive when what the step needs is well again; if this comes back, raise `attempts`, `max` \
                 or `elapsed` of the step's `retry`"
            }
            Self::Limit => {
                "raise the step's `limits` or `timeout` that the failure names, or give the step less to do, \
                 then redrive"
            }
            Self::PluginFault => {
                "send the failure and its logs to the plugin's author, install a corrected or an earlier \
                 version, then redrive"
            }
        }
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Whether the attempt waited for an answer last.
fn is_unanswered(record: &Record) -> bool {
    record.exchanges.last().is_some_and(|exchange| exchange.result.is_err())
}

#[cfg(test)]
mod tests {
    use super::Category::{self, Auth, Config, Data, Limit, PluginFault, Transient};
    use crate::attempt::tests::{exchange, record};
    use crate::attempt::{Cause, Failure, Record};
    use crate::manifest::Kind;

    fn of(cause: Cause, status: Option<u16>) -> Category {
        let record = record(Failure::new(cause, "x"), vec![exchange(Some("erp"), status)]);
        Category::of(Kind::Connector, &record)
    }

    #[test]
    fn every_cause_has_its_category_whatever_a_system_said_unless_the_plugin_went_by_it() {
        let table = [
            (Cause::TimedOut, Transient),
            (Cause::Declined, Data),
            (Cause::Child, Data),
            (Cause::Trap, PluginFault),
            (Cause::StackOverflow, PluginFault),
            (Cause::BadAnswer, PluginFault),
            (Cause::MemoryLimit, Limit),
            (Cause::CpuDeadline, Limit),
            (Cause::WallDeadline, Limit),
            (Cause::OutputLimit, Limit),
            (Cause::Expression, Config),
            (Cause::Invalid, Data),
            (Cause::Host, Transient),
            (Cause::StorageConflict, Transient),
        ];
        for (cause, category) in table {
            for status in [200, 401, 404, 422, 503] {
                assert_eq!(of(cause, Some(status)), category, "{cause:?} {status}");
            }
        }
        let decided = table.map(|(cause, _)| cause);
        let others: Vec<_> = Cause::ALL.into_iter().filter(|cause| !decided.contains(cause)).collect();
        assert_eq!(others, [Cause::Rejected, Cause::RetryAsked]);
    }

    #[test]
    fn a_rejection_is_told_apart_by_what_the_system_answered_last() {
        let table: [(&[u16], Category); 5] = [
            (&[401, 403, 407], Auth),
            (&[404, 405, 410, 301, 302, 304, 308, 501, 505], Config),
            (&[408, 425, 429, 500, 502, 503, 504, 507, 529, 599], Transient),
            (&[400, 402, 406, 409, 412, 413, 415, 422, 451, 499], Data),
            (&[100, 200, 204, 299, 0, 600, 999], Data),
        ];
        for (statuses, category) in table {
            for status in statuses {
                assert_eq!(of(Cause::Rejected, Some(*status)), category, "{status}");
            }
        }
    }

    #[test]
    fn what_is_not_there_is_a_matter_of_config_at_a_system_and_of_data_elsewhere() {
        let rejected = |system| {
            let record = record(Failure::new(Cause::Rejected, "x"), vec![exchange(system, Some(404))]);
            Category::of(Kind::Connector, &record)
        };
        assert_eq!((rejected(Some("erp")), rejected(None)), (Config, Data));
    }

    #[test]
    fn used_up_retries_are_transient_unless_the_credentials_were_refused() {
        for status in [None, Some(200), Some(404), Some(409), Some(503)] {
            assert_eq!(of(Cause::RetryAsked, status), Transient, "{status:?}");
        }
        assert_eq!(of(Cause::RetryAsked, Some(401)), Auth);
    }

    #[test]
    fn an_attempt_whose_time_ran_out_on_a_slow_system_is_transient() {
        let of =
            |kind, exchanges| Category::of(kind, &record(Failure::new(Cause::WallDeadline, "x"), exchanges));
        assert_eq!(of(Kind::Connector, vec![exchange(Some("erp"), None)]), Transient);
        assert_eq!(of(Kind::Connector, vec![exchange(None, None), exchange(None, Some(200))]), Limit);
        assert_eq!(of(Kind::Connector, vec![]), Limit);
        assert_eq!(of(Kind::Transform, vec![exchange(Some("erp"), None)]), Limit);
    }

    #[test]
    fn without_an_answer_the_codes_of_the_sdk_tell_and_others_mean_data() {
        let of = |code: &str, status| {
            let failure = Failure { code: code.into(), ..Failure::new(Cause::Rejected, "x") };
            Category::of(Kind::Connector, &record(failure, vec![exchange(Some("erp"), status)]))
        };
        assert_eq!((of("config", None), of("http-denied", None)), (Config, Config));
        assert_eq!((of("http-response-too-large", None), of("out-of-stock", None)), (Limit, Data));
        assert_eq!((of("http-denied", Some(422)), of("out-of-stock", Some(200))), (Data, Data));
    }

    #[test]
    fn a_category_is_stored_by_its_name_and_says_what_to_do() {
        for category in Category::ALL {
            assert_eq!(serde_json::to_value(category).unwrap(), category.name());
            assert!(category.advice().contains("redrive") && !category.advice().ends_with('.'));
        }
        let none = Record { failure: None, ..record(Failure::new(Cause::Trap, "x"), vec![]) };
        assert_eq!(Category::of(Kind::Connector, &none), PluginFault);
    }
}
