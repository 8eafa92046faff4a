//! The owner's stop, while a side says for an hour that there are too many requests.

use futures_util::future::join;

use super::*;
use crate::{ProveError, undo};

const HOUR: Duration = Duration::from_secs(3_600);

impl Bench {
    /// The target refuses whatever comes from now on; five seconds later its owner presses stop. For how long
    /// they wait then for this to end, and what it says.
    async fn stopped_while_refused<T>(&self, work: impl Future<Output = T>) -> (T, Duration) {
        let owner = async {
            let now = self.clock.elapsed();
            self.target.project.lock().unwrap().limited_until = now + HOUR;
            self.clock.sleep(Duration::from_secs(5)).await;
            self.control.stop();
            self.clock.elapsed()
        };
        let (said, stopped_at) = join(work, owner).await;
        (said, self.clock.elapsed() - stopped_at)
    }
}

#[tokio::test(start_paused = true)]
async fn a_rehearsal_that_is_refused_for_an_hour_can_be_stopped() {
    let bench = Bench::new();
    let choices = Choices::default();
    let rehearsing = rehearse(&bench.source, &bench.target, &choices, &bench.settings, bench.env());
    let (said, took) = bench.stopped_while_refused(rehearsing).await;
    assert!(matches!(said, Err(RehearseError::Stopped)), "{said:?}");
    assert_eq!(took, Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_proof_that_is_refused_for_an_hour_can_be_stopped() {
    let bench = Bench::new();
    bench.run_all(&Choices::default()).await;
    let folder = bench.run_folder();
    let proving = prove(&folder, &bench.source, &bench.target, &bench.settings, bench.env());
    let (said, took) = bench.stopped_while_refused(proving).await;
    assert!(matches!(said, Err(ProveError::Stopped)), "{said:?}");
    assert_eq!(took, Duration::ZERO);
}

/// Its own tokens stay for a while: whoever goes on, or takes it back, removes them.
#[tokio::test(start_paused = true)]
async fn a_run_that_is_refused_for_an_hour_can_be_stopped() {
    let mut bench = Bench::new();
    bench.settings.batch_bytes = 350;
    let plan = bench.plan(&Choices::default()).await;
    let folder = bench.run_folder();
    let running = bench.run(&plan, &folder);
    let begun = async {
        while status(&folder).map_or(0, |status| status.records_done) == 0 {
            bench.clock.sleep(Duration::from_millis(1)).await;
        }
    };
    let refused = async {
        begun.await;
        bench.stopped_while_refused(async {}).await;
        bench.clock.elapsed()
    };
    let (said, stopped_at) = join(running, refused).await;
    let took = bench.clock.elapsed() - stopped_at;
    assert!(matches!(said, Ok(Ending::Stopped | Ending::Halted(Halt::Unreachable { .. }))), "{said:?}");
    assert!(took < bench.settings.patience * 3, "{took:?}");
    bench.target.project.lock().unwrap().limited_until = Duration::ZERO;
    let env = crate::Env { control: &Control::new(), ..bench.env() };
    let resumed = resume(&folder, &bench.source, &bench.target, &bench.settings, env).await;
    assert_eq!(resumed.unwrap(), Ending::Finished);
    assert_eq!(status(&folder).unwrap().records_done, 140);
    assert_eq!(bench.there()[&id(2)].records.len(), 100);
    let own = |token: &crate::device::Token| token.name.starts_with("Holdfast run");
    assert!(!bench.there().values().flat_map(|device| &device.tokens).any(own));
}

#[tokio::test(start_paused = true)]
async fn an_undo_that_is_refused_for_an_hour_can_be_stopped() {
    let bench = Bench::new();
    bench.run_all(&Choices::default()).await;
    let folder = bench.run_folder();
    let undoing = async {
        // It asks who the target is before there is anything to stop.
        let undo = undo(&folder, &bench.target, &bench.settings, bench.env());
        let (said, took) = join(undo, async {
            let mut seen = bench.progress.subscribe();
            seen.wait_for(|figures| figures.phase == crate::Phase::Undoing).await.unwrap();
            bench.stopped_while_refused(async {}).await;
            bench.clock.elapsed()
        })
        .await;
        (said, bench.clock.elapsed() - took)
    };
    let (said, took) = undoing.await;
    assert_eq!(said.unwrap().0, Ending::Stopped);
    assert_eq!(took, Duration::ZERO);
    bench.target.project.lock().unwrap().limited_until = Duration::ZERO;
    let env = crate::Env { control: &Control::new(), ..bench.env() };
    let (ending, undone) = undo(&folder, &bench.target, &bench.settings, env).await.unwrap();
    assert!(ending == Ending::Finished && undone.complete, "{undone:?}");
    assert_eq!(bench.there()[&id(2)].records.len(), 60);
}
