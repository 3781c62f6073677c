//! Markdown tables, aligned for people who read them in a terminal.

/// A table with one line of headings.
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these headings.
    pub(crate) fn new<const N: usize>(headings: [&str; N]) -> Self {
        Self { rows: vec![headings.map(str::to_owned).to_vec()] }
    }

    /// Adds a row.
    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.to_vec());
    }

    /// Prints it under a title.
    pub(crate) fn print(&self, title: &str) {
        println!("### {title}\n");
        let widths: Vec<usize> = (0..self.rows[0].len())
            .map(|column| self.rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0))
            .collect();
        for (number, row) in self.rows.iter().enumerate() {
            println!("{}", line(row, &widths));
            if number == 0 {
                let rule: Vec<String> = widths
                    .iter()
                    .enumerate()
                    .map(|(column, width)| {
                        if column == 0 {
                            "-".repeat(*width)
                        } else {
                            "-".repeat(width.saturating_sub(1)) + ":"
                        }
                    })
                    .collect();
                println!("{}", line(&rule, &widths));
            }
        }
        println!();
    }
}

fn line(cells: &[String], widths: &[usize]) -> String {
    let mut text = String::from("|");
    for (column, (cell, width)) in cells.iter().zip(widths).enumerate() {
        let padding = " ".repeat(width - cell.chars().count());
        text += &if column == 0 { format!(" {cell}{padding} |") } else { format!(" {padding}{cell} |") };
    }
    text
}

/// A figure with three digits or so, thousands apart.
pub(crate) fn figure(value: f64) -> String {
    if value < 10.0 {
        return format!("{value:.2}");
    }
    if value < 100.0 {
        return format!("{value:.1}");
    }
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// Microseconds as milliseconds.
pub(crate) fn millis(micros: f64) -> String {
    figure(micros / 1e3)
}

/// A figure beside what it should be.
pub(crate) fn aim(value: f64, is_met: bool, aim: &str) -> String {
    format!("{} ({aim}: {})", figure(value), if is_met { "met" } else { "**missed**" })
}

#[cfg(test)]
mod tests {
    use super::figure;

    #[test]
    fn figures_have_their_thousands_apart() {
        assert_eq!([0.456, 12.34, 999.6, 1_234_567.0].map(figure), ["0.46", "12.3", "1 000", "1 234 567"]);
    }
}
