//! Whether source and target are one project under two addresses.

use std::collections::BTreeSet;
use std::time::Duration;

use tago_api::DeviceId;

use super::RehearseError;
use crate::device::{Fingerprint, Token};
use crate::machine::Route;
use crate::ports::{PortError, Target, WriteError};
use crate::reader::Reader;
use crate::run::Side;
use crate::watch::Watch;

/// Devices that are looked at before anything is written.
const SAMPLE: usize = 3;
/// What the name of a token begins with that a rehearsal makes. One that died may have left its own behind.
const PROBE: &str = "Holdfast probe ";

/// Compares the tokens of devices that both sides have: one project shows the same twice, and a restored
/// copy has tokens of its own. Only if they are equal is a token made on the target, looked for through
/// the source, and removed.
pub(super) async fn one_project(
    common: &[DeviceId],
    source: &Reader<'_>,
    target: &Reader<'_>,
    writer: &dyn Target,
    watch: &Watch<'_>,
    nonce: u64,
    late_commit_bound: Duration,
) -> Result<bool, RehearseError> {
    let Some(device) = common.first().copied() else { return Ok(false) };
    let left_behind = watch.unless_stopped(tokens(target, Side::Target, device)).await??;
    remove(target, writer, device, left_behind.iter().filter(|token| token.name.starts_with(PROBE))).await?;
    for device in common.iter().take(SAMPLE) {
        let here = watch.unless_stopped(tokens(source, Side::Source, *device)).await??;
        let there = watch.unless_stopped(tokens(target, Side::Target, *device)).await??;
        if fingerprints(&here) != fingerprints(&there) {
            return Ok(false);
        }
    }
    let name = format!("{PROBE}{nonce:016x}");
    let mint = || async {
        match writer.mint_token(device, &name).await {
            Ok(_) => Ok(Duration::ZERO),
            Err(WriteError::Ambiguous(_)) => Ok(late_commit_bound),
            Err(WriteError::NotReceived(cause)) => Err(cause),
        }
    };
    let settled_in = target.ask(Route::Edit, mint).await.map_err(on_target)?;
    target.clock.sleep(settled_in).await;
    let seen = tokens(source, Side::Source, device).await;
    let made = tokens(target, Side::Target, device).await?;
    remove(target, writer, device, made.iter().filter(|token| token.name == name)).await?;
    if !made.iter().any(|token| token.name == name) {
        let message = "a token that was made on the target is not in its list".to_owned();
        return Err(on_target(PortError::Undecodable { message }));
    }
    Ok(seen?.iter().any(|token| token.name == name))
}

async fn remove(
    target: &Reader<'_>,
    writer: &dyn Target,
    device: DeviceId,
    tokens: impl Iterator<Item = &Token>,
) -> Result<(), RehearseError> {
    for token in tokens {
        let remove = || async {
            let removed = writer.remove_token(device, token).await;
            removed.map_err(|error| error.cause().clone())
        };
        target.ask(Route::Edit, remove).await.map_err(on_target)?;
    }
    Ok(())
}

fn on_target(cause: PortError) -> RehearseError {
    RehearseError::Port { side: Side::Target, cause }
}

async fn tokens(reader: &Reader<'_>, side: Side, device: DeviceId) -> Result<Vec<Token>, RehearseError> {
    let request = || reader.port.tokens(device);
    reader.ask(Route::Lookup, request).await.map_err(|cause| RehearseError::Port { side, cause })
}

fn fingerprints(tokens: &[Token]) -> BTreeSet<&Fingerprint> {
    tokens.iter().map(|token| &token.fingerprint).collect()
}
