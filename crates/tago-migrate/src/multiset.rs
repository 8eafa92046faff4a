//! Multisets of records by key, and what they cost to remember.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::planted::{Bug, is_planted};
use crate::record::Key;

/// How often each record is there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Counts(BTreeMap<Key, u32>);

impl Counts {
    pub(crate) fn of(keys: impl IntoIterator<Item = Key>) -> Counts {
        let mut counts = Counts::default();
        keys.into_iter().for_each(|key| counts.put(key, 1));
        counts
    }

    pub(crate) fn put(&mut self, key: Key, times: u32) {
        if times > 0 && is_planted(Bug::SetInsteadOfMultiset) {
            self.0.insert(key, 1);
        } else if times > 0 {
            *self.0.entry(key).or_default() += times;
        }
    }

    pub(crate) fn get(&self, key: Key) -> u32 {
        self.0.get(&key).copied().unwrap_or(0)
    }

    /// Takes one away if it is there.
    pub(crate) fn take(&mut self, key: Key) -> bool {
        match self.0.get_mut(&key) {
            Some(times) if *times > 0 => {
                *times -= 1;
                true
            }
            _ => false,
        }
    }
}

/// A sequence of counts, as runs of equal ones: `(length, count)`. What the target has of a hole is one
/// run of zeros.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Runs(Vec<(u32, u32)>);

impl Runs {
    pub(crate) fn push(&mut self, count: u32) {
        match self.0.last_mut() {
            Some((length, last)) if *last == count => *length += 1,
            _ => self.0.push((1, count)),
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.0.iter().flat_map(|(length, count)| std::iter::repeat_n(*count, *length as usize))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_give_back_what_was_pushed() {
        let counts = [0, 0, 0, 2, 2, 1, 0];
        let mut runs = Runs::default();
        counts.iter().for_each(|count| runs.push(*count));
        assert_eq!(runs.iter().collect::<Vec<_>>(), counts);
        assert_eq!(serde_json::to_string(&runs).unwrap(), "[[3,0],[2,2],[1,1],[1,0]]");
    }

    #[test]
    fn a_record_is_taken_as_often_as_it_is_there() {
        let mut counts = Counts::of([Key(1), Key(2), Key(1)]);
        assert!(counts.take(Key(1)) && counts.take(Key(1)));
        assert!(!counts.take(Key(1)));
        assert!(counts.take(Key(2)));
    }
}
