//! A case that can be run: everything in it is checked.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use stepmill_core::attempt::Cause;
use stepmill_core::invoke::Attempt;
use stepmill_sandbox::egress::{Error, Response};
use url::Url;

use super::content::{Content, Held};
use super::definition::{Trouble, ViolationDefinition};
use super::headers::Headers;
use crate::author::shelf;
use crate::author::step::{Step, Try};

/// The system's URL unless a case says another: a name that can never resolve (RFC 6761).
pub(super) const BASE: &str = "http://system.test";

/// A case.
pub(crate) struct Case {
    /// The file's name without its ending.
    pub(crate) name: String,
    /// What it is about, in a sentence.
    pub(crate) summary: Option<String>,
    /// The cassette that `http` names, as a path that can be opened.
    pub(crate) cassette: Option<PathBuf>,
    pub(crate) scene: Scene,
    /// The whole content afterwards, if it is compared.
    pub(crate) after: Option<BTreeMap<String, Held>>,
    pub(crate) faults: Vec<Fault>,
    pub(crate) expect: Expectation,
    /// Code and message, if the plugin refuses the config.
    pub(crate) refusal: Option<(String, String)>,
    /// What the author should know, a sentence each.
    pub(crate) warnings: Vec<String>,
}

/// An attempt, and what surrounds it.
pub(crate) struct Scene {
    pub(crate) step: Step,
    pub(crate) of: Try,
    /// Base URL of the system.
    pub(crate) base: Url,
    pub(crate) exchanges: Vec<Expected>,
    /// What is in plugin storage.
    pub(crate) before: shelf::Content,
}

impl Scene {
    /// An attempt with nothing around it.
    pub(crate) fn alone(step: Step, of: Try) -> Result<Self, url::ParseError> {
        let (exchanges, before) = (Vec::new(), shelf::Content::new());
        Ok(Self { step, of, base: Url::parse(BASE)?, exchanges, before })
    }

    /// The attempt itself.
    pub(crate) fn attempt(&self) -> Attempt {
        self.step.attempt(&self.of)
    }
}

/// A request that is expected, and what is answered.
#[derive(Clone, Debug)]
pub(crate) struct Expected {
    pub(crate) method: Option<String>,
    pub(crate) target: Option<Target>,
    pub(crate) headers: Headers,
    pub(crate) body: Option<Content>,
    pub(crate) answer: Answer,
}

/// Where a request is expected to go.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// As the case writes it.
    pub(crate) shown: String,
    pub(crate) url: Url,
}

impl Expected {
    /// It in one line.
    pub(crate) fn told(&self) -> String {
        let target = self.target.as_ref().map_or("any URL", |target| &target.shown);
        format!("{} {target}", self.method.as_deref().unwrap_or("any method"))
    }
}

/// What is answered to a request.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Response(Response),
    Trouble(Trouble),
}

impl Answer {
    pub(crate) fn to_result(&self) -> Result<Response, Error> {
        match self {
            Self::Response(response) => Ok(response.clone()),
            Self::Trouble(trouble) => Err(trouble.to_error()),
        }
    }
}

impl Trouble {
    fn to_error(self) -> Error {
        let by = "as the case says".to_owned();
        match self {
            Self::Timeout => Error::Timeout(by),
            Self::Connect => Error::Connect(by),
            Self::Interrupted | Self::Reset => Error::Interrupted(by),
            Self::Dns => Error::Dns(by),
            Self::Denied => Error::Denied(by),
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Connect => "connect",
            Self::Interrupted => "interrupted",
            Self::Reset => "reset",
            Self::Dns => "dns",
            Self::Denied => "denied",
        }
    }
}

/// Something that goes wrong, and what is expected then.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    /// It in a few words.
    pub(crate) label: String,
    pub(crate) what: Wrong,
    pub(crate) expect: Expectation,
}

/// What goes wrong.
#[derive(Clone, Debug)]
pub(crate) enum Wrong {
    /// An exchange, by its index.
    Exchange { at: usize, how: Broken },
    /// The host, after the attempt and before its commit.
    CrashBeforeCommit,
}

/// How an exchange goes wrong.
#[derive(Clone, Debug)]
pub(crate) enum Broken {
    /// This is answered once in place of its own answer.
    Answer(Answer),
    /// Its own answer takes this long.
    Slow(Duration),
}

/// What is expected of an attempt.
#[derive(Clone, Debug)]
pub(crate) struct Expectation {
    pub(crate) end: End,
    /// Parts of lines.
    pub(crate) logs: Vec<String>,
}

/// How an attempt is expected to end.
#[derive(Clone, Debug)]
pub(crate) enum End {
    /// With this output.
    Output { content: Content, media_type: Option<String> },
    /// With these violations; with success if there are none.
    Violations(Vec<ViolationDefinition>),
    /// With a rejection.
    Reject { code: String, message: Option<String> },
    /// By asking for a retry.
    Retry { after: Option<Duration>, message: Option<String> },
    /// With a fault.
    Fault(Cause),
}
