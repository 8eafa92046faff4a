use serde::Deserialize;
use serde_json::Value;

use super::{PERIODS, check_chunks, described, is_empty};
use crate::project::call::{Answer, Call, Refused};

#[derive(Deserialize)]
struct Conversion {
    r#type: String,
    chunk_period: Option<String>,
    chunk_retention: Option<u32>,
}

/// Makes an empty, inactive device keep its records in the other way; its tokens stay.
pub(in crate::project) async fn convert(call: Call) -> Result<Answer, Refused> {
    let id = call.part("device").to_owned();
    let wanted: Conversion = call.json()?;
    let chunks = match wanted.r#type.as_str() {
        "mutable" => None,
        "immutable" => {
            let period = wanted.chunk_period.filter(|period| PERIODS.contains(&period.as_str()));
            let retention = wanted.chunk_retention.filter(|retention| *retention <= 36_500);
            Some(period.zip(retention).ok_or_else(|| {
                Refused::bad(format!(
                    "chunk_period must be one of {} and chunk_retention from 0 to 36500",
                    PERIODS.join(", ")
                ))
            })?)
        }
        _ => return Err(Refused::bad("type must be mutable or immutable")),
    };
    call.write(move |writing| {
        let mut device = described(writing.db, &id)?;
        if device["active"] == true {
            return Err(Refused::bad(
                "The device must be inactive to be converted: set active to false first",
            ));
        }
        if !is_empty(writing.db, &id)? {
            return Err(Refused::bad("The device must be empty to be converted: empty it first"));
        }
        let (period, retention) = chunks.unzip();
        device.insert("type".into(), wanted.r#type.as_str().into());
        device.insert("chunk_period".into(), period.clone().into());
        device.insert("chunk_retention".into(), retention.into());
        device.insert("mutable_variable_regex".into(), Value::Null);
        check_chunks(&device)?;
        writing.db.execute(
            "UPDATE devices SET type = ?2, chunk_period = ?3, chunk_retention = ?4,
                 mutable_variable_regex = NULL, updated_at = ?5 WHERE id = ?1",
            (&id, &wanted.r#type, period, retention, writing.now.millis()),
        )?;
        Ok(())
    })
    .await?;
    Answer::ok("Device type/chunk was converted")
}
