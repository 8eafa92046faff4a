use rusqlite::{Connection, OptionalExtension, params};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::project::call::{Answer, Call, Refused};
use crate::project::store::Writing;
use crate::random::hex;

/// Parameters that one device can have.
const MOST: i64 = 60;

/// Parameters of a device that are to be made or changed.
#[derive(Debug, Default)]
pub(in crate::project) struct Params(Vec<Param>);

/// A parameter to be made, or with an id to be changed.
#[derive(Debug, Deserialize)]
struct Param {
    id: Option<String>,
    key: Option<String>,
    value: Option<String>,
    sent: Option<bool>,
}

pub(in crate::project) async fn list(call: Call) -> Result<Answer, Refused> {
    let device = call.part("device").to_owned();
    listed(call, device).await
}

pub(in crate::project) async fn list_own(call: Call) -> Result<Answer, Refused> {
    let device = call.caller.owner.clone();
    listed(call, device).await
}

pub(in crate::project) async fn set(call: Call) -> Result<Answer, Refused> {
    let device = call.part("device").to_owned();
    let params = Params::parse(&call.json()?)?;
    call.write(move |writing| {
        super::number(writing.db, &device)?;
        params.put(writing, &device)
    })
    .await?;
    Answer::ok("Params Successfully Updated")
}

pub(in crate::project) async fn edit_own(call: Call) -> Result<Answer, Refused> {
    let device = call.caller.owner.clone();
    let mut param: Map<String, Value> = call.json()?;
    // It exists, so what the body leaves out stays as it is.
    param.insert("id".into(), call.part("param").into());
    let params = Params::parse(&Value::Object(param))?;
    call.write(move |writing| params.put(writing, &device)).await?;
    Answer::ok("Params Successfully Updated")
}

pub(in crate::project) async fn remove(call: Call) -> Result<Answer, Refused> {
    let (device, param) = (call.part("device").to_owned(), call.part("param").to_owned());
    call.write(move |writing| {
        let removed =
            writing.db.execute("DELETE FROM params WHERE device = ?1 AND id = ?2", [&device, &param])?;
        if removed == 0 { Err(Refused::not_found("Parameter", &param)) } else { Ok(()) }
    })
    .await?;
    Answer::ok("Successfully Removed")
}

async fn listed(call: Call, device: String) -> Result<Answer, Refused> {
    let sent = match call.query.one("sent_status") {
        None => None,
        Some(_) => Some(call.query.flag("sent_status")?),
    };
    let params = call
        .read(move |db| {
            super::number(db, &device)?;
            of_device(db, &device, sent).map_err(Refused::from)
        })
        .await?;
    Answer::ok(params)
}

fn of_device(db: &Connection, device: &str, sent: Option<bool>) -> rusqlite::Result<Vec<Value>> {
    db.prepare_cached(
        "SELECT id, key, value, sent FROM params WHERE device = ?1 AND (?2 IS NULL OR sent = ?2) ORDER BY number",
    )?
    .query_map(params![device, sent], |row| {
        Ok(json!({
            "id": row.get::<_, String>(0)?,
            "key": row.get::<_, String>(1)?,
            "value": row.get::<_, String>(2)?,
            "sent": row.get::<_, bool>(3)?,
        }))
    })?
    .collect()
}

impl Params {
    /// Reads one parameter or a list of them.
    pub(in crate::project) fn parse(body: &Value) -> Result<Params, Refused> {
        let one_or_more = body.as_array().map_or(std::slice::from_ref(body), Vec::as_slice);
        let parse = |(index, item): (usize, &Value)| {
            let param = Param::deserialize(item)
                .map_err(|error| Refused::bad(format!("Parameter {}: {error}", index + 1)))?;
            let key_fits = param.key.as_ref().is_none_or(|key| (1..=100).contains(&key.chars().count()));
            if !key_fits || (param.id.is_none() && param.key.is_none()) {
                return Err(Refused::bad(format!(
                    "Parameter {}: key must be a text of 1 to 100 characters",
                    index + 1
                )));
            }
            Ok(param)
        };
        one_or_more.iter().enumerate().map(parse).collect::<Result<_, _>>().map(Params)
    }

    /// Makes or changes them on a device.
    pub(in crate::project) fn put(&self, writing: &mut Writing<'_>, device: &str) -> Result<(), Refused> {
        for param in &self.0 {
            param.put(writing, device)?;
        }
        let count: i64 =
            writing
                .db
                .query_row("SELECT count(*) FROM params WHERE device = ?1", [device], |row| row.get(0))?;
        if count > MOST {
            return Err(Refused::over_limit("parameters of a device", MOST.unsigned_abs()));
        }
        Ok(())
    }

    /// The same, where one that the device has under the same key is changed.
    pub(in crate::project) fn put_by_key(
        mut self,
        writing: &mut Writing<'_>,
        device: &str,
    ) -> Result<(), Refused> {
        for param in &mut self.0 {
            param.id = writing
                .db
                .prepare_cached("SELECT id FROM params WHERE device = ?1 AND key = ?2 ORDER BY number")?
                .query_row(params![device, param.key], |row| row.get(0))
                .optional()?;
        }
        self.put(writing, device)
    }
}

impl Param {
    fn put(&self, writing: &mut Writing<'_>, device: &str) -> Result<(), Refused> {
        let Some(id) = &self.id else {
            let id = hex(&writing.random.id_bytes(writing.now));
            writing
                .db
                .prepare_cached(
                    "INSERT INTO params (id, device, key, value, sent) VALUES (?1, ?2, ?3, ?4, ?5)",
                )?
                .execute(params![
                    id,
                    device,
                    self.key,
                    self.value.as_deref().unwrap_or_default(),
                    self.sent.unwrap_or(false)
                ])?;
            return Ok(());
        };
        let changed = writing
            .db
            .prepare_cached(
                "UPDATE params SET key = coalesce(?3, key), value = coalesce(?4, value),
                     sent = coalesce(?5, sent) WHERE device = ?1 AND id = ?2",
            )?
            .execute(params![device, id, self.key, self.value, self.sent])?;
        if changed == 0 { Err(Refused::not_found("Parameter", id)) } else { Ok(()) }
    }
}
