use std::collections::BTreeSet;

use super::call::{Answer, Call, Refused};

/// The keys of all tags that resources of a type have.
pub(super) async fn keys(call: Call) -> Result<Answer, Refused> {
    let kind = match call.part("type") {
        "device" | "bucket" => None,
        "dashboard" => Some("dashboard"),
        "action" => Some("action"),
        "analysis" => Some("analysis"),
        "am" => Some("access_policy"),
        "run_users" => Some("run_user"),
        "secrets" => Some("secret"),
        "sql" => Some("sql_query"),
        "tcore" => Some("tcore"),
        other => {
            return Err(Refused::bad(format!(
                "type must be one of device, bucket, dashboard, action, analysis, am, run_users, secrets, sql, \
                 tcore, not {other}"
            )));
        }
    };
    let keys = call
        .read(move |db| {
            let sql = match kind {
                None => {
                    "SELECT tag.value ->> 'key' FROM devices, json_each(devices.tags) AS tag WHERE ?1 IS NULL"
                }
                Some(_) => {
                    "SELECT tag.value ->> 'key' FROM resources, json_each(resources.body, '$.tags') AS tag
                     WHERE resources.kind = ?1"
                }
            };
            Ok(db
                .prepare_cached(sql)?
                .query_map([kind], |row| row.get(0))?
                .collect::<rusqlite::Result<BTreeSet<String>>>()?)
        })
        .await?;
    Answer::ok(keys)
}
