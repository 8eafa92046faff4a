//! What a network's server does with the network's token.

use axum::http::StatusCode;
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tago_api::Time;

use crate::project::call::{Answer, Call, Refused};
use crate::project::outbox::{self, OutboxEntry};
use crate::project::store::Writing;
use crate::project::token::{self, Minted, Permission, TokenKind};
use crate::project::{data as records, device, schema};

/// The device token that belongs to a serial number.
pub(in crate::project) async fn resolve(call: Call) -> Result<Answer, Refused> {
    let network = call.caller.owner.clone();
    let serial = call.part("serial").to_owned();
    let authorization = call.part("authorization").to_owned();
    let token = call
        .write(move |writing| {
            if !authorization.is_empty() {
                refuse_unauthorized(writing.db, &authorization, writing.now)?;
            }
            let plate = Plate::of_serial(writing.db, &network, &serial)?;
            plate.token(writing).map_err(Refused::from)
        })
        .await?;
    Answer::ok(token)
}

/// Takes records in for the device whose serial number they carry.
///
/// A network's payload parser is kept, not run, so what it would make of other bodies stays unknown.
pub(in crate::project) async fn data(call: Call) -> Result<Answer, Refused> {
    let network = call.caller.owner.clone();
    let authorization = call.query.one("authorization_token").unwrap_or_default().to_owned();
    let body: Value = call.json()?;
    let items = body.as_array().map_or(std::slice::from_ref(&body), Vec::as_slice);
    let serial = items
        .iter()
        .find_map(|item| item["metadata"]["serial"].as_str())
        .ok_or_else(|| {
            Refused::bad(
                "metadata.serial is required in one of the records: payload parsers are not run here",
            )
        })?
        .to_owned();
    let batch = records::Incoming::parse(&call.body, call.project.0.shared.clock.now())?;
    let count = call
        .write(move |writing| {
            refuse_unauthorized(writing.db, &authorization, writing.now)?;
            let plate = Plate::of_serial(writing.db, &network, &serial)?;
            batch.store(writing, &plate.device)
        })
        .await?;
    Answer::accepted(format!("{count} Data Added"))
}

pub(in crate::project) async fn set_params(call: Call) -> Result<Answer, Refused> {
    let (network, id) = (call.caller.owner.clone(), call.part("id").to_owned());
    let params = device::Params::parse(&call.json()?)?;
    call.write(move |writing| {
        let device = device::described(writing.db, &id)?;
        if device["network"] != network {
            return Err(Refused::not_found("Device", &id));
        }
        params.put(writing, &id)
    })
    .await?;
    Answer::ok("Device Configuration Parameter Updated")
}

/// The devices of a connector on the network of the token.
pub(in crate::project) async fn devices(call: Call) -> Result<Answer, Refused> {
    let (network, connector) = (call.caller.owner.clone(), call.part("id").to_owned());
    let query = device::list_query(&call.query)?;
    let devices = call
        .read(move |db| {
            let mut devices = device::all(db)?;
            devices.retain(|device| device["network"] == network && device["connector"] == connector);
            let mut page = query.apply_whole(devices);
            for device in &mut page {
                let id = device["id"].as_str().unwrap_or_default();
                let tokens = token::of_kind(db, TokenKind::Device, id)?;
                let masked = tokens.first().map_or(Value::Null, |token| token["token"].clone());
                device.insert("token".into(), masked);
            }
            Ok(page)
        })
        .await?;
    Answer::ok(devices)
}

/// Notes what would be published; there is no broker.
pub(in crate::project) async fn publish(call: Call) -> Result<Answer, Refused> {
    let body: Value = call.json()?;
    let text = |field: &str| body[field].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let topic = text("topic").ok_or_else(|| Refused::bad("topic is required: a text"))?;
    let id = text("device").or_else(|| text("bucket"));
    let id = id.ok_or_else(|| Refused::bad("device is required: the id of a device"))?;
    let value = body.get("message").map(Value::to_string);
    let network = call.caller.owner.clone();
    call.write(move |writing| {
        device::number(writing.db, &id)?;
        outbox::add(
            writing.db,
            &OutboxEntry {
                at: writing.now,
                action: network,
                name: "Published by a network".to_owned(),
                r#type: "mqtt".to_owned(),
                device: id,
                variable: topic,
                value,
            },
        )?;
        Ok(())
    })
    .await?;
    Answer::ok("Successfully Published")
}

/// A token that names a serial number, and its device.
struct Plate {
    hash: Vec<u8>,
    device: String,
    permission: Permission,
}

/// What the token that [`Plate::token`] makes is called.
const RESOLVED: &str = "Resolved by its network";

impl Plate {
    fn of_serial(db: &Connection, network: &str, serial: &str) -> Result<Plate, Refused> {
        db.prepare_cached(
            "SELECT tokens.hash, devices.id, tokens.permission FROM tokens JOIN devices ON devices.id = tokens.owner
             WHERE tokens.kind = 'device' AND tokens.serie_number = ?1 AND devices.network = ?2
             ORDER BY tokens.created_at LIMIT 1",
        )?
        .query_row([serial, network], |row| {
            let permission = Permission::from_word(&row.get::<_, String>(2)?).unwrap_or(Permission::Deny);
            Ok(Plate { hash: row.get(0)?, device: row.get(1)?, permission })
        })
        .optional()?
        .ok_or_else(|| {
            Refused::new(
                StatusCode::NOT_FOUND,
                format!("No device of this network has the serial number {serial}"),
            )
        })
    }

    /// Tokens are stored hashed, so the one with the serial number cannot be shown again. Its network is
    /// given another one that always comes out the same, however often it asks.
    fn token(&self, writing: &mut Writing<'_>) -> rusqlite::Result<String> {
        let key: Vec<u8> = schema::get(writing.db, "record_key")?.unwrap_or_default();
        let digest = Sha256::new().chain_update(&key).chain_update(&self.hash).finalize();
        let hex = crate::random::hex(&digest[..16]);
        let secret =
            format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]);
        writing.db.execute(
            "DELETE FROM tokens WHERE kind = 'device' AND owner = ?1 AND name = ?2",
            params![self.device, RESOLVED],
        )?;
        let minted = Minted {
            secret,
            name: RESOLVED.to_owned(),
            permission: self.permission,
            ..Minted::of_kind(writing.random, TokenKind::Device.word())
        };
        token::insert(writing, TokenKind::Device, &self.device, &minted)?;
        Ok(minted.secret)
    }
}

fn refuse_unauthorized(db: &Connection, authorization: &str, now: Time) -> Result<(), Refused> {
    let caller = token::caller(db, authorization, now)?;
    match caller {
        Some(caller) if caller.kind == TokenKind::ServiceAuthorization && caller.permission.may_write() => {
            Ok(())
        }
        _ => {
            Err(Refused::new(StatusCode::UNAUTHORIZED, "Authorization Denied: no such service authorization"))
        }
    }
}
