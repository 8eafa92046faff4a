//! Counts, as sentences say them.

/// A count with its noun: `1 record`, `2,400 records`.
#[must_use]
pub fn counted(count: u64, one: &str, more: &str) -> String {
    format!("{} {}", separated(count), either(count, one, more))
}

/// The word that fits a count.
pub(crate) fn either<'a>(count: u64, one: &'a str, more: &'a str) -> &'a str {
    if count == 1 { one } else { more }
}

/// With commas between thousands.
#[must_use]
pub fn separated(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_one_and_thousands_are_told_apart() {
        let said = [0, 1, 2, 999, 1_000, 1_234_567].map(|count| counted(count, "record", "records"));
        let expected =
            ["0 records", "1 record", "2 records", "999 records", "1,000 records", "1,234,567 records"];
        assert_eq!(said, expected);
    }
}
