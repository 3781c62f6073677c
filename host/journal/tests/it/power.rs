//! A simulated power cut: the journal is on a file system in an image; the writer is stopped at some
//! moment and the image is copied, which has what had reached the block device and nothing that was
//! only in the page cache.
//!
//! Needs root and loop devices; is skipped, with a line that says so, where it cannot have them.

use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::{Pid, Signal, kill_process};
use stepmill_journal::Sync;
use tempfile::TempDir;

use crate::writer::{Writer, Writes};

const CUTS: usize = 6;
/// Without fdatasync most cuts lose something (6 of 8 where it was first measured).
const UNSYNCED_CUTS: usize = 12;
const IMAGE_BYTES: u64 = 192 << 20;
/// The process's id follows, for [`sweep`].
const PREFIX: &str = "stepmill-power-";

/// A mounted image; unmounted when it is dropped.
struct Mount(PathBuf);

impl Mount {
    fn new(image: &Path, point: PathBuf) -> Result<Self, String> {
        std::fs::create_dir_all(&point).map_err(|error| error.to_string())?;
        run(Command::new("mount").args(["-o", "loop"]).arg(image).arg(&point))?;
        Ok(Self(point))
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // Lazily if it is still in use: detaching the loop device follows.
        if run(Command::new("umount").arg(&self.0)).is_err() {
            let _ = run(Command::new("umount").arg("-l").arg(&self.0));
        }
    }
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() { Ok(()) } else { Err(format!("{command:?}: {}", said.trim())) }
}

/// Unmounts what a test process left that was killed itself.
fn sweep() {
    let mounts = std::fs::read_to_string("/proc/mounts").unwrap_or_default();
    for point in mounts.lines().filter_map(|line| line.split(' ').nth(1)) {
        let owner = point.split_once(PREFIX).and_then(|(_, rest)| rest.split('-').next());
        if owner.is_some_and(|owner| !Path::new("/proc").join(owner).exists()) {
            let _ = run(Command::new("umount").arg("-l").arg(point));
        }
    }
}

fn image(folder: &TempDir) -> Result<Mount, String> {
    let image = folder.path().join("image");
    let file = std::fs::File::create(&image).map_err(|error| error.to_string())?;
    file.set_len(IMAGE_BYTES).map_err(|error| error.to_string())?;
    run(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(&image))?;
    Mount::new(&image, folder.path().join("mount"))
}

/// Stops all threads of a process, and waits until they stand.
fn stop(id: u32) {
    kill_process(Pid::from_raw(i32::try_from(id).unwrap()).unwrap(), Signal::STOP).unwrap();
    let is_stopped = || {
        std::fs::read_dir(format!("/proc/{id}/task")).unwrap().all(|thread| {
            let stat = std::fs::read_to_string(thread.unwrap().path().join("stat")).unwrap();
            stat.rsplit(") ").next().unwrap().starts_with('T')
        })
    };
    while !is_stopped() {
        std::thread::yield_now();
    }
}

/// Cuts the power after `answers`. Answers how many there were and what was lost; an error says why the
/// test cannot be made here.
fn cut(answers: usize, writes: Writes) -> Result<(usize, Vec<String>), String> {
    sweep();
    let prefix = format!("{PREFIX}{}-", std::process::id());
    let folder = tempfile::Builder::new().prefix(&prefix).tempdir().unwrap();
    let mount = image(&folder)?;
    let writer = Writer::start(&mount.0.join("journal"), writes);
    writer.wait(answers);
    stop(writer.id());
    let copy = folder.path().join("copy");
    run(Command::new("cp").arg("--sparse=always").arg(folder.path().join("image")).arg(&copy)).unwrap();
    let answered = writer.kill();
    let copied = Mount::new(&copy, folder.path().join("copied")).unwrap();
    let lost = answered.lost_in(&copied.0.join("journal"));
    drop(copied);
    drop(mount);
    Ok((answered.len(), lost))
}

#[test]
fn nothing_answered_is_lost_to_a_power_cut() {
    for number in 0..CUTS {
        let writes = Writes { sync: Sync::Durable, prunes: true };
        match cut(300 + number * 1_237 % 4_000, writes) {
            Ok((answers, lost)) => {
                println!("cut {number}: {answers} answers, {} lost", lost.len());
                assert_eq!(lost, Vec::<String>::new());
            }
            Err(reason) => return println!("skipped: no loop mounts here: {reason}"),
        }
    }
}

#[test]
fn a_power_cut_without_fdatasync_is_noticed() {
    for number in 0..UNSYNCED_CUTS {
        let writes = Writes { sync: Sync::Unsynced, prunes: true };
        match cut(2_000 + number * 1_237 % 4_000, writes) {
            Ok((answers, lost)) => {
                println!("cut {number}: {answers} answers, lost {:?}", lost.first());
                if !lost.is_empty() {
                    return;
                }
            }
            Err(reason) => return println!("skipped: no loop mounts here: {reason}"),
        }
    }
    panic!("{UNSYNCED_CUTS} cuts without fdatasync lost nothing: this harness notices no loss");
}
