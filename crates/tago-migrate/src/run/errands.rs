//! What is done for the file lane, request by request.

use tago_api::{DeviceId, Time};

use super::drive::Hands;
use crate::lane::clear::{self, Left, Whose};
use crate::machine::Route;
use crate::machine::import::{Errand, ErrandDone};
use crate::plan::{DeviceItem, Item, Verdict};
use crate::planted::{Bug, is_planted};
use crate::ports::{Order, PortError, Range, WriteError};
use bytes::Bytes;

/// The throw-away device holds fewer.
const PROBED: usize = 1_000;
/// What a sign says to who opens it.
const NOTE: &[u8] =
    b"Holdfast may still be importing records into this device. Its next run takes this file away.\n";

impl Hands<'_> {
    pub(super) async fn run(&self, errand: Errand) -> ErrandDone {
        let target = self.world.target;
        match errand {
            Errand::Make(device) => {
                ErrandDone::Made(self.noted(Route::File, target.create_device(&device).await))
            }
            Errand::Upload { item, path, content, sign } => {
                if let Some(sign) = sign {
                    let note = Bytes::from_static(NOTE);
                    let signed = self.patient().change(Route::File, || target.upload(&sign, &note)).await;
                    if let Err(cause) = signed {
                        let result = Err(WriteError::NotReceived(cause));
                        return ErrandDone::Uploaded { item, result };
                    }
                }
                let result = target.upload(&path, &content).await;
                ErrandDone::Uploaded { item, result: self.noted(Route::File, result) }
            }
            Errand::Import { item, device, path } => {
                let result = target.import(device, &path).await;
                ErrandDone::Imported { item, result: self.noted(Route::File, result) }
            }
            Errand::Watch { device } => {
                let all = Range { from: Time::MIN, to: Time::MAX, variables: Vec::new() };
                let request = || target.records(device, &all, Order::Ascending, 0, PROBED);
                ErrandDone::Watched(self.looked(self.target().ask(Route::Read, request)).await)
            }
            Errand::Count { item, device } => {
                let Some(Item::Data(data)) = self.world.plan.items.get(item as usize) else {
                    let message = "no such item".to_owned();
                    return ErrandDone::Counted { item, result: Err(PortError::NotFound { message }) };
                };
                let variables = self.world.plan.header.choices.variables();
                let range = Range { from: data.from, to: data.to, variables };
                let (reader, request) = (self.target(), || target.count(device, &range));
                let result = self.looked(reader.ask(Route::Read, request)).await;
                ErrandDone::Counted { item, result }
            }
            Errand::Fence { item, path } => {
                let result = match is_planted(Bug::FileLeftWhenGivenUp) {
                    true => Ok(()),
                    false => clear::file(&self.patient(), target, &path).await,
                };
                ErrandDone::Fenced { item, result }
            }
            Errand::Drop { device, paths } => {
                // What fails is taken away at the end of the session.
                for path in paths {
                    drop(clear::file(&self.patient(), target, &path).await);
                }
                if let Some(device) = device {
                    drop(self.patient().change(Route::Edit, || target.delete_device(device)).await);
                }
                ErrandDone::Dropped
            }
            Errand::Clear { run, imports } => {
                let stays = |device| imports.contains(&device);
                let cleared = clear::all(&self.patient(), target, Whose::Of(&run), stays).await;
                ErrandDone::Cleared(cleared.map(drop))
            }
            Errand::FindOthers { run } => {
                let reader = self.target();
                let left = self.looked(clear::left(&reader, target, Whose::NotOf(&run))).await;
                let concerns = |left: &Left| left.signs.is_none_or(|device| self.is_written_to(device));
                ErrandDone::OthersFound(left.map(|left| left.iter().any(concerns)))
            }
            Errand::ClearOthers { run, are_over } => {
                let stays = |device| !are_over || !self.is_written_to(device);
                let cleared = clear::all(&self.patient(), target, Whose::NotOf(&run), stays).await;
                ErrandDone::OthersCleared(cleared.map(drop))
            }
            Errand::CountOthers => ErrandDone::OthersCounted(self.looked(self.count_devices()).await),
        }
    }

    fn is_written_to(&self, device: DeviceId) -> bool {
        let is_it = |item: &Item| matches!(item, Item::Device(item) if item.target == Some(device));
        self.world.plan.items.iter().any(is_it)
    }

    /// How many records each device has into which the plan writes, in the times of what it writes.
    async fn count_devices(&self) -> Result<Vec<u64>, PortError> {
        let plan = self.world.plan;
        let mut counts = Vec::new();
        for item in &plan.items {
            let Item::Device(DeviceItem { device, target: Some(target), .. }) = item else { continue };
            let times = plan.items.iter().filter_map(|item| match item {
                Item::Data(data) if data.device == *device && data.verdict == Verdict::Fill => {
                    Some((data.from, data.to))
                }
                _ => None,
            });
            let Some((from, to)) = times.reduce(|all, (from, to)| (all.0.min(from), all.1.max(to))) else {
                continue;
            };
            let range = Range { from, to, variables: plan.header.choices.variables() };
            let count = self.target().ask(Route::Read, || self.world.target.count(*target, &range)).await;
            counts.push(match count {
                Err(PortError::NotFound { .. }) => 0,
                count => count?,
            });
        }
        Ok(counts)
    }
}
