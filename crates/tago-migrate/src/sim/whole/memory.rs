//! Records that are held at once, counted and not measured.

use std::collections::{BTreeMap, VecDeque};

use super::*;
use crate::inside::Terms;
use crate::load::Parcels;
use crate::machine::import::{Errand, ErrandDone};
use crate::machine::ledger::Ledger;
use crate::machine::{Action, Both, Config, Event, Moment, State, step};
use crate::plan::Item;
use crate::record::Record;
use crate::run::Side;
use crate::settings::BESIDE_TEXT;

const DEVICES: u8 = 40;
const LANES: usize = 64;

impl Bench {
    /// Many devices that are on both sides, and their records on one.
    fn crowd(&self) {
        for number in 4..DEVICES {
            let here = device(number);
            let there = FakeDevice {
                tokens: vec![token(&format!("target {number}"), "Default")],
                records: Vec::new(),
                ..here.clone()
            };
            self.source.project.lock().unwrap().devices.insert(id(number), here);
            self.target.project.lock().unwrap().devices.insert(id(number), there);
        }
    }

    fn between(port: &FakePort, side: Side, device: DeviceId, from: Time, to: Time) -> Parcels {
        let mut project = port.project.lock().unwrap();
        let records = project.devices.get_mut(&device).map(|device| device.records.clone());
        let records = records.unwrap_or_default().into_iter();
        let records = records.filter(|record| (from..=to).contains(&record.time));
        let records = records.map(|fake| serde_json::from_str::<Record>(&fake.json).unwrap()).collect();
        Parcels::of(side, records, &Terms::default())
    }

    /// The most bytes that were held at once, and the most that one item takes, in a run of one step after
    /// the other in which every answer comes as late as it can.
    fn most_held(&self, plan: &Plan, in_flight: usize) -> (usize, usize, usize) {
        let config = Config {
            import_bound: Duration::from_secs(4),
            lanes: LANES,
            in_flight,
            late_commit_bound: Duration::ZERO,
            patience: Duration::from_secs(1),
        };
        let begun = Row::Begun { run: "r".into(), fingerprint: plan.fingerprint(), batch_bytes: 2_000 };
        let ledger = Ledger::of([&begun]).unwrap();
        let mut state = State::new(Arc::new(plan.clone()), config, ledger);
        let (mut events, mut held) = (VecDeque::from([Event::Start]), BTreeMap::new());
        let (mut most, mut largest, mut done) = (0, 0, 0);
        let moment =
            Moment { elapsed: Duration::from_secs(9), now: plan.header.created_at + Duration::from_secs(9) };
        while let Some(event) = events.pop_front() {
            let (next, actions) = step(state, moment, event);
            state = next;
            for action in actions {
                match action {
                    Action::Read { item, .. } => {
                        let Item::Data(data) = &plan.items[item as usize] else { panic!("no data") };
                        let of = |port, side| Bench::between(port, side, data.device, data.from, data.to);
                        let both = Both {
                            source: of(&self.source, Side::Source),
                            target: of(&self.target, Side::Target),
                        };
                        let parcels = both.source.iter().chain(both.target.iter());
                        let bytes = parcels.map(|parcel| parcel.body.len() + BESIDE_TEXT).sum::<usize>();
                        held.insert(item, bytes);
                        largest = largest.max(bytes);
                        most = most.max(held.values().sum());
                        events.push_back(Event::Read { item, result: Ok(both) });
                    }
                    Action::ListTokens { device } => {
                        let mut token = token("target", "Default");
                        token.usable = true;
                        events.push_back(Event::TokensListed { device, result: Ok(vec![token]) });
                    }
                    Action::Permit(subject, _) => events.push_back(Event::Permitted(subject)),
                    Action::Send { item, batch, .. } => {
                        events.push_back(Event::Sent { item, result: Ok(batch.tally.count) });
                    }
                    Action::Journal(Row::Done { item }) => {
                        assert!(held.remove(&item).is_some());
                        done += 1;
                    }
                    Action::Lane(Errand::FindOthers { .. }) => {
                        events.push_back(Event::Lane(ErrandDone::OthersFound(Ok(false))));
                    }
                    Action::FindActions => events.push_back(Event::ActionsFound { result: Ok(Vec::new()) }),
                    Action::Fault(detail) => panic!("{detail}"),
                    _ => {}
                }
            }
        }
        (most, largest, done)
    }
}

#[tokio::test(start_paused = true)]
async fn records_in_flight_keep_within_their_bytes_whatever_the_lanes() {
    let bench = Bench::new();
    bench.crowd();
    let mut plan = bench.plan(&Choices::default()).await;
    // The device that is missing is another test's.
    let mut items = plan.items.to_vec();
    items.retain(|item| !matches!(item, Item::Device(item) if item.verdict == Verdict::Create));
    let known: BTreeSet<DeviceId> = items
        .iter()
        .filter_map(|item| match item {
            Item::Device(item) => Some(item.device),
            Item::Data(_) => None,
        })
        .collect();
    items.retain(|item| !matches!(item, Item::Data(item) if !known.contains(&item.device)));
    plan.items = items.into();
    let to_do =
        plan.items.iter().filter(|item| matches!(item, Item::Data(data) if data.verdict == Verdict::Fill));
    let to_do = to_do.count();
    let (unbound, largest, done) = bench.most_held(&plan, usize::MAX);
    assert!(unbound >= 30 * largest / 2 && done == to_do, "{unbound} bytes of {largest}, {done} of {to_do}");
    for parts in [1, 4, 12] {
        // What is expected of a record is an average, so an item may take a little more.
        let bound = largest * parts * 101 / 100;
        let (most, _, done) = bench.most_held(&plan, bound);
        assert!(most <= bound, "{most} bytes in flight, {bound} allowed");
        assert!(most > bound / 2, "{most} bytes in flight of {bound}: the lanes stand idle");
        assert_eq!(done, to_do);
    }
    // What is larger than the bound travels alone.
    let (most, _, done) = bench.most_held(&plan, 1);
    assert_eq!((most, done), (largest, to_do));
}
