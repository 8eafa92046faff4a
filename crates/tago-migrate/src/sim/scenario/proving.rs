//! The proof of a simulated run, and whether it finds what is done behind the engine's back.

use super::*;
use crate::prove::{Examination, Proof, ProofDepth, Unfinished, WindowProof, WindowVerdict, examine};

impl Play {
    /// The proof agrees with the oracle, and finds what is done behind the engine's back.
    pub(super) async fn prove(&mut self, plan: &Plan, ledger: &Ledger) {
        self.target.rate = 0;
        self.recover();
        self.target.project.lock().unwrap().coming.clear();
        self.hide_for_a_while();
        let Some((proof, windows)) = self.examine(plan, ledger).await else { return };
        if (proof.missing, proof.changed, proof.doubled, proof.not_removed) != (0, 0, 0, 0) {
            self.outcome.wrong.push(format!("the proof finds fault with a good run: {proof:?}"));
        }
        let blocked = plan
            .items
            .iter()
            .any(|item| matches!(item, Item::Data(data) if data.verdict == Verdict::Blocked));
        let undone = blocked || !ledger.reasons.is_empty();
        if proof.green == undone && proof.windows > 0 {
            self.outcome.wrong.push(format!("green is {} and held back is {undone}", proof.green));
        }
        let judged: Vec<WindowProof> = windows
            .into_iter()
            .filter(|window| matches!(window.verdict, WindowVerdict::Equal | WindowVerdict::Foreign))
            .filter(|window| window.variable.is_some())
            .collect();
        if judged.is_empty() {
            return;
        }
        let (mut expected, mut harmed) = ((0, 0), BTreeSet::new());
        for harm in 0..3 {
            let window = self.chance.pick(&judged).clone();
            expected = match (self.harm(plan, ledger, &window, harm, &mut harmed), harm) {
                (false, _) => expected,
                (true, 2) => (expected.0, expected.1 + 1),
                (true, _) => (expected.0 + 1, expected.1),
            };
        }
        let Some((proof, _)) = self.examine(plan, ledger).await else { return };
        if (proof.missing + proof.changed, proof.doubled + proof.not_removed) != expected {
            self.outcome.wrong.push(format!("{expected:?} were harmed, and the proof says {proof:?}"));
        }
        self.outcome.harmed += expected.0 + expected.1;
    }

    /// What is stored need not be shown at once, to whoever reads.
    fn hide_for_a_while(&mut self) {
        let bound = u64::try_from(self.settings.late_commit_bound.as_millis()).unwrap();
        let mut target = self.target.project.lock().unwrap();
        let mut hidden = Vec::new();
        for (id, device) in &mut target.devices {
            if !device.records.is_empty() && self.chance.permille(500) {
                let place = self.chance.below(device.records.len() as u64) as usize;
                hidden.push((*id, place, device.records.remove(place)));
            }
        }
        for (id, place, record) in hidden {
            let at = self.clock.elapsed() + Duration::from_millis(self.chance.below(bound));
            let shown = move |project: &mut Project| {
                let records = &mut project.device(id).unwrap().records;
                // Some may be gone by then.
                records.insert(place.min(records.len()), record);
            };
            target.coming.push((at, Box::new(shown)));
        }
    }

    async fn examine(&mut self, plan: &Plan, ledger: &Ledger) -> Option<(Proof, Vec<WindowProof>)> {
        let (progress, control) = (Progress::new(Figures::default()), Control::new());
        let env = Env { clock: &*self.clock, nonce: 0, progress: &progress, control: &control };
        let unfinished = Unfinished::nowhere();
        let examination =
            Examination { plan, ledger, depth: ProofDepth::Content, unfinished: &unfinished, names: None };
        match examine(examination, &self.source, &self.target, &self.settings, env).await {
            Ok(proof) => Some(proof),
            Err(error) => {
                self.outcome.wrong.push(error.to_string());
                None
            }
        }
    }

    /// Changes, drops or doubles one record that nobody harmed before.
    fn harm(
        &mut self,
        plan: &Plan,
        ledger: &Ledger,
        window: &WindowProof,
        harm: u64,
        harmed: &mut BTreeSet<(DeviceId, String, Time)>,
    ) -> bool {
        let place =
            plan.items.iter().position(|item| matches!(item, Item::Device(d) if d.device == window.device));
        let Some(Item::Device(item)) = place.map(|place| &plan.items[place]) else { return false };
        let made = ledger.devices.get(&u32::try_from(place.unwrap()).unwrap()).and_then(|device| device.made);
        let mut target = self.target.project.lock().unwrap();
        let records = &mut target.devices.get_mut(&item.target.or(made).unwrap()).unwrap().records;
        let fair = |record: &FakeRecord| {
            Some(&record.variable) == window.variable.as_ref()
                && (window.from..=window.to).contains(&record.time)
                && !record.json.to_lowercase().contains("foreign")
        };
        // One harm for each moment and variable, so that none hides another.
        let candidates: Vec<usize> = (0..records.len())
            .filter(|place| fair(&records[*place]))
            .filter(|place| !harmed.contains(&moment(window.device, &records[*place])))
            .collect();
        let Some(chosen) = candidates.first() else { return false };
        harmed.insert(moment(window.device, &records[*chosen]));
        match harm {
            0 => {
                let mut fields: serde_json::Value = serde_json::from_str(&records[*chosen].json).unwrap();
                fields["value"] = "harmed".into();
                records[*chosen].json = fields.to_string();
            }
            1 => {
                records.remove(*chosen);
            }
            _ => {
                let twin = records[*chosen].clone();
                records.push(twin);
            }
        }
        true
    }
}

fn moment(device: DeviceId, record: &FakeRecord) -> (DeviceId, String, Time) {
    (device, record.variable.clone(), record.time)
}
