//! One seed: a run as far as it came, and its undo in the same bad weather, until the target is what it was.

use super::*;
use crate::pacer::Pacers;
use crate::undo::{Reversal, Undo, Undone, last_sent};

/// A device as its owner sees it.
#[derive(Debug, Clone, PartialEq)]
struct Before {
    definition: Definition,
    params: Vec<(ParamId, String, String, bool)>,
    records: Bag,
    tokens: BTreeSet<String>,
}

impl Before {
    fn of(device: &FakeDevice) -> Before {
        let param = |p: &Param| (p.id, p.key.clone(), p.value.clone(), p.sent);
        Before {
            definition: device.definition.clone(),
            params: device.params.iter().map(param).collect(),
            records: bag(&device.records),
            tokens: device.tokens.iter().map(|token| token.name.clone()).collect(),
        }
    }
}

/// Plays a run, ended at this row if one is given, and its undo, whose first session ends at this row.
pub(in crate::sim) fn play_and_undo(seed: u64, run: Option<Crash>, undo: Option<Crash>) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let play = async {
        let mut play = Play::new(seed);
        play.first_crash = run;
        // A run that is to end at a row has no second session.
        let sessions = if run.is_some() { Some(1) } else { None };
        play.run_and_undo(sessions, undo).await
    };
    runtime.unwrap().block_on(play)
}

impl Play {
    async fn run_and_undo(mut self, sessions: Option<u64>, first_crash: Option<Crash>) -> Outcome {
        let plan = match self.rehearse_patiently().await {
            Ok(plan) => plan,
            Err(why) => {
                self.outcome.wrong.push(why);
                return self.outcome;
            }
        };
        let before: BTreeMap<DeviceId, Before> = {
            let target = self.target.project.lock().unwrap();
            target.devices.iter().map(|(id, device)| (*id, Before::of(device))).collect()
        };
        if self.chance.permille(500) {
            self.others_write();
        }
        self.others_make_an_alarm();
        self.furnish_file();
        self.target.project.lock().unwrap().imports_slowly = true;
        let most = match sessions {
            Some(sessions) => sessions,
            None if self.chance.permille(300) => 1 + self.chance.below(3),
            None => SESSIONS,
        };
        let journal = Memory::default();
        self.sessions(&plan, &journal, most).await;
        self.outcome.stuck = false;
        let rows_of_run = journal.rows().len();
        let told = self.undo_sessions(&plan, &journal, first_crash).await;
        self.outcome.rows = journal.rows().len();
        self.outcome.steps = journal.rows().iter().map(|(_, row)| steps::of(row)).collect();
        self.outcome.undo_rows = self.outcome.rows - rows_of_run;
        self.outcome.kinds.extend(self.target.seen.lock().unwrap().iter().map(|fault| name(*fault)));
        match told {
            Some(told) => self.judge_undo(&before, &told),
            None => self.outcome.stuck = true,
        }
        if self.outcome.verdict().is_err() {
            let rows = journal.rows();
            let last = rows.iter().rev().take(60).rev();
            self.outcome.story.extend(last.map(|(at, row)| format!("{at} {row:?}")));
        }
        self.outcome
    }

    /// Sessions until the undo is over, and one more that must say the same.
    async fn undo_sessions(&mut self, plan: &Plan, journal: &Memory, first: Option<Crash>) -> Option<Undone> {
        let chance = self.chance.clone();
        let crashes = chance.below(5);
        let mut first = first;
        for session in 0..SESSIONS {
            let troubled = session < crashes;
            let crash = Crash { row: chance.below(30) as usize, durable: chance.permille(500) };
            journal.crash_at(first.take().or((troubled && chance.permille(600)).then_some(crash)));
            let killed = troubled && chance.permille(300);
            let killed_after = Duration::from_millis(chance.below(6_000));
            if troubled && chance.permille(150) {
                self.trouble(chance.below(2));
            }
            self.recover_later(troubled);
            let ended = {
                let session = self.undo_once(plan, journal);
                tokio::select! {
                    biased;
                    ended = session => Some(ended),
                    () = self.clock.sleep(if killed { killed_after } else { Duration::from_secs(36_000) }) => None,
                }
            };
            if killed {
                journal.lose_tail();
            }
            self.recover();
            match ended {
                Some(Ok((Ending::Finished, told))) => {
                    journal.crash_at(None);
                    let rows = journal.rows().len();
                    match self.undo_once(plan, journal).await {
                        Ok((Ending::Finished, again)) if again == told && journal.rows().len() == rows => {}
                        other => self.outcome.wrong.push(format!("{told:?}, and then {other:?}")),
                    }
                    return Some(told);
                }
                Some(Err(error)) if !error.contains("simulated process ended") => {
                    self.outcome.wrong.push(error);
                }
                None if !killed => return None,
                _ => {}
            }
            self.clock.sleep(Duration::from_millis(chance.below(3_000))).await;
        }
        None
    }

    fn recover_later(&mut self, troubled: bool) {
        if !troubled {
            self.recover();
        }
    }

    async fn undo_once(&self, plan: &Plan, journal: &Memory) -> Result<(Ending, Undone), String> {
        let (progress, control) = (Progress::new(Figures::default()), Control::new());
        let env = Env { clock: &*self.clock, nonce: 0, progress: &progress, control: &control };
        let rows = journal.rows();
        let ledger = Ledger::of(rows.iter().map(|(_, row)| row))?;
        let last = rows.last().map(|(at, _)| *at).unwrap_or_default();
        let pacers = Pacers::new(&self.settings.pace, env.clock);
        let mut session = journal.session();
        let mut undo = Undo::new(plan, ledger, &self.target, &*self.keep, &pacers, &self.settings, env);
        undo.sent = last_sent(&rows);
        let ending = undo.drive(&mut session, last).await.map_err(|error| error.to_string())?;
        Ok((ending, undo.told()))
    }

    fn judge_undo(&mut self, before: &BTreeMap<DeviceId, Before>, told: &Undone) {
        let mut target = self.target.project.lock().unwrap();
        target.happen(self.clock.elapsed() + self.settings.late_commit_bound + Duration::from_secs(20));
        let (foreign, came) = (self.foreign.lock().unwrap(), self.came.lock().unwrap());
        let mut wrong = Vec::new();
        for reversed in &told.reversed {
            match reversed.what {
                Reversal::Records(records) => self.outcome.undone[0] += records,
                Reversal::WrittenBack(records) => self.outcome.written_back += records,
                Reversal::Deleted => self.outcome.undone[1] += 1,
                Reversal::Restored => self.outcome.undone[2] += 1,
            }
        }
        for (id, before) in before {
            let Some(there) = target.devices.get(id) else {
                wrong.push(format!("{id} is gone"));
                continue;
            };
            let mut expected = before.clone();
            for record in foreign.get(id).into_iter().chain(came.get(id)).flatten() {
                for (key, count) in bag(std::slice::from_ref(record)) {
                    *expected.records.entry(key).or_default() += count;
                }
            }
            let mut there = Before::of(there);
            // Whoever revoked a token is not the engine.
            expected.tokens.retain(|name| there.tokens.contains(name));
            there.records.retain(|_, count| *count > 0);
            if there != expected {
                let lacking =
                    expected.records.iter().filter(|(key, count)| there.records.get(*key) != Some(count));
                let surplus =
                    there.records.iter().filter(|(key, count)| expected.records.get(*key) != Some(count));
                wrong.push(format!(
                    "{} is not what it was: lacking {:?}, surplus {:?}, {:?} instead of {:?}",
                    before.definition.name,
                    lacking.collect::<Vec<_>>(),
                    surplus.collect::<Vec<_>>(),
                    (&there.definition, &there.params, &there.tokens),
                    (&expected.definition, &expected.params, &expected.tokens),
                ));
            }
        }
        let made = target.devices.keys().filter(|id| !before.contains_key(id)).count();
        if target.files.keys().filter(|path| *path != furnish::LEFT_BEHIND).ne([furnish::OF_ITS_OWNER]) {
            wrong.push(format!("files in the end: {:?}", target.files.keys()));
        }
        if made > 0 {
            wrong.push(format!("{made} devices are left"));
        }
        if !told.complete || !told.changed_since.is_empty() || !told.impossible.is_empty() {
            wrong.push(format!("{told:?}"));
        }
        self.outcome.wrong.extend(wrong);
    }
}
