use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use tago_migrate::resources::{
    self as engine, Address, Conflict, Kind, Part, ResourceChoices, ResourceItem, ResourcePlan,
    ResourceReason, Why,
};
use tago_migrate::{Control, Figures, Phase, Verdict};

use super::{note, work_word};
use crate::app::locked;
use crate::error::{Answer, ErrorCode, UiError};
use crate::migration::{self, page_of};
use crate::view::{
    ConflictChoice, KindSummary, KindWish, RehearsalPhase, ResourceNote, ResourcePage, ResourceReasonView,
    ResourceRehearsal, ResourceRow, ResourceSummary, ResourceWish, Side,
};

/// Both sides compared beside records, under way or over.
pub(crate) struct Comparison {
    pub(crate) id: String,
    pub(crate) source: Side,
    pub(crate) target: Side,
    pub(crate) source_name: String,
    pub(crate) target_name: String,
    pub(crate) control: Control,
    /// What is not asked anew: a comparison of what a run left undone is about nothing else.
    pub(crate) limits: ResourceChoices,
    /// The first comparison of these sides, of everything: what there is to choose from.
    everything: Option<Arc<ResourcePlan>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    figures: Figures,
    outcome: Option<Result<Arc<Compared>, UiError>>,
}

/// What came of it.
pub(crate) struct Compared {
    pub(crate) plan: Arc<ResourcePlan>,
    everything: Arc<ResourcePlan>,
}

impl Comparison {
    pub(crate) fn new(
        id: String,
        sides: [(Side, String); 2],
        limits: ResourceChoices,
        everything: Option<Arc<ResourcePlan>>,
    ) -> Comparison {
        let [(source, source_name), (target, target_name)] = sides;
        let (control, state) = (Control::new(), Mutex::default());
        Comparison { id, source, target, source_name, target_name, control, limits, everything, state }
    }

    pub(crate) fn progressed(&self, figures: Figures) {
        locked(&self.state).figures = figures;
    }

    pub(crate) fn ended(&self, outcome: Result<ResourcePlan, UiError>) {
        let compared = outcome.map(|plan| {
            let plan = Arc::new(plan);
            Arc::new(Compared { everything: self.everything.clone().unwrap_or_else(|| plan.clone()), plan })
        });
        locked(&self.state).outcome = Some(compared);
    }

    pub(crate) fn cancel(&self) {
        self.control.stop();
    }

    /// What came of it, once it is over.
    pub(crate) fn compared(&self) -> Answer<Arc<Compared>> {
        locked(&self.state).outcome.clone().unwrap_or_else(|| {
            Err(UiError::new(ErrorCode::Conflict, "The rehearsal is not over yet").retryable())
        })
    }

    pub(crate) fn view(&self) -> ResourceRehearsal {
        let (figures, outcome) = {
            let state = locked(&self.state);
            (state.figures.clone(), state.outcome.clone())
        };
        let compared = outcome.as_ref().and_then(|outcome| outcome.as_ref().ok());
        let folder = compared.and_then(|compared| compared.plan.header().choices.scripts.as_ref());
        let scripts = folder.map(|folder| folder.display().to_string());
        let (phase, checks, summary, error) = match outcome {
            None => (phase(figures.phase), Vec::new(), None, None),
            Some(Ok(compared)) => {
                let checks = compared.plan.header().checks.iter().map(migration::check).collect();
                (RehearsalPhase::Done, checks, Some(compared.summary()), None)
            }
            Some(Err(error)) => (RehearsalPhase::Failed, Vec::new(), None, Some(error)),
        };
        ResourceRehearsal {
            id: self.id.clone(),
            source: self.source.clone(),
            target: self.target.clone(),
            source_name: self.source_name.clone(),
            target_name: self.target_name.clone(),
            phase,
            done: figures.items_done.into(),
            total: (figures.items_total > 0).then(|| figures.items_total.into()),
            checks,
            scripts,
            summary,
            error,
        }
    }
}

fn phase(phase: Phase) -> RehearsalPhase {
    match phase {
        Phase::Starting => RehearsalPhase::Connecting,
        Phase::Scanning => RehearsalPhase::ScanningSource,
        _ => RehearsalPhase::Comparing,
    }
}

impl Compared {
    pub(crate) fn everything(&self) -> Arc<ResourcePlan> {
        self.everything.clone()
    }

    /// One page of what the source has of this type with this text in its name, chosen or not.
    pub(crate) fn rows(&self, kind: &str, text: &str, page: u32) -> ResourcePage {
        let text = text.trim().to_lowercase();
        let planned = by_address(&self.plan);
        let first = by_address(&self.everything);
        let known = self.everything.items().iter();
        let new = self.plan.items().iter().filter(|item| !first.contains_key(&item.at));
        let wanted = known
            .chain(new)
            .filter(|item| item.at.kind.as_str() == kind && item.name.to_lowercase().contains(&text));
        let rows = wanted.map(|item| {
            let of_plan = planned.get(&item.at).copied();
            row(of_plan.unwrap_or(item), of_plan.is_some(), first.get(&item.at).is_some_and(|it| differs(it)))
        });
        let (rows, total) = page_of(rows, page);
        ResourcePage { rows, total: total.into() }
    }

    fn summary(&self) -> ResourceSummary {
        let plan = &self.plan;
        let count = |verdict| plan.items().iter().filter(|item| item.verdict == verdict).count().into();
        let gaps = plan.header().gaps.iter().map(|gap| ResourceNote {
            kind: gap.kind.as_str().to_owned(),
            name: gap.id.clone().unwrap_or_default(),
            detail: gap.reason.clone(),
        });
        let named = by_address(plan);
        let in_use = plan.header().in_use.contains(&tago_migrate::Side::Target);
        let irreversible = engine::irreversible(plan).into_iter().map(|(at, why)| {
            let name = named.get(&at).map_or_else(|| at.id.clone(), |item| item.name.clone());
            note(&at, name, why)
        });
        ResourceSummary {
            fingerprint: plan.fingerprint().to_string(),
            create: count(Verdict::Create),
            update: count(Verdict::Update),
            same: count(Verdict::Skip),
            left: count(Verdict::Conflict),
            blocked: count(Verdict::Blocked),
            kinds: self.kinds(),
            gaps: gaps.collect(),
            irreversible: irreversible.collect(),
            target_in_use: in_use,
            target_share: migration::share_of(in_use),
            nothing_to_do: plan.is_empty(),
        }
    }

    /// What there is of each type, and which of it the plan is about.
    fn kinds(&self) -> Vec<KindSummary> {
        let mut kinds: Vec<(Kind, Counted)> = Vec::new();
        let planned = by_address(&self.plan);
        for item in self.everything.items() {
            let place = kinds.iter().position(|(kind, _)| *kind == item.at.kind).unwrap_or_else(|| {
                kinds.push((item.at.kind, Counted::default()));
                kinds.len() - 1
            });
            let counted = &mut kinds[place].1;
            let of_plan = planned.get(&item.at);
            counted.total += 1;
            counted.to_write += usize::from(of_plan.is_some_and(|item| is_work(item.verdict)));
            counted.eventful |= item.verdict != Verdict::Skip;
            if item.at.parent.is_none() {
                let side = if of_plan.is_some() { &mut counted.chosen } else { &mut counted.left_out };
                side.push(item.at.id.clone());
            }
        }
        kinds.into_iter().map(|(kind, counted)| counted.view(kind)).collect()
    }
}

#[derive(Default)]
struct Counted {
    total: usize,
    to_write: usize,
    eventful: bool,
    chosen: Vec<String>,
    left_out: Vec<String>,
}

impl Counted {
    fn view(self, kind: Kind) -> KindSummary {
        let choosable = self.chosen.len() + self.left_out.len();
        let all = self.left_out.len() <= self.chosen.len();
        KindSummary {
            kind: kind.as_str().to_owned(),
            total: self.total.into(),
            choosable: choosable.into(),
            to_write: self.to_write.into(),
            eventful: self.eventful,
            all,
            except: if all { self.left_out } else { self.chosen },
        }
    }
}

fn by_address(plan: &ResourcePlan) -> BTreeMap<Address, &ResourceItem> {
    plan.items().iter().map(|item| (item.at.clone(), item)).collect()
}

fn is_work(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Create | Verdict::Update)
}

/// The owner's choices as the engine takes them; `everything` is what there is to choose from within `limits`.
pub(crate) fn choices_of(
    wish: &ResourceWish,
    everything: Option<&ResourcePlan>,
    limits: &ResourceChoices,
) -> Answer<ResourceChoices> {
    let conflicts = wish.conflicts.iter().map(|one| {
        let choice = match one.choice {
            ConflictChoice::KeepTarget => Conflict::KeepTarget,
            ConflictChoice::TakeSource => Conflict::TakeSource,
            ConflictChoice::MergeTags => Conflict::MergeTags,
            ConflictChoice::Both => Conflict::Both,
        };
        (one.item.clone(), choice)
    });
    let mut choices = limits.clone();
    choices.conflict_of_item.extend(conflicts);
    if let Some(folder) = &wish.scripts {
        choices.scripts = folder_of(folder)?;
    }
    if let Some(tag) = &wish.tagged {
        let key = tag.key.trim();
        if key.is_empty() {
            return Err(UiError::bad_input("Tag: it has no key; write the key of the tag"));
        }
        let value = tag.value.as_deref().map(str::trim).filter(|value| !value.is_empty());
        choices.tagged = Some((key.to_owned(), value.map(str::to_owned)));
    } else if let Some(items) = items_of(&wish.chosen, everything)? {
        choices.items = Some(items);
    }
    Ok(choices)
}

/// The folder that the owner has written, if it is one.
fn folder_of(written: &str) -> Answer<Option<PathBuf>> {
    let written = written.trim();
    if written.is_empty() {
        return Ok(None);
    }
    let folder = PathBuf::from(written);
    let refused = |why: &str| {
        UiError::bad_input(format!("Folder with the code: {why}"))
            .hint("Write the whole path, as your file manager shows it. Nothing was written")
    };
    if !folder.is_absolute() {
        return Err(refused(&format!("“{written}” is not a whole path")));
    }
    if !folder.is_dir() {
        return Err(refused(&format!("there is no folder “{written}” on this computer")));
    }
    Ok(Some(folder))
}

/// Ids in the source; `None` if all are chosen, also what no list has shown.
fn items_of(chosen: &[KindWish], everything: Option<&ResourcePlan>) -> Answer<Option<BTreeSet<String>>> {
    let mut wishes = BTreeMap::new();
    for wish in chosen {
        let kind: Kind = wish.kind.parse().map_err(|said| UiError::bad_input(format!("Type: {said}")))?;
        wishes.insert(kind, (wish.all, wish.except.iter().collect::<BTreeSet<_>>()));
    }
    if wishes.values().all(|(all, except)| *all && except.is_empty()) {
        return Ok(None);
    }
    let Some(everything) = everything else {
        return Err(UiError::bad_input(
            "Choice: both sides are compared first, and then something is chosen",
        ));
    };
    let is_chosen = |item: &&ResourceItem| {
        item.at.parent.is_none()
            && wishes.get(&item.at.kind).is_none_or(|(all, except)| *all != except.contains(&item.at.id))
    };
    let items: BTreeSet<String> =
        everything.items().iter().filter(is_chosen).map(|item| item.at.id.clone()).collect();
    if items.is_empty() {
        return Err(UiError::bad_input("Choice: nothing is chosen; choose at least one"));
    }
    Ok(Some(items))
}

/// `differed` is what the first comparison says, before the owner had a word.
fn row(item: &ResourceItem, planned: bool, differed: bool) -> ResourceRow {
    let beside = differed && item.conflict == Conflict::Both && item.verdict == Verdict::Create;
    let reasons = if beside {
        vec![ResourceReasonView { code: "beside".to_owned(), names: Vec::new(), count: None }]
    } else {
        item.reasons.iter().map(reason).collect()
    };
    ResourceRow {
        kind: item.at.kind.as_str().to_owned(),
        id: item.at.id.clone(),
        parent: item.at.parent.clone(),
        name: item.name.clone(),
        planned,
        verdict: migration::verdict(item.verdict),
        differs: differed || differs(item),
        conflict: match item.conflict {
            Conflict::KeepTarget => ConflictChoice::KeepTarget,
            Conflict::TakeSource => ConflictChoice::TakeSource,
            Conflict::MergeTags => ConflictChoice::MergeTags,
            Conflict::Both => ConflictChoice::Both,
        },
        reasons,
        work: item.work.iter().map(|work| work_word(*work).to_owned()).collect(),
        unresolved: item.unresolved.iter().map(|found| found.at.clone()).collect(),
    }
}

fn differs(item: &ResourceItem) -> bool {
    let told = |reason: &ResourceReason| {
        matches!(
            reason,
            ResourceReason::Differs(_) | ResourceReason::OtherEntries(..) | ResourceReason::Unchangeable(_)
        )
    };
    item.reasons.iter().any(told)
}

fn reason(reason: &ResourceReason) -> ResourceReasonView {
    let (code, names, count) = match reason {
        ResourceReason::NoCounterpart => ("no_counterpart", Vec::new(), None),
        ResourceReason::Matched(why) => (why_word(*why), Vec::new(), None),
        ResourceReason::ManyCounterparts(number) => ("many_counterparts", Vec::new(), Some(*number)),
        ResourceReason::Differs(fields) => ("differs", fields.clone(), None),
        ResourceReason::LeadsToNew => ("leads_to_new", Vec::new(), None),
        ResourceReason::Unchangeable(fields) => ("unchangeable", fields.clone(), None),
        ResourceReason::Lacks(part, number) => ("lacks", vec![part_word(*part).into()], Some(*number)),
        ResourceReason::OtherEntries(part, number) => {
            ("other_entries", vec![part_word(*part).into()], Some(*number))
        }
        ResourceReason::Needs(what) => ("needs", vec![what.clone()], None),
    };
    ResourceReasonView { code: code.to_owned(), names, count: count.map(Into::into) }
}

fn why_word(why: Why) -> &'static str {
    match why {
        Why::Chosen => "matched_chosen",
        Why::SameId => "matched_same_id",
        Why::SameSerial => "matched_same_serial",
        Why::SameTag => "matched_same_tag",
        Why::SameKey => "matched_same_key",
        Why::SameName => "matched_same_name",
    }
}

fn part_word(part: Part) -> &'static str {
    match part {
        Part::Params => "params",
        Part::Languages => "languages",
        Part::Rows => "rows",
        Part::Script => "script",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::TagWish;

    fn wish(kind: &str, all: bool) -> ResourceWish {
        let chosen = vec![KindWish { kind: kind.to_owned(), all, except: Vec::new() }];
        ResourceWish { chosen, tagged: None, conflicts: Vec::new(), scripts: None }
    }

    fn any() -> ResourceChoices {
        ResourceChoices::default()
    }

    #[test]
    fn everything_of_what_a_run_held_back_is_no_more_than_that() {
        let held = ResourceChoices { items: Some(["d1".to_owned()].into()), ..any() };
        assert_eq!(choices_of(&wish("dashboard", true), None, &held).unwrap().items, held.items);
    }

    #[test]
    fn a_type_that_does_not_exist_is_told_by_its_field() {
        assert_eq!(choices_of(&wish("run_user", true), None, &any()).unwrap().items, None);
        assert!(choices_of(&wish("teapot", true), None, &any()).unwrap_err().message.starts_with("Type: "));
    }

    #[test]
    fn a_tag_without_a_key_is_told_and_one_without_a_value_means_any() {
        let tagged = |key: &str| {
            let tag = TagWish { key: key.to_owned(), value: Some(" ".to_owned()) };
            choices_of(&ResourceWish { tagged: Some(tag), ..wish("dashboard", true) }, None, &any())
        };
        assert_eq!(tagged(" floor ").unwrap().tagged, Some(("floor".to_owned(), None)));
        assert!(tagged(" ").unwrap_err().message.starts_with("Tag: "));
    }

    #[test]
    fn whichever_list_is_shorter_says_what_is_chosen() {
        let ids = |count: usize| (0..count).map(|id| id.to_string()).collect::<Vec<_>>();
        let view = |chosen, left_out| {
            Counted { chosen: ids(chosen), left_out: ids(left_out), ..Counted::default() }
                .view(Kind::Dashboard)
        };
        let (most, few) = (view(9, 1), view(1, 9));
        assert!(most.all && most.except.len() == 1 && !few.all && few.except.len() == 1);
    }

    #[test]
    fn code_is_taken_only_from_a_folder_that_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let named = |path: &str| {
            let wish = ResourceWish { scripts: Some(path.to_owned()), ..wish("analysis", true) };
            let earlier = ResourceChoices { scripts: Some(PathBuf::from("/earlier")), ..any() };
            choices_of(&wish, None, &earlier).map(|choices| choices.scripts)
        };
        let path = folder.path().display().to_string();
        assert_eq!(named(&format!(" {path} ")).unwrap(), Some(folder.path().to_owned()));
        assert_eq!(named(" ").unwrap(), None, "the owner does without");
        for (refused, why) in
            [("backup/code", "is not a whole path"), ("/no/such/folder", "there is no folder")]
        {
            let error = named(refused).unwrap_err();
            assert!(error.code == ErrorCode::BadInput && error.message.contains(why), "{error:?}");
        }
        let kept = ResourceChoices { scripts: Some(folder.path().to_owned()), ..any() };
        let silent = choices_of(&wish("analysis", true), None, &kept).unwrap();
        assert_eq!(silent.scripts, kept.scripts, "what a rest is planned with stays");
    }
}
