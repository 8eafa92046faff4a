//! Actions that the records would set off.

use tago_api::ActionId;

use super::*;
use crate::device::Fingerprint;
use crate::sim::world::FakeAction;
use crate::{ActionState, CheckName, CheckVerdict, Tripped, give_up, given_up, release, undo};

const ALARM: ActionId = ActionId::from_bytes([9; 12]);

impl Bench {
    /// With an alarm on a variable of the device that has a gap.
    fn alarmed(is: &str, value: i64, active: bool) -> Bench {
        let bench = Bench::new();
        let trigger = serde_json::json!({
            "device": id(2).to_string(), "variable": "door", "is": is, "value": value,
        });
        let (fired, name) = (Vec::new(), "Door opened".to_owned());
        let alarm = FakeAction { name, active, trigger, fired, acted: 0, switched: None };
        bench.target.project.lock().unwrap().actions.insert(ALARM, alarm);
        bench
    }

    /// The alarm acts on whatever arrives, from now on.
    fn alarm_on_everything(&self) {
        let everything = Bench::alarmed("*", 0, true).alarm();
        self.target.project.lock().unwrap().actions.insert(ALARM, everything);
    }

    fn alarm(&self) -> FakeAction {
        self.target.project.lock().unwrap().actions[&ALARM].clone()
    }

    fn switch(&self, active: bool) {
        self.target.project.lock().unwrap().actions.get_mut(&ALARM).unwrap().active = active;
    }

    fn state(&self) -> ActionState {
        status(&self.run_folder()).unwrap().actions[0].state
    }

    /// Waits until a run has switched the alarm off.
    async fn is_held(&self) {
        while self.alarm().active {
            self.clock.sleep(Duration::from_millis(1)).await;
        }
    }

    /// The target is gone as soon as its alarm is held.
    async fn run_and_lose_the_target(&self, plan: &Plan, folder: &Path) -> Result<Ending, RunError> {
        let lose = async {
            self.is_held().await;
            self.target.project.lock().unwrap().refusals.gone = true;
        };
        futures_util::future::join(self.run(plan, folder), lose).await.0
    }

    async fn release(&self) -> Result<Ending, RunError> {
        release(&self.run_folder(), &self.target, &self.settings, self.env()).await
    }
}

fn check(plan: &Plan) -> (CheckVerdict, String) {
    let check = plan.header().checks.iter().find(|check| check.name == CheckName::Actions).unwrap();
    (check.verdict, check.text.clone())
}

#[tokio::test(start_paused = true)]
async fn an_alarm_that_the_records_would_set_off_is_silent_and_active_again_after() {
    let bench = Bench::alarmed("*", 0, true);
    let plan = bench.plan(&Choices::default()).await;
    let (verdict, text) = check(&plan);
    assert_eq!(verdict, CheckVerdict::Warn);
    assert!(text.contains("Door opened") && text.contains("held"), "{text}");
    let folder = bench.run_folder();
    let (ending, ()) = futures_util::future::join(bench.run(&plan, &folder), async {
        bench.is_held().await;
        let target = bench.target.project.lock().unwrap();
        assert_eq!(target.devices[&id(2)].records.len(), 60, "a record was written before");
    })
    .await;
    assert_eq!(ending.unwrap(), Ending::Finished);
    let alarm = bench.alarm();
    assert_eq!((alarm.active, alarm.acted), (true, 0));
    let state = status(&folder).unwrap();
    assert_eq!(
        (state.records_done, bench.state(), state.actions[0].acted),
        (140, ActionState::Released, Some(false))
    );
    let report = report(&folder, bench.clock.now()).unwrap();
    assert_eq!(report.actions, state.actions);
    assert!(std::fs::read_to_string(&report.html).unwrap().contains("it did not act"));
    let json = std::fs::read_to_string(&report.json).unwrap();
    assert!(json.contains(r#""state": "released""#), "{json}");
}

/// A token can be removed every ten seconds, and nothing of the run arrives later than two.
#[tokio::test(start_paused = true)]
async fn an_alarm_is_not_kept_off_by_tokens_that_take_long_to_remove() {
    let mut bench = Bench::alarmed("*", 0, true);
    bench.target.project.lock().unwrap().devices.get_mut(&id(1)).unwrap().records.truncate(50);
    (bench.settings.pace.edits, bench.settings.pace.share) = (6, Some(1.0));
    let plan = bench.plan(&Choices::default()).await;
    let own_tokens = || {
        let project = bench.target.project.lock().unwrap();
        let tokens = project.devices.values().flat_map(|device| &device.tokens);
        tokens.filter(|token| token.name.starts_with("Holdfast run")).count()
    };
    let folder = bench.run_folder();
    let (ending, left) = futures_util::future::join(bench.run(&plan, &folder), async {
        bench.is_held().await;
        while !bench.alarm().active {
            bench.clock.sleep(Duration::from_millis(1)).await;
        }
        own_tokens()
    })
    .await;
    assert_eq!(ending.unwrap(), Ending::Finished);
    assert!(left > 0, "it was the last thing that the run did");
    assert_eq!((own_tokens(), bench.alarm().acted), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn an_alarm_fires_if_its_owner_lets_it() {
    let bench = Bench::alarmed("*", 0, true);
    let plan = bench.plan(&Choices { tripped: Tripped::LetFire, ..Choices::default() }).await;
    assert_eq!(check(&plan).0, CheckVerdict::Warn);
    assert_eq!(bench.run(&plan, &bench.run_folder()).await.unwrap(), Ending::Finished);
    let alarm = bench.alarm();
    assert_eq!((alarm.active, alarm.acted), (true, 20));
    assert_eq!(bench.state(), ActionState::LetFire);
}

/// The door's records are the odd numbers up to 99, and the target lacks those from 21 to 59.
#[tokio::test(start_paused = true)]
async fn only_what_the_records_would_set_off_is_held() {
    let alarms = [
        (">", 58, Policy::Fill, true),
        (">", 59, Policy::Fill, false),
        ("<", 21, Policy::Fill, false),
        ("<", 21, Policy::Append, true),
        (">", 99, Policy::Append, false),
        ("=", 60, Policy::Append, false),
        ("=", 19, Policy::Fill, false),
        ("=", 21, Policy::Fill, true),
    ];
    for (is, value, policy, trips) in alarms {
        let choices = Choices { policy, ..Choices::default() };
        let plan = Bench::alarmed(is, value, true).plan(&choices).await;
        assert_eq!(plan.header().actions.len(), usize::from(trips), "{is} {value} {policy:?}");
        assert_eq!(check(&plan).0, if trips { CheckVerdict::Warn } else { CheckVerdict::Pass });
    }
    let elsewhere = Choices { devices: Some(BTreeSet::from([id(3)])), ..Choices::default() };
    assert!(Bench::alarmed("*", 0, true).plan(&elsewhere).await.header().actions.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_somebody_else_switches_stays_as_they_left_it() {
    let bench = Bench::alarmed("*", 0, false);
    let plan = bench.plan(&Choices::default()).await;
    assert_eq!(check(&plan).0, CheckVerdict::Pass, "an inactive one cannot act");
    assert_eq!(bench.run(&plan, &bench.run_folder()).await.unwrap(), Ending::Finished);
    assert_eq!((bench.alarm().active, bench.state()), (false, ActionState::Inactive));

    // Switched on between the rehearsal and the run: held all the same.
    let bench = Bench::alarmed("*", 0, false);
    let plan = bench.plan(&Choices::default()).await;
    bench.switch(true);
    assert_eq!(bench.run(&plan, &bench.run_folder()).await.unwrap(), Ending::Finished);
    assert_eq!((bench.alarm().active, bench.alarm().acted, bench.state()), (true, 0, ActionState::Released));

    // Switched on while it is held.
    let bench = Bench::alarmed("*", 0, true);
    let plan = bench.plan(&Choices::default()).await;
    let folder = bench.run_folder();
    let (ending, ()) = futures_util::future::join(bench.run(&plan, &folder), async {
        bench.is_held().await;
        bench.switch(true);
    })
    .await;
    assert_eq!(ending.unwrap(), Ending::Finished);
    assert_eq!((bench.alarm().active, bench.state()), (true, ActionState::SwitchedOn));
    let told = report(&folder, bench.clock.now()).unwrap().exceptions.join("\n");
    assert!(told.contains("Door opened was switched on by somebody"), "{told}");

    // Deleted while it is held.
    let bench = Bench::alarmed("*", 0, true);
    let plan = bench.plan(&Choices::default()).await;
    let folder = bench.run_folder();
    let (ending, ()) = futures_util::future::join(bench.run(&plan, &folder), async {
        bench.is_held().await;
        bench.target.project.lock().unwrap().actions.clear();
    })
    .await;
    assert_eq!((ending.unwrap(), bench.state()), (Ending::Finished, ActionState::Gone));
}

/// A session that ends early gives back what it holds, and the next one takes it again.
#[tokio::test(start_paused = true)]
async fn a_halted_run_holds_nothing_as_long_as_the_target_answers() {
    let bench = Bench::alarmed("*", 0, true);
    let plan = bench.plan(&Choices::default()).await;
    bench.target.project.lock().unwrap().refusals.quota = true;
    let ending = bench.run(&plan, &bench.run_folder()).await.unwrap();
    assert!(matches!(ending, Ending::Halted(Halt::Quota { .. })), "{ending:?}");
    assert_eq!((bench.alarm().active, bench.state()), (true, ActionState::Released));
    bench.target.project.lock().unwrap().refusals.quota = false;
    assert_eq!(bench.resume().await.unwrap(), Ending::Finished);
    assert_eq!((bench.alarm().active, bench.alarm().acted, bench.state()), (true, 0, ActionState::Released));
}

/// The copy may be gone by then: only the target is asked.
#[tokio::test(start_paused = true)]
async fn what_a_run_holds_that_nobody_resumes_is_released_without_the_source() {
    let bench = Bench::alarmed("*", 0, true);
    let plan = bench.plan(&Choices::default()).await;
    let folder = bench.run_folder();
    let ending = bench.run_and_lose_the_target(&plan, &folder).await;
    assert!(matches!(ending, Ok(Ending::Halted(Halt::Unreachable { .. }))), "{ending:?}");
    assert!(bench.state().is_held() && !bench.alarm().active);
    let told = report(&folder, bench.clock.now()).unwrap().exceptions.join("\n");
    assert!(told.contains("Door opened is still switched off"), "{told}");
    bench.target.project.lock().unwrap().refusals.gone = false;
    bench.source.project.lock().unwrap().refusals.gone = true;
    assert_eq!(bench.release().await.unwrap(), Ending::Stopped);
    assert_eq!((bench.alarm().active, bench.alarm().acted, bench.state()), (true, 0, ActionState::Released));
    assert_eq!(status(&folder).unwrap().records_done, 0, "it wrote");
    bench.source.project.lock().unwrap().refusals.gone = false;
    assert_eq!(bench.resume().await.unwrap(), Ending::Finished);
    assert_eq!((bench.alarm().active, bench.alarm().acted), (true, 0));
    assert_eq!(bench.release().await.unwrap(), Ending::Finished);
}

/// Whoever waits long for an answer learns late that there is none, and what was sent may arrive even later.
#[tokio::test(start_paused = true)]
async fn a_batch_that_arrives_after_its_answer_was_given_up_sets_nothing_off() {
    let bench = Bench::alarmed("*", 0, true);
    let plan = bench.plan(&Choices { devices: Some(BTreeSet::from([id(2)])), ..Choices::default() }).await;
    // A token that stays: with one that was removed meanwhile it would be refused.
    bench.target.secrets.lock().unwrap().insert(Fingerprint::of("target 2"));
    let bound = bench.settings.late_commit_bound;
    bench.target.project.lock().unwrap().silence = Some((bound + bound / 2, bound));
    let folder = bench.run_folder();
    let (ending, ()) = futures_util::future::join(bench.run(&plan, &folder), async {
        while status(&folder).map_or(0, |status| status.batches_open) == 0 {
            bench.clock.sleep(Duration::from_millis(1)).await;
        }
        bench.control.stop();
    })
    .await;
    assert_eq!(ending.unwrap(), Ending::Stopped);
    bench.clock.sleep(bound).await;
    bench.target.project.lock().unwrap().happen(bench.clock.elapsed());
    let records = bench.target.project.lock().unwrap().devices[&id(2)].records.len();
    assert!(records > 60, "the batch has not arrived");
    assert_eq!((bench.alarm().active, bench.alarm().acted, bench.state()), (true, 0, ActionState::Released));
}

/// A token of the run's that cannot be removed keeps nobody from letting go of what is held.
#[tokio::test(start_paused = true)]
async fn a_token_that_stays_after_its_removal_halts_the_run_and_its_undo_and_holds_nothing() {
    let bench = Bench::alarmed("*", 0, true);
    let plan = bench.plan(&Choices::default()).await;
    let keeps = |keeps| bench.target.project.lock().unwrap().keeps_tokens = keeps;
    keeps(true);
    let stays = |ending: &Ending| match ending {
        Ending::Halted(Halt::Unreachable { message, .. }) => message.contains("has it still"),
        _ => false,
    };
    let (folder, soon) = (bench.run_folder(), Duration::from_secs(3_600));
    let ending = tokio::time::timeout(soon, bench.run(&plan, &folder)).await.unwrap().unwrap();
    assert!(stays(&ending), "{ending:?}");
    assert_eq!((bench.alarm().active, bench.state()), (true, ActionState::Released));
    assert_eq!(status(&folder).unwrap().records_done, 140);
    let undo = || undo(&folder, &bench.target, &bench.settings, bench.env());
    let (ending, _) = tokio::time::timeout(soon, undo()).await.unwrap().unwrap();
    assert!(stays(&ending), "{ending:?}");
    keeps(false);
    assert_eq!(undo().await.unwrap().0, Ending::Finished);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_taken_back_releases_what_it_still_holds() {
    let bench = Bench::alarmed("*", 0, true);
    let plan = bench.plan(&Choices::default()).await;
    let folder = bench.run_folder();
    let ending = bench.run_and_lose_the_target(&plan, &folder).await;
    assert!(matches!(ending, Ok(Ending::Halted(_))) && bench.state().is_held(), "{ending:?}");
    bench.target.project.lock().unwrap().refusals.gone = false;
    let (ending, undone) = undo(&folder, &bench.target, &bench.settings, bench.env()).await.unwrap();
    assert_eq!((ending, undone.complete), (Ending::Finished, true));
    assert_eq!((bench.alarm().active, bench.state()), (true, ActionState::Released));
}

/// Its target is gone for good; or it is back after all.
#[tokio::test(start_paused = true)]
async fn a_run_whose_target_is_gone_is_given_up_and_says_what_it_leaves() {
    let bench = Bench::alarmed("*", 0, true);
    let plan = bench.plan(&Choices::default()).await;
    let folder = bench.run_folder();
    assert!(matches!(bench.run_and_lose_the_target(&plan, &folder).await.unwrap(), Ending::Halted(_)));
    assert!(!matches!(bench.release().await, Ok(Ending::Stopped)), "it answers");
    assert_eq!(given_up(&folder).unwrap(), None);
    let left = give_up(&folder, bench.env()).unwrap();
    assert_eq!(left.actions.iter().map(|action| action.name.as_str()).collect::<Vec<_>>(), ["Door opened"]);
    assert!(left.is_something());
    assert_eq!(give_up(&folder, bench.env()).unwrap(), left, "it may be repeated");
    assert_eq!((given_up(&folder).unwrap(), bench.state()), (Some(left), ActionState::LeftOff));
    let report = report(&folder, bench.clock.now()).unwrap();
    assert!(std::fs::read_to_string(&report.html).unwrap().contains("may still be switched off"));

    bench.target.project.lock().unwrap().refusals.gone = false;
    let resumed = bench.resume().await.unwrap_err().to_string();
    assert!(resumed.contains("given up") && resumed.contains("rehearse again"), "{resumed}");
    assert_eq!(bench.release().await.unwrap(), Ending::Stopped);
    assert!(bench.alarm().active);
    let left = given_up(&folder).unwrap().unwrap();
    assert!(left.actions.is_empty() && left.tokens.is_empty(), "{left:?}");
    let (ending, undone) = undo(&folder, &bench.target, &bench.settings, bench.env()).await.unwrap();
    assert!(ending == Ending::Finished && undone.complete, "{undone:?}");
    assert!(matches!(give_up(&folder, bench.env()), Err(RunError::NotRunnable { .. })), "it is over");
}

/// Without its journal nobody knows who switched it off, so whoever goes on is told until it is on again.
#[tokio::test(start_paused = true)]
async fn what_a_damaged_run_may_have_left_switched_off_is_said_by_whatever_completes_it() {
    let bench = Bench::alarmed("*", 0, true);
    let plan = bench.plan(&Choices::default()).await;
    let ending = bench.run_and_lose_the_target(&plan, &bench.run_folder()).await;
    assert!(matches!(ending, Ok(Ending::Halted(_))), "{ending:?}");
    bench.target.project.lock().unwrap().refusals.gone = false;
    let mut folder = bench.run_folder();
    for number in 0..2 {
        std::fs::write(folder.join(crate::folder::JOURNAL), "no journal any more").unwrap();
        let again = crate::rebuild(&folder, &bench.source, &bench.target, &bench.settings, bench.env());
        let again = again.await.unwrap();
        assert_eq!(again.switched_off, ["Door opened"], "{number}");
        folder = bench.folder.path().join(format!("again {number}"));
        assert_eq!(bench.run(&again.plan, &folder).await.unwrap(), Ending::Finished);
        let told = report(&folder, bench.clock.now()).unwrap().exceptions;
        let said = told.iter().filter(|told| told.contains("Door opened") && told.contains("switch it on"));
        assert_eq!(said.count(), 1, "{told:?}");
        assert!(!bench.alarm().active, "nobody knows that the run did it");
    }
    bench.switch(true);
    std::fs::write(folder.join(crate::folder::JOURNAL), "no journal any more").unwrap();
    let again = crate::rebuild(&folder, &bench.source, &bench.target, &bench.settings, bench.env());
    assert_eq!(again.await.unwrap().switched_off, Vec::<String>::new());
}

/// Whoever waits for an alarm on the bad day makes it sharper.
#[tokio::test(start_paused = true)]
async fn an_alarm_that_was_made_or_sharpened_since_the_rehearsal_is_silent_too() {
    for (bench, how) in [(Bench::new(), "made"), (Bench::alarmed(">", 1_000, true), "sharpened")] {
        let plan = bench.plan(&Choices::default()).await;
        assert_eq!(check(&plan).0, CheckVerdict::Pass);
        bench.alarm_on_everything();
        bench.clock.sleep(Duration::from_secs(86_400)).await;
        let folder = bench.run_folder();
        assert_eq!(bench.run(&plan, &folder).await.unwrap(), Ending::Finished);
        let alarm = bench.alarm();
        assert_eq!((alarm.active, alarm.acted), (true, 0), "{how}");
        let told = report(&folder, bench.clock.now()).unwrap().actions;
        assert_eq!((told.len(), told[0].state, told[0].acted), (1, ActionState::Released, Some(false)));
        assert_eq!(told[0].name, "Door opened");
    }
}

/// What the rehearsal found harmless, and what nothing is written of, stays as it is.
#[tokio::test(start_paused = true)]
async fn an_alarm_that_nothing_written_can_set_off_is_not_held_for_being_new() {
    let bench = Bench::alarmed(">", 1_000, true);
    let plan = bench.plan(&Choices::default()).await;
    let elsewhere = [("humidity", id(2)), ("door", id(1))];
    for ((variable, device), number) in elsewhere.into_iter().zip(1..) {
        let trigger = serde_json::json!({ "device": device.to_string(), "variable": variable, "is": "*" });
        let alarm = FakeAction { trigger, ..bench.alarm() };
        bench.target.project.lock().unwrap().actions.insert(ActionId::from_bytes([number; 12]), alarm);
    }
    assert_eq!(bench.run(&plan, &bench.run_folder()).await.unwrap(), Ending::Finished);
    assert_eq!(status(&bench.run_folder()).unwrap().actions, []);
}

/// A plan that is older than the question tells of no alarm what set it off: it is held if it may act.
#[tokio::test(start_paused = true)]
async fn an_older_plan_holds_every_alarm_that_may_act() {
    let bench = Bench::alarmed(">", 1_000, true);
    let mut plan = bench.plan(&Choices::default()).await;
    plan.header.triggers.clear();
    let file = bench.folder.path().join("older.jsonl");
    plan.write(&file).unwrap();
    assert!(!std::fs::read_to_string(&file).unwrap().contains("triggers"));
    let plan = Plan::read(&file).unwrap();
    let folder = bench.run_folder();
    let ending = bench.run_and_lose_the_target(&plan, &folder).await;
    assert!(matches!(ending, Ok(Ending::Halted(_))) && bench.state().is_held(), "{ending:?}");
    bench.target.project.lock().unwrap().refusals.gone = false;
    assert_eq!(bench.release().await.unwrap(), Ending::Stopped);
    assert_eq!((bench.alarm().active, bench.state()), (true, ActionState::Released));
}

/// The source says 429 for an hour. What is held does not wait for it.
#[tokio::test(start_paused = true)]
async fn a_stop_while_the_source_refuses_for_an_hour_lets_alarms_act_again_at_once() {
    let bench = Bench::alarmed("*", 0, true);
    let plan = bench.plan(&Choices::default()).await;
    let stop = async {
        bench.is_held().await;
        let now = bench.clock.elapsed();
        bench.source.project.lock().unwrap().limited_until = now + Duration::from_secs(3_600);
        bench.clock.sleep(Duration::from_secs(5)).await;
        bench.control.stop();
        bench.clock.elapsed()
    };
    let folder = bench.run_folder();
    let (ending, stopped_at) = futures_util::future::join(bench.run(&plan, &folder), stop).await;
    assert_eq!(ending.unwrap(), Ending::Stopped);
    let took = bench.clock.elapsed() - stopped_at;
    assert!(took < bench.settings.late_commit_bound * 4, "{took:?}");
    assert_eq!((bench.alarm().active, bench.alarm().acted, bench.state()), (true, 0, ActionState::Released));
    bench.source.project.lock().unwrap().limited_until = Duration::ZERO;
    let env = crate::Env { control: &Control::new(), ..bench.env() };
    let resumed = resume(&folder, &bench.source, &bench.target, &bench.settings, env).await;
    assert_eq!(resumed.unwrap(), Ending::Finished);
    assert_eq!(status(&folder).unwrap().records_done, 140);
    assert_eq!((bench.alarm().active, bench.alarm().acted), (true, 0));
}

/// What it has done is asked when it may act again, and not when the run had written its last record.
#[tokio::test(start_paused = true)]
async fn an_alarm_is_looked_at_once_more_when_nothing_can_arrive_any_more() {
    let bench = Bench::alarmed("*", 0, true);
    let plan = bench.plan(&Choices::default()).await;
    let (folder, mut seen) = (bench.run_folder(), bench.progress.subscribe());
    let acts = async {
        seen.wait_for(|figures| figures.phase == crate::Phase::TidyingUp).await.unwrap();
        bench.clock.sleep(bench.settings.late_commit_bound / 2).await;
        assert!(!bench.alarm().active, "it is held for as long as something may arrive");
        bench.target.project.lock().unwrap().actions.get_mut(&ALARM).unwrap().acted += 1;
    };
    let (ending, ()) = futures_util::future::join(bench.run(&plan, &folder), acts).await;
    assert_eq!(ending.unwrap(), Ending::Finished);
    let told = status(&folder).unwrap().actions;
    assert_eq!((told[0].state, told[0].acted), (ActionState::Released, Some(true)));
}

/// Whoever plans a damaged run anew takes its mark off a device, and of what else is said of it nothing.
#[tokio::test(start_paused = true)]
async fn a_tag_that_its_owner_adds_while_a_damaged_run_is_tidied_up_stays() {
    let mut bench = Bench::new();
    bench.settings.batch_bytes = 350;
    let plan = bench.plan(&Choices::default()).await;
    let folder = bench.run_folder();
    let is_marked = |device: &crate::sim::world::FakeDevice| {
        device.definition.tags.iter().any(|tag| tag.key == crate::machine::MARKER)
    };
    let marked = || {
        let project = bench.target.project.lock().unwrap();
        project.devices.iter().find(|(_, device)| is_marked(device)).map(|(id, _)| *id)
    };
    let full = async {
        while marked().is_none() {
            bench.clock.sleep(Duration::from_millis(1)).await;
        }
        bench.target.project.lock().unwrap().refusals.quota = true;
    };
    let (ending, ()) = futures_util::future::join(bench.run(&plan, &folder), full).await;
    assert!(matches!(ending, Ok(Ending::Halted(_))), "{ending:?}");
    bench.target.project.lock().unwrap().refusals.quota = false;
    let made = marked().unwrap();
    std::fs::write(folder.join(crate::folder::JOURNAL), "no journal any more").unwrap();
    let tag = |key: &str| crate::device::Tag { key: key.into(), value: "5".into(), metadata: None };
    bench.target.project.lock().unwrap().meanwhile = Some(Box::new(move |project| {
        project.devices.get_mut(&made).unwrap().definition.tags.push(tag("floor"));
    }));
    let again = crate::rebuild(&folder, &bench.source, &bench.target, &bench.settings, bench.env());
    again.await.unwrap();
    assert_eq!(marked(), None);
    let target = bench.target.project.lock().unwrap();
    assert_eq!(target.devices[&made].definition.tags, [tag("floor")]);
}
