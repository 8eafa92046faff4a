//! What is printed of plans and runs over resources, and of worklists of either kind.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

use serde_json::{Value, json};
use tago_migrate::resources::{
    self as engine, Address, ItemVerdict, Kind, ResourcePlan, ResourceProof, ResourceReport, ResourceStatus,
    irreversible,
};
use tago_migrate::{CheckVerdict, Ending, Rebuilt, Seal, Verdict, WorkItem, WorkState};

use super::{Show, count, document, ending_words, plain, verdict};

impl Show {
    pub(crate) fn resource_plan(self, plan: &ResourcePlan, file: &Path) -> io::Result<()> {
        let (header, fingerprint) = (plan.header(), plan.fingerprint());
        let mut counts: BTreeMap<Kind, BTreeMap<Verdict, u64>> = BTreeMap::new();
        for item in plan.items() {
            *counts.entry(item.at.kind).or_default().entry(item.verdict).or_default() += 1;
        }
        if self.json {
            return document(&json!({
                "plan": file,
                "fingerprint": fingerprint,
                "runnable": plan.obstacle().is_none(),
                "nothing_to_do": plan.is_empty(),
                "checks": header.checks,
                "source": header.source,
                "target": header.target,
                "gaps": header.gaps,
                "counts": counts,
                "items": plan.items().iter().filter(|item| item.verdict != Verdict::Skip).collect::<Vec<_>>(),
                "irreversible": irreversible(plan),
            }));
        }
        let mut out = io::stdout().lock();
        writeln!(out, "From     {} ({})", plain(&header.source.name), header.source.origin)?;
        writeln!(out, "To       {} ({})", plain(&header.target.name), header.target.origin)?;
        for check in &header.checks {
            let mark = match check.verdict {
                CheckVerdict::Pass => continue,
                CheckVerdict::Warn => "look",
                CheckVerdict::Block => "STOP",
            };
            writeln!(out, "{mark}     {}", plain(&check.text))?;
        }
        for gap in &header.gaps {
            writeln!(out, "look     {} cannot be read: {}", gap.kind, plain(&gap.reason))?;
        }
        for (kind, verdicts) in &counts {
            let of = |verdict| count(verdicts.get(&verdict).copied().unwrap_or(0));
            writeln!(
                out,
                "{:<22} {} to make, {} to change, {} differ and stay, {} blocked, {} the same",
                kind.to_string(),
                of(Verdict::Create),
                of(Verdict::Update),
                of(Verdict::Conflict),
                of(Verdict::Blocked),
                of(Verdict::Skip),
            )?;
        }
        for item in plan.items() {
            let mark = match item.verdict {
                Verdict::Create => "make  ",
                Verdict::Update => "change",
                Verdict::Conflict => "differ",
                Verdict::Blocked => "STOP  ",
                _ => continue,
            };
            writeln!(out, "  {mark} {} {}", item.at.kind, plain(&item.name))?;
            for found in &item.unresolved {
                writeln!(out, "         {} leads nowhere: {}", plain(&found.at), plain(&found.id))?;
            }
        }
        for (at, reason) in irreversible(plan) {
            writeln!(out, "look     {at} cannot be taken back: {}", plain(&reason))?;
        }
        writeln!(out, "Plan     {}", file.display())?;
        if plan.is_empty() {
            writeln!(out, "There is nothing to do.")
        } else if let Some(obstacle) = plan.obstacle() {
            writeln!(out, "This plan cannot be run: {}", plain(&obstacle))
        } else {
            writeln!(out, "Approve  {fingerprint}")
        }
    }

    pub(crate) fn resource_ending(
        self,
        ending: &Ending,
        status: &ResourceStatus,
        folder: &Path,
    ) -> io::Result<()> {
        let (state, text) = ending_words(ending, "resume");
        if self.json {
            let lines = |list: &[(Address, String, String)], detail: &str| -> Vec<Value> {
                list.iter().map(|(at, id, name)| line(at, name, detail, id)).collect()
            };
            return document(&json!({
                "folder": folder,
                "ending": state,
                "text": text,
                "made": lines(&status.made, "target"),
                "changed": lines(&status.changed, "target"),
                "held": lines(&status.held, "reason"),
                "unresolved": status.unresolved,
            }));
        }
        let mut out = io::stdout().lock();
        writeln!(out, "{text}")?;
        let (made, changed) = (status.made.len() as u64, status.changed.len() as u64);
        writeln!(out, "Made     {}", count(made))?;
        writeln!(out, "Changed  {}", count(changed))?;
        for (at, reason, name) in &status.held {
            writeln!(out, "held     {} {}: {}", at.kind, plain(name), plain(reason))?;
        }
        for (at, found) in &status.unresolved {
            writeln!(out, "look     {at}: {} leads nowhere: {}", plain(&found.at), plain(&found.id))?;
        }
        if !status.work.is_empty() {
            let work = count(status.work.len() as u64);
            writeln!(out, "To do    {work} things by hand; `holdfastctl worklist` names them")?;
        }
        Ok(())
    }

    pub(crate) fn resource_proof(self, proof: &ResourceProof) -> io::Result<()> {
        if self.json {
            return document(proof);
        }
        let mut out = io::stdout().lock();
        let verdict = if proof.green { "GREEN" } else { "NOT GREEN" };
        writeln!(
            out,
            "{verdict}: {} of {} resources are as planned, {} of them compared with the source",
            count(proof.items_green),
            count(proof.items),
            count(proof.read_in_source),
        )?;
        for item in &proof.not_equal {
            let mark = match item.verdict {
                ItemVerdict::Equal => continue,
                ItemVerdict::ChangedSince => "changed since",
                ItemVerdict::Differs => "not as planned",
                ItemVerdict::NotRun => "not carried out",
            };
            writeln!(out, "  {mark}: {} {}: {}", item.at.kind, plain(&item.name), plain(&item.text))?;
        }
        Ok(())
    }

    pub(crate) fn resource_report(self, report: &ResourceReport) -> io::Result<()> {
        if self.json {
            return document(&json!({ "report": report, "json": report.json, "html": report.html }));
        }
        let mut out = io::stdout().lock();
        writeln!(
            out,
            "Done     {} made, {} changed, {} held back",
            count(report.made.len() as u64),
            count(report.changed.len() as u64),
            count(report.held.len() as u64),
        )?;
        writeln!(out, "Proof    {}", verdict(report.proven))?;
        for exception in &report.exceptions {
            writeln!(out, "look     {}", plain(exception))?;
        }
        writeln!(out, "Report   {}", report.html.display())?;
        writeln!(out, "         {}", report.json.display())?;
        writeln!(out, "Again    {}", report.prove_line)
    }

    pub(crate) fn resources_undone(self, ending: &Ending, undone: &engine::Undone) -> io::Result<()> {
        let how = |how| match how {
            engine::Reversal::Deleted => "deleted",
            engine::Reversal::Restored => "fields restored",
            engine::Reversal::EntriesRestored => "entries restored",
        };
        let reversed = undone.reversed.iter().map(|(at, name, did)| (at, name.as_str(), how(*did)));
        let stayed =
            |list: &'_ [(Address, String, String)]| -> Vec<(Address, String, String)> { list.to_vec() };
        let (changed, impossible) = (stayed(&undone.changed_since), stayed(&undone.impossible));
        let (state, text) = ending_words(ending, "undo");
        if self.json {
            let lines = |list: &[(Address, String, String)]| -> Vec<Value> {
                list.iter().map(|(at, name, reason)| line(at, name, "reason", reason)).collect()
            };
            return document(&json!({
                "ending": state,
                "text": text,
                "reversed": reversed.map(|(at, name, how)| line(at, name, "how", how)).collect::<Vec<_>>(),
                "changed_since": lines(&changed),
                "impossible": lines(&impossible),
            }));
        }
        let mut out = io::stdout().lock();
        writeln!(out, "{text}")?;
        for (at, name, how) in reversed {
            writeln!(out, "  back   {} {}: {how}", at.kind, plain(name))?;
        }
        for (at, name, reason) in &changed {
            writeln!(out, "  stays  {} {}: {}", at.kind, plain(name), plain(reason))?;
        }
        for (at, name, reason) in &impossible {
            writeln!(out, "  cannot {} {}: {}", at.kind, plain(name), plain(reason))?;
        }
        Ok(())
    }

    /// What a damaged run left behind, and where the new plan is.
    pub(crate) fn rebuilt<P>(
        self,
        rebuilt: &Rebuilt<P>,
        fingerprint: &Seal,
        is_runnable: bool,
        file: &Path,
    ) -> io::Result<()> {
        if self.json {
            return document(&json!({
                "plan": file,
                "fingerprint": fingerprint,
                "runnable": is_runnable,
                "tidied": rebuilt.tidied,
                "switched_off": rebuilt.switched_off,
            }));
        }
        let mut out = io::stdout().lock();
        for told in &rebuilt.tidied {
            writeln!(out, "tidied   {}", plain(told))?;
        }
        for name in &rebuilt.switched_off {
            let name = plain(name);
            writeln!(out, "look     action {name} is switched off; if the run did that, switch it on again")?;
        }
        Ok(())
    }

    pub(crate) fn worklist(self, worklist: &[WorkItem]) -> io::Result<()> {
        let open = worklist.iter().filter(|item| item.state == WorkState::Open).count() as u64;
        if self.json {
            return document(&json!({ "open": open, "worklist": worklist }));
        }
        let mut out = io::stdout().lock();
        writeln!(out, "{} of {} things are left to do by hand", count(open), count(worklist.len() as u64))?;
        for item in worklist {
            let mark = match item.state {
                WorkState::Open => "open  ",
                WorkState::Done => "done  ",
                WorkState::DoneByHand => "ticked",
            };
            writeln!(out, "  {mark} {} {}: {}", item.kind, plain(&item.name), plain(&item.text))?;
            match &item.seen {
                Some(seen) => writeln!(out, "         {}", plain(seen))?,
                None => writeln!(out, "         --tick {:?}", item.key)?,
            }
        }
        Ok(())
    }
}

fn line(at: &Address, name: &str, detail: &str, what: &str) -> Value {
    let mut line = json!({ "type": at.kind, "id": at.id, "name": name });
    line[detail] = what.into();
    line
}
