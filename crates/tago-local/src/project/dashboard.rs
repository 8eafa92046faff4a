//! What dashboards have beyond their row: widgets, copies, what they show, and public links.

mod view;
mod widget;

use rusqlite::Connection;
use serde::Deserialize;
use serde_json::{Value, json};

use super::call::{Answer, Call, Refused};
use super::device;
use super::fields;
use super::resource::{self, ANALYSIS, Body, DASHBOARD, Place, WIDGET};
use super::store::Writing;
use super::token::{self, Minted, TokenKind};
use crate::random::hex;

pub(super) use view::{ask, change_resources, edit as edit_data, remove as remove_data, send};
pub(super) use widget::{
    create as create_widget, edit as edit_widget, embed, info as widget, remove as remove_widget, upload,
};

/// Checks a dashboard, and gives those of its blueprint devices an id that have none.
pub(super) fn check(writing: &mut Writing<'_>, body: &mut Body) -> Result<(), Refused> {
    let arrangement = body.get("arrangement").and_then(Value::as_array).into_iter().flatten();
    for (place, item) in arrangement.enumerate() {
        let is_place = |field: &str| item.get(field).is_none_or(|value| value.is_number() || value.is_null());
        if !item["widget_id"].is_string() || !["x", "y", "width", "height"].into_iter().all(is_place) {
            return Err(Refused::bad(format!(
                "arrangement: number {} must have widget_id, a text, and x, y, width and height, numbers",
                place + 1
            )));
        }
    }
    let blueprints = body.get_mut("blueprint_devices").and_then(Value::as_array_mut);
    for blueprint in blueprints.into_iter().flatten() {
        if !blueprint["id"].as_str().is_some_and(fields::is_id) {
            blueprint["id"] = hex(&writing.random.id_bytes(writing.now)).into();
        }
    }
    Ok(())
}

pub(super) async fn info(call: Call) -> Result<Answer, Refused> {
    let id = call.part("id").to_owned();
    let viewer = Viewer::of(&call);
    let dashboard = call
        .read(move |db| {
            viewer.check(&id, None)?;
            resource::described(db, DASHBOARD, &id)
        })
        .await?;
    Answer::ok(dashboard)
}

#[derive(Deserialize)]
struct Copy {
    new_label: Option<String>,
    setup: Option<Body>,
}

/// Copies a dashboard with its widgets, which have new ids wherever the copy names them.
pub(super) async fn duplicate(call: Call) -> Result<Answer, Refused> {
    let id = call.part("id").to_owned();
    let copy: Copy = if call.body.is_empty() { Copy { new_label: None, setup: None } } else { call.json()? };
    let (place, widget_place) = (Place::of(&call, DASHBOARD), Place::of(&call, WIDGET));
    let made = call
        .write(move |writing| {
            let mut dashboard = resource::described(writing.db, DASHBOARD, &id)?;
            let label = copy.new_label.unwrap_or_else(|| {
                let label: String =
                    dashboard["label"].as_str().unwrap_or_default().chars().take(93).collect();
                format!("{label} (copy)")
            });
            dashboard.insert("label".into(), label.into());
            if let Some(setup) = copy.setup {
                dashboard.insert("setup".into(), setup.into());
            }
            let checked = Value::Object(dashboard.clone());
            fields::edit_of(DASHBOARD.fields, &dashboard, &checked)?;
            dashboard.insert("last_access".into(), Value::Null);
            let copied = resource::insert(writing, DASHBOARD, &place, dashboard)?;
            let mut renamed = vec![(id.clone(), copied.clone())];
            for widget in resource::children(writing.db, WIDGET, &id)? {
                let old = widget["id"].as_str().unwrap_or_default().to_owned();
                let new = resource::insert(writing, WIDGET, &widget_place.clone().below(&copied), widget)?;
                renamed.push((old, new));
            }
            rename(writing.db, &copied, &renamed)?;
            Ok(copied)
        })
        .await?;
    Answer::created(json!({ "dashboard_id": made, "message": "Copy sent" }))
}

/// Puts new ids for old ones into a copied dashboard and its widgets.
fn rename(db: &Connection, dashboard: &str, renamed: &[(String, String)]) -> rusqlite::Result<()> {
    for (old, new) in renamed {
        db.prepare_cached(
            "UPDATE resources SET body = replace(body, ?2, ?3)
             WHERE (kind = 'dashboard' AND id = ?1) OR (kind = 'widget' AND parent = ?1)",
        )?
        .execute([dashboard, old, new])?;
    }
    Ok(())
}

/// The devices whose data its widgets show.
pub(super) async fn devices(call: Call) -> Result<Answer, Refused> {
    let id = call.part("id").to_owned();
    let related = call
        .read(move |db| {
            let mut related = Vec::new();
            for origin in named(db, &id, origins)? {
                if let Ok(device) = device::described(db, &origin) {
                    related.push(json!({ "id": origin, "name": device["name"], "bucket": origin }));
                }
            }
            Ok(related)
        })
        .await?;
    Answer::ok(related)
}

/// The analyses that its widgets run.
pub(super) async fn analyses(call: Call) -> Result<Answer, Refused> {
    let id = call.part("id").to_owned();
    let related = call
        .read(move |db| {
            let mut related = Vec::new();
            for run in named(db, &id, |widget| text(&widget["analysis_run"]).into_iter().collect())? {
                if let Some(analysis) = resource::find(db, ANALYSIS, &run)? {
                    related.push(json!({ "id": run, "name": analysis["name"] }));
                }
            }
            Ok(related)
        })
        .await?;
    Answer::ok(related)
}

/// A token with which anybody may look at the dashboard.
pub(super) async fn share(call: Call) -> Result<Answer, Refused> {
    let id = call.part("id").to_owned();
    let now = call.project.0.shared.clock.now();
    let expire_time = token::expiry(call.query.one("expire_time"), now)?;
    let secret = call
        .write(move |writing| {
            resource::described(writing.db, DASHBOARD, &id)?;
            let minted = Minted {
                name: "Public".to_owned(),
                expire_time,
                ..Minted::of_kind(writing.random, "dashboard")
            };
            token::insert(writing, TokenKind::Dashboard, &id, &minted)?;
            Ok(minted.secret)
        })
        .await?;
    let ends = expire_time.map_or_else(|| "never".to_owned(), |time| time.to_string());
    Answer::ok(json!({ "token": secret, "expire_time": ends }))
}

/// Whoever looks at a dashboard.
struct Viewer {
    kind: TokenKind,
    owner: String,
}

impl Viewer {
    fn of(call: &Call) -> Viewer {
        Viewer { kind: call.caller.kind, owner: call.caller.owner.clone() }
    }

    /// A public token opens its dashboard, the token of a widget that widget alone.
    fn check(&self, dashboard: &str, widget: Option<&str>) -> Result<(), Refused> {
        let may = match self.kind {
            TokenKind::Profile => true,
            TokenKind::Dashboard => self.owner == dashboard,
            TokenKind::Widget => widget == Some(self.owner.as_str()),
            _ => false,
        };
        if may { Ok(()) } else { Err(Refused::denied()) }
    }
}

/// What the widgets of a dashboard name, each once, in the order of the widgets.
fn named(
    db: &Connection,
    dashboard: &str,
    of: impl Fn(&Body) -> Vec<String>,
) -> Result<Vec<String>, Refused> {
    resource::described(db, DASHBOARD, dashboard)?;
    let mut names: Vec<String> = Vec::new();
    for widget in resource::children(db, WIDGET, dashboard)? {
        for name in of(&widget) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    Ok(names)
}

fn origins(widget: &Body) -> Vec<String> {
    let data = widget["data"].as_array().into_iter().flatten();
    data.filter_map(origin).collect()
}

/// The device that an item of a widget's data is of.
fn origin(item: &Value) -> Option<String> {
    text(&item["origin"]).or_else(|| text(&item["bucket"]))
}

fn text(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}
