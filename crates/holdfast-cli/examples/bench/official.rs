//! The way of the official command line: one device after the other, the largest pages that fit, and 400 ms
//! of rest for every 2,000 records.

use std::time::{Duration, Instant};

use tago_api::Time;
use tago_api::client::{NewDeviceToken, Permission};
use tago_migrate::live::Live;
use tago_migrate::{Order, Range, Source, Target};

use super::platform::Project;

const PAGE: usize = 2_000;
/// It is the same for every page.
const PAGES: usize = 30;

/// Records a second.
pub(crate) async fn copy(source: &Project, target: &Project) -> f64 {
    let (from, to) = (Live::new(source.api()), Live::new(target.api()));
    let everything = Range { from: Time::MIN, to: Time::MAX, variables: Vec::new() };
    let devices = from.devices().await.unwrap();
    let begun = Instant::now();
    let (mut copied, mut pages) = (0, 0);
    for device in devices {
        let whole = from.device(device.id).await.unwrap().definition;
        let made = to.create_device(&whole).await.unwrap();
        let token = NewDeviceToken {
            device: made,
            name: "copy".into(),
            permission: Permission::Full,
            serie_number: None,
        };
        let token = target.api().create_device_token(&token).await.unwrap().token;
        let writer = target.api().as_device(&token).unwrap();
        let mut skip = 0;
        loop {
            let page = from.records(device.id, &everything, Order::Ascending, skip, PAGE).await.unwrap();
            skip += page.len();
            for body in fitting(&page) {
                writer.write_json(body).await.unwrap();
            }
            tokio::time::sleep(Duration::from_millis(400)).await;
            (copied, pages) = (copied + page.len(), pages + 1);
            if pages == PAGES {
                return copied as f64 / begun.elapsed().as_secs_f64();
            }
            if page.len() < PAGE {
                break;
            }
        }
    }
    copied as f64 / begun.elapsed().as_secs_f64()
}

/// In bodies of at most 200 kB.
fn fitting(page: &[tago_migrate::Record]) -> Vec<Vec<u8>> {
    let body = serde_json::to_vec(page).unwrap();
    let parts = body.len().div_ceil(195_000).max(1);
    page.chunks(page.len().div_ceil(parts).max(1)).map(|part| serde_json::to_vec(part).unwrap()).collect()
}
