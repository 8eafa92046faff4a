//! The languages of dictionaries.

use axum::http::StatusCode;
use rusqlite::{Connection, OptionalExtension};
use serde_json::{Value, json};

use super::call::{Answer, Call, Refused};
use super::fields;
use super::resource::{self, Body, DICTIONARY, LANGUAGE, Place};
use super::run;
use super::store::Writing;

/// Puts the fallback language among the languages of a dictionary.
pub(super) fn check(_: &mut Writing<'_>, body: &mut Body) -> Result<(), Refused> {
    let fallback = body.get("fallback").and_then(Value::as_str).unwrap_or_default().to_owned();
    let Some(languages) = body.get_mut("languages").and_then(Value::as_array_mut) else { return Ok(()) };
    for language in languages.iter_mut() {
        if !language["active"].is_boolean() {
            language["active"] = true.into();
        }
    }
    if !languages.iter().any(|language| language["code"] == fallback) {
        languages.insert(0, json!({ "code": fallback, "active": true }));
    }
    Ok(())
}

/// The texts in a language; with `fallback` those that it lacks come from the fallback language.
pub(super) async fn texts(call: Call) -> Result<Answer, Refused> {
    let falls_back = call.query.flag("fallback")?;
    texts_for(call, falls_back).await
}

/// The same for whoever looks at the portal of the project, logged in or not.
pub(super) async fn texts_of_portal(call: Call) -> Result<Answer, Refused> {
    run::session_of_run(&call).await?;
    texts_for(call, true).await
}

async fn texts_for(call: Call, falls_back: bool) -> Result<Answer, Refused> {
    let (wanted, locale) = (call.part("id").to_owned(), call.part("locale").to_owned());
    let texts = call
        .read(move |db| {
            let dictionary = find(db, &wanted)?;
            let own = texts_of(db, &dictionary, &locale)?;
            if !falls_back {
                return own.ok_or_else(|| missing(&wanted, &locale));
            }
            let fallback = dictionary["fallback"].as_str().unwrap_or_default();
            let mut texts = texts_of(db, &dictionary, fallback)?.unwrap_or_default();
            texts.extend(own.unwrap_or_default());
            Ok(texts)
        })
        .await?;
    Answer::ok(texts)
}

/// Sets the texts of a language, which is added to the dictionary if it is new there.
pub(super) async fn set_texts(call: Call) -> Result<Answer, Refused> {
    let (wanted, locale) = (call.part("id").to_owned(), call.part("locale").to_owned());
    let body: Value = call.json()?;
    let mut language = fields::create(
        LANGUAGE.fields,
        &json!({ "code": locale, "dictionary": body.get("dictionary").unwrap_or(&Value::Null) }),
    )?;
    let texts = language["dictionary"].as_object();
    if !texts.is_some_and(|texts| texts.values().all(Value::is_string)) {
        return Err(Refused::bad("dictionary must be an object of texts"));
    }
    let active = match &body["active"] {
        Value::Null => None,
        Value::Bool(active) => Some(*active),
        _ => return Err(Refused::bad("active must be true or false")),
    };
    let place = Place::of(&call, LANGUAGE);
    call.write(move |writing| {
        let mut dictionary = find(writing.db, &wanted)?;
        let id = id_of(&dictionary);
        enlist(&mut dictionary, &locale, active);
        match row_of(writing.db, &id, &locale)? {
            Some(row) => {
                let mut stored = resource::described(writing.db, LANGUAGE, &row)?;
                stored.append(&mut language);
                resource::store(writing, LANGUAGE, &row, stored)?;
            }
            None => {
                resource::insert(writing, LANGUAGE, &place.below(&id), language)?;
            }
        }
        resource::store(writing, DICTIONARY, &id, dictionary)
    })
    .await?;
    Answer::ok("Dictionary language Successfully Updated")
}

pub(super) async fn remove_texts(call: Call) -> Result<Answer, Refused> {
    let (wanted, locale) = (call.part("id").to_owned(), call.part("locale").to_owned());
    call.write(move |writing| {
        let mut dictionary = find(writing.db, &wanted)?;
        if dictionary["fallback"] == locale.as_str() {
            return Err(Refused::bad(format!("{locale} is the fallback language: choose another one first")));
        }
        let id = id_of(&dictionary);
        let languages = dictionary.get_mut("languages").and_then(Value::as_array_mut);
        let before = languages.as_ref().map_or(0, |languages| languages.len());
        let left = languages.map_or(0, |languages| {
            languages.retain(|language| language["code"] != locale.as_str());
            languages.len()
        });
        if left == before {
            return Err(missing(&wanted, &locale));
        }
        if let Some(row) = row_of(writing.db, &id, &locale)? {
            resource::delete(writing, LANGUAGE, &row)?;
        }
        resource::store(writing, DICTIONARY, &id, dictionary)
    })
    .await?;
    Answer::ok("Dictionary language Successfully Removed")
}

/// A dictionary by its id or its slug.
fn find(db: &Connection, wanted: &str) -> Result<Body, Refused> {
    if let Some(dictionary) = resource::find(db, DICTIONARY, wanted)? {
        return Ok(dictionary);
    }
    let by_slug = resource::all(db, DICTIONARY)?.into_iter().find(|dictionary| dictionary["slug"] == wanted);
    by_slug.ok_or_else(|| Refused::not_found(DICTIONARY.label, wanted))
}

/// The texts of a language that the dictionary has.
fn texts_of(db: &Connection, dictionary: &Body, locale: &str) -> Result<Option<Body>, Refused> {
    let mut languages = dictionary["languages"].as_array().into_iter().flatten();
    if !languages.any(|language| language["code"] == locale) {
        return Ok(None);
    }
    let Some(row) = row_of(db, &id_of(dictionary), locale)? else { return Ok(Some(Body::new())) };
    let language = resource::described(db, LANGUAGE, &row)?;
    Ok(Some(language["dictionary"].as_object().cloned().unwrap_or_default()))
}

fn row_of(db: &Connection, dictionary: &str, locale: &str) -> rusqlite::Result<Option<String>> {
    db.prepare_cached(
        "SELECT id FROM resources WHERE parent = ?1 AND parent <> '' AND kind = ?2 AND name = ?3",
    )?
    .query_row([dictionary, LANGUAGE.kind, locale], |row| row.get(0))
    .optional()
}

fn enlist(dictionary: &mut Body, locale: &str, active: Option<bool>) {
    let Some(languages) = dictionary.get_mut("languages").and_then(Value::as_array_mut) else { return };
    match languages.iter_mut().find(|language| language["code"] == locale) {
        Some(language) => {
            if let Some(active) = active {
                language["active"] = active.into();
            }
        }
        None => languages.push(json!({ "code": locale, "active": active.unwrap_or(true) })),
    }
}

fn id_of(dictionary: &Body) -> String {
    dictionary["id"].as_str().unwrap_or_default().to_owned()
}

fn missing(dictionary: &str, locale: &str) -> Refused {
    Refused::new(StatusCode::NOT_FOUND, format!("Dictionary {dictionary} has no language {locale}"))
}
