//! The commands for everything that a project holds beside records.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use tago_migrate::resources::{
    Conflict, Kind, ResourceChoices, ResourcePlan, Resources, UndoChoices, prove_as, rebuild, rehearse,
    report, resume, run, status, undo,
};
use tago_migrate::{Clock, Ending, PortError, Seal, SystemClock};

use crate::arguments::{ConflictChoice, MaybeSource, ResourceChoice, Sides, TargetSide};
use crate::connect::Connected;
use crate::failure::{DONE, Failure, HALF_WAY, LOOK};
use crate::progress::Surroundings;
use crate::show::Show;

pub(crate) async fn plan(
    sides: &Sides,
    choice: &ResourceChoice,
    out: &Path,
    show: Show,
) -> Result<u8, Failure> {
    let Connected { source, target, settings } = sides.connect()?;
    let choices = choices(choice, &source).await?;
    let plan = {
        let around = Surroundings::new()?;
        rehearse(&source, &target, &choices, &settings, around.env()).await?
    };
    plan.write(out)?;
    show.resource_plan(&plan, out)?;
    Ok(if plan.obstacle().is_none() { DONE } else { LOOK })
}

pub(crate) async fn begin(
    plan: &Path,
    approve: &str,
    folder: &Path,
    sides: &Sides,
    show: Show,
) -> Result<u8, Failure> {
    let plan = ResourcePlan::read(plan)?;
    let Connected { source, target, settings } = sides.connect()?;
    let ending = {
        let around = Surroundings::new()?;
        run(&plan, &Seal::from_text(approve), folder, &source, &target, &settings, around.env()).await?
    };
    ended(&ending, folder, show)
}

pub(crate) async fn go_on(folder: &Path, sides: &Sides, show: Show) -> Result<u8, Failure> {
    let Connected { source, target, settings } = sides.connect()?;
    let ending = {
        let around = Surroundings::new()?;
        resume(folder, &source, &target, &settings, around.env()).await?
    };
    ended(&ending, folder, show)
}

fn ended(ending: &Ending, folder: &Path, show: Show) -> Result<u8, Failure> {
    let status = status(folder)?;
    show.resource_ending(ending, &status, folder)?;
    Ok(match ending {
        Ending::Finished if status.held.is_empty() => DONE,
        Ending::Finished => LOOK,
        Ending::Stopped | Ending::Halted(_) => HALF_WAY,
    })
}

pub(crate) async fn check(
    folder: &Path,
    afresh: bool,
    source: &MaybeSource,
    target: &TargetSide,
    show: Show,
) -> Result<u8, Failure> {
    let source = source.connect(target)?;
    let (target, settings) = target.connect()?;
    let proof = {
        let around = Surroundings::new()?;
        let source = source.as_ref().map(|source| source as &dyn Resources);
        prove_as(folder, afresh, source, &target, &settings, around.env()).await?
    };
    show.resource_proof(&proof)?;
    Ok(if proof.green { DONE } else { LOOK })
}

pub(crate) fn write_report(folder: &Path, show: Show) -> Result<u8, Failure> {
    let report = report(folder, SystemClock::start().now())?;
    show.resource_report(&report)?;
    Ok(DONE)
}

pub(crate) async fn take_back(
    folder: &Path,
    with_records: bool,
    target: &TargetSide,
    show: Show,
) -> Result<u8, Failure> {
    let (target, settings) = target.connect()?;
    let (ending, undone) = {
        let around = Surroundings::new()?;
        undo(folder, &target, UndoChoices { with_records }, &settings, around.env()).await?
    };
    show.resources_undone(&ending, &undone)?;
    Ok(match ending {
        Ending::Finished if undone.changed_since.is_empty() && undone.impossible.is_empty() => DONE,
        Ending::Finished => LOOK,
        Ending::Stopped | Ending::Halted(_) => HALF_WAY,
    })
}

pub(crate) async fn plan_again(folder: &Path, sides: &Sides, out: &Path, show: Show) -> Result<u8, Failure> {
    let Connected { source, target, settings } = sides.connect()?;
    let rebuilt = {
        let around = Surroundings::new()?;
        rebuild(folder, &source, &target, &settings, around.env()).await?
    };
    rebuilt.plan.write(out)?;
    let is_runnable = rebuilt.plan.obstacle().is_none();
    show.rebuilt(&rebuilt, &rebuilt.plan.fingerprint(), is_runnable, out)?;
    if !show.is_json() {
        show.resource_plan(&rebuilt.plan, out)?;
    }
    Ok(if is_runnable { DONE } else { LOOK })
}

async fn choices(choice: &ResourceChoice, source: &dyn Resources) -> Result<ResourceChoices, Failure> {
    let kinds: Option<BTreeSet<Kind>> =
        (!choice.kinds.is_empty()).then(|| choice.kinds.iter().copied().collect());
    let mut conflict_of_kind = BTreeMap::new();
    let mut conflict_of_item = BTreeMap::new();
    for (what, wanted) in &choice.conflict_of {
        match what.parse::<Kind>() {
            Ok(kind) => drop(conflict_of_kind.insert(kind, conflict(*wanted))),
            Err(_) if is_id(what) => drop(conflict_of_item.insert(what.clone(), conflict(*wanted))),
            Err(_) => return Err(Failure::NoSuchType { name: what.clone() }),
        }
    }
    Ok(ResourceChoices {
        items: items(&choice.items, kinds.as_ref(), source).await?,
        kinds,
        tagged: choice.tag.as_deref().map(|tag| match tag.split_once('=') {
            Some((key, value)) => (key.to_owned(), Some(value.to_owned())),
            None => (tag.to_owned(), None),
        }),
        conflict: conflict(choice.conflict),
        conflict_of_kind,
        conflict_of_item,
        match_tag: choice.match_tag.clone(),
        counterparts: choice.counterparts.iter().cloned().collect(),
        scripts: choice
            .scripts
            .as_ref()
            .map(|folder| std::path::absolute(folder).unwrap_or_else(|_| folder.clone())),
    })
}

fn conflict(choice: ConflictChoice) -> Conflict {
    match choice {
        ConflictChoice::KeepTarget => Conflict::KeepTarget,
        ConflictChoice::TakeSource => Conflict::TakeSource,
        ConflictChoice::MergeTags => Conflict::MergeTags,
        ConflictChoice::Both => Conflict::Both,
    }
}

fn is_id(text: &str) -> bool {
    text.len() == 24 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The ids of what was asked for by id or by name.
async fn items(
    wanted: &[String],
    kinds: Option<&BTreeSet<Kind>>,
    source: &dyn Resources,
) -> Result<Option<BTreeSet<String>>, Failure> {
    if wanted.is_empty() {
        return Ok(None);
    }
    let mut listed: Vec<(String, String)> = Vec::new();
    for kind in Kind::ALL.into_iter().filter(|kind| kinds.is_none_or(|kinds| kinds.contains(kind))) {
        match source.list(kind).await {
            Ok(found) => listed.extend(found.into_iter().map(|(at, document)| {
                let name = kind.name_of(&document);
                (at.id, name)
            })),
            Err(PortError::NotFound { .. }) => {}
            Err(cause) => return Err(Failure::Resources { cause }),
        }
    }
    let mut chosen = BTreeSet::new();
    for wanted in wanted {
        let is_wanted = |(id, name): &&(String, String)| id == wanted || name == wanted;
        let found: Vec<&String> = listed.iter().filter(is_wanted).map(|(id, _)| id).collect();
        match found.as_slice() {
            // Widgets are on no list: their dashboards name them.
            [] if is_id(wanted) => chosen.insert(wanted.clone()),
            [] => return Err(Failure::NoSuchResource { name: wanted.clone() }),
            [one] => chosen.insert((*one).clone()),
            several => {
                return Err(Failure::ManySuchResources { name: wanted.clone(), count: several.len() });
            }
        };
    }
    Ok(Some(chosen))
}
