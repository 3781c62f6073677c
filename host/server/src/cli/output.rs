//! What commands print: text, tables and JSON on standard output, in colour on a terminal only.

use std::io::{self, IsTerminal, Write as _};
use std::time::{Duration, UNIX_EPOCH};

use comfy_table::{Cell, Color, ContentArrangement, Table, presets};
use serde::Serialize;

/// Last millisecond that has a date of four digits.
const LAST_MS: u64 = 253_402_300_799_999;

/// Whether a stream may have colours: a terminal, and nobody has said otherwise
/// (<https://no-color.org>).
pub(crate) fn is_coloured(stream: &impl IsTerminal) -> bool {
    let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) && !is_dumb
}

/// Writes text to standard output.
pub(crate) fn print(text: &str) -> io::Result<()> {
    print_bytes(text.as_bytes())
}

/// Writes bytes to standard output.
pub(crate) fn print_bytes(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()
}

/// Writes a value as indented JSON to standard output.
pub(crate) fn print_json(value: &impl Serialize) -> io::Result<()> {
    print(&format!("{}\n", serde_json::to_string_pretty(value)?))
}

/// Writes a value as one line of JSON to standard output.
pub(crate) fn print_json_line(value: &impl Serialize) -> io::Result<()> {
    print(&format!("{}\n", serde_json::to_string(value)?))
}

/// A colour with a meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// As it is.
    Plain,
    /// Of less interest.
    Faint,
    /// What the eye should find.
    Strong,
    /// All is well.
    Good,
    /// Not yet.
    Waiting,
    /// Wrong.
    Bad,
}

/// Text in colours, or not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paint {
    is_coloured: bool,
}

impl Paint {
    /// Colours as standard output can have them.
    pub(crate) fn stdout() -> Self {
        Self { is_coloured: is_coloured(&io::stdout()) }
    }

    /// No colours.
    #[cfg(test)]
    pub(crate) fn plain() -> Self {
        Self { is_coloured: false }
    }

    /// The text in a tone.
    pub(crate) fn text(self, tone: Tone, text: impl Into<String>) -> String {
        let text = text.into();
        let code = match tone {
            Tone::Plain => return text,
            Tone::Faint => "2",
            Tone::Strong => "1",
            Tone::Good => "32",
            Tone::Waiting => "33",
            Tone::Bad => "31",
        };
        if self.is_coloured { format!("\x1b[{code}m{text}\x1b[0m") } else { text }
    }

    /// A table: framed and fitted to the terminal, else columns of text that no line is wrapped in.
    pub(crate) fn table(self, header: &[&str]) -> Table {
        let mut table = Table::new();
        table.set_header(header.iter().map(|title| self.cell(Tone::Faint, *title)));
        if io::stdout().is_terminal() {
            table
                .load_style(presets::UTF8_HORIZONTAL_ONLY)
                .set_content_arrangement(ContentArrangement::Dynamic);
            if self.is_coloured {
                table.enforce_styling();
            } else {
                table.force_no_tty();
            }
        } else {
            table
                .load_style(presets::NOTHING)
                .set_content_arrangement(ContentArrangement::Disabled)
                .force_no_tty();
        }
        table
    }

    /// A cell in a tone.
    pub(crate) fn cell(self, tone: Tone, text: impl Into<String>) -> Cell {
        let cell = Cell::new(text.into());
        let colour = match tone {
            Tone::Plain | Tone::Strong => return cell,
            Tone::Faint => Color::DarkGrey,
            Tone::Good => Color::Green,
            Tone::Waiting => Color::Yellow,
            Tone::Bad => Color::Red,
        };
        if self.is_coloured { cell.fg(colour) } else { cell }
    }
}

/// A table as text, without the blanks that frame it.
pub(crate) fn rendered(table: &Table) -> String {
    let is_framed = table.lines().any(|line| !line.starts_with(' '));
    let margin = usize::from(!is_framed);
    table.lines().map(|line| format!("{}\n", line.get(margin..).unwrap_or_default().trim_end())).collect()
}

/// A time as RFC 3339 in UTC.
pub(crate) fn time(ms: u64) -> String {
    let since = Duration::from_millis(ms.min(LAST_MS));
    humantime::format_rfc3339_millis(UNIX_EPOCH + since).to_string()
}

/// A duration in microseconds as people read it.
pub(crate) fn took(us: u64) -> String {
    #[allow(clippy::cast_precision_loss, reason = "three digits are shown")]
    let us = us as f64;
    if us < 1_000.0 {
        format!("{us:.0} µs")
    } else if us < 1_000_000.0 {
        format!("{:.1} ms", us / 1_000.0)
    } else {
        format!("{:.2} s", us / 1_000_000.0)
    }
}

/// A number of bytes as people read it.
pub(crate) fn bytes(count: u64) -> String {
    #[allow(clippy::cast_precision_loss, reason = "one digit after the point is shown")]
    let size = count as f64;
    if count < 1 << 10 {
        format!("{count} B")
    } else if count < 1 << 20 {
        format!("{:.1} KiB", size / 1024.0)
    } else if count < 1 << 30 {
        format!("{:.1} MiB", size / 1_048_576.0)
    } else {
        format!("{:.1} GiB", size / 1_073_741_824.0)
    }
}

/// Text from guests and other systems as it may go to a terminal: control characters, which could
/// move the cursor or hide what was printed, are shown as what they are.
pub(crate) fn harmless(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            let is_harmless = !c.is_control() || c == '\n' || c == '\t';
            let escaped = (!is_harmless).then(|| c.escape_default());
            is_harmless.then_some(c).into_iter().chain(escaped.into_iter().flatten())
        })
        .collect()
}

/// The first line of a text, cut to `limit` characters.
pub(crate) fn short(text: &str, limit: usize) -> String {
    let line = harmless(text.lines().next().unwrap_or_default());
    if line.chars().count() <= limit && text.lines().nth(1).is_none() {
        return line;
    }
    let cut: String = line.chars().take(limit.saturating_sub(1)).collect();
    format!("{cut}…")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shown_in_units_that_fit_them() {
        assert_eq!([took(999), took(1_234), took(61_000_000)], ["999 µs", "1.2 ms", "61.00 s"]);
        assert_eq!([bytes(1_023), bytes(1_536), bytes(5 << 20)], ["1023 B", "1.5 KiB", "5.0 MiB"]);
        assert_eq!(
            [time(1_792_000_000_123), time(u64::MAX)],
            ["2026-10-14T17:46:40.123Z", "9999-12-31T23:59:59.999Z"]
        );
    }

    #[test]
    fn text_of_guests_cannot_steer_a_terminal() {
        assert_eq!(harmless("a\x1b[2Jb\tc\n"), "a\\u{1b}[2Jb\tc\n");
        assert_eq!(short("one\ntwo", 10), "one…");
        assert_eq!(short("0123456789", 5), "0123…");
    }
}
