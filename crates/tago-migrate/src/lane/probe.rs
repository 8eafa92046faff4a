//! What is imported into the throw-away device, and what its records then prove. Each candidate travels in a
//! file of its own, because a platform may refuse a file as a whole for one cell of it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use tago_api::Time;

use super::sheet;
use super::{Point, Shape, Spelling};
use crate::device::{Definition, Tag};
use crate::json::Json;
use crate::machine::MARKER;
use crate::record::{Record, Tally};

/// The name of a throw-away device.
pub(crate) const NAME: &str = "Holdfast probe";

/// What tells the throw-away device of a run from all others.
pub(crate) fn marker(run: &str) -> String {
    format!("{run}:probe")
}

/// Whose throw-away device it is.
pub(crate) fn run_of(marker: &str) -> Option<&str> {
    marker.strip_suffix(":probe")
}

/// The throw-away device: on a network that takes data, and without a parser of its own.
pub(crate) fn device(run: &str, fields: &BTreeMap<String, Json>) -> Definition {
    Definition {
        name: NAME.to_owned(),
        kind: "mutable".to_owned(),
        active: true,
        visible: false,
        tags: vec![Tag { key: MARKER.to_owned(), value: marker(run), metadata: None }],
        fields: fields.clone(),
    }
}

/// One way of writing some records.
pub(crate) struct Candidate {
    /// What it proves if they come back.
    shapes: &'static [Shape],
    /// All that it needs, itself among it.
    spelling: Spelling,
    records: Vec<Record>,
}

impl Candidate {
    pub(crate) fn csv(&self) -> Bytes {
        sheet::of(&self.records, &self.spelling).map(|sheet| sheet.csv).unwrap_or_default()
    }

    /// Whether its records came back as they were; `None` as long as too few came.
    fn verdict(&self, found: &[Record]) -> Option<bool> {
        let variable = &self.records.first()?.variable;
        let tally = |records: &[Record]| {
            let mut tally = Tally::default();
            records
                .iter()
                .filter(|record| record.variable == *variable)
                .for_each(|record| tally.put(record.key(), 1));
            tally
        };
        let (wanted, found) = (tally(&self.records), tally(found));
        (found.count >= wanted.count).then_some(found == wanted)
    }
}

/// Every candidate, dated in the hour before `now`.
pub(crate) fn candidates(now: Time) -> Vec<Candidate> {
    let place = r#"{"type":"Point","coordinates":[-78.638,35.7796]}"#;
    let places = || vec![format!(r#""value":1,"location":{place}"#), format!(r#""location":{place}"#)];
    let ambiguous = || {
        let texts =
            ["25", "007", "1e5", "-1.5", "true", "null", "NaN", "2026-01-01", "{}", "[1]", " padded "];
        texts.map(|text| format!(r#""value":"{text}""#)).to_vec()
    };
    let located: &[Shape] = &[Shape::Location, Shape::Valueless];
    let all: [(&[Shape], Point, bool, Vec<String>); 8] = [
        (&[Shape::Plain], Point::GeoJson, false, plain()),
        (
            &[Shape::Quoted],
            Point::GeoJson,
            false,
            vec![
                r#""value":"a, \"b\" and\nc; d\te""#.to_owned(),
                r#""value":"Grüße – 温度","unit":"°C""#.to_owned(),
                r#""value":"it's <b> & 'so' (=1+1)""#.to_owned(),
            ],
        ),
        (
            &[Shape::Metadata],
            Point::GeoJson,
            false,
            vec![r#""value":1,"metadata":{"a":"x,\"y\"\nz","b":[1.5,null,{"c":true}],"n":0.30000000000000004,"t":"25"}"#.to_owned()],
        ),
        (located, Point::GeoJson, false, places()),
        (located, Point::LatLng, false, places()),
        (located, Point::Pair, false, places()),
        (&[Shape::Ambiguous], Point::GeoJson, false, ambiguous()),
        (&[Shape::Ambiguous], Point::GeoJson, true, ambiguous()),
    ];
    let candidate =
        |(number, (shapes, point, quotes, rest)): (usize, (&'static [Shape], _, _, Vec<String>))| {
            let record = |(row, rest): (usize, &String)| {
                let group = ["g1", "0012", "5f2a8e3b9c1d4e0011223344"][row % 3];
                // The first two are one and the same.
                let second = u64::try_from(row.max(1)).unwrap_or(0);
                let time = now - Duration::from_secs(3_600 - second) + Duration::from_millis(7);
                let text = format!(
                    r#"{{"variable":"probe_{number}","time":"{time}","group":"{}",{rest}}}"#,
                    if row == 1 && number == 0 { "g1" } else { group }
                );
                serde_json::from_str(&text).ok()
            };
            let records = rest.iter().enumerate().filter_map(record).collect();
            let shapes_needed = shapes.iter().copied().chain([Shape::Plain]).collect();
            Candidate { shapes, spelling: Spelling { shapes: shapes_needed, point, quotes }, records }
        };
    all.into_iter().enumerate().map(candidate).collect()
}

fn plain() -> Vec<String> {
    let values = [
        "25",
        "25",
        "-1.5",
        "0.30000000000000004",
        "1.7976931348623157e308",
        "1e-7",
        "9007199254740991",
        "0",
        "true",
        "false",
        r#""plain text""#,
        r#""off by 50 %""#,
        r#""x25""#,
    ];
    let mut rows: Vec<String> = values.iter().map(|value| format!(r#""value":{value}"#)).collect();
    rows.extend(["%", "C", "25"].map(|unit| format!(r#""value":2,"unit":"{unit}""#)));
    rows
}

/// What the records of the throw-away device prove.
pub(crate) struct Finding {
    /// What may travel in files; `None` if nothing may.
    pub(crate) spelling: Option<Spelling>,
    /// Whether plain records came back.
    pub(crate) plain: bool,
    /// Whether more records would change nothing.
    pub(crate) is_final: bool,
}

pub(crate) fn find(candidates: &[Candidate], found: &[Record]) -> Finding {
    let verdicts: Vec<Option<bool>> = candidates.iter().map(|candidate| candidate.verdict(found)).collect();
    let mut spelling = Spelling::default();
    let mut undecided: BTreeSet<Shape> = BTreeSet::new();
    for (candidate, verdict) in candidates.iter().zip(&verdicts) {
        let is_new = candidate.shapes.iter().any(|shape| !spelling.shapes.contains(shape));
        match verdict {
            Some(true) if is_new => {
                spelling.shapes.extend(candidate.shapes);
                if candidate.shapes.contains(&Shape::Location) {
                    spelling.point = candidate.spelling.point;
                }
                spelling.quotes |= candidate.spelling.quotes;
            }
            None => undecided.extend(candidate.shapes),
            Some(_) => {}
        }
    }
    let plain = spelling.shapes.contains(&Shape::Plain);
    let spoilt = verdicts.first() == Some(&Some(false));
    let open = undecided.iter().any(|shape| !spelling.shapes.contains(shape));
    Finding { spelling: plain.then_some(spelling), plain, is_final: spoilt || plain && !open }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What every platform would bring back, but for candidates that it refuses or spoils.
    fn answers(candidates: &[Candidate], refused: &[usize], spoilt: &[usize]) -> Vec<Record> {
        let mut found = Vec::new();
        for (number, candidate) in
            candidates.iter().enumerate().filter(|(number, _)| !refused.contains(number))
        {
            for record in &candidate.records {
                let mut record = record.clone();
                if spoilt.contains(&number) {
                    record.unit = Some("spoilt".into());
                }
                found.push(record);
            }
        }
        found
    }

    #[test]
    fn every_candidate_holds_all_its_records() {
        for candidate in candidates(Time::from_millis(1_795_321_800_000)) {
            let rows = sheet::of(&candidate.records, &candidate.spelling).unwrap().rows;
            assert!(rows >= 1);
            assert_eq!(rows, candidate.records.len() as u64);
            assert!(candidate.verdict(&candidate.records) == Some(true));
        }
        let plain = &candidates(Time::default())[0].records;
        assert_eq!(plain[0].key(), plain[1].key(), "two of them are one and the same");
    }

    #[test]
    fn what_comes_back_as_it_was_is_proven_and_nothing_else() {
        let candidates = candidates(Time::from_millis(1_795_321_800_000));
        let nothing = find(&candidates, &[]);
        assert!(nothing.spelling.is_none() && !nothing.is_final);
        let all = find(&candidates, &answers(&candidates, &[], &[]));
        assert_eq!(all.spelling.as_ref().map(|spelling| spelling.shapes.len()), Some(6));
        assert!(all.is_final && !all.spelling.unwrap().quotes);
        // The first way of writing a place is refused, and the raw ambiguous texts become numbers.
        let some = find(&candidates, &answers(&candidates, &[3, 5], &[6]));
        let spelling = some.spelling.unwrap();
        assert_eq!((spelling.point, spelling.quotes, some.is_final), (Point::LatLng, true, true));
        // No way of writing a place is known to come.
        let open = find(&candidates, &answers(&candidates, &[3, 4, 5], &[6, 7]));
        let spelling = open.spelling.unwrap();
        assert!(!spelling.shapes.contains(&Shape::Location) && !spelling.shapes.contains(&Shape::Ambiguous));
        assert!(!open.is_final);
        let spoilt = find(&candidates, &answers(&candidates, &[], &[0]));
        assert!(spoilt.spelling.is_none() && spoilt.is_final);
        let twins: Vec<Record> = answers(&candidates, &[], &[]).into_iter().skip(1).collect();
        assert!(find(&candidates, &twins).spelling.is_none(), "one of two equal records is lost");
    }
}
