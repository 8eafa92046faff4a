//! What is done for the file lane, request by request.

use tago_api::Time;

use super::drive::Hands;
use crate::lane::clear::{self, Whose};
use crate::machine::Route;
use crate::machine::import::{Errand, ErrandDone};
use crate::plan::Item;
use crate::planted::{Bug, is_planted};
use crate::ports::{Order, PortError, Range};

/// The throw-away device holds fewer.
const PROBED: usize = 1_000;

impl Hands<'_> {
    pub(super) async fn run(&self, errand: Errand) -> ErrandDone {
        let target = self.world.target;
        match errand {
            Errand::Make(device) => {
                ErrandDone::Made(self.noted(Route::File, target.create_device(&device).await))
            }
            Errand::Upload { item, path, content } => {
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
                ErrandDone::Watched(self.target().ask(Route::Read, request).await)
            }
            Errand::Count { item, device } => {
                let Some(Item::Data(data)) = self.world.plan.items.get(item as usize) else {
                    let message = "no such item".to_owned();
                    return ErrandDone::Counted { item, result: Err(PortError::NotFound { message }) };
                };
                let variables = self.world.plan.header.choices.variables();
                let range = Range { from: data.from, to: data.to, variables };
                let result = self.target().ask(Route::Read, || target.count(device, &range)).await;
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
            Errand::Clear { run } => {
                ErrandDone::Cleared(clear::all(&self.patient(), target, Whose::Of(&run)).await.map(drop))
            }
            Errand::FindOthers { run } => {
                let files = clear::files(&self.target(), target, Whose::NotOf(&run)).await;
                ErrandDone::OthersFound(files.map(|files| !files.is_empty()))
            }
            Errand::ClearOthers { run } => {
                let cleared = clear::all(&self.patient(), target, Whose::NotOf(&run)).await;
                ErrandDone::OthersCleared(cleared.map(drop))
            }
        }
    }
}
