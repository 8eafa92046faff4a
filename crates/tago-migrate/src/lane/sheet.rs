//! Records as the rows of a file.

use bytes::Bytes;
use serde_json::Value as Document;
use tago_api::Value;

use super::{Point, Shape, Spelling};
use crate::json::Json;
use crate::record::Record;

const COLUMNS: [&str; 7] = ["variable", "value", "unit", "group", "time", "location", "metadata"];

/// A file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sheet {
    pub(crate) csv: Bytes,
    /// Records in it.
    pub(crate) rows: u64,
}

/// Of those of these records that it can bring back; `None` if there are none. `body` is a JSON array.
pub(crate) fn sheet(body: &[u8], spelling: &Spelling) -> Option<Sheet> {
    let records: Vec<Record> = serde_json::from_slice(body).ok()?;
    of(&records, spelling)
}

pub(super) fn of(records: &[Record], spelling: &Spelling) -> Option<Sheet> {
    let mut csv = csv::Writer::from_writer(Vec::new());
    csv.write_record(COLUMNS).ok()?;
    let mut rows = 0;
    for row in records.iter().filter_map(|record| row(record, spelling)) {
        csv.write_record(&row).ok()?;
        rows += 1;
    }
    let csv = csv.into_inner().ok()?.into();
    (rows > 0).then_some(Sheet { csv, rows })
}

/// Whether a file can bring this record back, given as its JSON.
pub(crate) fn holds(record: &str, spelling: &Spelling) -> bool {
    serde_json::from_str(record).is_ok_and(|record| row(&record, spelling).is_some())
}

/// Its cells; `None` if it has a shape that was not proven, or that no cell can have.
fn row(record: &Record, spelling: &Spelling) -> Option<[String; 7]> {
    let has = |shape| spelling.shapes.contains(&shape).then_some(());
    has(Shape::Plain)?;
    let names = [Some(&record.variable), record.unit.as_ref(), record.group.as_ref()];
    if names.into_iter().flatten().any(|name| needs_quotes(name)) {
        has(Shape::Quoted)?;
    }
    let value = match &record.value {
        // A row without anything says nothing.
        None if record.location.is_none() => return None,
        None => has(Shape::Valueless).map(|()| String::new())?,
        Some(Value::Bool(value)) => value.to_string(),
        Some(Value::Number(number)) => number.token().to_owned(),
        Some(Value::Text(text)) if is_ambiguous(text) => {
            has(Shape::Ambiguous)?;
            if spelling.quotes { Json::text(text).as_str().to_owned() } else { text.clone() }
        }
        Some(Value::Text(text)) => {
            if needs_quotes(text) {
                has(Shape::Quoted)?;
            }
            text.clone()
        }
    };
    // An empty cell is none at all.
    let filled = |text: &Option<String>| match text {
        Some(text) if text.is_empty() || text.trim() != text => None,
        Some(text) => Some(text.clone()),
        None => Some(String::new()),
    };
    let location = match &record.location {
        Some(location) => has(Shape::Location).and_then(|()| point(location, spelling.point))?,
        None => String::new(),
    };
    let metadata = match &record.metadata {
        Some(metadata) => has(Shape::Metadata).map(|()| metadata.as_str().to_owned())?,
        None => String::new(),
    };
    let group = filled(&record.group).filter(|group| !group.is_empty())?;
    let time = record.time.to_string();
    Some([record.variable.clone(), value, filled(&record.unit)?, group, time, location, metadata])
}

/// What is neither taken for a number, a date, a truth value or JSON, nor loses anything at its ends.
fn is_ambiguous(text: &str) -> bool {
    const WORDS: [&str; 8] = ["true", "false", "null", "nan", "infinity", "undefined", "yes", "no"];
    let first = text.chars().next().unwrap_or(' ');
    !(first.is_alphabetic() || "°%€$£".contains(first))
        || text.trim() != text
        || text.parse::<f64>().is_ok()
        || WORDS.contains(&text.to_ascii_lowercase().as_str())
}

fn needs_quotes(text: &str) -> bool {
    !text.chars().all(|letter| letter.is_ascii_alphanumeric() || " _-.:/+#%".contains(letter))
}

fn point(location: &Json, spelling: Point) -> Option<String> {
    if spelling == Point::GeoJson {
        return Some(location.as_str().to_owned());
    }
    let document: Document = serde_json::from_str(location.as_str()).ok()?;
    let fields = document.as_object().filter(|fields| fields.len() == 2)?;
    let [lng, lat] = fields.get("coordinates")?.as_array()?.as_slice() else { return None };
    (fields.get("type")? == "Point" && lng.is_number() && lat.is_number()).then_some(())?;
    Some(match spelling {
        Point::Pair => format!("{lat},{lng}"),
        _ => format!(r#"{{"lat":{lat},"lng":{lng}}}"#),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelled(rest: &str, spelling: &Spelling) -> Option<String> {
        let record = format!(
            r#"{{"variable":"v","time":"2026-11-22T04:30:00.123Z","group":"0012"{}{rest}}}"#,
            if rest.is_empty() { "" } else { "," }
        );
        let body = format!("[{record}]");
        let csv = sheet(body.as_bytes(), spelling).map(|sheet| String::from_utf8(sheet.csv.into()).unwrap());
        assert_eq!(csv.is_some(), holds(&record, spelling), "{record}");
        csv.map(|csv| csv.split_once('\n').unwrap().1.to_owned())
    }

    fn all(point: Point, quotes: bool) -> Spelling {
        use Shape::*;
        Spelling { shapes: [Plain, Quoted, Ambiguous, Location, Valueless, Metadata].into(), point, quotes }
    }

    #[test]
    fn a_record_is_one_row() {
        let time = "0012,2026-11-22T04:30:00.123Z";
        let it = all(Point::GeoJson, false);
        assert_eq!(spelled(r#""value":1.50,"unit":"%""#, &it).unwrap(), format!("v,1.50,%,{time},,\n"));
        assert_eq!(spelled(r#""value":true"#, &it).unwrap(), format!("v,true,,{time},,\n"));
        assert_eq!(
            spelled(r#""value":"a,\"b\"\nc""#, &it).unwrap(),
            format!("v,\"a,\"\"b\"\"\nc\",,{time},,\n")
        );
        assert_eq!(
            spelled(r#""value":2,"metadata":{"b":1.50}"#, &it).unwrap(),
            format!("v,2,,{time},,\"{{\"\"b\"\":1.50}}\"\n")
        );
        let place = r#""location":{"type":"Point","coordinates":[-8.5,41.25]}"#;
        assert!(spelled(place, &it).unwrap().contains("coordinates"));
        assert_eq!(
            spelled(place, &all(Point::Pair, false)).unwrap(),
            format!("v,,,{time},\"41.25,-8.5\",\n")
        );
        assert!(spelled(place, &all(Point::LatLng, false)).unwrap().contains(r#"""lat"":41.25"#));
        assert!(spelled(r#""value":"25""#, &all(Point::Pair, true)).unwrap().contains(r#""""25""""#));
    }

    #[test]
    fn what_was_not_proven_or_has_no_cell_stays_out() {
        let plain = Spelling { shapes: [Shape::Plain].into(), ..Spelling::default() };
        for rest in [
            r#""value":"25""#,
            r#""value":"1e5""#,
            r#""value":"TRUE""#,
            r#""value":" padded""#,
            r#""value":"""#,
            r#""value":"{}""#,
            r#""value":"2026-01-01""#,
            r#""value":"a,b""#,
            r#""value":"grün""#,
            r#""value":1,"metadata":{}"#,
            r#""value":1,"location":{"type":"Point","coordinates":[1,2]}"#,
            r#""value":1,"unit":"""#,
            r#""value":1,"unit":"°C""#,
            r#""value":1,"unit":"a,b""#,
            "",
        ] {
            assert_eq!(spelled(rest, &plain), None, "{rest}");
        }
        let it = all(Point::Pair, false);
        // Nothing but a time, and a place with a height.
        assert_eq!(spelled("", &it), None);
        assert_eq!(spelled(r#""location":{"type":"Point","coordinates":[1,2,3]}"#, &it), None);
        assert!(spelled(r#""value":"plain text""#, &plain).is_some());
    }
}
