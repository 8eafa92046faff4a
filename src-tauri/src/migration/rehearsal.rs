use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tago_api::DeviceId;
use tago_migrate::{self as engine, Control, Figures, Pace, Phase, Plan};

use super::{plan, run::waiting};
use crate::app::locked;
use crate::error::{Answer, ErrorCode, UiError};
use crate::view::{
    Choices, Depth, InactiveChoice, LaneChoice, PlanPage, Policy, RebuiltView, RehearsalPhase, RehearsalView,
    Side, SideDevice, SourceOverview, Tag, TimeNeeded, TrippedChoice, Verdict, Whole,
};

/// A rehearsal, under way or over.
pub(crate) struct Rehearsal {
    pub(crate) id: String,
    pub(crate) source: Side,
    pub(crate) target: Side,
    pub(crate) source_name: String,
    pub(crate) target_name: String,
    pub(crate) choices: Choices,
    pub(crate) control: Control,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    figures: Figures,
    outcome: Option<Result<Arc<Rehearsed>, UiError>>,
}

/// A plan and how long it took to look at what it is about.
pub(crate) struct Rehearsed {
    pub(crate) plan: Plan,
    pub(crate) took: Duration,
    pub(crate) records_read: u64,
    /// What the rebuilding of a damaged run came to beside its plan.
    rebuilt: Option<RebuiltView>,
}

impl Rehearsal {
    pub(crate) fn new(id: String, sides: [(Side, String); 2], choices: Choices) -> Rehearsal {
        let [(source, source_name), (target, target_name)] = sides;
        let state = Mutex::default();
        Rehearsal { id, source, target, source_name, target_name, choices, control: Control::new(), state }
    }

    pub(crate) fn progressed(&self, figures: Figures) {
        locked(&self.state).figures = figures;
    }

    pub(crate) fn ended(&self, outcome: Answer<(Plan, Option<RebuiltView>)>, took: Duration) {
        let mut state = locked(&self.state);
        let records_read = state.figures.records_done;
        let rehearsed = |(plan, rebuilt)| Arc::new(Rehearsed { plan, took, records_read, rebuilt });
        state.outcome = Some(outcome.map(rehearsed));
    }

    pub(crate) fn cancel(&self) {
        self.control.stop();
    }

    /// The plan, once there is one.
    pub(crate) fn rehearsed(&self) -> Answer<Arc<Rehearsed>> {
        locked(&self.state).outcome.clone().unwrap_or_else(|| {
            Err(UiError::new(ErrorCode::Conflict, "The rehearsal is not over yet").retryable())
        })
    }

    pub(crate) fn rows(&self, verdict: Option<Verdict>, text: &str, page: u32) -> Answer<PlanPage> {
        Ok(plan::page(&self.rehearsed()?.plan, verdict, text, page))
    }

    pub(crate) fn time_needed(&self, pace: &Pace) -> Answer<TimeNeeded> {
        let rehearsed = self.rehearsed()?;
        Ok(plan::time_needed(&rehearsed, pace))
    }

    pub(crate) fn view(&self) -> RehearsalView {
        let (figures, outcome) = {
            let state = locked(&self.state);
            (state.figures.clone(), state.outcome.clone())
        };
        let (done, total) = reach(&figures);
        let nothing = RehearsalView {
            id: self.id.clone(),
            source: self.source.clone(),
            target: self.target.clone(),
            source_name: self.source_name.clone(),
            target_name: self.target_name.clone(),
            choices: self.choices.clone(),
            phase: phase(figures.phase),
            done: done.into(),
            total: (total > 0).then(|| total.into()),
            waiting: None,
            checks: Vec::new(),
            summary: None,
            rebuilt: None,
            error: None,
        };
        match outcome {
            None => RehearsalView { waiting: waiting(&figures), ..nothing },
            Some(Ok(rehearsed)) => RehearsalView {
                phase: RehearsalPhase::Done,
                checks: rehearsed.plan.header().checks.iter().map(plan::check).collect(),
                summary: Some(plan::summary(&rehearsed)),
                rebuilt: rehearsed.rebuilt.clone(),
                ..nothing
            },
            Some(Err(error)) => {
                RehearsalView { phase: RehearsalPhase::Failed, error: Some(error), ..nothing }
            }
        }
    }
}

/// What of the present phase is done, of how much.
fn reach(figures: &Figures) -> (u64, u64) {
    if figures.phase == Phase::Rehearsing && figures.records_total > 0 {
        (figures.records_done, figures.records_total)
    } else {
        (figures.devices_done, figures.devices_total)
    }
}

fn phase(phase: Phase) -> RehearsalPhase {
    match phase {
        Phase::Starting => RehearsalPhase::Connecting,
        Phase::Scanning => RehearsalPhase::ScanningSource,
        _ => RehearsalPhase::Comparing,
    }
}

/// The owner's choices as the engine takes them.
pub(crate) fn choices_of(choices: &Choices) -> Answer<engine::Choices> {
    let devices = match &choices.devices {
        None => None,
        Some(ids) if ids.is_empty() => {
            return Err(UiError::bad_input("Devices: none is chosen; choose at least one"));
        }
        Some(ids) => Some(ids.iter().map(|id| id.parse()).collect::<Result<BTreeSet<DeviceId>, _>>()?),
    };
    let variables = match &choices.variables {
        Some(names) if names.is_empty() => {
            return Err(UiError::bad_input("Variables: none is chosen; choose at least one"));
        }
        names => names.as_ref().map(|names| names.iter().cloned().collect()),
    };
    if let (Some(from), Some(to)) = (choices.from, choices.to)
        && from > to
    {
        return Err(UiError::bad_input("Time range: it ends before it begins; exchange the two"));
    }
    if choices.policy == Policy::Replace && (choices.from.is_none() || choices.to.is_none()) {
        return Err(UiError::bad_input("Time range: replacing needs a beginning and an end"));
    }
    Ok(engine::Choices {
        devices,
        variables,
        from: choices.from.map(Whole::time),
        to: choices.to.map(Whole::time),
        policy: match choices.policy {
            Policy::Fill => engine::Policy::Fill,
            Policy::Append => engine::Policy::Append,
            Policy::Replace => engine::Policy::Replace,
        },
        existing: engine::Existing::Keep,
        depth: match choices.depth {
            Depth::Counted => engine::Depth::Counted,
            Depth::Exact => engine::Depth::Exact,
        },
        inside: engine::Inside::Rewrite,
        inactive: match choices.inactive {
            InactiveChoice::Wake => engine::Inactive::Wake,
            InactiveChoice::Leave => engine::Inactive::Leave,
        },
        renamed: None,
        lane: match choices.lane {
            LaneChoice::Stream => engine::Lane::Stream,
            LaneChoice::File => engine::Lane::File,
        },
        tripped: match choices.tripped {
            TrippedChoice::Hold => engine::Tripped::Hold,
            TrippedChoice::LetFire => engine::Tripped::LetFire,
        },
    })
}

/// The choices of a plan as the window shows them.
pub(crate) fn choices_view(choices: &engine::Choices) -> Choices {
    Choices {
        devices: choices.devices.as_ref().map(|ids| ids.iter().map(ToString::to_string).collect()),
        variables: choices.variables.as_ref().map(|names| names.iter().cloned().collect()),
        from: choices.from.map(Into::into),
        to: choices.to.map(Into::into),
        policy: match choices.policy {
            engine::Policy::Fill => Policy::Fill,
            engine::Policy::Append => Policy::Append,
            engine::Policy::Replace => Policy::Replace,
        },
        depth: match choices.depth {
            engine::Depth::Counted => Depth::Counted,
            engine::Depth::Exact => Depth::Exact,
        },
        tripped: match choices.tripped {
            engine::Tripped::Hold => TrippedChoice::Hold,
            engine::Tripped::LetFire => TrippedChoice::LetFire,
        },
        lane: match choices.lane {
            engine::Lane::Stream => LaneChoice::Stream,
            engine::Lane::File => LaneChoice::File,
        },
        inactive: match choices.inactive {
            engine::Inactive::Wake => InactiveChoice::Wake,
            engine::Inactive::Leave => InactiveChoice::Leave,
        },
    }
}

/// What there is to choose from.
pub(crate) fn overview_view(overview: engine::Overview) -> SourceOverview {
    let devices = overview.devices.into_iter().map(|found| SideDevice {
        id: found.device.id.to_string(),
        name: found.device.definition.name,
        tags: found
            .device
            .definition
            .tags
            .into_iter()
            .map(|tag| Tag { key: tag.key, value: tag.value })
            .collect(),
        records: Some(found.records.into()),
        first: found.extent.map(|(first, _)| first.into()),
        last: found.extent.map(|(_, last)| last.into()),
        on_target: found.on_target,
    });
    SourceOverview { devices: devices.collect(), variables: overview.variables.into_iter().collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choices() -> Choices {
        Choices {
            devices: None,
            variables: None,
            from: None,
            to: None,
            policy: Policy::Fill,
            depth: Depth::Exact,
            tripped: TrippedChoice::Hold,
            lane: LaneChoice::Stream,
            inactive: InactiveChoice::Wake,
        }
    }

    #[test]
    fn what_the_owner_chooses_is_what_the_engine_takes_and_the_window_is_told() {
        for (lane, inactive) in
            [(LaneChoice::Stream, InactiveChoice::Leave), (LaneChoice::File, InactiveChoice::Wake)]
        {
            let chosen = choices_of(&Choices { lane, inactive, ..choices() }).unwrap();
            assert_eq!(chosen.lane == engine::Lane::File, lane == LaneChoice::File);
            assert_eq!(chosen.inactive == engine::Inactive::Leave, inactive == InactiveChoice::Leave);
            let told = choices_view(&chosen);
            assert_eq!((told.lane, told.inactive), (lane, inactive));
        }
    }

    #[test]
    fn choosing_nothing_or_a_range_that_ends_before_it_begins_is_told_by_its_field() {
        let told = |choices: &Choices| choices_of(choices).unwrap_err().message;
        assert!(choices_of(&choices()).is_ok());
        assert!(told(&Choices { devices: Some(vec![]), ..choices() }).starts_with("Devices: "));
        assert!(told(&Choices { variables: Some(vec![]), ..choices() }).starts_with("Variables: "));
        let backwards = Choices { from: Some(2_i64.into()), to: Some(1_i64.into()), ..choices() };
        assert!(told(&backwards).starts_with("Time range: "));
        let endless = Choices { policy: Policy::Replace, from: Some(1_i64.into()), ..choices() };
        assert!(told(&endless).starts_with("Time range: "));
        assert!(choices_of(&Choices { to: Some(2_i64.into()), ..endless }).is_ok());
    }
}
