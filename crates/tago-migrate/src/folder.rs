//! The run folder: `plan.jsonl`, `journal.sqlite`, `proof.jsonl`, `counts.jsonl`, `report.json`,
//! `report.html`, `tokens.csv`, `ids.csv`, `removed.csv`, `worklist.csv`, `worklist.json` with what of it is done and
//! `worklist.lock` for whoever changes that, `run.lock` while a process has the run, and
//! `proof.unfinished.jsonl` while a proof is to go on, and `planned-again.json` from when a damaged run is given
//! up for a new plan. The folder `kept` has what is replaced and the keys of
//! what is written; `written` the ids of that, as a proof read them.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::path::Path;

pub(crate) const PLAN: &str = "plan.jsonl";
pub(crate) const JOURNAL: &str = "journal.sqlite";
pub(crate) const PROOF: &str = "proof.jsonl";
pub(crate) const COUNTS: &str = "counts.jsonl";
pub(crate) const UNFINISHED_PROOF: &str = "proof.unfinished.jsonl";
pub(crate) const REPORT_JSON: &str = "report.json";
pub(crate) const REPORT_HTML: &str = "report.html";
pub(crate) const TOKENS_CSV: &str = "tokens.csv";
pub(crate) const IDS_CSV: &str = "ids.csv";
pub(crate) const REMOVED_CSV: &str = "removed.csv";
pub(crate) const WORKLIST: &str = "worklist.json";
pub(crate) const WORKLIST_LOCK: &str = "worklist.lock";
pub(crate) const WORK_CSV: &str = "worklist.csv";
pub(crate) const NAMES: &str = "written";
pub(crate) const REBUILD: &str = "rebuild";
pub(crate) const PLANNED_AGAIN: &str = "planned-again.json";
pub(crate) const LOCK: &str = "run.lock";

/// Makes a folder, with those that it lies in, which nobody else on this computer may look into: proof and report
/// quote records. One that is there stays as its owner has it.
pub(crate) fn make(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Writes a file so that its name never stands for half of it: temporary name, sync, rename, and the
/// directory synced.
pub(crate) fn write_whole(path: &Path, write: impl FnOnce(&File) -> io::Result<()>) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let unfinished = path.with_file_name(name);
    let file = File::create(&unfinished)?;
    write(&file)?;
    file.sync_all()?;
    fs::rename(&unfinished, path)?;
    sync_name(path)
}

/// Makes the name itself durable, where a system lets a folder be opened for that.
pub(crate) fn sync_name(path: &Path) -> io::Result<()> {
    if cfg!(not(unix)) {
        return Ok(());
    }
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}
