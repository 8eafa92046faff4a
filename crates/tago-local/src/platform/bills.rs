//! What each project is charged, hour by hour, and the monthly bills made of that.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use tago_api::{ProjectId, Time};

use super::{Platform, Refusal};
use crate::prices::{Per, Price, started_hours};
use crate::registry::{ProjectRow, ProjectStatus};

/// What a bill is divided into.
const CATEGORIES: [&str; 10] = [
    "Network",
    "Files",
    "Platform License",
    "Infrastructure",
    "Main DB",
    "Queue",
    "Analysis",
    "In-Memory DB",
    "API",
    "Apps",
];

const HOUR: Duration = Duration::from_secs(60 * 60);

/// One line of a price, charged at one moment.
pub(super) struct Charge {
    at: Time,
    category: String,
    label: String,
    per: Per,
    pub(super) micros: i64,
}

/// What a project has cost by calendar months, in UTC.
#[derive(Debug, Serialize)]
pub(crate) struct Bills {
    project: ProjectId,
    name: String,
    deleted_at: Option<Time>,
    currency: String,
    month_to_date_micros: i64,
    /// Over the days of this month on which anything was charged.
    average_per_day_micros: i64,
    last_month_micros: i64,
    /// The newest first.
    bills: Vec<Bill>,
}

#[derive(Debug, Serialize)]
struct Bill {
    /// Year and month.
    month: String,
    state: State,
    total_micros: i64,
    categories: Vec<Share>,
    charges: Vec<Line>,
    days: Vec<Day>,
}

#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    /// The month is not over.
    Estimated,
    Final,
}

#[derive(Debug, Serialize)]
struct Share {
    category: &'static str,
    micros: i64,
}

#[derive(Debug, Serialize)]
struct Line {
    category: String,
    label: String,
    per: Per,
    /// Hours that were started, or 1 for what is charged once.
    quantity: i64,
    micros_each: i64,
    micros: i64,
}

#[derive(Debug, Serialize)]
struct Day {
    day: String,
    micros: i64,
}

impl Platform {
    pub(crate) fn bills(&self, row: &ProjectRow) -> Result<Bills, Refusal> {
        let mut by_month: BTreeMap<String, Vec<Charge>> = BTreeMap::new();
        for charge in self.charges(row)? {
            by_month.entry(month_of(charge.at)).or_default().push(charge);
        }
        let now = self.clock.now();
        let present = month_of(now);
        let bills: Vec<Bill> =
            by_month.into_iter().rev().map(|(month, charges)| bill(month, &present, &charges)).collect();
        let of_month = |month: &str| bills.iter().find(|bill| bill.month == month);
        let month_to_date_micros = of_month(&present).map_or(0, |bill| bill.total_micros);
        let days = of_month(&present).map_or(0, |bill| bill.days.len());
        let last = first_of_month(now) - HOUR;
        Ok(Bills {
            project: row.id,
            name: row.name.clone(),
            deleted_at: row.deleted_at,
            currency: self.prices.read()?.currency,
            month_to_date_micros,
            average_per_day_micros: month_to_date_micros / i64::try_from(days.max(1)).unwrap_or(i64::MAX),
            last_month_micros: of_month(&month_of(last)).map_or(0, |bill| bill.total_micros),
            bills,
        })
    }

    /// The creation fee, then each started hour at the price that it began with. A restore that failed costs nothing.
    pub(super) fn charges(&self, row: &ProjectRow) -> Result<Vec<Charge>, Refusal> {
        if row.status == ProjectStatus::Failed {
            return Ok(Vec::new());
        }
        let mut prices = Vec::new();
        for (since, price) in self.registry.prices(row.id)? {
            prices.push((since, serde_json::from_str::<Price>(&price)?));
        }
        let hours = started_hours(row.created_at, row.deleted_at.unwrap_or(self.clock.now()));
        let mut charges = Vec::new();
        let mut at = row.created_at;
        for hour in 0..hours {
            let in_force = prices.iter().rev().find(|(since, _)| *since <= at).or(prices.first());
            for line in in_force.into_iter().flat_map(|(_, price)| &price.lines) {
                if line.per == Per::Hour || hour == 0 {
                    charges.push(Charge {
                        at,
                        category: line.category.clone(),
                        label: line.label.clone(),
                        per: line.per,
                        micros: line.micros,
                    });
                }
            }
            at = at + HOUR;
        }
        Ok(charges)
    }
}

fn bill(month: String, present: &str, charges: &[Charge]) -> Bill {
    let mut categories: BTreeMap<&str, i64> = BTreeMap::new();
    let mut days: BTreeMap<String, i64> = BTreeMap::new();
    let mut lines: Vec<Line> = Vec::new();
    for charge in charges {
        // The fee for the creation is part of the licence.
        let category = CATEGORIES.into_iter().find(|name| *name == charge.category).unwrap_or(CATEGORIES[2]);
        *categories.entry(category).or_default() += charge.micros;
        *days.entry(charge.at.to_utc().format("%Y-%m-%d").to_string()).or_default() += charge.micros;
        let same = |line: &&mut Line| {
            (line.category.as_str(), &line.label, line.micros_each)
                == (category, &charge.label, charge.micros)
        };
        match lines.iter_mut().find(same) {
            Some(line) => {
                line.quantity += 1;
                line.micros += charge.micros;
            }
            None => lines.push(Line {
                category: category.to_owned(),
                label: charge.label.clone(),
                per: charge.per,
                quantity: 1,
                micros_each: charge.micros,
                micros: charge.micros,
            }),
        }
    }
    let share = |category| Share { category, micros: categories.get(category).copied().unwrap_or(0) };
    Bill {
        state: if month == present { State::Estimated } else { State::Final },
        total_micros: charges.iter().map(|charge| charge.micros).sum(),
        categories: CATEGORIES.map(share).into(),
        charges: lines,
        days: days.into_iter().map(|(day, micros)| Day { day, micros }).collect(),
        month,
    }
}

fn month_of(time: Time) -> String {
    time.to_utc().format("%Y-%m").to_string()
}

fn first_of_month(time: Time) -> Time {
    format!("{}-01", month_of(time)).parse().unwrap_or(time)
}
