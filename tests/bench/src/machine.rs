//! On what the figures were measured.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// A Markdown list.
pub(crate) fn describe(data: &Path, quick: bool) -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let cpu = field("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown CPU".into());
    let memory = field("/proc/meminfo", "MemTotal")
        .and_then(|text| text.split_whitespace().next()?.parse::<u64>().ok())
        .map_or_else(|| "?".into(), |kib| format!("{:.1}", kib as f64 / f64::from(1 << 20)));
    let kernel = read("/proc/sys/kernel/osrelease");
    let busy = busy_percent();
    let profile = if cfg!(debug_assertions) { "**debug build: figures mean nothing**" } else { "release" };
    let mut text = format!(
        "## Stepmill benchmarks\n\n- {cores} cores, {cpu}, {memory} GiB, Linux {kernel}\n- {}, {profile}\n\
         - data in {} ({})\n- CPU busy with other things before the start: {busy:.0} %\n",
        rustc(),
        data.display(),
        filesystem(data)
    );
    if busy > 5.0 {
        text += "- **the machine was not idle: only ratios mean something, and little**\n";
    }
    if quick {
        text += "- **quick: one short round, a smoke test and no measurement**\n";
    }
    text
}

/// How busy all cores are, over a second. The load average would still tell of what ended a minute ago.
fn busy_percent() -> f64 {
    let ticks = || {
        let stat = read("/proc/stat");
        let cpu = stat.lines().next().unwrap_or_default();
        let ticks: Vec<u64> = cpu.split_whitespace().skip(1).filter_map(|text| text.parse().ok()).collect();
        // Idle and waiting for the disk, of all.
        (ticks.iter().skip(3).take(2).sum::<u64>(), ticks.iter().sum::<u64>())
    };
    let (idle, all) = ticks();
    std::thread::sleep(Duration::from_secs(1));
    let (idle_then, all_then) = ticks();
    100.0 - 100.0 * (idle_then - idle) as f64 / (all_then - all).max(1) as f64
}

fn rustc() -> String {
    let output = Command::new("rustc").arg("-V").output();
    output.map_or_else(
        |_| "rustc unknown".into(),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    )
}

/// Type and device of the file system that has the longest mount point above `folder`.
fn filesystem(folder: &Path) -> String {
    let mounts = read("/proc/mounts");
    mounts
        .lines()
        .filter_map(|line| {
            let mut words = line.split(' ');
            let (device, point, kind) = (words.next()?, words.next()?, words.next()?);
            folder.starts_with(point).then(|| (point.len(), format!("{kind} on {device}")))
        })
        .max()
        .map_or_else(|| "unknown file system".into(), |(_, text)| text)
}

fn field(file: &str, name: &str) -> Option<String> {
    let text = read(file);
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn read(file: &str) -> String {
    fs::read_to_string(file).unwrap_or_default().trim().to_owned()
}
