//! What a run removes, kept whole before the first of it is removed: a line of JSON for each record, which an
//! undo writes again and its owner can read.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tago_api::RecordId;

use crate::load::{Opened, Parcel, Parcels};
use crate::machine::Both;
use crate::plan::DataItem;
use crate::record::Key;

/// A record of the target that is removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Replaced {
    pub(crate) id: RecordId,
    pub(crate) key: Key,
    pub(crate) variable: String,
    /// Its JSON, as it can be sent again.
    pub(crate) body: Box<str>,
    /// So many equal ones stay in the target.
    pub(crate) stays: u64,
}

#[derive(Serialize, Deserialize)]
struct Line<'a> {
    id: RecordId,
    key: String,
    #[serde(borrow)]
    record: &'a RawValue,
    #[serde(default)]
    stays: u64,
}

impl Replaced {
    pub(crate) fn to_bytes(records: &[Replaced]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for Replaced { id, key, body, stays, .. } in records {
            // A body is JSON already, and memory takes every byte.
            let _ = write!(bytes, r#"{{"id":"{id}","key":"{:032x}","record":{body}"#, key.0);
            let _ = match stays {
                0 => writeln!(bytes, "}}"),
                stays => writeln!(bytes, r#","stays":{stays}}}"#),
            };
        }
        bytes
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> io::Result<Vec<Replaced>> {
        #[derive(Deserialize)]
        struct Variable {
            variable: String,
        }
        let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let read = |line| {
            let Line { id, key, record, stays } = serde_json::from_slice(line)?;
            let key = u128::from_str_radix(&key, 16).map_err(io::Error::other)?;
            let Variable { variable } = serde_json::from_str(record.get())?;
            Ok(Replaced { id, key: Key(key), variable, body: record.get().into(), stays })
        };
        lines.map(read).collect()
    }
}

/// The records of the target beyond those of the source, counted with multiplicity, by variable.
pub(crate) fn surplus<'a>(source: &Parcels, target: &'a Parcels) -> BTreeMap<&'a str, Vec<&'a Parcel>> {
    let mut accounted = source.counts();
    let mut surplus: BTreeMap<&str, Vec<&Parcel>> = BTreeMap::new();
    for parcel in target.iter().filter(|parcel| !accounted.take(parcel.key)) {
        surplus.entry(&parcel.variable).or_default().push(parcel);
    }
    surplus
}

/// What of the opened windows is removed.
pub(crate) fn of(item: &DataItem, opened: &[Opened], both: &Both) -> Vec<Replaced> {
    let surplus = surplus(&both.source, &both.target);
    let mut stay = times(both.target.iter().map(|parcel| parcel.key));
    for parcel in surplus.values().flatten() {
        stay.entry(parcel.key).and_modify(|times| *times -= 1);
    }
    let windows = opened.iter().filter_map(|opened| item.windows.get(opened.window as usize));
    let removed = windows.filter(|window| !window.removed.is_empty());
    let parcels = removed.filter_map(|window| surplus.get(window.variable.as_str())).flatten();
    parcels
        .filter_map(|parcel| {
            Some(Replaced {
                id: parcel.id?,
                key: parcel.key,
                variable: parcel.variable.clone(),
                body: (*parcel.body).into(),
                stays: stay.get(&parcel.key).copied().unwrap_or_default(),
            })
        })
        .collect()
}

/// How often there is each of these.
pub(crate) fn times(keys: impl IntoIterator<Item = Key>) -> BTreeMap<Key, u64> {
    let mut times = BTreeMap::new();
    keys.into_iter().for_each(|key| *times.entry(key).or_default() += 1);
    times
}

/// Places, as runs of neighbours: the first, and how many.
pub(crate) fn runs(places: impl IntoIterator<Item = u32>) -> Vec<(u32, u32)> {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for place in places {
        match runs.last_mut() {
            Some((first, length)) if *first + *length == place => *length += 1,
            _ => runs.push((place, 1)),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inside::Terms;
    use crate::run::Side;

    fn parcels(values: &[i32]) -> Parcels {
        let record = |value| {
            let text = format!(
                r#"{{"id":"{value:024x}","variable":"t","value":{value},"group":"g","time":"2026-11-22T04:30:00Z"}}"#
            );
            serde_json::from_str(&text).unwrap()
        };
        Parcels::of(Side::Target, values.iter().map(record).collect(), &Terms::default())
    }

    #[test]
    fn what_is_kept_comes_back_whole_and_half_of_it_does_not() {
        let target = parcels(&[1, 2, 2, 3]);
        let surplus = surplus(&parcels(&[2, 3, 4]), &target);
        let kept: Vec<Replaced> = surplus["t"]
            .iter()
            .map(|parcel| Replaced {
                id: parcel.id.unwrap(),
                key: parcel.key,
                variable: parcel.variable.clone(),
                body: (*parcel.body).into(),
                stays: 3,
            })
            .collect();
        assert_eq!(kept.len(), 2, "1, and one 2 of two");
        let bytes = Replaced::to_bytes(&kept);
        assert_eq!(Replaced::from_bytes(&bytes).unwrap(), kept);
        assert!(Replaced::from_bytes(&bytes[..bytes.len() - 3]).is_err());
        assert_eq!(runs([0, 1, 2, 7, 9, 10]), [(0, 3), (7, 1), (9, 2)]);
    }
}
