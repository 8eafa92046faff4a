use super::call::Refused;

/// The query of a URL, in the notations that clients of the platform use:
/// `name=a`, `name[]=a`, `name[0]=a`, `filter[tags][0][key]=a`.
#[derive(Debug, Clone, Default)]
pub(super) struct QueryText(Vec<(String, String)>);

impl QueryText {
    pub(super) fn parse(text: &str) -> QueryText {
        QueryText(form_urlencoded::parse(text.as_bytes()).into_owned().collect())
    }

    /// With these values for `name` if it was not given.
    pub(super) fn or(mut self, name: &str, values: &[&str]) -> QueryText {
        if self.list(name).is_empty() {
            self.0.extend(values.iter().map(|value| (name.to_owned(), (*value).to_owned())));
        }
        self
    }

    /// With each of `names` taken as a filter, also where it is not below `filter`.
    pub(super) fn with_filters_at_top(mut self, names: &[&str]) -> QueryText {
        for (key, _) in &mut self.0 {
            if names.contains(&key.as_str()) {
                *key = format!("filter[{key}]");
            }
        }
        self
    }

    pub(super) fn of(pairs: Vec<(String, String)>) -> QueryText {
        QueryText(pairs)
    }

    /// The same with everything but `name`.
    pub(super) fn without(&self, name: &str) -> QueryText {
        QueryText(self.0.iter().filter(|(key, _)| key != name).cloned().collect())
    }

    /// The last value given for `name`.
    pub(super) fn one(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// All values given for `name`, as one or as a list.
    pub(super) fn list(&self, name: &str) -> Vec<&str> {
        let of_list = |key: &str| {
            key.strip_prefix(name)
                .and_then(|rest| rest.strip_prefix('['))
                .and_then(|rest| rest.strip_suffix(']'))
                .is_some_and(|index| index.bytes().all(|digit| digit.is_ascii_digit()))
        };
        self.0
            .iter()
            .filter(|(key, _)| key == name || of_list(key))
            .map(|(_, value)| value.as_str())
            .collect()
    }

    /// What is below `name`: the path in brackets, and the value.
    pub(super) fn nested<'a>(&'a self, name: &str) -> Vec<(Vec<&'a str>, &'a str)> {
        self.0
            .iter()
            .filter_map(|(key, value)| {
                let path = key.strip_prefix(name)?.strip_prefix('[')?.strip_suffix(']')?;
                Some((path.split("][").collect(), value.as_str()))
            })
            .collect()
    }

    /// A whole number within bounds, or `default`.
    pub(super) fn number(&self, name: &str, default: u64, bounds: (u64, u64)) -> Result<u64, Refused> {
        let Some(text) = self.one(name) else { return Ok(default) };
        match text.parse::<u64>() {
            Ok(number) if (bounds.0..=bounds.1).contains(&number) => Ok(number),
            _ if bounds.1 == u64::MAX => {
                Err(Refused::bad(format!("{name} must be a whole number, {} or more", bounds.0)))
            }
            _ => {
                Err(Refused::bad(format!("{name} must be a whole number from {} to {}", bounds.0, bounds.1)))
            }
        }
    }

    /// `true` or `false`, or false when absent.
    pub(super) fn flag(&self, name: &str) -> Result<bool, Refused> {
        match self.one(name) {
            None | Some("false" | "0") => Ok(false),
            Some("true" | "1" | "") => Ok(true),
            Some(_) => Err(Refused::bad(format!("{name} must be true or false"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_notation_of_a_list_is_read() {
        let query = QueryText::parse("variables=a&variables[]=b&variables%5B1%5D=c&variablesx=d&qty=7");
        assert_eq!(query.list("variables"), ["a", "b", "c"]);
        assert_eq!(query.number("qty", 15, (1, 10_000)).unwrap(), 7);
        assert_eq!(query.number("skip", 0, (0, u64::MAX)).unwrap(), 0);
        let query = QueryText::parse("filter[tags][0][key]=site&filter[name]=x*&qty=0");
        assert_eq!(query.nested("filter"), [(vec!["tags", "0", "key"], "site"), (vec!["name"], "x*")]);
        assert!(query.number("qty", 15, (1, 10_000)).is_err());
    }
}
