use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

/// How many statements the backups page of the platform's documentation makes; `CONTRIBUTING.md` lists them.
const STATEMENTS: u32 = 21;

#[test]
fn every_statement_has_a_test_of_its_number() {
    let mut tests = BTreeMap::<u32, Vec<String>>::new();
    for file in rust_files(Path::new(env!("CARGO_MANIFEST_DIR"))) {
        let source = fs::read_to_string(&file).unwrap();
        for name in test_names(&source) {
            if let Some(number) = numbers(name) {
                tests.entry(number).or_default().push(name.to_owned());
            }
        }
    }
    let missing: Vec<String> = (1..=STATEMENTS)
        .filter(|number| !tests.contains_key(number))
        .map(|number| format!("S{number}"))
        .collect();
    assert!(missing.is_empty(), "no test begins with the number of {}", missing.join(", "));
}

/// Names of the functions whose attributes say that they are tests.
fn test_names(source: &str) -> impl Iterator<Item = &str> {
    let mut is_test = false;
    source.lines().filter_map(move |line| {
        let line = line.trim_start();
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            is_test = true;
        }
        let name = line.trim_start_matches("async ").strip_prefix("fn ")?;
        std::mem::take(&mut is_test).then(|| name.split(['(', '<']).next().unwrap_or(name))
    })
}

/// The number of `s03_…`.
fn numbers(name: &str) -> Option<u32> {
    let digits = name.strip_prefix('s')?.split('_').next()?;
    if digits.len() == 2 { digits.parse().ok() } else { None }
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        if path.is_dir() && !name.starts_with('.') && !["target", "node_modules", "gen"].contains(&name) {
            files.extend(rust_files(&path));
        } else if path.extension() == Some(OsStr::new("rs")) {
            files.push(path);
        }
    }
    files
}

#[test]
fn only_tests_count_and_only_by_their_number() {
    let source = "fn s01_helper() {}\n#[test]\nfn s02_counts() {}\n#[tokio::test(flavor = \"x\")]\nasync fn s13_too() {}";
    assert_eq!(test_names(source).filter_map(numbers).collect::<Vec<_>>(), [2, 13]);
    assert_eq!(numbers("s3_short"), None);
    assert_eq!(numbers("store_is_no_number"), None);
}
