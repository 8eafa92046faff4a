//! What docs/official-cli.md says of our tests is so.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// A defect of the official command line, and what is written beside it.
struct Row {
    defect: String,
    shown_by: String,
}

#[test]
fn every_defect_of_the_official_command_line_names_a_test_that_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = fs::read_to_string(root.join("docs/official-cli.md")).unwrap();
    let rows = rows(&page);
    assert!(rows.len() >= 50, "{} rows", rows.len());
    let mut tests = BTreeSet::new();
    collect(&root.join("crates"), &mut tests);
    assert!(tests.len() > 300, "{} tests", tests.len());
    for Row { defect, shown_by } in &rows {
        let named: Vec<&str> = quoted(shown_by).collect();
        assert!(!named.is_empty(), "no test shows that we do it right: {defect}");
        for name in named {
            assert!(tests.contains(name), "there is no test {name}, which is to show: {defect}");
        }
    }
}

/// The rows of the page's one table.
fn rows(page: &str) -> Vec<Row> {
    let lines = page.lines().skip_while(|line| !line.starts_with("|---")).skip(1);
    let cells = lines.take_while(|line| line.starts_with('|')).map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        assert_eq!(cells.len(), 2, "{line}");
        Row { defect: cells[0].to_owned(), shown_by: cells[1].to_owned() }
    });
    cells.collect()
}

/// What stands between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The names of all tests below this folder.
fn collect(folder: &Path, tests: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if entry.file_type().unwrap().is_dir() {
            collect(&path, tests);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let mut lines = text.lines().map(str::trim);
            while let Some(line) = lines.next() {
                if line == "#[test]" || line.starts_with("#[tokio::test") {
                    // Other attributes may come between.
                    let declared = lines.by_ref().find_map(|line| line.split_once("fn "));
                    let name = declared.and_then(|(_, rest)| rest.split_once('('));
                    tests.extend(name.map(|(name, _)| name.to_owned()));
                }
            }
        }
    }
}

#[test]
fn a_row_without_a_test_would_be_found() {
    let page = "| Defect | Test |\n|---|---|\n| One | `a_test` and nothing |\n| Two | none |\n\nAfter.\n";
    let rows = rows(page);
    assert_eq!(rows.len(), 2);
    assert_eq!(quoted(&rows[0].shown_by).collect::<Vec<_>>(), ["a_test"]);
    assert_eq!((rows[1].defect.as_str(), quoted(&rows[1].shown_by).count()), ("Two", 0));
}
