use std::collections::BTreeSet;
use std::path::Path;

use tago_api::{DeviceId, Time};
use tago_migrate::{
    Choices, Clock, Depth, Ending, Existing, Inactive, Inside, JournalError, Lane, Plan, PlanError, PlanKind,
    Policy, ProofChoice, ProofDepth, RunError, Seal, Source, SystemClock, Tripped, WorkState, give_up,
    prove_as, rebuild, rehearse, release, report, resume, retry, run, status, tick, undo, worklist,
};

use crate::arguments::{self, Arguments, Choice, Command, MaybeSource, Sides, TargetSide};
use crate::connect::{Connected, expect_addresses};
use crate::failure::{DONE, Failure, HALF_WAY, LOOK};
use crate::progress::Surroundings;
use crate::resources;
use crate::show::Show;

/// Carries out one command; the answer is what the program ends with.
pub(crate) async fn carry_out(arguments: Arguments) -> Result<u8, Failure> {
    let show = Show::new(arguments.json);
    expect_addresses(&arguments.command)?;
    match arguments.command {
        Command::Plan { sides, choice, out } => plan(&sides, &choice, &out, show).await,
        Command::PlanResources { sides, choice, out } => resources::plan(&sides, &choice, &out, show).await,
        Command::Run { plan, approve, run, sides } => match PlanKind::of(&plan)? {
            PlanKind::Data => begin(&plan, &approve, &run, &sides, show).await,
            PlanKind::Resources => resources::begin(&plan, &approve, &run, &sides, show).await,
        },
        Command::Resume { run, sides } => match kind_of(&run)? {
            PlanKind::Data => go_on(&run, &sides, show).await,
            PlanKind::Resources => resources::go_on(&run, &sides, show).await,
        },
        Command::Prove { run, depth, afresh, source, target } => match kind_of(&run)? {
            PlanKind::Data => {
                let depth = depth.unwrap_or(arguments::ProofDepth::Content);
                check(&run, proof_choice(depth, afresh), &source, &target, show).await
            }
            PlanKind::Resources if depth.is_some() => Err(Failure::DepthOfResources),
            PlanKind::Resources => resources::check(&run, afresh, &source, &target, show).await,
        },
        Command::Report { run } => match kind_of(&run)? {
            PlanKind::Data => write_report(&run, show),
            PlanKind::Resources => resources::write_report(&run, show),
        },
        Command::Undo { run, with_records, target } => match kind_of(&run)? {
            PlanKind::Data => take_back(&run, &target, show).await,
            PlanKind::Resources => resources::take_back(&run, with_records, &target, show).await,
        },
        Command::Rebuild { run, sides, out } => match kind_of(&run)? {
            PlanKind::Data => plan_again(&run, &sides, &out, show).await,
            PlanKind::Resources => resources::plan_again(&run, &sides, &out, show).await,
        },
        Command::Release { run, target } => match kind_of(&run)? {
            PlanKind::Data => let_go(&run, &target, show).await,
            PlanKind::Resources => Err(Failure::NothingToRelease),
        },
        Command::GiveUp { run } => end(&run, show),
        Command::Worklist { run, since, tick, untick, target } => {
            look_at_work(&run, since, [(&tick, true), (&untick, false)], &target, show).await
        }
    }
}

/// What the run of a folder is about.
fn kind_of(folder: &Path) -> Result<PlanKind, Failure> {
    // A folder without a plan is one without a run, and says so.
    match PlanKind::of(folder) {
        Err(PlanError::Read { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            Err(RunError::Journal(JournalError::NoRun).into())
        }
        kind => Ok(kind?),
    }
}

async fn plan(sides: &Sides, choice: &Choice, out: &Path, show: Show) -> Result<u8, Failure> {
    let Connected { source, target, settings } = sides.connect()?;
    let choices = choices(choice, &source).await?;
    let plan = {
        let around = Surroundings::new()?;
        rehearse(&source, &target, &choices, &settings, around.env()).await?
    };
    plan.write(out)?;
    show.plan(&plan, out)?;
    Ok(if plan.is_runnable() { DONE } else { LOOK })
}

async fn begin(plan: &Path, approve: &str, folder: &Path, sides: &Sides, show: Show) -> Result<u8, Failure> {
    let plan = Plan::read(plan)?;
    let Connected { source, target, settings } = sides.connect()?;
    let ending = {
        let around = Surroundings::new()?;
        run(&plan, &Seal::from_text(approve), folder, &source, &target, &settings, around.env()).await?
    };
    ended(&ending, folder, show)
}

async fn go_on(folder: &Path, sides: &Sides, show: Show) -> Result<u8, Failure> {
    let Connected { source, target, settings } = sides.connect()?;
    let ending = {
        let around = Surroundings::new()?;
        resume(folder, &source, &target, &settings, around.env()).await?
    };
    ended(&ending, folder, show)
}

async fn let_go(folder: &Path, target: &TargetSide, show: Show) -> Result<u8, Failure> {
    let (target, settings) = target.connect()?;
    let ending = {
        let around = Surroundings::new()?;
        release(folder, &target, &settings, around.env()).await?
    };
    let status = status(folder)?;
    show.ending(&ending, &status, folder)?;
    let is_held = status.actions.iter().any(|action| action.state.is_held());
    Ok(if is_held { HALF_WAY } else { DONE })
}

fn end(folder: &Path, show: Show) -> Result<u8, Failure> {
    if kind_of(folder)? == PlanKind::Resources {
        return Err(Failure::NothingToGiveUp);
    }
    let left = {
        let around = Surroundings::new()?;
        give_up(folder, around.env())?
    };
    show.left_behind(&left)?;
    Ok(if left.is_something() { LOOK } else { DONE })
}

fn ended(ending: &Ending, folder: &Path, show: Show) -> Result<u8, Failure> {
    let status = status(folder)?;
    show.ending(ending, &status, folder)?;
    Ok(match ending {
        Ending::Finished if status.held.is_empty() => DONE,
        Ending::Finished => LOOK,
        Ending::Stopped | Ending::Halted(_) => HALF_WAY,
    })
}

fn proof_choice(depth: arguments::ProofDepth, afresh: bool) -> ProofChoice {
    let depth = match depth {
        arguments::ProofDepth::Counts => ProofDepth::Counts,
        arguments::ProofDepth::Content => ProofDepth::Content,
        arguments::ProofDepth::Records => ProofDepth::Records,
    };
    ProofChoice { depth, afresh }
}

async fn check(
    folder: &Path,
    choice: ProofChoice,
    source: &MaybeSource,
    target: &TargetSide,
    show: Show,
) -> Result<u8, Failure> {
    let source = source.connect(target)?.ok_or(Failure::SourceNeeded)?;
    let (target, settings) = target.connect()?;
    let proof = {
        let around = Surroundings::new()?;
        prove_as(folder, choice, &source, &target, &settings, around.env()).await?
    };
    show.proof(&proof)?;
    Ok(if proof.agrees { DONE } else { LOOK })
}

async fn take_back(folder: &Path, target: &TargetSide, show: Show) -> Result<u8, Failure> {
    let (target, settings) = target.connect()?;
    let (ending, undone) = {
        let around = Surroundings::new()?;
        undo(folder, &target, &settings, around.env()).await?
    };
    show.undone(&ending, &undone, folder)?;
    let is_left = !undone.changed_since.is_empty() || !undone.impossible.is_empty();
    Ok(match ending {
        Ending::Finished if is_left => LOOK,
        Ending::Finished => DONE,
        Ending::Stopped | Ending::Halted(_) => HALF_WAY,
    })
}

fn write_report(folder: &Path, show: Show) -> Result<u8, Failure> {
    let report = report(folder, SystemClock::start().now())?;
    show.report(&report)?;
    Ok(DONE)
}

async fn plan_again(folder: &Path, sides: &Sides, out: &Path, show: Show) -> Result<u8, Failure> {
    let Connected { source, target, settings } = sides.connect()?;
    let rebuilt = {
        let around = Surroundings::new()?;
        rebuild(folder, &source, &target, &settings, around.env()).await?
    };
    rebuilt.plan.write(out)?;
    let is_runnable = rebuilt.plan.is_runnable();
    show.rebuilt(&rebuilt, &rebuilt.plan.fingerprint(), is_runnable, out)?;
    if !show.is_json() {
        if rebuilt.plan.header().choices.policy == Policy::Replace {
            show.removed_before(folder)?;
        }
        show.plan(&rebuilt.plan, out)?;
    }
    Ok(if is_runnable && rebuilt.switched_off.is_empty() { DONE } else { LOOK })
}

async fn look_at_work(
    folder: &Path,
    since: Option<Time>,
    ticks: [(&Vec<String>, bool); 2],
    target: &TargetSide,
    show: Show,
) -> Result<u8, Failure> {
    let (target, settings) = target.connect()?;
    kind_of(folder)?;
    let around = Surroundings::new()?;
    for (keys, is_done) in ticks {
        for key in keys {
            tick(folder, key, is_done, around.env().clock.now())?;
        }
    }
    let list = worklist(folder, &target, since, &settings, around.env()).await?;
    drop(around);
    show.worklist(&list)?;
    Ok(if list.iter().any(|item| item.state == WorkState::Open) { LOOK } else { DONE })
}

async fn choices(choice: &Choice, source: &dyn Source) -> Result<Choices, Failure> {
    if let Some(folder) = &choice.held_of {
        return retry(folder)?.ok_or(Failure::NothingHeld);
    }
    if choice.from.zip(choice.to).is_some_and(|(from, to)| to < from) {
        return Err(Failure::EmptyRange);
    }
    if matches!(choice.policy, arguments::Policy::Replace) && choice.from.zip(choice.to).is_none() {
        return Err(Failure::OpenRange);
    }
    Ok(Choices {
        devices: devices(&choice.devices, source).await?,
        variables: (!choice.variables.is_empty()).then(|| choice.variables.iter().cloned().collect()),
        from: choice.from,
        to: choice.to,
        policy: match choice.policy {
            arguments::Policy::Fill => Policy::Fill,
            arguments::Policy::Append => Policy::Append,
            arguments::Policy::Replace => Policy::Replace,
        },
        existing: match choice.existing {
            arguments::Existing::Keep => Existing::Keep,
            arguments::Existing::TakeSource => Existing::TakeSource,
        },
        tripped: match choice.actions {
            arguments::Actions::Hold => Tripped::Hold,
            arguments::Actions::LetFire => Tripped::LetFire,
        },
        lane: match choice.lane {
            arguments::Lane::Stream => Lane::Stream,
            arguments::Lane::File => Lane::File,
        },
        depth: if choice.counted { Depth::Counted } else { Depth::Exact },
        inside: match choice.ids_in_records {
            arguments::Inside::Rewrite => Inside::Rewrite,
            arguments::Inside::Leave => Inside::Leave,
        },
        inactive: match choice.inactive {
            arguments::Inactive::Wake => Inactive::Wake,
            arguments::Inactive::Leave => Inactive::Leave,
        },
        renamed: choice.after_resources.as_deref().map(tago_migrate::resources::renamed).transpose()?,
    })
}

async fn devices(wanted: &[String], source: &dyn Source) -> Result<Option<BTreeSet<DeviceId>>, Failure> {
    if wanted.is_empty() {
        return Ok(None);
    }
    let listed = source.devices().await.map_err(|cause| Failure::Devices { cause })?;
    let mut chosen = BTreeSet::new();
    for wanted in wanted {
        let is_wanted = |id: DeviceId, name: &str| wanted.parse() == Ok(id) || name == wanted;
        let found: Vec<_> = listed
            .iter()
            .filter(|device| is_wanted(device.id, &device.definition.name))
            .map(|device| device.id)
            .collect();
        match found.as_slice() {
            [] => return Err(Failure::NoSuchDevice { name: wanted.clone() }),
            [one] => chosen.insert(*one),
            several => return Err(Failure::ManySuchDevices { name: wanted.clone(), count: several.len() }),
        };
    }
    Ok(Some(chosen))
}
