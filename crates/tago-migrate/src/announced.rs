//! What is kept of the records of one data item before the first of them is sent, so that an undo can tell
//! them from all others when the source is gone.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tago_api::RecordId;

use crate::folder;
use crate::keep::{Folder, Keep};
use crate::load::Parcels;
use crate::plan::Seal;
use crate::record::Key;

/// What is about to be sent, and what of the target says the same already.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Announced {
    /// Records that were there before and are equal to one that is sent.
    pub(crate) twins: Vec<RecordId>,
    /// The records that are sent, batch after batch.
    pub(crate) keys: Vec<Key>,
}

const ID: usize = 12;
const KEY: usize = 16;

impl Announced {
    /// The number of twins in four bytes, their ids of 12 bytes each, and the keys of 16 bytes each.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(4 + self.twins.len() * ID + self.keys.len() * KEY);
        bytes.extend(u32::try_from(self.twins.len()).unwrap_or(u32::MAX).to_be_bytes());
        self.twins.iter().for_each(|id| bytes.extend(id.as_bytes()));
        self.keys.iter().for_each(|key| bytes.extend(key.0.to_be_bytes()));
        bytes
    }

    /// `None` if no such thing was ever written.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Announced> {
        let (count, rest) = bytes.split_first_chunk::<4>()?;
        let twins = usize::try_from(u32::from_be_bytes(*count)).ok()?.checked_mul(ID)?;
        let (twins, keys) = rest.split_at_checked(twins)?;
        let keys = keys.chunks(KEY).map(|key| Some(Key(u128::from_be_bytes(key.try_into().ok()?))));
        Some(Announced {
            twins: ids(twins)?.into_iter().flatten().collect(),
            keys: keys.collect::<Option<_>>()?,
        })
    }
}

impl Announced {
    /// A name for each record, in their order: what is known of it already, and else a record of the target
    /// that says the same and was not there before. Of records that say the same there may be more than were
    /// sent, and from place `unsure` on they need not have arrived: then none is chosen, and their names are
    /// answered beside.
    pub(crate) fn named(
        &self,
        known: &[Option<RecordId>],
        unsure: usize,
        there: &Parcels,
    ) -> (Vec<Option<RecordId>>, BTreeMap<Key, Vec<RecordId>>) {
        let known = |place: usize| known.get(place).copied().flatten();
        let places = 0..self.keys.len();
        let taken: BTreeSet<RecordId> =
            self.twins.iter().copied().chain(places.clone().filter_map(known)).collect();
        let mut wanted: BTreeMap<Key, usize> = BTreeMap::new();
        for place in places.clone().filter(|place| known(*place).is_none()) {
            *wanted.entry(self.keys[place]).or_default() += 1;
        }
        let mut candidates: BTreeMap<Key, Vec<RecordId>> = BTreeMap::new();
        for parcel in there.iter().filter(|parcel| wanted.contains_key(&parcel.key)) {
            if let Some(id) = parcel.id.filter(|id| !taken.contains(id)) {
                candidates.entry(parcel.key).or_default().push(id);
            }
        }
        let unsure: BTreeSet<Key> = self.keys.iter().skip(unsure).copied().collect();
        let is_crowded = |key: &Key, found: &mut Vec<RecordId>| {
            unsure.contains(key) || found.len() > wanted.get(key).copied().unwrap_or(0)
        };
        let crowded: BTreeMap<Key, Vec<RecordId>> = candidates.extract_if(.., is_crowded).collect();
        let name = |place: usize| known(place).or_else(|| candidates.get_mut(&self.keys[place])?.pop());
        (places.map(name).collect(), crowded)
    }
}

/// The names of the records of each item, as a proof read them: a file for each, in the run folder.
pub(crate) struct Names<'a> {
    folder: &'a Path,
}

impl Names<'_> {
    pub(crate) fn of(run: &Path) -> Names<'_> {
        Names { folder: run }
    }

    /// Notes which records of the target the run wrote, beside what was noted before.
    pub(crate) fn note(&self, item: u32, written: &Seal, there: &Parcels) -> io::Result<()> {
        // The undo tells if this is damaged; a proof has no need of it.
        let kept = Folder::of(self.folder).kept(written).ok();
        let Some(announced) = kept.and_then(|bytes| Announced::from_bytes(&bytes)) else { return Ok(()) };
        let known = self.read(item);
        let (names, _) = announced.named(&known, announced.keys.len(), there);
        if names == known {
            return Ok(());
        }
        let names = ids_to_bytes(&names);
        std::fs::create_dir_all(self.folder.join(folder::NAMES))?;
        folder::write_whole(&self.path(item), |mut file| {
            file.write_all(&Sha256::digest(&names))?;
            file.write_all(&names)
        })
    }

    /// What was noted; nothing if nothing was, or if it is damaged.
    pub(crate) fn read(&self, item: u32) -> Vec<Option<RecordId>> {
        let read = || {
            let bytes = std::fs::read(self.path(item)).ok()?;
            let (sum, names) = bytes.split_at_checked(SUM)?;
            (Sha256::digest(names).as_slice() == sum).then(|| ids(names)).flatten()
        };
        read().unwrap_or_default()
    }

    fn path(&self, item: u32) -> PathBuf {
        self.folder.join(folder::NAMES).join(item.to_string())
    }
}

const SUM: usize = 32;

/// Ids of 12 bytes each; twelve zeros are none.
pub(crate) fn ids(bytes: &[u8]) -> Option<Vec<Option<RecordId>>> {
    let id = |bytes: &[u8]| {
        let bytes: [u8; ID] = bytes.try_into().ok()?;
        Some((bytes != [0; ID]).then(|| RecordId::from_bytes(bytes)))
    };
    bytes.chunks(ID).map(id).collect()
}

/// The other way round.
pub(crate) fn ids_to_bytes(ids: &[Option<RecordId>]) -> Vec<u8> {
    ids.iter().flat_map(|id| id.map_or([0; ID], |id| *id.as_bytes())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_announced_comes_back_and_half_of_it_does_not() {
        let id = |byte| RecordId::from_bytes([byte; 12]);
        let announced = Announced { twins: vec![id(1), id(2)], keys: vec![Key(7), Key(u128::MAX), Key(7)] };
        let bytes = announced.to_bytes();
        assert_eq!(bytes.len(), 4 + 2 * 12 + 3 * 16);
        assert_eq!(Announced::from_bytes(&bytes), Some(announced));
        assert_eq!(Announced::from_bytes(&bytes[..bytes.len() - 1]), None);
        assert_eq!(Announced::from_bytes(&bytes[..20]), None);
        let some = [Some(id(3)), None, Some(id(4))];
        assert_eq!(ids(&ids_to_bytes(&some)).as_deref(), Some(&some[..]));
    }
}
