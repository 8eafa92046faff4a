//! What an immutable device still takes.

use chrono::{DateTime, Datelike, Days, Months, NaiveTime, Utc};
use tago_api::Time;

use crate::device::Definition;

/// The first moment that a device keeps: the start of the period that lies its retention before now. Any
/// moment if it does not forget.
pub(super) fn keeps_from(definition: &Definition, now: Time) -> Option<Time> {
    let text =
        |field: &str| definition.fields.get(field).map(|json| json.as_str().trim_matches('"').to_owned());
    if definition.kind != "immutable" {
        return None;
    }
    let periods: u32 = text("chunk_retention")?.parse().ok()?;
    let now = now.to_utc();
    let today = now.date_naive();
    let first = match text("chunk_period")?.as_str() {
        "day" => today.checked_sub_days(Days::new(u64::from(periods)))?,
        "week" => {
            let monday = Days::new(u64::from(today.weekday().num_days_from_monday()));
            today.checked_sub_days(monday)?.checked_sub_days(Days::new(u64::from(periods) * 7))?
        }
        "month" => today.with_day(1)?.checked_sub_months(Months::new(periods))?,
        "quarter" => {
            let quarter = today.with_day(1)?.with_month(today.month0() / 3 * 3 + 1)?;
            quarter.checked_sub_months(Months::new(periods * 3))?
        }
        _ => return None,
    };
    Some(Time::from(DateTime::<Utc>::from_naive_utc_and_offset(first.and_time(NaiveTime::MIN), Utc)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::json::Json;

    #[test]
    fn retention_counts_whole_periods() {
        let now: Time = "2026-11-22T04:30:00Z".parse().unwrap();
        for (period, retention, first) in [
            ("day", "2", "2026-11-20"),
            ("week", "1", "2026-11-09"),
            ("month", "12", "2025-11-01"),
            ("quarter", "0", "2026-10-01"),
        ] {
            let definition = Definition {
                name: "d".into(),
                kind: "immutable".into(),
                active: true,
                visible: true,
                tags: Vec::new(),
                fields: BTreeMap::from([
                    ("chunk_period".to_owned(), Json::text(period)),
                    ("chunk_retention".to_owned(), Json::from_text(retention.into()).unwrap()),
                ]),
            };
            assert_eq!(keeps_from(&definition, now), Some(first.parse().unwrap()), "{period}");
            let mutable = Definition { kind: "mutable".into(), ..definition };
            assert_eq!(keeps_from(&mutable, now), None);
        }
    }
}
