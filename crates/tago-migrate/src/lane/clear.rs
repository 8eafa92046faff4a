//! Takes files and throw-away devices of runs away from the target. It may be repeated.

use super::{FOLDER, probe};
use crate::device::Device;
use crate::machine::{MARKER, Route};
use crate::ports::{PortError, Target};
use crate::reader::Reader;

/// A removal that was acknowledged and did not happen is repeated so often.
const REMOVALS: u32 = 3;

/// Runs by their ids.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Whose<'a> {
    Of(&'a str),
    NotOf(&'a str),
    Anybodys,
}

impl Whose<'_> {
    fn are(self, run: &str) -> bool {
        match self {
            Whose::Of(ours) => ours == run,
            Whose::NotOf(ours) => ours != run,
            Whose::Anybodys => true,
        }
    }
}

/// Takes one file away, if it is there.
pub(crate) async fn file(reader: &Reader<'_>, target: &dyn Target, path: &str) -> Result<(), PortError> {
    for _ in 0..REMOVALS {
        // Any other path than one that is listed could be taken for a folder.
        if !listed(reader, target).await?.iter().any(|there| there == path) {
            return Ok(());
        }
        reader.change(Route::File, || target.remove_file(path)).await?;
    }
    match listed(reader, target).await?.iter().any(|there| there == path) {
        true => Err(PortError::Refused { message: format!("it removes the file {path} and has it still") }),
        false => Ok(()),
    }
}

/// Takes all away that these runs have left; answers what, in words.
pub(crate) async fn all(
    reader: &Reader<'_>,
    target: &dyn Target,
    whose: Whose<'_>,
) -> Result<Vec<String>, PortError> {
    let mut told = Vec::new();
    for path in files(reader, target, whose).await? {
        file(reader, target, &path).await?;
        told.push(format!("the file {path} is removed"));
    }
    let marked = reader.ask(Route::Lookup, || target.devices_tagged(MARKER, None)).await?;
    // A platform that does not know the filter lists every device.
    let is_probe = |device: &&Device| {
        let mark = device.definition.tags.iter().find(|tag| tag.key == MARKER);
        let run = mark.and_then(|tag| probe::run_of(&tag.value));
        device.definition.name == probe::NAME && run.is_some_and(|run| whose.are(run))
    };
    for device in marked.iter().filter(is_probe) {
        reader.change(Route::Edit, || target.delete_device(device.id)).await?;
        told.push(format!("the throw-away device {} is deleted", device.id));
    }
    Ok(told)
}

/// The files of these runs.
pub(crate) async fn files(
    reader: &Reader<'_>,
    target: &dyn Target,
    whose: Whose<'_>,
) -> Result<Vec<String>, PortError> {
    let is_theirs = |path: &String| {
        let name = path.strip_prefix(FOLDER).and_then(|name| name.strip_prefix('/'));
        name.and_then(|name| name.split_once('-')).is_some_and(|(run, _)| whose.are(run))
    };
    Ok(listed(reader, target).await?.into_iter().filter(is_theirs).collect())
}

async fn listed(reader: &Reader<'_>, target: &dyn Target) -> Result<Vec<String>, PortError> {
    match reader.ask(Route::Lookup, || target.files(FOLDER)).await {
        Err(PortError::NotFound { .. }) => Ok(Vec::new()),
        files => files,
    }
}
