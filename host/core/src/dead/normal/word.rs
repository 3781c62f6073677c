//! What a run of letters and digits is.

/// Least number of hexadecimal letters without a digit that are an id and no word.
const HEX_WORD: usize = 8;
/// Lengths of the groups of a UUID (RFC 9562) that are joined by dashes.
const UUID_GROUPS: [usize; 5] = [8, 4, 4, 4, 12];
/// Names that are part of a date or time where a number is beside them.
const CALENDAR: [&str; 40] = [
    "Mon",
    "Tue",
    "Wed",
    "Thu",
    "Fri",
    "Sat",
    "Sun",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
    "Jan",
    "Feb",
    "Mar",
    "Apr",
    "May",
    "Jun",
    "Jul",
    "Aug",
    "Sep",
    "Sept",
    "Oct",
    "Nov",
    "Dec",
    "January",
    "February",
    "March",
    "April",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
    "AM",
    "PM",
];

/// What a run of letters and digits is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word<'a> {
    /// A word of a language.
    Plain,
    /// Data.
    Opaque,
    /// A word that is counted, such as `SKU4711`: the part before the number.
    Numbered(&'a str),
}

/// Whether a character belongs to a run.
pub(super) fn is_part(character: char) -> bool {
    character.is_alphanumeric()
}

/// What `run`, which is not empty and of [parts](is_part) only, is.
pub(super) fn word(run: &str) -> Word<'_> {
    let is_hex = run.bytes().all(|byte| byte.is_ascii_hexdigit());
    let Some(number) = run.find(char::is_numeric) else {
        return if is_hex && run.len() >= HEX_WORD { Word::Opaque } else { Word::Plain };
    };
    let (name, rest) = run.split_at(number);
    // However long the number is, `A1` is hexadecimal, so that all of its kind become the same.
    if name.is_empty() || is_hex || rest.contains(|character: char| !character.is_numeric()) {
        Word::Opaque
    } else {
        Word::Numbered(name)
    }
}

/// Whether a word is part of a date or time, if a number is beside it.
pub(super) fn is_calendar(run: &str) -> bool {
    CALENDAR.contains(&run)
}

/// Length of the UUID that `text` begins with.
pub(super) fn uuid(text: &str) -> Option<usize> {
    let mut rest = text;
    for (index, length) in UUID_GROUPS.into_iter().enumerate() {
        if index > 0 {
            rest = rest.strip_prefix('-')?;
        }
        let group = rest.get(..length)?;
        if !group.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        rest = rest.get(length..)?;
    }
    let is_whole = !rest.starts_with(is_part);
    is_whole.then(|| text.len() - rest.len())
}
