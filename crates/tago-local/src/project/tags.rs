use std::collections::BTreeSet;

use super::call::{Answer, Call, Refused};

const RESOURCES: &str = "resources, json_each(resources.body, '$.tags')";

/// The keys of all tags that resources of a type have.
pub(super) async fn keys(call: Call) -> Result<Answer, Refused> {
    let (table, kind) = match call.part("type") {
        "device" | "bucket" => ("devices, json_each(devices.tags)", ""),
        "entity" => ("entities, json_each(entities.tags)", ""),
        "dashboard" => (RESOURCES, "dashboard"),
        "action" => (RESOURCES, "action"),
        "analysis" => (RESOURCES, "analysis"),
        "am" => (RESOURCES, "access_policy"),
        "run_users" => (RESOURCES, "run_user"),
        "secrets" => (RESOURCES, "secret"),
        "sql" => (RESOURCES, "sql_query"),
        "tcore" => (RESOURCES, "tcore"),
        other => {
            return Err(Refused::bad(format!(
                "type must be one of device, bucket, entity, dashboard, action, analysis, am, run_users, \
                 secrets, sql, tcore, not {other}"
            )));
        }
    };
    let keys = call
        .read(move |db| {
            let sql = format!(
                "SELECT tag.value ->> 'key' FROM {table} AS tag WHERE ?1 = '' OR {} = ?1",
                if table == RESOURCES { "resources.kind" } else { "''" }
            );
            Ok(db
                .prepare_cached(&sql)?
                .query_map([kind], |row| row.get(0))?
                .collect::<rusqlite::Result<BTreeSet<String>>>()?)
        })
        .await?;
    Answer::ok(keys)
}
