//! What is kept of the records of one data item before the first of them is sent, so that an undo can tell
//! them from all others when the source is gone.

use tago_api::RecordId;

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
