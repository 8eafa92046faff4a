//! The steps that a run may take, by the rows of its journal: a harness that never saw one says nothing about it.

use std::collections::BTreeSet;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Every kind of row that there is.
pub(crate) fn all<Row: DeserializeOwned>() -> BTreeSet<String> {
    // Whoever reads rows knows their names, and says them when there is none of a name.
    let refusal = serde_json::from_str::<Row>("\"?\"").err().unwrap().to_string();
    let names = refusal.split('`').skip(1).step_by(2).filter(|name| *name != "?");
    names.map(str::to_owned).collect()
}

/// Of which kind a row is. A row within a row has two names.
pub(crate) fn of(row: &impl Serialize) -> String {
    let text = serde_json::to_string(row).unwrap();
    let mut names = text.split('"').skip(1).step_by(2);
    match names.next().unwrap() {
        "undo" => format!("undo {}", names.next().unwrap()),
        name => name.to_owned(),
    }
}
