//! Code of analyses from a folder that the owner names, for a source that has none: a copy of the code, or an
//! unpacked profile backup. A file belongs to an analysis by its id, or by its name and what its runtime reads.
//! Which file, with which content, is sealed in the plan; a run keeps what it sends, and needs the folder no more.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tago_api::Time;

use super::document::{Document, name, text};
use super::keep::Keep;
use super::kind::{Kind, Part};
use super::plan::ResourceHeader;
use super::ports::{Address, Entries, Resources, SCRIPT};
use super::remap::ids_in;
use super::scan::{Found, Snapshot};
use crate::device::Named;
use crate::plan::{Check, CheckName, CheckVerdict, Seal};
use crate::ports::{Identity, PortError};
use crate::rehearse::assess::named;
use crate::run::RunError;
use crate::words::counted;

/// The code of one analysis.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScriptFile {
    /// Where it is in the owner's folder.
    pub file: PathBuf,
    /// The hash of the code; of a packed file, of what is in it.
    pub sha256: Seal,
}

/// The platform takes no larger source.
const LARGEST: u64 = 1 << 20;
/// A folder with more files than this is not one of code.
const FILES: usize = 20_000;
/// Version control and libraries.
const ELSEWHERE: [&str; 2] = ["node_modules", "__pycache__"];

/// Gives the analyses of the source that have no code what the folder has for them, and says what it did.
pub(super) fn find(folder: &Path, source: &mut Snapshot) -> (BTreeMap<String, ScriptFile>, Check) {
    let files = match files_in(folder) {
        Ok(files) => files,
        Err(error) => {
            let text = format!("the folder {} cannot be read: {error}; choose another", folder.display());
            let check = Check { name: CheckName::Scripts, verdict: CheckVerdict::Block, text };
            return (BTreeMap::new(), check);
        }
    };
    let lacking =
        source.found.iter().filter(|found| found.at.kind == Kind::Analysis && found.entries.is_empty());
    let mut fits: BTreeMap<String, BTreeSet<&PathBuf>> = BTreeMap::new();
    for analysis in lacking.clone() {
        let by_id = files.iter().filter(|file| names_id(file, &analysis.at.id)).collect::<BTreeSet<_>>();
        let by_name = || files.iter().filter(|file| has_name_of(file, analysis)).collect();
        fits.insert(analysis.at.id.clone(), if by_id.is_empty() { by_name() } else { by_id });
    }
    let mut taken: BTreeMap<&PathBuf, usize> = BTreeMap::new();
    fits.values().flatten().for_each(|file| *taken.entry(*file).or_default() += 1);
    let (mut found, mut none, mut doubtful) = (BTreeMap::new(), Vec::new(), Vec::new());
    for analysis in lacking {
        let called = name(Kind::Analysis, &analysis.document);
        let fitting: Vec<&PathBuf> = fits[&analysis.at.id].iter().copied().collect();
        match fitting[..] {
            [] => none.push(called),
            [file] if taken[file] == 1 => match read(&folder.join(file)) {
                Ok(code) => {
                    let sealed = ScriptFile { file: file.clone(), sha256: Seal::of(&code) };
                    found.insert(analysis.at.id.clone(), (sealed, code.len()));
                }
                Err(error) => doubtful.push(format!("{called} ({}: {error})", file.display())),
            },
            [file] => doubtful.push(format!("{called} ({} fits others too)", file.display())),
            _ => {
                let several: Vec<String> = fitting.iter().map(|file| file.display().to_string()).collect();
                doubtful.push(format!("{called} ({})", several.join(", ")));
            }
        }
    }
    for analysis in &mut source.found {
        if let Some((sealed, bytes)) = found.get(&analysis.at.id) {
            analysis.entries = entries(&sealed.sha256, *bytes);
        }
    }
    let check = check(found.len(), &none, &doubtful);
    (found.into_iter().map(|(id, (sealed, _))| (id, sealed)).collect(), check)
}

fn check(found: usize, none: &[String], doubtful: &[String]) -> Check {
    let list = |names: &[String]| named(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let analyses = |count: usize| counted(count as u64, "analysis", "analyses");
    let mut said = vec![match found {
        1 => "1 analysis gets its code from the folder".to_owned(),
        found => format!("{} get their code from the folder", analyses(found)),
    }];
    if !none.is_empty() {
        said.push(format!("for {} it holds none; without code: {}", analyses(none.len()), list(none)));
    }
    if !doubtful.is_empty() {
        said.push(format!(
            "for {} no file could be used, because there are several, or it cannot be read or is too large; \
             leave one for each, named by the id of the analysis; without code: {}",
            analyses(doubtful.len()),
            list(doubtful)
        ));
    }
    let verdict =
        if none.is_empty() && doubtful.is_empty() { CheckVerdict::Pass } else { CheckVerdict::Warn };
    Check { name: CheckName::Scripts, verdict, text: said.join("; ") }
}

/// Every file below, by its path from there. Hidden ones and libraries are no code of the owner's.
fn files_in(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let (mut files, mut left) = (Vec::new(), vec![PathBuf::new()]);
    while let Some(below) = left.pop() {
        for entry in std::fs::read_dir(folder.join(&below))? {
            let entry = entry?;
            let called = entry.file_name();
            let called = called.to_string_lossy();
            if called.starts_with('.') || ELSEWHERE.contains(&called.as_ref()) {
                continue;
            }
            let path = below.join(entry.file_name());
            let kind = entry.file_type()?;
            if kind.is_dir() {
                left.push(path);
            } else if kind.is_file() {
                files.push(path);
            }
            if files.len() > FILES {
                return Err(io::Error::other(format!("it has more than {FILES} files")));
            }
        }
    }
    files.sort();
    Ok(files)
}

/// Whether the name of a file says which analysis it belongs to.
fn names_id(file: &Path, id: &str) -> bool {
    let called = file.file_name().map(|called| called.to_string_lossy().into_owned()).unwrap_or_default();
    let is_code = ["js", "mjs", "cjs", "ts", "py", "gz"].iter().any(|ending| ends_with(file, ending));
    is_code && ids_in(&called).any(|(_, found)| found == id)
}

/// Whether a file is called like an analysis, and its runtime reads it.
fn has_name_of(file: &Path, analysis: &Found) -> bool {
    let runtime = text(&analysis.document, "runtime").unwrap_or_default();
    let endings: &[&str] = match runtime.split(['-', '_']).next() {
        Some("python") => &["py"],
        Some("deno") => &["ts", "js", "mjs"],
        _ => &["js", "mjs", "cjs", "ts"],
    };
    let stem = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let is_called = plain(&stem) == plain(&name(Kind::Analysis, &analysis.document));
    is_called && endings.iter().any(|ending| ends_with(file, ending))
}

fn ends_with(file: &Path, ending: &str) -> bool {
    file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case(ending))
}

/// What two names have in common that a file system and an owner spell apart.
fn plain(text: &str) -> String {
    text.chars().filter(|char| char.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The code in a file, unpacked if it is packed.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let file = std::fs::File::open(path)?;
    let mut code = Vec::new();
    if ends_with(path, "gz") {
        flate2::read::MultiGzDecoder::new(file).take(LARGEST + 1).read_to_end(&mut code)?;
    } else {
        file.take(LARGEST + 1).read_to_end(&mut code)?;
    }
    if code.len() as u64 > LARGEST {
        return Err(io::Error::other("it is larger than 1 MiB, which the platform takes"));
    }
    Ok(code)
}

fn entries(sha256: &Seal, bytes: usize) -> Entries {
    Entries::from([(SCRIPT.to_owned(), json!({ "sha256": sha256.as_str(), "bytes": bytes }))])
}

/// Keeps what the plan takes from the folder, which must be what was sealed.
pub(super) fn keep_all(header: &ResourceHeader, keep: &dyn Keep) -> Result<(), RunError> {
    let Some(folder) = &header.choices.scripts else { return Ok(()) };
    for ScriptFile { file, sha256 } in header.scripts.values() {
        let path = folder.join(file);
        let code = read(&path).map_err(|error| RunError::NotRunnable {
            reason: format!("{} cannot be read: {error}; rehearse again", path.display()),
        })?;
        if Seal::of(&code) != *sha256 {
            let reason = format!("{} is not what it was at the rehearsal; rehearse again", path.display());
            return Err(RunError::NotRunnable { reason });
        }
        keep.keep(&code).map_err(crate::journal::JournalError::Folder)?;
    }
    Ok(())
}

/// A source with the code that its owner has elsewhere.
pub(crate) struct WithScripts<'a> {
    pub(crate) source: &'a dyn Resources,
    pub(crate) scripts: &'a BTreeMap<String, ScriptFile>,
    pub(crate) keep: &'a dyn Keep,
}

impl WithScripts<'_> {
    fn code(&self, at: &Address) -> Option<Result<Vec<u8>, PortError>> {
        let script = self.scripts.get(&at.id).filter(|_| at.kind == Kind::Analysis)?;
        let kept = self.keep.kept(&script.sha256);
        Some(kept.map_err(|error| PortError::Refused {
            message: format!("the code that the run kept for it cannot be read: {error}"),
        }))
    }
}

#[async_trait]
impl Resources for WithScripts<'_> {
    async fn entries(&self, at: &Address, part: Part) -> Result<Entries, PortError> {
        match self.code(at).filter(|_| part == Part::Script) {
            Some(code) => code.map(|code| entries(&Seal::of(&code), code.len())),
            None => self.source.entries(at, part).await,
        }
    }

    async fn content(&self, at: &Address) -> Result<Option<Bytes>, PortError> {
        match self.code(at) {
            Some(code) => code.map(|code| Some(code.into())),
            None => self.source.content(at).await,
        }
    }

    async fn identity(&self) -> Result<Identity, PortError> {
        self.source.identity().await
    }

    fn now(&self) -> Option<Time> {
        self.source.now()
    }

    async fn list(&self, kind: Kind) -> Result<Vec<(Address, Document)>, PortError> {
        self.source.list(kind).await
    }

    async fn read(&self, at: &Address) -> Result<Document, PortError> {
        self.source.read(at).await
    }

    async fn catalogue(&self, kind: Kind) -> Result<Vec<Named>, PortError> {
        self.source.catalogue(kind).await
    }

    async fn serials(&self, device: &str) -> Result<Vec<String>, PortError> {
        self.source.serials(device).await
    }

    async fn limits(&self) -> Result<BTreeMap<Kind, u64>, PortError> {
        self.source.limits().await
    }

    async fn records(&self, device: &str) -> Result<u64, PortError> {
        self.source.records(device).await
    }
}
