use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use tago_migrate::resources::{
    Conflict, Kind, ResourceChoices, ResourcePlan, ResourceProof, Resources, UndoChoices, Undone, prove,
    rehearse, resume, run, status, undo,
};
use tago_migrate::{Control, Ending, Env, Figures, Progress, Settings, SystemClock, Verdict};
use tempfile::TempDir;

use crate::running::Running;

/// A run, its folder and its time.
pub(crate) struct Moving {
    pub(crate) folder: TempDir,
    pub(crate) clock: SystemClock,
    pub(crate) control: Control,
    pub(crate) progress: Progress,
    pub(crate) choices: ResourceChoices,
}

impl Moving {
    pub(crate) fn new(conflict: Conflict) -> Moving {
        let conflict_of_kind = BTreeMap::from([(Kind::RunConfiguration, Conflict::TakeSource)]);
        Moving {
            folder: TempDir::new().unwrap(),
            clock: SystemClock::start(),
            control: Control::new(),
            progress: Progress::new(Figures::default()),
            choices: ResourceChoices { conflict, conflict_of_kind, ..ResourceChoices::default() },
        }
    }

    pub(crate) fn env(&self) -> Env<'_> {
        Env { clock: &self.clock, nonce: 7, progress: &self.progress, control: &self.control }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) async fn rehearse(&self, source: &Running, target: &Running) -> ResourcePlan {
        let (source, target) = (source.live(), target.live());
        rehearse(&source, &target, &self.choices, &settings(), self.env()).await.unwrap()
    }

    pub(crate) async fn run(&self, source: &Running, target: &Running) -> ResourcePlan {
        let plan = self.rehearse(source, target).await;
        let (ours, theirs) = (source.live(), target.live());
        let approved = plan.fingerprint();
        let ending =
            run(&plan, &approved, self.path(), &ours, &theirs, &settings(), self.env()).await.unwrap();
        assert_eq!(ending, Ending::Finished);
        let status = status(self.path()).unwrap();
        assert!(status.held.is_empty(), "{:#?}", status.held);
        assert_eq!(
            resume(self.path(), &ours, &theirs, &settings(), self.env()).await.unwrap(),
            Ending::Finished
        );
        plan
    }

    pub(crate) async fn prove(&self, source: Option<&Running>, target: &Running) -> ResourceProof {
        let source = source.map(Running::live);
        let source: Option<&dyn Resources> = source.as_ref().map(|source| source as &dyn Resources);
        prove(self.path(), source, &target.live(), &settings(), self.env()).await.unwrap()
    }

    pub(crate) async fn undo(&self, target: &Running) -> Undone {
        self.undo_with(target, UndoChoices::default()).await
    }

    pub(crate) async fn undo_with(&self, target: &Running, choices: UndoChoices) -> Undone {
        let (ending, told) =
            undo(self.path(), &target.live(), choices, &settings(), self.env()).await.unwrap();
        assert_eq!(ending, Ending::Finished);
        told
    }
}

pub(crate) fn settings() -> Settings {
    let mut settings = Settings { late_commit_bound: Duration::from_millis(200), ..Settings::default() };
    settings.pace.share = Some(1.0);
    settings
}

pub(crate) fn left(plan: &ResourcePlan) -> Vec<String> {
    let items = plan.items().iter().filter(|item| item.verdict != Verdict::Skip);
    items.map(|item| format!("{} {:?} {:?} {:?}", item.at, item.verdict, item.reasons, item.fields)).collect()
}

pub(crate) fn differences(before: &BTreeSet<String>, after: &BTreeSet<String>) -> Vec<String> {
    let gone = before.difference(after).map(|line| format!("- {line}"));
    gone.chain(after.difference(before).map(|line| format!("+ {line}"))).collect()
}
