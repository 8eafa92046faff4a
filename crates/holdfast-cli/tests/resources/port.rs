//! A platform that comes back on another port is the same platform.

use tago_migrate::resources::{Conflict, resume, run};
use tago_migrate::{Control, Ending, RunError};

use crate::fixture::fill;
use crate::moving::{Moving, differences, settings};
use crate::running::Running;

#[tokio::test(flavor = "multi_thread")]
async fn a_run_goes_on_and_is_taken_back_although_both_sides_came_back_on_other_ports() {
    let (source, target) = (Running::start(1).await, Running::start(2).await);
    fill(&source).await;
    let before = target.content().await;
    let mut moving = Moving::new(Conflict::KeepTarget);
    let plan = moving.rehearse(&source, &target).await;
    moving.control.stop();
    let (ours, theirs) = (source.live(), target.live());
    let approved = plan.fingerprint();
    let ending = run(&plan, &approved, moving.path(), &ours, &theirs, &settings(), moving.env()).await;
    assert_eq!(ending.unwrap(), Ending::Stopped);

    moving.control = Control::new();
    let (source, target) = (source.on_another_port().await, target.on_another_port().await);
    let (ours, theirs) = (source.live(), target.live());
    let swapped = resume(moving.path(), &theirs, &ours, &settings(), moving.env()).await;
    assert!(matches!(swapped, Err(RunError::OtherProject { .. })), "{swapped:?}");
    let ending = resume(moving.path(), &ours, &theirs, &settings(), moving.env()).await;
    assert_eq!(ending.unwrap(), Ending::Finished);
    moving.undo(&target.on_another_port().await).await;
    assert_eq!(differences(&before, &target.content().await), Vec::<String>::new());
}
