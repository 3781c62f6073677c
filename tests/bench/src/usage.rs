//! What a process has used up, from `/proc`.

use serde::{Deserialize, Serialize};

/// CPU time and memory of one process.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Usage {
    /// CPU time since its start, all threads, user and system, in seconds. As fine as a tick (10 ms).
    pub(crate) cpu_s: f64,
    /// Resident memory now, in MiB.
    pub(crate) resident_mib: f64,
    /// The most it ever had, in MiB.
    pub(crate) peak_mib: f64,
}

impl Usage {
    /// Of a process; zeros if it is gone.
    pub(crate) fn of(pid: u32) -> Self {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // The name of the process, in parentheses, may hold blanks; what follows does not.
        let fields: Vec<&str> =
            stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
        let ticks = |index: usize| fields.get(index).and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let mib = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name)).unwrap_or_default();
            let kib: u64 = line.split_whitespace().nth(1).and_then(|text| text.parse().ok()).unwrap_or(0);
            kib as f64 / 1024.0
        };
        Self {
            cpu_s: (ticks(11) + ticks(12)) as f64 / rustix::param::clock_ticks_per_second() as f64,
            resident_mib: mib("VmRSS:"),
            peak_mib: mib("VmHWM:"),
        }
    }
}
