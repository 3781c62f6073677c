//! This binary again, in a process of its own, talked to by JSON lines.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child as Process, ChildStdin, ChildStdout, Command, Stdio};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// A child process. Killed when dropped; ends by itself when its parent is gone.
pub(crate) struct Child {
    process: Process,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Child {
    /// Starts this binary with these arguments.
    pub(crate) fn spawn(args: &[&str]) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = process.stdin.take().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        Self { process, input, output }
    }

    /// Id of the process.
    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Sends it a line.
    pub(crate) fn tell(&mut self, line: &impl Serialize) {
        writeln!(self.input, "{}", serde_json::to_string(line).unwrap()).unwrap();
        self.input.flush().unwrap();
    }

    /// Waits for a line of it.
    pub(crate) fn hear<T: DeserializeOwned>(&mut self) -> T {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        serde_json::from_str(&line)
            .unwrap_or_else(|error| panic!("a child of the benchmark said {line:?}: {error}"))
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Says a line to the parent; for a child.
pub(crate) fn say(line: &impl Serialize) {
    println!("{}", serde_json::to_string(line).unwrap());
}

/// Lines of the parent, until it is gone; for a child.
pub(crate) fn lines<T: DeserializeOwned>() -> impl Iterator<Item = T> {
    std::io::stdin().lines().map_while(Result::ok).map(|line| serde_json::from_str(&line).unwrap())
}
