use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::control::{Stopped, Wish};
use crate::progress::{Figures, Phase};
use crate::settings::Env;

/// What the lanes of a reading operation share: its figures, and the owner's hand.
pub(crate) struct Watch<'a> {
    env: Env<'a>,
    begun: Duration,
    figures: Mutex<Figures>,
}

impl<'a> Watch<'a> {
    pub(crate) fn new(env: Env<'a>) -> Watch<'a> {
        Watch { env, begun: env.clock.elapsed(), figures: Mutex::default() }
    }

    pub(crate) fn phase(&self, phase: Phase) {
        self.change(|figures| figures.phase = phase);
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut Figures)) {
        let mut figures = self.figures.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut figures);
        let seconds = self.env.clock.elapsed().saturating_sub(self.begun).as_secs_f64();
        if seconds > 0.0 && figures.records_done > 0 {
            figures.rate = figures.records_done as f64 / seconds;
            let left = figures.records_total.saturating_sub(figures.records_done) as f64 / figures.rate;
            let bound = |factor: f64| Duration::from_secs_f64((left * factor).min(1e9));
            figures.remaining = Some((bound(0.8), bound(1.5)));
        }
        self.env.progress.send_replace(figures.clone());
    }

    /// Waits for so long, but not past the owner's stop, and says what for.
    pub(crate) async fn wait(&self, duration: Duration, what_for: &str) -> Result<(), Stopped> {
        self.change(|figures| figures.waiting_for = Some(what_for.to_owned()));
        let waited = self.env.control.unless_stopped(self.env.clock.sleep(duration)).await;
        self.change(|figures| figures.waiting_for = None);
        waited
    }

    /// What comes of it, unless the owner stops first: then it is dropped. For what changes nothing.
    pub(crate) async fn unless_stopped<T>(&self, look: impl Future<Output = T>) -> Result<T, Stopped> {
        self.env.control.unless_stopped(look).await
    }

    /// Waits while the owner wants a pause.
    pub(crate) async fn pass(&self) -> Result<(), Stopped> {
        let mut wishes = self.env.control.listen();
        let mut before = None;
        loop {
            let wish = *wishes.borrow_and_update();
            match wish {
                Wish::Stop => return Err(Stopped),
                Wish::Pause => {
                    // Of several lanes the first that waits tells it, and takes it back.
                    self.change(|figures| {
                        if figures.phase != Phase::Paused {
                            before = Some(figures.phase);
                            figures.phase = Phase::Paused;
                        }
                    });
                }
                Wish::Run => {
                    if let Some(phase) = before {
                        self.phase(phase);
                    }
                    return Ok(());
                }
            }
            if wishes.changed().await.is_err() {
                return Ok(());
            }
        }
    }
}
