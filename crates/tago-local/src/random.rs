use std::sync::{Mutex, PoisonError};

use rand::rngs::{ChaCha12Rng, SysError, SysRng};
use rand::{Rng, SeedableRng, TryRng};
use tago_api::Time;

/// The source of every id, token and key; seeded, it repeats itself.
#[derive(Debug)]
pub struct Random(Mutex<ChaCha12Rng>);

impl Random {
    /// Randomness that nobody can guess.
    ///
    /// # Errors
    /// If the operating system gives no seed.
    pub fn from_os() -> Result<Random, SysError> {
        let mut seed = [0; 32];
        SysRng.try_fill_bytes(&mut seed)?;
        Ok(Random(Mutex::new(ChaCha12Rng::from_seed(seed))))
    }

    /// Randomness that is the same for the same seed.
    pub fn seeded(seed: u64) -> Random {
        Random(Mutex::new(ChaCha12Rng::seed_from_u64(seed)))
    }

    /// Fills `bytes`.
    pub fn fill(&self, bytes: &mut [u8]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(bytes);
    }

    /// `N` random bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }

    /// The twelve bytes of a new resource id: seconds since 1970, then eight random ones.
    pub fn id_bytes(&self, now: Time) -> [u8; 12] {
        let mut bytes = self.bytes::<12>();
        let seconds = u32::try_from(now.millis().div_euclid(1000)).unwrap_or(0);
        bytes[..4].copy_from_slice(&seconds.to_be_bytes());
        bytes
    }

    /// A version 4 UUID in its usual 36 characters.
    pub fn uuid(&self) -> String {
        let mut bytes = self.bytes::<16>();
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        let hex = hex(&bytes);
        [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
    }
}

/// Lowercase hexadecimal digits of `bytes`.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_ids_and_another_seed_others() {
        let now: Time = "2026-03-01T00:00:00Z".parse().unwrap();
        let ids = |seed| {
            let random = Random::seeded(seed);
            (random.uuid(), random.id_bytes(now))
        };
        assert_eq!(ids(7), ids(7));
        assert_ne!(ids(7), ids(8));
        assert_ne!(Random::from_os().unwrap().uuid(), Random::from_os().unwrap().uuid());
    }

    #[test]
    fn a_uuid_has_its_version_and_an_id_its_time() {
        let random = Random::seeded(1);
        let uuid = random.uuid();
        assert_eq!(uuid.len(), 36);
        assert_eq!(uuid.as_bytes()[14], b'4');
        let id = random.id_bytes(Time::from_millis(0x1234_5678 * 1000));
        assert_eq!(id[..4], [0x12, 0x34, 0x56, 0x78]);
    }
}
