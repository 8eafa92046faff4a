//! Takes files and throw-away devices of runs away from the target. It may be repeated.
//!
//! An import that has begun goes on without its file. So a sign for each device lies beside the files from before
//! the first import until nothing of one can come any more: by it other runs know that they have to wait.

use std::time::Duration;

use tago_api::DeviceId;

use super::{FOLDER, probe};
use crate::device::Device;
use crate::machine::{MARKER, Route};
use crate::ports::{PortError, Target};
use crate::reader::Reader;

/// A removal that was acknowledged and is not seen is repeated so often.
const REMOVALS: u32 = 3;
/// What a sign is called by.
const IMPORTING: &str = "importing";
/// What is removed may be listed a little longer: so long at first, and then three times as long each time.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);

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
    let is_listed =
        async || Ok::<_, PortError>(listed(reader, target).await?.iter().any(|there| there == path));
    let mut pause = SHORTEST_PAUSE;
    for _ in 0..REMOVALS {
        // Any other path than one that is listed could be taken for a folder.
        if !is_listed().await? {
            return Ok(());
        }
        match reader.change(Route::File, || target.remove_file(path)).await {
            Ok(()) | Err(PortError::NotFound { .. }) => {}
            Err(cause) => return Err(cause),
        }
        if !is_listed().await? {
            return Ok(());
        }
        reader.clock.sleep(pause).await;
        pause *= 3;
    }
    match is_listed().await? {
        true => Err(PortError::Refused { message: format!("it removes the file {path} and has it still") }),
        false => Ok(()),
    }
}

/// The sign that a run may import into this device.
pub(crate) fn sign(run: &str, device: DeviceId) -> String {
    format!("{FOLDER}/{run}-{device}-{IMPORTING}.csv")
}

/// Takes all away that these runs have left, but for the signs that stay; answers what, in words.
pub(crate) async fn all(
    reader: &Reader<'_>,
    target: &dyn Target,
    whose: Whose<'_>,
    stays: impl Fn(DeviceId) -> bool,
) -> Result<Vec<String>, PortError> {
    let mut told = Vec::new();
    let left = left(reader, target, whose).await?;
    for Left { path, .. } in left.into_iter().filter(|left| !left.signs.is_some_and(&stays)) {
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

/// What a run has left in the folder.
pub(crate) struct Left {
    pub(crate) path: String,
    /// The device, if it is the sign of imports into one.
    pub(crate) signs: Option<DeviceId>,
}

/// What these runs have.
pub(crate) async fn left(
    reader: &Reader<'_>,
    target: &dyn Target,
    whose: Whose<'_>,
) -> Result<Vec<Left>, PortError> {
    let theirs = |path: String| {
        let (run, signs) = origin(&path)?;
        whose.are(run).then_some(Left { signs, path })
    };
    Ok(listed(reader, target).await?.into_iter().filter_map(theirs).collect())
}

/// The run that wrote a file, and the device if it is a sign, by the whole shape of its path: whatever else lies
/// in the folder is its owner's.
fn origin(path: &str) -> Option<(&str, Option<DeviceId>)> {
    let name = path.strip_prefix(FOLDER)?.strip_prefix('/')?.strip_suffix(".csv")?;
    let is_number = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let is_run =
        |part: &str| part.len() == 16 && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    match name.split('-').collect::<Vec<_>>().as_slice() {
        [run, session, "probe", number] if [session, number].into_iter().all(is_number) && is_run(run) => {
            Some((run, None))
        }
        [run, device, IMPORTING] if is_run(run) => Some((run, Some(device.parse().ok()?))),
        [run, numbers @ ..] if numbers.len() == 4 && numbers.iter().all(is_number) && is_run(run) => {
            Some((run, None))
        }
        _ => None,
    }
}

async fn listed(reader: &Reader<'_>, target: &dyn Target) -> Result<Vec<String>, PortError> {
    match reader.ask(Route::Lookup, || target.files(FOLDER)).await {
        Err(PortError::NotFound { .. }) => Ok(Vec::new()),
        files => files,
    }
}

#[cfg(test)]
mod tests {
    use super::{DeviceId, origin, sign};

    #[test]
    fn only_what_a_run_wrote_is_taken_for_a_file_of_one() {
        let run = "00000000000000af";
        for name in [format!("{run}-1-probe-0.csv"), format!("{run}-12-3-0-2.csv")] {
            assert_eq!(origin(&format!("holdfast-imports/{name}")), Some((run, None)), "{name}");
        }
        let device = DeviceId::from_bytes([0x5f; 12]);
        assert_eq!(origin(&sign(run, device)), Some((run, Some(device))));
        let others = [
            "holdfast-imports/backup-2026.csv".to_owned(),
            format!("holdfast-imports/{run}-1-3-0.csv"),
            format!("holdfast-imports/{run}-1-3-0-1.csv.bak"),
            format!("holdfast-imports/{run}-1-probe-x.csv"),
            format!("holdfast-imports/{run}-mine-importing.csv"),
            format!("holdfast-imports/mine/{run}-1-3-0-1.csv"),
            format!("holdfast-imports/{}-1-3-0-1.csv", run.to_uppercase()),
            format!("elsewhere/{run}-1-3-0-1.csv"),
        ];
        for path in others {
            assert_eq!(origin(&path), None, "{path}");
        }
    }
}
