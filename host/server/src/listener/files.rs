//! How many files the process may have open: a connection is one of them.

/// Lets the process open as many as it may, which is more than it is given at first.
#[cfg(unix)]
pub fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum
        && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })
    {
        tracing::warn!(%error, "failed to raise the limit of open files");
    }
}

/// How many it may open now; nothing if there is no bound.
#[cfg(unix)]
pub(super) fn limit() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::Nofile).current
}

/// There is no such limit here.
#[cfg(not(unix))]
pub fn raise_file_limit() {}

#[cfg(not(unix))]
pub(super) fn limit() -> Option<u64> {
    None
}
