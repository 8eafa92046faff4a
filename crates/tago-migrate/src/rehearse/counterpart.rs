//! Which device of the target is which of the source, and why.

use std::collections::{BTreeMap, BTreeSet};

use tago_api::DeviceId;

use crate::device::{Device, Token};
use crate::plan::{Reason, ReasonCode, Renamed};

/// The counterpart of one device, or why it has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Counterpart {
    pub(super) target: Option<DeviceId>,
    pub(super) reason: Reason,
}

/// Finds counterparts by what a run has made, then by id, by what a run of resources says, by serial number,
/// and by name and type. No device of the target gets two.
pub(super) fn counterparts(
    source: &[(&Device, &[Token])],
    target: &[Device],
    target_tokens: &BTreeMap<DeviceId, Vec<Token>>,
    made: &BTreeMap<DeviceId, DeviceId>,
    renamed: Option<&Renamed>,
) -> BTreeMap<DeviceId, Counterpart> {
    let mut free: BTreeMap<DeviceId, &Device> = target.iter().map(|device| (device.id, device)).collect();
    let mut found = BTreeMap::new();
    for (device, _) in source {
        if let Some(own) = made.get(&device.id).filter(|own| free.remove(own).is_some()) {
            let reason = because(ReasonCode::SameMark, "a run that was given up has made it");
            found.insert(device.id, Counterpart { target: Some(*own), reason });
        }
    }
    for (device, _) in source {
        if found.contains_key(&device.id) {
            continue;
        }
        if free.remove(&device.id).is_some() {
            let reason = because(ReasonCode::SameId, "both have the same id");
            found.insert(device.id, Counterpart { target: Some(device.id), reason });
        }
    }
    for (device, _) in source {
        let named = renamed.and_then(|renamed| renamed.ids.get(&device.id.to_string())?.parse().ok());
        if let Some(other) = named
            && !found.contains_key(&device.id)
            && free.remove(&other).is_some()
        {
            let reason =
                because(ReasonCode::SameRun, "the run of resources made it, or found it to be the same");
            found.insert(device.id, Counterpart { target: Some(other), reason });
        }
    }
    for (device, tokens) in source {
        if found.contains_key(&device.id) {
            continue;
        }
        let serials: BTreeSet<&str> = tokens.iter().filter_map(|token| token.serial.as_deref()).collect();
        let same = |candidate: &&DeviceId| {
            let tokens = target_tokens.get(*candidate).map(Vec::as_slice).unwrap_or_default();
            tokens.iter().any(|token| token.serial.as_deref().is_some_and(|serial| serials.contains(serial)))
        };
        let candidates: Vec<DeviceId> = free.keys().filter(same).copied().collect();
        let counterpart = match candidates[..] {
            [] => continue,
            [one] => {
                free.remove(&one);
                let reason = because(ReasonCode::SameSerial, "both have the same serial number");
                Counterpart { target: Some(one), reason }
            }
            _ => ambiguous(candidates.len(), "serial number"),
        };
        found.insert(device.id, counterpart);
    }
    let rest: Vec<&Device> =
        source.iter().map(|(device, _)| *device).filter(|device| !found.contains_key(&device.id)).collect();
    for device in &rest {
        let same = |other: &Device| {
            other.definition.name == device.definition.name && other.definition.kind == device.definition.kind
        };
        let twins = rest.iter().filter(|other| same(other)).count();
        let candidates: Vec<DeviceId> =
            free.values().filter(|other| same(other)).map(|other| other.id).collect();
        let counterpart = match candidates[..] {
            [] => Counterpart {
                target: None,
                reason: because(ReasonCode::NoCounterpart, "the target has no such device"),
            },
            [one] if twins == 1 => {
                free.remove(&one);
                let reason = because(ReasonCode::SameName, "both have the same name and type");
                Counterpart { target: Some(one), reason }
            }
            _ => ambiguous(candidates.len().max(twins), "name and type"),
        };
        found.insert(device.id, counterpart);
    }
    found
}

fn ambiguous(devices: usize, what: &str) -> Counterpart {
    let text = format!("{devices} devices have the same {what}, and which belongs to which cannot be told");
    Counterpart { target: None, reason: Reason { code: ReasonCode::ManyCounterparts, text } }
}

fn because(code: ReasonCode, text: &str) -> Reason {
    Reason { code, text: text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::{Definition, Fingerprint};

    fn id(number: u8) -> DeviceId {
        DeviceId::from_bytes([number; 12])
    }

    fn device(number: u8, name: &str) -> Device {
        let definition = Definition {
            name: name.into(),
            kind: "mutable".into(),
            active: true,
            visible: true,
            tags: Vec::new(),
            fields: BTreeMap::new(),
        };
        Device { id: id(number), definition, is_whole: true, last_input: None }
    }

    fn token(serial: &str) -> Token {
        Token {
            id: serial.into(),
            fingerprint: Fingerprint::of(serial),
            name: "t".into(),
            permission: "full".into(),
            serial: Some(serial.into()),
            expires: None,
            usable: false,
        }
    }

    #[test]
    fn id_goes_before_serial_and_serial_before_name() {
        let sources = [device(1, "a"), device(2, "b"), device(3, "c"), device(4, "d")];
        let tokens = [vec![], vec![token("S2")], vec![], vec![]];
        let source: Vec<_> = sources.iter().zip(&tokens).map(|(d, t)| (d, t.as_slice())).collect();
        let target = [device(1, "other"), device(12, "c"), device(13, "b"), device(14, "c2")];
        let target_tokens = BTreeMap::from([(id(12), vec![token("S2")])]);
        let found = counterparts(&source, &target, &target_tokens, &BTreeMap::new(), None);
        let pairs: Vec<_> = found.values().map(|c| (c.target, c.reason.code)).collect();
        assert_eq!(
            pairs,
            [
                (Some(id(1)), ReasonCode::SameId),
                (Some(id(12)), ReasonCode::SameSerial),
                (None, ReasonCode::NoCounterpart),
                (None, ReasonCode::NoCounterpart),
            ]
        );
    }

    #[test]
    fn two_of_a_name_are_not_guessed_at() {
        let sources = [device(1, "a"), device(2, "b")];
        let source: Vec<_> = sources.iter().map(|d| (d, [].as_slice())).collect();
        let target = [device(11, "a"), device(12, "a"), device(13, "b")];
        let found = counterparts(&source, &target, &BTreeMap::new(), &BTreeMap::new(), None);
        assert_eq!(found[&id(1)].reason.code, ReasonCode::ManyCounterparts);
        assert_eq!(found[&id(2)].target, Some(id(13)));
    }

    /// Of two of a name, the run that made them knows which is which.
    #[test]
    fn what_a_run_of_resources_made_is_known_by_its_id() {
        let sources = [device(1, "a"), device(2, "a")];
        let source: Vec<_> = sources.iter().map(|d| (d, [].as_slice())).collect();
        let target = [device(11, "a"), device(12, "a")];
        let profile = tago_api::ProfileId::from_bytes([9; 12]);
        let ids = [(2, 11), (1, 12), (3, 13)].map(|(old, new)| (id(old).to_string(), id(new).to_string()));
        let renamed = Renamed { source: profile, target: profile, ids: ids.into() };
        let found = counterparts(&source, &target, &BTreeMap::new(), &BTreeMap::new(), Some(&renamed));
        let pairs: Vec<_> = found.values().map(|c| (c.target, c.reason.code)).collect();
        assert_eq!(pairs, [(Some(id(12)), ReasonCode::SameRun), (Some(id(11)), ReasonCode::SameRun)]);
    }
}
