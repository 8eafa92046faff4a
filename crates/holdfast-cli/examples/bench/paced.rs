//! How much of a limit is used, by a clock that is simulated: a look at an idle project that counts the
//! requests of each calendar minute and refuses one too many.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use tago_api::{DeviceId, ProfileId, RecordId, Time};
use tago_migrate::{
    Clock, Control, Definition, Device, Env, Figures, Identity, Named, Order, Pace, Param, PortError,
    Progress, Range, Record, Settings, Source, Token, overview,
};
use tokio::time::Instant;

use super::{Goal, tell};

const WINDOWS: i64 = 10;
const MINUTE: i64 = 60_000;
/// In the middle of a minute, some day.
const BEGINNING: i64 = 1_795_321_830_000;
/// Requests with data for each device.
const LOOKS: u32 = 3;

pub(crate) fn budgets() {
    for limit in [250, 5_000, 15_000] {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        let (used, refused) = runtime.unwrap().block_on(budget(limit));
        tell(&format!("used of {limit} requests a minute, {WINDOWS} windows"), used, Goal::AtLeast(0.975));
        tell(&format!("answers 429 at {limit} requests a minute"), refused as f64, Goal::AtMost(0.0));
    }
}

async fn budget(limit: u32) -> (f64, u64) {
    let clock = Simulated(Instant::now());
    let side = |devices| Counting {
        devices,
        limit,
        clock: &clock,
        minutes: Mutex::default(),
        refused: AtomicU64::new(0),
    };
    let (source, target) = (side(limit * (WINDOWS as u32 + 2) / LOOKS), side(0));
    let (progress, control) = (Progress::new(Figures::default()), Control::new());
    let env = Env { clock: &clock, nonce: 1, progress: &progress, control: &control };
    let pace = Pace { reads: limit, share: Some(Pace::SHARE_IDLE), ..Pace::default() };
    let settings = Settings { pace, ..Settings::default() };
    overview(&source, &target, &settings, env).await.unwrap();
    let first = BEGINNING / MINUTE + 1;
    let minutes = source.minutes.lock().unwrap();
    assert!(minutes.len() as i64 >= WINDOWS + 2, "it ended too soon");
    let used: u32 = (first..first + WINDOWS).map(|minute| minutes.get(&minute).copied().unwrap_or(0)).sum();
    (f64::from(used) / (f64::from(limit) * WINDOWS as f64), source.refused.load(Ordering::Relaxed))
}

struct Simulated(Instant);

#[async_trait]
impl Clock for Simulated {
    fn now(&self) -> Time {
        Time::from_millis(BEGINNING + self.0.elapsed().as_millis() as i64)
    }

    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// A project of many devices with a few records each.
struct Counting<'a> {
    devices: u32,
    limit: u32,
    clock: &'a Simulated,
    /// Requests for data by calendar minute.
    minutes: Mutex<BTreeMap<i64, u32>>,
    refused: AtomicU64,
}

impl Counting<'_> {
    async fn count_in(&self) -> Result<(), PortError> {
        // On its way for up to 20 ms, and back.
        let asked = self.clock.elapsed().subsec_micros();
        self.clock.sleep(Duration::from_millis(u64::from(asked % 20))).await;
        let now = self.clock.now().millis();
        let over = {
            let mut minutes = self.minutes.lock().unwrap();
            let used = minutes.entry(now / MINUTE).or_default();
            *used += 1;
            *used > self.limit
        };
        self.clock.sleep(Duration::from_millis(1)).await;
        if over {
            self.refused.fetch_add(1, Ordering::Relaxed);
            let left = MINUTE - now % MINUTE;
            return Err(PortError::RateLimited { retry_after: Duration::from_millis(left as u64) });
        }
        Ok(())
    }
}

fn device(number: u32) -> Device {
    let definition = Definition {
        name: format!("Device {number}"),
        kind: "immutable".into(),
        active: true,
        visible: true,
        tags: Vec::new(),
        fields: BTreeMap::new(),
    };
    let mut id = [0; 12];
    id[..4].copy_from_slice(&number.to_be_bytes());
    Device { id: DeviceId::from_bytes(id), definition, is_whole: true, last_input: None }
}

fn nothing_there<T>() -> Result<T, PortError> {
    Err(PortError::NotFound { message: "nothing of that kind".into() })
}

#[async_trait]
impl Source for Counting<'_> {
    async fn identity(&self) -> Result<Identity, PortError> {
        let profile = ProfileId::from_bytes([1; 12]);
        Ok(Identity { origin: "https://counting".into(), profile, name: "Counting".into() })
    }

    async fn devices(&self) -> Result<Vec<Device>, PortError> {
        Ok((0..self.devices).map(device).collect())
    }

    async fn device(&self, _: DeviceId) -> Result<Device, PortError> {
        nothing_there()
    }

    async fn params(&self, _: DeviceId) -> Result<Vec<Param>, PortError> {
        Ok(Vec::new())
    }

    async fn tokens(&self, _: DeviceId) -> Result<Vec<Token>, PortError> {
        Ok(Vec::new())
    }

    async fn networks(&self) -> Result<Vec<Named>, PortError> {
        nothing_there()
    }

    async fn connectors(&self) -> Result<Vec<Named>, PortError> {
        nothing_there()
    }

    async fn network_parses(&self, _: &str) -> Result<bool, PortError> {
        Ok(false)
    }

    async fn count(&self, _: DeviceId, _: &Range) -> Result<u64, PortError> {
        self.count_in().await?;
        Ok(1)
    }

    async fn records(
        &self,
        _: DeviceId,
        _: &Range,
        _: Order,
        _: usize,
        _: usize,
    ) -> Result<Vec<Record>, PortError> {
        self.count_in().await?;
        Ok(Vec::new())
    }

    async fn records_named(
        &self,
        _: DeviceId,
        _: &[RecordId],
    ) -> Result<Vec<(Record, Option<Time>)>, PortError> {
        nothing_there()
    }
}
