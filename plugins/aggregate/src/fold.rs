//! Values on their way to becoming one.

use std::cmp::Ordering;
use std::collections::HashSet;

use rust_decimal::Decimal;
use stepmill_sdk::raw::{self, RawValue, Scalar};

use crate::{Field, Join};

/// How much of a value is shown.
const MAX_SHOWN_CHARS: usize = 40;
/// Digits that a decimal always holds.
const DIGITS: usize = 28;

/// What is known of a field so far.
pub(crate) enum Fold {
    Count(u64),
    Sum { total: Decimal, is_text: bool },
    Extreme { wanted: Ordering, best: Option<Comparable> },
    First(Option<String>),
    Last(Option<String>),
    List(Vec<String>),
    Distinct { seen: HashSet<String>, values: Vec<String> },
    Join { separator: String, text: Option<String> },
}

/// A number or a text, and the JSON that it came as.
pub(crate) struct Comparable {
    value: Kind,
    json: String,
}

enum Kind {
    Number(Decimal),
    Text(String),
}

impl Fold {
    pub(crate) fn new(field: &Field) -> Self {
        match field {
            Field::Count(_) => Self::Count(0),
            Field::Sum(_) => Self::Sum { total: Decimal::ZERO, is_text: false },
            Field::Min(_) => Self::Extreme { wanted: Ordering::Less, best: None },
            Field::Max(_) => Self::Extreme { wanted: Ordering::Greater, best: None },
            Field::First(_) => Self::First(None),
            Field::Last(_) => Self::Last(None),
            Field::List(_) => Self::List(Vec::new()),
            Field::Distinct(_) => Self::Distinct { seen: HashSet::new(), values: Vec::new() },
            Field::Join(Join { separator, .. }) => Self::Join { separator: separator.clone(), text: None },
        }
    }

    /// Takes one more value, which is not null. An error says what is wrong with it.
    pub(crate) fn take(&mut self, value: &RawValue) -> Result<(), String> {
        let json = || value.get().to_owned();
        match self {
            Self::Count(count) => *count += 1,
            Self::Sum { total, is_text } => {
                let (amount, from_text) = amount(value)?;
                *total = sum(*total, amount)?;
                *is_text |= from_text;
            }
            Self::Extreme { wanted, best } => {
                let found = comparable(value)?;
                let is_better = match best {
                    Some(best) => found.compare(best)? == *wanted,
                    None => true,
                };
                if is_better {
                    *best = Some(found);
                }
            }
            Self::First(first) => drop(first.get_or_insert_with(json)),
            Self::Last(last) => *last = Some(json()),
            Self::List(values) => values.push(json()),
            Self::Distinct { seen, values } => {
                let same = match raw::scalar(value) {
                    Some(Scalar::Text(text)) => format!("\"{text}"),
                    Some(_) | None => json(),
                };
                if seen.insert(same) {
                    values.push(json());
                }
            }
            Self::Join { separator, text } => {
                let scalar = raw::scalar(value).ok_or("an array or object cannot be joined as text")?;
                match text {
                    Some(text) => {
                        text.push_str(separator);
                        text.push_str(&scalar.to_string());
                    }
                    None => *text = Some(scalar.to_string()),
                }
            }
        }
        Ok(())
    }

    pub(crate) fn into_json(self) -> Result<String, serde_json::Error> {
        let or_null = |json: Option<String>| json.unwrap_or_else(|| "null".to_owned());
        Ok(match self {
            Self::Count(count) => count.to_string(),
            Self::Sum { total, is_text: true } => format!("\"{total}\""),
            Self::Sum { total, is_text: false } => total.to_string(),
            Self::Extreme { best, .. } => or_null(best.map(|best| best.json)),
            Self::First(value) | Self::Last(value) => or_null(value),
            Self::List(values) | Self::Distinct { values, .. } => format!("[{}]", values.join(",")),
            Self::Join { text, .. } => serde_json::to_string(&text.unwrap_or_default())?,
        })
    }
}

impl Comparable {
    fn compare(&self, other: &Self) -> Result<Ordering, String> {
        match (&self.value, &other.value) {
            (Kind::Number(this), Kind::Number(that)) => Ok(this.cmp(that)),
            (Kind::Text(this), Kind::Text(that)) => Ok(this.cmp(that)),
            (Kind::Number(_), Kind::Text(_)) | (Kind::Text(_), Kind::Number(_)) => {
                Err(format!("{} and {} are a number and a text, which do not compare", self.json, other.json))
            }
        }
    }
}

fn comparable(value: &RawValue) -> Result<Comparable, String> {
    let kind = match raw::scalar(value) {
        Some(Scalar::Number(digits)) => Kind::Number(decimal(digits)?),
        Some(Scalar::Text(text)) => Kind::Text(text.into_owned()),
        Some(Scalar::Null | Scalar::Bool(_)) | None => {
            return Err(format!("{} is neither a number nor a text", shown(value.get())));
        }
    };
    Ok(Comparable { value: kind, json: value.get().to_owned() })
}

/// A number, and whether it came as text.
fn amount(value: &RawValue) -> Result<(Decimal, bool), String> {
    match raw::scalar(value) {
        Some(Scalar::Number(digits)) => Ok((decimal(digits)?, false)),
        Some(Scalar::Text(text)) => Ok((decimal(text.trim())?, true)),
        Some(Scalar::Null | Scalar::Bool(_)) | None => Err(format!("{} is no number", shown(value.get()))),
    }
}

fn decimal(digits: &str) -> Result<Decimal, String> {
    // An underscore between digits is Rust's habit, not that of amounts.
    if digits.contains('_') {
        return Err(format!("{:?} is no number", shown(digits)));
    }
    let parsed = match digits.split_once(['e', 'E']) {
        Some((base, _)) if base.len() <= DIGITS => Decimal::from_scientific(digits),
        Some(_) | None => Decimal::from_str_exact(digits),
    };
    let json = serde_json::from_str::<&RawValue>(digits).ok();
    parsed.map_err(|_| match json.and_then(raw::scalar) {
        Some(Scalar::Number(_)) => {
            format!("{} has more digits than the {DIGITS} that are summed exactly", shown(digits))
        }
        Some(_) | None => format!("{:?} is no number", shown(digits)),
    })
}

/// The exact sum: one that had to be rounded has fewer places than its parts.
fn sum(total: Decimal, amount: Decimal) -> Result<Decimal, String> {
    let exact = |sum: &Decimal| sum.scale() >= total.scale().max(amount.scale());
    total.checked_add(amount).filter(exact).ok_or_else(|| {
        format!("the sum of {total} and {amount} has more digits than the {DIGITS} that are exact")
    })
}

fn shown(text: &str) -> String {
    text.chars().take(MAX_SHOWN_CHARS).collect()
}
