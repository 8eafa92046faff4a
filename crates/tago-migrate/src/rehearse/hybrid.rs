//! Devices that keep some variables for good.

use std::collections::BTreeSet;

use regex::Regex;

use crate::device::Definition;

/// The field with the rule by which a hybrid device tells its mutable variables, anywhere in their names.
const RULE: &str = "mutable_variable_regex";

/// Those of these variables of which single records cannot be removed; `None` if the device is not hybrid, or
/// its rule cannot be read.
pub(super) fn immutable<'a>(
    device: &Definition,
    variables: impl Iterator<Item = &'a String>,
) -> Option<BTreeSet<String>> {
    let rule = device.fields.get(RULE).filter(|_| device.kind == "hybrid")?;
    let rule: String = serde_json::from_str(rule.as_str()).ok()?;
    let rule = Regex::new(&rule).ok()?;
    Some(variables.filter(|variable| !rule.is_match(variable)).cloned().collect())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::json::Json;

    #[test]
    fn the_rule_names_what_can_be_removed() {
        let device = |kind: &str, rule: &str| Definition {
            name: "Meter".into(),
            kind: kind.into(),
            active: true,
            visible: true,
            tags: Vec::new(),
            fields: BTreeMap::from([(RULE.to_owned(), Json::text(rule))]),
        };
        let variables = ["level", "level_raw", "door"].map(str::to_owned);
        let told = |kind, rule| immutable(&device(kind, rule), variables.iter());
        assert_eq!(told("hybrid", "^lev"), Some(BTreeSet::from(["door".to_owned()])));
        assert_eq!(told("hybrid", "_raw"), Some(BTreeSet::from(["door".to_owned(), "level".to_owned()])));
        assert_eq!(told("hybrid", "(?<!a)level"), None, "a rule that only JavaScript reads");
        assert_eq!(told("immutable", "^lev"), None);
    }
}
