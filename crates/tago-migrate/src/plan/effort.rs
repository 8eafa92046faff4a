//! What a run costs of the platform's limits, and so of time.

use std::time::Duration;

use super::{Item, Plan, Tripped, Verdict};
use crate::ports::NAMED_LIMIT;
use crate::run::Side;
use crate::settings::{Pace, Settings};

/// Requests that a run makes for a device beside its records: look, make, tags, parameters, token, tidy up.
const REQUESTS_OF_A_NEW_DEVICE: u64 = 6;

/// Looks into an item before it is touched and after.
const REQUESTS_OF_AN_ITEM: u64 = 2;

/// Looks at the records that a removal names, before and after it.
const LOOKS_OF_A_REMOVAL: u64 = 2;

impl Plan {
    /// About how many requests a run makes.
    pub fn requests(&self) -> u64 {
        let effort = self.effort();
        effort.others + effort.removals
    }

    /// How long a run takes at least and at most, at this pace, if `read` records took the rehearsal so long.
    /// Writing and removing are slower than reading, by how much is known only afterwards: hence a range.
    pub fn time_needed(&self, read: u64, took: Duration, pace: &Pace) -> (Duration, Duration) {
        let effort = self.effort();
        let share = pace.share_of(self.header.in_use.contains(&Side::Target));
        let at = |limit: u32, requests: u64| to_f64(requests) / (f64::from(limit) * share / 60.0);
        let (others, removals) = (at(pace.writes, effort.others), at(pace.removals, effort.removals));
        let read_per_second = to_f64(read) / took.as_secs_f64().max(0.1);
        let as_it_was_read = if read > 0 { to_f64(effort.records) / read_per_second } else { 0.0 };
        let least = others.max(removals).max(as_it_was_read);
        let most = others + removals + as_it_was_read * 5.0 + 2.0;
        let of = |seconds| Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
        (of(least), of(most))
    }

    fn effort(&self) -> Effort {
        let body = to_u64(Settings::default().batch_bytes);
        let mut effort = Effort::default();
        for item in &self.items {
            match item {
                Item::Device(device) if device.verdict == Verdict::Create => {
                    effort.others += REQUESTS_OF_A_NEW_DEVICE;
                }
                Item::Data(data) if data.verdict == Verdict::Fill => {
                    let removed: u64 = data.windows.iter().map(|window| window.removed.count).sum();
                    let missing: u64 = data.windows.iter().map(|window| window.missing.count).sum();
                    let removals = removed.div_ceil(to_u64(NAMED_LIMIT));
                    effort.records += missing + removed;
                    effort.removals += removals;
                    effort.others +=
                        data.bytes.div_ceil(body) + REQUESTS_OF_AN_ITEM + removals * LOOKS_OF_A_REMOVAL;
                }
                _ => {}
            }
        }
        if effort.others > 0 {
            effort.others += self.looks_at_actions();
        }
        effort
    }
}

impl Plan {
    /// What the storm guard asks before it lets anything be written: each action once, and those that it holds again,
    /// before and with each switch.
    fn looks_at_actions(&self) -> u64 {
        match self.header.choices.tripped {
            Tripped::Hold => to_u64(1 + self.header.triggers.len() + 4 * self.header.actions.len()),
            Tripped::LetFire => 0,
        }
    }
}

#[derive(Default)]
struct Effort {
    /// Records to write or to remove.
    records: u64,
    /// Requests that remove records, which have a limit of their own.
    removals: u64,
    /// All others.
    others: u64,
}

fn to_u64(size: usize) -> u64 {
    u64::try_from(size).unwrap_or(u64::MAX).max(1)
}

#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn to_f64(count: u64) -> f64 {
    count as f64
}
