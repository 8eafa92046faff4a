//! What the pages under docs/ say of our tests is so.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn every_defect_of_the_official_command_line_names_a_test_that_is_there() {
    every_row_names_tests_that_are_there("official-cli.md", &["crates"], 50);
}

#[test]
fn every_fault_names_a_test_that_is_there() {
    every_row_names_tests_that_are_there("faults.md", &["crates", "src-tauri/src", "tests"], 25);
}

/// The last cell of each row of the page names at least one test, and all that it names are in these folders.
fn every_row_names_tests_that_are_there(page: &str, folders: &[&str], at_least: usize) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let rows = rows(&fs::read_to_string(root.join("docs").join(page)).unwrap());
    assert!(rows.len() >= at_least, "{} rows", rows.len());
    let tests = tests(folders.iter().map(|folder| root.join(folder)));
    assert!(tests.len() > 300, "{} tests", tests.len());
    for Row { told, shown_by } in &rows {
        let named: Vec<&str> = quoted(shown_by).collect();
        assert!(!named.is_empty(), "no test shows it: {told}");
        for name in named {
            assert!(tests.contains(name), "there is no test {name}, which is to show: {told}");
        }
    }
}

/// What a page tells, and what is written beside it.
struct Row {
    told: String,
    shown_by: String,
}

/// The rows of the page's one table: each has as many cells as its head.
fn rows(page: &str) -> Vec<Row> {
    let cells = |line: &str| -> Vec<String> {
        line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
    };
    let mut table = page.lines().skip_while(|line| !line.starts_with('|'));
    let columns = cells(table.next().unwrap()).len();
    let rows = table.skip(1).take_while(|line| line.starts_with('|')).map(|line| {
        let mut cells = cells(line);
        assert_eq!(cells.len(), columns, "{line}");
        let shown_by = cells.pop().unwrap();
        Row { told: cells.join(": "), shown_by }
    });
    rows.collect()
}

/// What stands between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The names of all tests below these folders.
fn tests(folders: impl Iterator<Item = PathBuf>) -> BTreeSet<String> {
    let mut tests = BTreeSet::new();
    folders.for_each(|folder| collect(&folder, &mut tests));
    tests
}

fn collect(folder: &Path, tests: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if entry.file_name() == "node_modules" {
            continue;
        }
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
    assert_eq!((rows[1].told.as_str(), quoted(&rows[1].shown_by).count()), ("Two", 0));
}
