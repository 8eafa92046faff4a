use super::App;
use crate::error::{Answer, UiError};
use crate::view::{
    Choices, HoleStrip, PlanPage, RehearsalView, ReportView, RunSummary, RunView, Side, SourceOverview,
    Verdict,
};
fn not<T>() -> Answer<T> {
    Err(UiError::internal("the migration is not part of this build"))
}
#[allow(clippy::unused_async, unused_variables)]
impl App {
    pub async fn source_overview(&self, source: &Side, target: &Side) -> Answer<SourceOverview> {
        not()
    }
    pub async fn start_rehearsal(&self, source: Side, target: Side, choices: Choices) -> Answer<String> {
        not()
    }
    pub async fn rehearsal(&self, id: &str) -> Answer<RehearsalView> {
        not()
    }
    pub async fn rehearsal_rows(
        &self,
        id: &str,
        verdict: Option<Verdict>,
        text: &str,
        page: u32,
    ) -> Answer<PlanPage> {
        not()
    }
    pub async fn rehearsal_strip(&self, id: &str) -> Answer<HoleStrip> {
        not()
    }
    pub async fn cancel_rehearsal(&self, id: &str) -> Answer<()> {
        not()
    }
    pub async fn start_run(&self, rehearsal: &str, fingerprint: &str, typed: &str) -> Answer<String> {
        not()
    }
    pub async fn runs(&self) -> Answer<Vec<RunSummary>> {
        Ok(Vec::new())
    }
    pub async fn run(&self, id: &str) -> Answer<RunView> {
        not()
    }
    pub async fn pause_run(&self, id: &str) -> Answer<()> {
        not()
    }
    pub async fn resume_run(&self, id: &str) -> Answer<()> {
        not()
    }
    pub async fn stop_run(&self, id: &str) -> Answer<()> {
        not()
    }
    pub async fn prove_run(&self, id: &str) -> Answer<()> {
        not()
    }
    pub async fn report(&self, id: &str) -> Answer<ReportView> {
        not()
    }
    pub async fn open_report(&self, id: &str) -> Answer<()> {
        not()
    }
}
