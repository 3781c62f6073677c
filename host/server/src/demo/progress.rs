//! How far the demo is: a bar on a terminal, a line now and then elsewhere. Always on standard error.

use std::io::IsTerminal as _;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::simulator::lock;

/// Time between two lines where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(2);

/// Shows how far the demo is.
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    orders: u64,
    began: Instant,
    last_line: Mutex<Instant>,
}

impl Progress {
    /// Progress through this many orders.
    pub(super) fn new(orders: u64) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(Some(orders), ProgressDrawTarget::stderr());
            let template = "{elapsed:>4} [{bar:40}] {pos}/{len} orders sent, {msg}";
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style.progress_chars("=> "));
            }
            bar
        });
        Self { bar, orders, began: Instant::now(), last_line: Mutex::new(Instant::now()) }
    }

    /// Shows the counts.
    pub(super) fn show(&self, sent: u64, made: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(sent);
            bar.set_message(format!("{made} in the ERP"));
            return;
        }
        let mut last = lock(&self.last_line);
        if last.elapsed() >= LINE_EVERY {
            *last = Instant::now();
            self.say(&format!("{sent}/{} orders sent, {made} in the ERP", self.orders));
        }
    }

    /// Says that something happened.
    pub(super) fn say(&self, line: &str) {
        let line = format!("{:>6.1} s  {line}", self.began.elapsed().as_secs_f64());
        match &self.bar {
            Some(bar) => bar.suspend(|| eprintln!("{line}")),
            None => eprintln!("{line}"),
        }
    }

    /// Takes the bar away.
    pub(super) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
