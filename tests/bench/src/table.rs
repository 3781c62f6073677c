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
        let columns: Vec<Column> =
            (0..self.rows[0].len()).map(|index| Column::of(&self.rows, index)).collect();
        for (number, row) in self.rows.iter().enumerate() {
            let cells = row.iter().zip(&columns).map(|(cell, column)| column.pad(cell));
            println!("| {} |", cells.collect::<Vec<_>>().join(" | "));
            if number == 0 {
                println!("| {} |", columns.iter().map(Column::rule).collect::<Vec<_>>().join(" | "));
            }
        }
        println!();
    }
}

struct Column {
    width: usize,
    /// Names stand on the left, figures on the right.
    has_names: bool,
}

impl Column {
    fn of(rows: &[Vec<String>], index: usize) -> Self {
        let is_name = |cell: &String| !cell.starts_with(|first: char| first.is_ascii_digit() || first == '-');
        Self {
            width: rows.iter().map(|row| row[index].chars().count()).max().unwrap_or(0),
            has_names: rows[1..].iter().all(|row| is_name(&row[index])),
        }
    }

    fn pad(&self, cell: &str) -> String {
        let width = self.width;
        if self.has_names { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
    }

    fn rule(&self) -> String {
        if self.has_names { "-".repeat(self.width) } else { "-".repeat(self.width - 1) + ":" }
    }
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
