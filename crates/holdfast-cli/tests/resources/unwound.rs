//! Every route by which a run changes something refuses for good: what was done until then is taken back
//! to a clean target, and taking it back once more changes nothing.

use std::time::Duration;

use serde_json::json;
use tago_migrate::resources::{Conflict, run};
use tago_migrate::{Clock, Ending, SystemClock};

use crate::fixture::fill;
use crate::moving::{Moving, differences, settings};
use crate::running::Running;

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_fails_at_any_step_over_http_is_unwound_to_a_clean_target() {
    let source = Running::start(1).await;
    fill(&source).await;
    let writes = || tago_local::project::routes().into_iter().filter(|route| route.method != "GET");
    let routes: Vec<String> = writes().map(|route| format!("{} {}", route.method, route.path)).collect();
    let used = used(&source, &routes).await;
    assert!(used.len() >= 20, "only {} routes are used: {used:?}", used.len());
    for (number, route) in used.iter().enumerate() {
        // The limits of another minute.
        let now = SystemClock::start().now();
        source.clock.set(now + Duration::from_secs(60 * number as u64));
        // A refusal is held back, and the rest goes on; a token that is refused ends the run.
        let (status, halts) = if number % 2 == 0 { (400, false) } else { (401, true) };
        let target = Running::start(2).await;
        let before = target.content().await;
        let moving = Moving::new(Conflict::KeepTarget);
        let plan = moving.rehearse(&source, &target).await;
        let fault = json!({"route": route, "kind": "status", "status": status, "every": 1});
        target.shared.faults.push(serde_json::from_value(fault).unwrap()).unwrap();
        let (ours, theirs) = (source.live(), target.live());
        let approved = plan.fingerprint();
        let ending = run(&plan, &approved, moving.path(), &ours, &theirs, &settings(), moving.env()).await;
        let ending = ending.unwrap();
        assert_eq!(matches!(ending, Ending::Halted(_)), halts, "{route}: {ending:?}");
        assert!(target.shared.faults.struck()[0] > 0, "{route}");
        target.shared.faults.clear();
        let told = moving.undo(&target).await;
        assert!(told.changed_since.is_empty() && told.impossible.is_empty(), "{route}: {told:#?}");
        let after = target.content().await;
        assert_eq!(differences(&before, &after), Vec::<String>::new(), "{route} answers {status}");
        assert_eq!(moving.undo(&target).await, told, "{route}: a second undo tells the same");
        assert_eq!(differences(&after, &target.content().await), Vec::<String>::new(), "{route}");
    }
}

/// Those by which a run into an empty project writes.
async fn used(source: &Running, routes: &[String]) -> Vec<String> {
    let target = Running::start(2).await;
    for route in routes {
        let watched = json!({"route": route, "kind": "slow", "every": 1});
        target.shared.faults.push(serde_json::from_value(watched).unwrap()).unwrap();
    }
    Moving::new(Conflict::KeepTarget).run(source, &target).await;
    let struck = target.shared.faults.struck();
    routes.iter().zip(struck).filter(|(_, struck)| *struck > 0).map(|(route, _)| route.clone()).collect()
}
