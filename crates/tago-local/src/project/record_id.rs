use tago_api::{RecordId, Time};

use crate::Random;

/// Bytes of the key: four of a prefix that all ids of the project share, then the round keys.
const KEY_BYTES: usize = 4 + 4 * 8;

/// The ids of a project's records: a keyed permutation of their sequence numbers.
///
/// Two projects with different keys have no record id in common, because their
/// prefixes differ; so a restored project has new record ids though its
/// records were copied as they are.
#[derive(Debug, Clone)]
pub(super) struct RecordIds {
    prefix: [u8; 4],
    rounds: [u64; 4],
}

impl RecordIds {
    /// A new key, whose prefix looks like the creation time of any other id.
    pub(super) fn new_key(random: &Random, now: Time) -> [u8; KEY_BYTES] {
        let mut key: [u8; KEY_BYTES] = random.bytes();
        key[..2].copy_from_slice(&random.id_bytes(now)[..2]);
        key
    }

    pub(super) fn from_key(key: &[u8]) -> Option<RecordIds> {
        let key: &[u8; KEY_BYTES] = key.try_into().ok()?;
        let mut prefix = [0; 4];
        prefix.copy_from_slice(&key[..4]);
        let mut rounds = [0; 4];
        for (round, bytes) in rounds.iter_mut().zip(key[4..].chunks_exact(8)) {
            *round = bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
        }
        Some(RecordIds { prefix, rounds })
    }

    /// Whether another key would give other ids to every record.
    pub(super) fn differs_from(&self, other: &RecordIds) -> bool {
        self.prefix != other.prefix
    }

    pub(super) fn id(&self, sequence: u64) -> RecordId {
        let (mut left, mut right) = halves(sequence);
        for round in self.rounds {
            (left, right) = (right, left ^ scramble(right, round));
        }
        let mut bytes = [0; 12];
        bytes[..4].copy_from_slice(&self.prefix);
        bytes[4..8].copy_from_slice(&left.to_be_bytes());
        bytes[8..].copy_from_slice(&right.to_be_bytes());
        RecordId::from_bytes(bytes)
    }

    /// The sequence number behind an id, unless it is another project's.
    pub(super) fn sequence(&self, id: RecordId) -> Option<u64> {
        let bytes = id.as_bytes();
        if bytes[..4] != self.prefix {
            return None;
        }
        let (mut left, mut right) = halves(bytes[4..].iter().fold(0, |n, byte| n << 8 | u64::from(*byte)));
        for round in self.rounds.into_iter().rev() {
            (left, right) = (right ^ scramble(left, round), left);
        }
        Some(u64::from(left) << 32 | u64::from(right))
    }
}

fn halves(number: u64) -> (u32, u32) {
    ((number >> 32) as u32, number as u32)
}

fn scramble(half: u32, round: u64) -> u32 {
    let mut mixed = (u64::from(half) ^ round).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    (mixed >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(seed: u64) -> RecordIds {
        RecordIds::from_key(&RecordIds::new_key(&Random::seeded(seed), Time::from_millis(1_700_000_000_000)))
            .unwrap()
    }

    #[test]
    fn every_sequence_number_has_an_id_of_its_own_that_leads_back() {
        let (ids, others) = (ids(1), ids(2));
        let mut seen = std::collections::HashSet::new();
        for sequence in (0..10_000).chain([u64::from(u32::MAX), u64::MAX]) {
            let id = ids.id(sequence);
            assert!(seen.insert(id));
            assert_eq!(ids.sequence(id), Some(sequence));
            assert_eq!(others.sequence(id), None);
        }
    }
}
