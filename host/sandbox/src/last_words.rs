//! What a guest said last on its standard error, and the one line of it that says why.

/// The line that says why a guest gave up, by the forms in which the SDKs' languages report it: a panic of Rust, an
/// exception of Python, an error of JavaScript. None if it is none of them.
pub(crate) fn reason(words: &str) -> Option<String> {
    python(words).or_else(|| javascript(words)).or_else(|| rust(words))
}

/// The first line after the last traceback that is not part of it. Python's runtime panics after it, so that this
/// comes first.
fn python(words: &str) -> Option<String> {
    let (_, traceback) = words.rsplit_once("Traceback (most recent call last):\n")?;
    let exception = traceback.lines().find(|line| !line.starts_with(' '))?;
    // Where it was raised: the last frame's place.
    let place = traceback
        .lines()
        .take_while(|line| line.starts_with(' '))
        .filter_map(|line| line.trim_start().strip_prefix("File "))
        .last()
        .and_then(|frame| frame.split_once(", in ").map(|(place, _)| place.replace('"', "")));
    Some(match place {
        Some(place) => format!("{exception} ({place})"),
        None => exception.to_owned(),
    })
}

/// The line before the stack.
fn javascript(words: &str) -> Option<String> {
    let (before, _) = words.rsplit_once("\nStack:\n")?;
    before.lines().next_back().map(str::to_owned)
}

/// The last panic: its message begins in the line after its place.
fn rust(words: &str) -> Option<String> {
    let mut lines = words.lines();
    let mut panic = None;
    while let Some(line) = lines.next() {
        if let Some((_, place)) = line.split_once(" panicked at ") {
            let message = lines.next().unwrap_or_default();
            panic = Some(format!("{message} ({})", place.trim_end_matches(':')));
        }
    }
    panic
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_found_in_what_each_language_says() {
        let rust = "on the way\nthread 'main' (1) panicked at src/lib.rs:31:9:\nindex out of bounds: the len is 0\n\
                    note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace";
        assert_eq!(reason(rust).as_deref(), Some("index out of bounds: the len is 0 (src/lib.rs:31:9)"));
        let javascript = "can't access property \"bar\", order.foo is undefined\nStack:\n  run@dist/my-js.js:2560:5\n\n\
                          Redirecting call to abort() to mozalloc_abort";
        let said = "can't access property \"bar\", order.foo is undefined";
        assert_eq!(reason(javascript).as_deref(), Some(said));
        let python = "Traceback (most recent call last):\n  File \"/2/stepmill/_guest.py\", line 62, in run\n    \
                      return answer()\n           ~~~~~~^^\n  File \"/1/my_python/__init__.py\", line 38, in my_python\n    \
                      print(order.nope)\nAttributeError: 'Order' object has no attribute 'nope'\n\n\
                      thread '<unnamed>' (1) panicked at runtime/src/lib.rs:1293:29:\n\
                      Python function threw an unexpected exception";
        let said =
            "AttributeError: 'Order' object has no attribute 'nope' (/1/my_python/__init__.py, line 38)";
        assert_eq!(reason(python).as_deref(), Some(said));
        assert_eq!(reason("just a line"), None);
    }
}
