//! What a seed begins with: devices with their records on both sides, and alarms on the target.

use super::*;
use crate::sim::world::imported;

/// The file of a run that was given up on another computer.
pub(super) const LEFT_BEHIND: &str = "holdfast-imports/ffffffffffffffff-1-0-0-1.csv";
/// What lies beside it and is no run's.
pub(super) const OF_ITS_OWNER: &str = "holdfast-imports/backup-2026.csv";

impl Play {
    /// Devices on the source; on the target some of them, some of their records, and some of its own.
    pub(super) fn furnish(&mut self) {
        let chance = self.chance.clone();
        for number in 0..1 + chance.below(4) {
            let crowded = chance.permille(150);
            let id = DeviceId::from_bytes([u8::try_from(number).unwrap() + 1; 12]);
            let device = self.device(number, crowded);
            let mut source = self.source.project.lock().unwrap();
            let mut target = self.target.project.lock().unwrap();
            // The first has something to write, whatever the policy.
            if number > 0 && chance.permille(600) {
                let mut there = device.clone();
                there.tokens = vec![token(&format!("target {number}"), "Default")];
                let keep = *chance.pick(&[0, 300, 900]);
                there.records.retain(|_| chance.permille(keep));
                let doubles: Vec<_> =
                    there.records.iter().filter(|_| chance.permille(100)).cloned().collect();
                there.records.extend(doubles);
                for _ in 0..chance.below(5) {
                    there.records.push(self.record(&format!("\"own {}\"", chance.below(9)), NEWEST));
                }
                if chance.permille(300) {
                    there.definition.tags.push(tag("extra", "here"));
                }
                if chance.permille(300) {
                    there.params.pop();
                }
                there.definition.active = !(self.outcome.seed / 5 + number).is_multiple_of(5);
                self.resting.insert(id, !there.definition.active);
                target.devices.insert(id, there);
            }
            source.devices.insert(id, device);
        }
    }

    /// Alarms on the target, on devices and on tags that devices have or get.
    pub(super) fn furnish_actions(&mut self) {
        let chance = self.chance.clone();
        let mut target = self.target.project.lock().unwrap();
        for number in 0..chance.below(4) {
            let id = ActionId::from_bytes([u8::try_from(number).unwrap() + 150; 12]);
            let mut trigger = serde_json::json!({
                "variable": chance.pick(&["temperature", "humidity", "door"]),
                "is": chance.pick(&["*", ">"]),
                "value": chance.below(4),
            });
            if chance.permille(600) {
                let device = DeviceId::from_bytes([u8::try_from(chance.below(3)).unwrap() + 1; 12]);
                trigger["device"] = device.to_string().into();
            } else {
                trigger["tag_key"] = "number".into();
            }
            let action = FakeAction {
                name: format!("Alarm {number}"),
                active: chance.permille(800),
                trigger,
                fired: Vec::new(),
                acted: 0,
                switched: None,
            };
            self.actions.insert(id, action.active);
            target.actions.insert(id, action);
        }
    }

    /// A run that was given up elsewhere has left a file, whose import begins as long as it is there.
    pub(super) fn furnish_file(&mut self) {
        let chance = self.chance.clone();
        let mut target = self.target.project.lock().unwrap();
        target.files.insert(OF_ITS_OWNER.to_owned(), "variable,value\n".into());
        if self.choices.lane == Lane::Stream || chance.permille(500) {
            return;
        }
        let Some(device) = target.devices.keys().next().copied() else { return };
        let time = Time::from_millis(NEWEST - i64::try_from(chance.below(40)).unwrap() * 60_000);
        let content = format!("variable,value,time\ndoor,\"foreign, left behind\",{time}\n");
        target.files.insert(LEFT_BEHIND.to_owned(), content.into());
        let at = self.clock.elapsed() + Duration::from_millis(chance.below(3_000));
        let foreign = Arc::clone(&self.foreign);
        let begin = move |project: &mut Project| {
            let Some(content) = project.files.get(LEFT_BEHIND).cloned() else { return };
            let records = imported(project, &content).unwrap();
            if project.devices.contains_key(&device) {
                project.arrive(device, records.clone(), false);
                foreign.lock().unwrap().entry(device).or_default().extend(records);
            }
        };
        target.coming.push((at, Box::new(begin)));
    }

    /// A crowded one has all its records at a few moments.
    fn device(&self, number: u64, crowded: bool) -> FakeDevice {
        let chance = &self.chance;
        let mut records = Vec::new();
        let least = if number == 0 { 25 } else { 0 };
        for _ in 0..least + chance.below(60) {
            let value = match chance.below(4) {
                0 => format!("{}.0", chance.below(4)),
                1 => chance.below(4).to_string(),
                2 => format!("\"text {}\"", chance.below(3)),
                _ => "true".into(),
            };
            let mut record = self.record(&value, NEWEST);
            if crowded {
                let moment = record.time.to_string();
                let minutes = i64::try_from(chance.below(3)).unwrap() * 60_000;
                let time = Time::from_millis(NEWEST - minutes);
                record = FakeRecord::of(record.json.replace(&moment, &time.to_string()));
            }
            if chance.permille(150) {
                records.push(record.clone());
            }
            records.push(record);
        }
        let tags = (0..chance.below(3)).map(|tag_number| tag("number", &tag_number.to_string())).collect();
        let params = (0..chance.below(4)).map(|param| Param {
            id: ParamId::from_bytes([u8::try_from(param).unwrap() + 50; 12]),
            key: format!("key {}", param / 2),
            value: param.to_string(),
            sent: chance.permille(500),
        });
        FakeDevice {
            definition: Definition {
                name: format!("Device {number}"),
                kind: "mutable".into(),
                active: chance.permille(800),
                visible: chance.permille(500),
                tags,
                fields: BTreeMap::from([("description".to_owned(), Json::text("a device"))]),
            },
            params: params.collect(),
            tokens: vec![token(&format!("source {number}"), "Default")],
            records,
            removed: BTreeSet::new(),
            arrived: BTreeMap::new(),
            last_input: None,
        }
    }

    pub(super) fn record(&self, value: &str, before: i64) -> FakeRecord {
        let chance = &self.chance;
        let time = Time::from_millis(before - i64::try_from(chance.below(40)).unwrap() * 60_000);
        let variable = chance.pick(&["temperature", "humidity", "door"]);
        let named = DeviceId::from_bytes([1 + chance.below(5) as u8; 12]);
        let metadata = match chance.below(8) {
            0..4 => String::new(),
            4 => format!(r#","metadata":{{"of":"{named}","n":1.50}}"#),
            5 => format!(r#","metadata":{{"fixed_position":{{"{named}{named}":{{"x":0.5}}}}}}"#),
            6 => {
                r#","metadata":{"file":{"url":"https://source/file/737373737373737373737373/a.png"}}"#.into()
            }
            _ => r#","metadata":{"b":1,"a":[1.5,null]}"#.into(),
        };
        let group = chance.below(3);
        FakeRecord::of(format!(
            r#"{{"variable":"{variable}","value":{value},"time":"{time}","group":"g{group}"{metadata}}}"#
        ))
    }
}

fn tag(key: &str, value: &str) -> Tag {
    Tag { key: key.to_owned(), value: value.to_owned(), metadata: None }
}
