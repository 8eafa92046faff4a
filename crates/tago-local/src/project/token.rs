//! Tokens: what they open, how they are stored and listed.

mod wanted;

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use tago_api::Time;

use super::call::Refused;
use super::list::{ListQuery, Listing};
use super::query_text::QueryText;
use super::store::Writing;
use crate::{Random, random::hex};

pub(super) use wanted::{expiry, serial, wanted};

/// What a token opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenKind {
    Profile,
    Device,
    Analysis,
    RunUser,
    /// Lets somebody choose a new password, once.
    Recovery,
    /// Nobody was recognised; never in the database.
    Nobody,
    Network,
    ServiceAuthorization,
    /// A public link to a dashboard.
    Dashboard,
    /// An embedded widget.
    Widget,
}

/// Kinds that can be in the database.
const KINDS: [TokenKind; 9] = [
    TokenKind::Profile,
    TokenKind::Device,
    TokenKind::Analysis,
    TokenKind::RunUser,
    TokenKind::Recovery,
    TokenKind::Network,
    TokenKind::ServiceAuthorization,
    TokenKind::Dashboard,
    TokenKind::Widget,
];

/// What the holder of a device token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Permission {
    Full,
    Write,
    Read,
    Deny,
}

/// Whoever sent a request, known by the token.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    pub(super) token: [u8; 32],
    pub(super) kind: TokenKind,
    /// Id of the profile, device, analysis or whatever else the token opens.
    pub(super) owner: String,
    pub(super) permission: Permission,
}

/// A new token. Its secret is not stored; only who is given it now can show it again.
pub(super) struct Minted {
    pub(super) secret: String,
    pub(super) name: String,
    pub(super) permission: Permission,
    pub(super) serie_number: Option<String>,
    pub(super) verification_code: Option<String>,
    pub(super) expire_time: Option<Time>,
}

impl TokenKind {
    pub(super) fn word(self) -> &'static str {
        match self {
            TokenKind::Profile => "profile",
            TokenKind::Device => "device",
            TokenKind::Analysis => "analysis",
            TokenKind::RunUser => "run_user",
            TokenKind::Recovery => "recovery",
            TokenKind::Nobody => "nobody",
            TokenKind::Network => "network",
            TokenKind::ServiceAuthorization => "serviceauth",
            TokenKind::Dashboard => "dashboard",
            TokenKind::Widget => "widget",
        }
    }

    fn from_word(word: &str) -> Option<TokenKind> {
        KINDS.into_iter().find(|kind| kind.word() == word)
    }
}

impl Permission {
    pub(super) fn word(self) -> &'static str {
        match self {
            Permission::Full => "full",
            Permission::Write => "write",
            Permission::Read => "read",
            Permission::Deny => "deny",
        }
    }

    pub(super) fn from_word(word: &str) -> Option<Permission> {
        [Permission::Full, Permission::Write, Permission::Read, Permission::Deny]
            .into_iter()
            .find(|permission| permission.word() == word)
    }

    pub(super) fn may_read(self) -> bool {
        matches!(self, Permission::Full | Permission::Read)
    }

    pub(super) fn may_write(self) -> bool {
        matches!(self, Permission::Full | Permission::Write)
    }
}

impl Caller {
    pub(super) fn nobody() -> Caller {
        Caller { token: [0; 32], kind: TokenKind::Nobody, owner: String::new(), permission: Permission::Deny }
    }
}

impl Minted {
    pub(super) fn profile(random: &Random, name: &str) -> Minted {
        Minted { name: name.to_owned(), ..Self::of_kind(random, "profile") }
    }

    pub(super) fn of_kind(random: &Random, kind: &str) -> Minted {
        let uuid = random.uuid();
        let secret = match TokenKind::from_word(kind) {
            Some(TokenKind::Profile) => format!("p-{uuid}"),
            Some(TokenKind::Analysis) => format!("a-{uuid}"),
            Some(TokenKind::Network) => format!("n-{uuid}"),
            Some(TokenKind::ServiceAuthorization) => format!("at{}", uuid.replace('-', "")),
            _ => uuid,
        };
        Minted {
            secret,
            name: "Default".to_owned(),
            permission: Permission::Full,
            serie_number: None,
            verification_code: None,
            expire_time: None,
        }
    }

    pub(super) fn hash(&self) -> [u8; 32] {
        hash(&self.secret)
    }

    pub(super) fn last_four(&self) -> &str {
        &self.secret[self.secret.len() - 4..]
    }
}

/// Stores a token that opens `owner`; returns the id of its row.
pub(super) fn insert(
    writing: &mut Writing<'_>,
    kind: TokenKind,
    owner: &str,
    token: &Minted,
) -> rusqlite::Result<String> {
    let id = hex(&writing.random.id_bytes(writing.now));
    writing
        .db
        .prepare_cached(
            "INSERT INTO tokens (hash, id, kind, owner, name, permission, serie_number, last_four,
                                 expire_time, created_at, verification_code)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )?
        .execute(params![
            token.hash(),
            id,
            kind.word(),
            owner,
            token.name,
            token.permission.word(),
            token.serie_number,
            token.last_four(),
            token.expire_time.map(Time::millis),
            writing.now.millis(),
            token.verification_code,
        ])?;
    Ok(id)
}

/// Whose token this is, unless it is nobody's or has expired.
pub(super) fn caller(db: &Connection, token: &str, now: Time) -> rusqlite::Result<Option<Caller>> {
    let token = hash(token);
    db.prepare_cached(
        "SELECT kind, owner, permission FROM tokens
         WHERE hash = ?1 AND (expire_time IS NULL OR expire_time > ?2)",
    )?
    .query_row(params![token, now.millis()], |row| {
        let kind = TokenKind::from_word(&row.get::<_, String>(0)?);
        let permission = Permission::from_word(&row.get::<_, String>(2)?);
        Ok(kind.zip(permission).zip(Some(row.get(1)?)))
    })
    .optional()
    .map(|found| found.flatten().map(|((kind, permission), owner)| Caller { token, kind, owner, permission }))
}

/// The tokens of `owner`, oldest first, as the API lists them: the value is masked.
pub(super) fn list(db: &Connection, owner: &str) -> rusqlite::Result<Vec<Map<String, Value>>> {
    db.prepare_cached(
        "SELECT * FROM tokens WHERE owner = ?1 AND kind <> 'serviceauth' ORDER BY created_at, id",
    )?
    .query_map([owner], listed)?
    .collect()
}

/// The same of one kind alone.
pub(super) fn of_kind(
    db: &Connection,
    kind: TokenKind,
    owner: &str,
) -> rusqlite::Result<Vec<Map<String, Value>>> {
    db.prepare_cached("SELECT * FROM tokens WHERE owner = ?1 AND kind = ?2 ORDER BY created_at, id")?
        .query_map([owner, kind.word()], listed)?
        .collect()
}

/// Reads a request for a page of tokens.
pub(super) fn list_query(query: &QueryText) -> Result<ListQuery, Refused> {
    let known =
        ["id", "name", "permission", "serie_number", "verification_code", "created_at", "expire_time"];
    let unasked = ["token", "permission", "serie_number", "expire_time", "created_at", "fingerprint"];
    let order = ("created_at", true);
    ListQuery::of(query, &Listing { known: &known, named: "name", order, unasked: &unasked })
}

fn listed(row: &Row<'_>) -> rusqlite::Result<Map<String, Value>> {
    let hash: Vec<u8> = row.get("hash")?;
    let kind: String = row.get("kind")?;
    let last_four: String = row.get("last_four")?;
    let moment = |millis: i64| Time::from_millis(millis).to_string();
    let expire = row.get::<_, Option<i64>>("expire_time")?;
    let mut token = Map::new();
    token.insert("id".into(), row.get::<_, String>("id")?.into());
    token.insert("token".into(), format!("********-****-****-****-********{last_four}").into());
    token.insert("fingerprint".into(), hex(&hash[..8]).into());
    token.insert(format!("{kind}_id"), row.get::<_, String>("owner")?.into());
    token.insert("ref_id".into(), row.get::<_, String>("owner")?.into());
    token.insert("type".into(), kind.into());
    token.insert("created_by".into(), Value::Null);
    token.insert("verification_code".into(), json!(row.get::<_, Option<String>>("verification_code")?));
    token.insert("name".into(), row.get::<_, String>("name")?.into());
    token.insert("permission".into(), row.get::<_, String>("permission")?.into());
    token.insert("serie_number".into(), json!(row.get::<_, Option<String>>("serie_number")?));
    token.insert(
        "last_authorization".into(),
        row.get::<_, Option<i64>>("last_authorization")?.map_or(Value::Null, |at| moment(at).into()),
    );
    token.insert("expire_time".into(), expire.map_or("never".into(), moment).into());
    token.insert("created_at".into(), moment(row.get("created_at")?).into());
    Ok(token)
}

/// Removes every token of one kind that opens `owner`.
pub(super) fn remove_of_owner(db: &Connection, kind: TokenKind, owner: &str) -> rusqlite::Result<()> {
    db.execute("DELETE FROM tokens WHERE kind = ?1 AND owner = ?2", [kind.word(), owner]).map(drop)
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// Sets the verification code of the token with this value or row id; tells whether there was one.
pub(super) fn set_verification_code(
    db: &Connection,
    kind: TokenKind,
    token_or_id: &str,
    code: Option<&str>,
) -> rusqlite::Result<bool> {
    db.prepare_cached("UPDATE tokens SET verification_code = ?4 WHERE kind = ?1 AND (hash = ?2 OR id = ?3)")?
        .execute(params![kind.word(), hash(token_or_id), token_or_id, code])
        .map(|changed| changed > 0)
}

/// Removes the token with this value or row id among those of one kind; tells whether there was one.
pub(super) fn remove(db: &Connection, kind: TokenKind, token_or_id: &str) -> rusqlite::Result<bool> {
    db.prepare_cached("DELETE FROM tokens WHERE kind = ?1 AND (hash = ?2 OR id = ?3)")?
        .execute(params![kind.word(), hash(token_or_id), token_or_id])
        .map(|removed| removed > 0)
}

/// Removes the token that a request was sent with.
pub(super) fn revoke(db: &Connection, caller: &Caller) -> rusqlite::Result<()> {
    db.execute("DELETE FROM tokens WHERE hash = ?1", [caller.token]).map(drop)
}
