//! Code of analyses from a folder, for a restored project, which has none.

use std::io::Write;
use std::path::Path;

use tago_migrate::resources::{Address, Conflict, Kind, ResourcePlan, Resources, run};
use tago_migrate::{Check, CheckName, CheckVerdict, RunError};
use tempfile::TempDir;

use crate::fixture::fill;
use crate::moving::{Moving, differences, left, settings};
use crate::running::{Running, Truths};

const REPORT: &str = "console.log('good morning, all');";
const CLEANUP: &str = "print('very clean')";

fn write(folder: &Path, file: &str, content: &[u8]) {
    let path = folder.join(file);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, content).unwrap();
}

fn packed(text: &str) -> Vec<u8> {
    let mut packing = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packing.write_all(text.as_bytes()).unwrap();
    packing.finish().unwrap()
}

fn found(plan: &ResourcePlan) -> &Check {
    plan.header().checks.iter().find(|check| check.name == CheckName::Scripts).unwrap()
}

async fn code(it: &Running, name: &str) -> Option<String> {
    let all = it.ask("GET", "/analysis", None).await;
    let analysis = all.as_array().unwrap().iter().find(|analysis| analysis["name"] == name).unwrap();
    let at = Address::of(Kind::Analysis, analysis["id"].as_str().unwrap());
    let content = it.live().content(&at).await.unwrap()?;
    Some(String::from_utf8_lossy(&content).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn analyses_get_their_code_from_a_folder() {
    let original = Running::start(1).await;
    let ids = fill(&original).await;
    let source = original.restored(9, Truths::default()).await;
    let target = Running::start(2).await;
    let before = target.content().await;
    let folder = TempDir::new().unwrap();
    // One by its name, and one by its id in an unpacked profile backup.
    write(folder.path(), "src/report.ts", REPORT.as_bytes());
    write(folder.path(), &format!("backup/versioning/analysis/{}.gz", ids["cleanup"]), &packed(CLEANUP));
    write(folder.path(), "Clean up.py", b"print('of the same name')");
    write(folder.path(), ".git/Report.ts", b"no code of the owner's");
    write(folder.path(), "node_modules/report/report.js", b"nor this");
    write(folder.path(), "report.py", b"another runtime");
    let mut moving = Moving::new(Conflict::KeepTarget);
    moving.choices.scripts = Some(folder.path().to_owned());
    let plan = moving.rehearse(&source, &target).await;
    assert_eq!(found(&plan).verdict, CheckVerdict::Pass, "{}", found(&plan).text);
    assert_eq!(plan.header().scripts[&ids["report"]].file, Path::new("src/report.ts"));
    moving.run(&source, &target).await;
    assert_eq!(code(&target, "Report").await.as_deref(), Some(REPORT));
    assert_eq!(code(&target, "Clean up").await.as_deref(), Some(CLEANUP));
    assert_eq!(left(&moving.rehearse(&source, &target).await), Vec::<String>::new());

    // What was sent is in the run folder.
    drop(folder);
    let proof = moving.prove(Some(&source), &target).await;
    assert!(proof.green, "{:#?}", proof.not_equal);
    let told = moving.undo(&target).await;
    assert!(told.changed_since.is_empty() && told.impossible.is_empty(), "{told:#?}");
    assert_eq!(differences(&before, &target.content().await), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_told_is_named_and_a_file_that_changes_is_not_sent() {
    let original = Running::start(1).await;
    let ids = fill(&original).await;
    let source = original.restored(9, Truths::default()).await;
    let target = Running::start(2).await;
    let folder = TempDir::new().unwrap();
    write(folder.path(), "a/report.ts", REPORT.as_bytes());
    write(folder.path(), "b/Report.js", b"another");
    let mut moving = Moving::new(Conflict::KeepTarget);
    moving.choices.scripts = Some(folder.path().to_owned());
    let plan = moving.rehearse(&source, &target).await;
    let check = found(&plan);
    assert_eq!(check.verdict, CheckVerdict::Warn);
    assert!(check.text.contains("Report (a/report.ts, b/Report.js)"), "{}", check.text);
    assert!(check.text.contains("for 1 analysis it holds none; without code: Clean up"), "{}", check.text);
    assert!(plan.header().scripts.is_empty());

    // The id decides.
    let named = format!("b/{}.ts", ids["report"]);
    write(folder.path(), &named, REPORT.as_bytes());
    let plan = moving.rehearse(&source, &target).await;
    assert_eq!(plan.header().scripts[&ids["report"]].file, Path::new(&named));
    write(folder.path(), &named, b"changed since");
    let (ours, theirs) = (source.live(), target.live());
    let approved = plan.fingerprint();
    let refused = run(&plan, &approved, moving.path(), &ours, &theirs, &settings(), moving.env()).await;
    assert!(
        matches!(&refused, Err(RunError::NotRunnable { reason }) if reason.contains("is not what it was")),
        "{refused:?}"
    );

    moving.choices.scripts = Some(folder.path().join("not there"));
    let plan = moving.rehearse(&source, &target).await;
    assert_eq!(found(&plan).verdict, CheckVerdict::Block);
    assert!(plan.obstacle().unwrap().contains("choose another"));
}
