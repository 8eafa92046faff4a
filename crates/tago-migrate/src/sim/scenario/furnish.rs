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

    /// Since the rehearsal somebody has made an alarm, or has one act on more than before.
    pub(super) fn others_make_an_alarm(&mut self) {
        let chance = Chance::new(self.outcome.seed ^ 0xa1a);
        if !chance.permille(300) {
            return;
        }
        let id = ActionId::from_bytes([u8::try_from(chance.below(4)).unwrap() + 150; 12]);
        let mut trigger = serde_json::json!({
            "variable": chance.pick(&["temperature", "humidity", "door"]), "is": "*", "value": 0,
        });
        if chance.permille(600) {
            let device = DeviceId::from_bytes([u8::try_from(chance.below(3)).unwrap() + 1; 12]);
            trigger["device"] = device.to_string().into();
        } else {
            trigger["tag_key"] = "number".into();
        }
        let mut target = self.target.project.lock().unwrap();
        let alarm = target.actions.entry(id).or_insert_with(|| FakeAction {
            name: "Alarm since the rehearsal".into(),
            active: true,
            trigger: serde_json::Value::Null,
            fired: Vec::new(),
            acted: 0,
            switched: None,
        });
        alarm.trigger = trigger;
        self.actions.insert(id, alarm.active);
    }

    /// A run that was given up elsewhere has left a file, whose import begins as long as it is there. It holds
    /// some of what the target lacks, and something else.
    pub(super) fn furnish_file(&mut self) {
        let chance = Chance::new(self.outcome.seed ^ 0xf11e);
        let mut target = self.target.project.lock().unwrap();
        target.files.insert(OF_ITS_OWNER.to_owned(), "variable,value\n".into());
        if !chance.permille(if self.choices.lane == Lane::File { 500 } else { 250 }) {
            return;
        }
        let devices: Vec<DeviceId> = target.devices.keys().copied().collect();
        if devices.is_empty() {
            return;
        }
        let device = *chance.pick(&devices);
        let time = Time::from_millis(NEWEST - i64::try_from(chance.below(40)).unwrap() * 60_000);
        let mut content = format!("variable,value,time,group\ndoor,\"foreign, left behind\",{time},\n");
        let source = self.source.project.lock().unwrap();
        for record in lacking(&source.devices[&device].records, &target.devices[&device].records) {
            if self.is_chosen(&entry(record)) && chance.permille(500) {
                let cells: serde_json::Value = serde_json::from_str(&record.json).unwrap();
                let [value, group] = ["value", "group"].map(|name| cells[name].to_string());
                content += &format!("{},{value},{},{group}\n", record.variable, record.time);
            }
        }
        target.files.insert(LEFT_BEHIND.to_owned(), content.into());
        let at = self.clock.elapsed() + Duration::from_millis(chance.below(3_000));
        let (foreign, came) = (Arc::clone(&self.foreign), Arc::clone(&self.came));
        let bound = u64::try_from(self.settings.late_commit_bound.as_millis()).unwrap();
        // One that has begun may take longer than any request may.
        let between =
            Duration::from_millis(if chance.permille(300) { chance.below(bound * 3 / 4) } else { 0 });
        let begin = move |project: &mut Project| {
            let Some(content) = project.files.get(LEFT_BEHIND).cloned() else { return };
            let mut records = imported(project, &content).unwrap();
            let stranger = records.remove(0);
            foreign.lock().unwrap().entry(device).or_default().push(stranger.clone());
            project.arrive(device, vec![stranger], false);
            for (number, part) in (0_u32..).zip(records.chunks(4).map(<[FakeRecord]>::to_vec)) {
                let came = Arc::clone(&came);
                let arrive = move |project: &mut Project| {
                    came.lock().unwrap().entry(device).or_default().extend(part.iter().cloned());
                    project.arrive(device, part, false);
                };
                project.coming.push((project.now + between * number, Box::new(arrive)));
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

/// What the second lacks of the first, as far as any file brings it back.
fn lacking<'a>(ours: &'a [FakeRecord], theirs: &[FakeRecord]) -> Vec<&'a FakeRecord> {
    let mut there = bag(theirs);
    let mut lacks = |record: &&FakeRecord| match there.get_mut(&entry(record)) {
        Some(count) if *count > 0 => {
            *count -= 1;
            false
        }
        _ => true,
    };
    let is_plain = |json: &str| !json.contains("metadata") && !json.contains("\"value\":\"");
    ours.iter().filter(|record| lacks(record) && is_plain(&record.json)).collect()
}

fn tag(key: &str, value: &str) -> Tag {
    Tag { key: key.to_owned(), value: value.to_owned(), metadata: None }
}
