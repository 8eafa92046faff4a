//! Where something stands inside a document.

use std::fmt;

/// One step into a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step<'a> {
    Key(&'a str),
    Index(usize),
}

/// The way to a value: `display.header_buttons[0].dashboard`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a>(pub(crate) &'a [Step<'a>]);

/// Places, spelled with dots: `[]` is any item of a list, `*` any key, `**` any way of any length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pattern(pub(crate) &'static str);

impl Pattern {
    pub(crate) fn matches(self, place: Place<'_>) -> bool {
        fn rest(pattern: &[&str], steps: &[Step<'_>]) -> bool {
            let Some((first, pattern)) = pattern.split_first() else { return steps.is_empty() };
            if *first == "**" {
                return (0..=steps.len()).any(|skipped| rest(pattern, &steps[skipped..]));
            }
            let Some((step, steps)) = steps.split_first() else { return false };
            let fits = match step {
                Step::Key(key) => *first == "*" || first == key,
                Step::Index(_) => *first == "[]",
            };
            fits && rest(pattern, steps)
        }
        let pattern: Vec<&str> = self.0.split('.').collect();
        rest(&pattern, place.0)
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) if index == 0 => f.write_str(key)?,
                Step::Key(key) => write!(f, ".{key}")?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_matched_step_by_step() {
        let place = [Step::Key("display"), Step::Key("buttons"), Step::Index(2), Step::Key("origin")];
        let place = Place(&place);
        assert_eq!(place.to_string(), "display.buttons[2].origin");
        for (pattern, expected) in [
            ("display.buttons.[].origin", true),
            ("display.**.origin", true),
            ("display.*.[].*", true),
            ("**", true),
            ("**.origin", true),
            ("display.**.buttons.**", true),
            ("display.buttons.[]", false),
            ("display.[].[].origin", false),
            ("origin", false),
            ("display.**.bucket", false),
        ] {
            assert_eq!(Pattern(pattern).matches(place), expected, "{pattern}");
        }
    }
}
