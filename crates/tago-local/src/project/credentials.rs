//! Passwords and second factors, of the account and of run users.
//!
//! A password is kept as an Argon2id hash. A second factor is an authenticator app (TOTP, RFC 6238)
//! or a PIN that is sent; what is sent goes to [`messages`](super::messages), never off this computer.

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use axum::http::StatusCode;
use rusqlite::{Connection, OptionalExtension, params};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::time::Duration;
use tago_api::Time;
use totp_rs::{Builder, Secret, Totp};

use super::call::{Call, Refused};
use super::messages::{self, Channel};
use super::store::Writing;
use crate::Random;

/// The account's password until somebody chooses another; nothing on this platform is worth a better one.
pub const FIRST_PASSWORD: &str = "practice";
/// Characters of the shortest password.
pub(super) const SHORTEST: usize = 6;
const LONGEST: usize = 256;
const PIN_LIVES: Duration = Duration::from_secs(600);
/// Wrong PINs after which another has to be asked for.
const ATTEMPTS: u32 = 5;

/// What a password hash costs to compute.
#[derive(Debug, Clone, Copy)]
pub struct HashingCost {
    memory_kib: u32,
    passes: u32,
}

impl Default for HashingCost {
    fn default() -> HashingCost {
        HashingCost { memory_kib: Params::DEFAULT_M_COST, passes: Params::DEFAULT_T_COST }
    }
}

impl HashingCost {
    /// The least that Argon2 allows: for tests.
    pub const LEAST: HashingCost = HashingCost { memory_kib: Params::MIN_M_COST, passes: Params::MIN_T_COST };
}

/// A way to prove more than a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Factor {
    Authenticator,
    Email,
    Sms,
}

/// What somebody sends to prove who they are.
#[derive(Deserialize)]
pub(super) struct Proof {
    password: SecretString,
    otp_type: Option<Factor>,
    pin_code: Option<String>,
}

/// Why a proof is none.
pub(super) enum Unproven {
    Password,
    /// A PIN is needed, of one of these.
    NoPin(Vec<Factor>),
    Pin,
    Failed(Refused),
}

/// Whose credentials they are, and where a PIN for them goes.
#[derive(Clone)]
pub(super) struct Person {
    /// Id of the account or run user.
    pub(super) id: String,
    pub(super) email: String,
    pub(super) phone: Option<String>,
    /// The password that counts while none was chosen.
    pub(super) first_password: Option<&'static str>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Factors {
    authenticator: Option<App>,
    email: Option<Sent>,
    sms: Option<Sent>,
}

#[derive(Serialize, Deserialize)]
struct App {
    secret: String,
    confirmed: bool,
    /// The time step of the last PIN, which is good once.
    #[serde(default)]
    last_step: Option<u64>,
}

#[derive(Default, Serialize, Deserialize)]
struct Sent {
    confirmed: bool,
    pin: Option<Pin>,
}

#[derive(Serialize, Deserialize)]
struct Pin {
    digits: String,
    expires: Time,
    failed: u32,
}

/// Checks a password and, where a second factor is on, a PIN, which is used up.
pub(super) async fn prove(call: &Call, person: &Person, proof: Proof) -> Result<(), Unproven> {
    check_password(call, person, proof.password).await?;
    let (id, given) = (person.id.clone(), proof.otp_type.zip(proof.pin_code));
    let checked = call.write(move |writing| {
        let mut factors = factors(writing.db, &id)?;
        let on = factors.confirmed();
        if on.is_empty() {
            return Ok(Ok(()));
        }
        let Some((factor, pin)) = given else { return Ok(Err(Unproven::NoPin(on))) };
        let right = on.contains(&factor) && factors.accept(factor, &pin, writing.now);
        factors.save(writing.db, &id)?;
        Ok(if right { Ok(()) } else { Err(Unproven::Pin) })
    });
    checked.await.map_err(Unproven::Failed)?
}

/// Checks a password alone.
pub(super) async fn check_password(
    call: &Call,
    person: &Person,
    password: SecretString,
) -> Result<(), Unproven> {
    let id = person.id.clone();
    let stored = call.read(move |db| Ok(stored(db, &id)?.0)).await.map_err(Unproven::Failed)?;
    let right = match (stored, person.first_password) {
        (Some(hash), _) => tokio::task::spawn_blocking(move || verify(&password, &hash))
            .await
            .map_err(|_| Unproven::Failed(interrupted()))?,
        (None, Some(first)) => password.expose_secret() == first,
        (None, None) => false,
    };
    if right { Ok(()) } else { Err(Unproven::Password) }
}

/// Turns on a factor, as far as it goes before it is confirmed; tells what its owner needs for that.
pub(super) async fn enable(call: &Call, person: Person, factor: Factor) -> Result<Value, Refused> {
    call.write(move |writing| {
        let mut factors = factors(writing.db, &person.id)?;
        if factors.confirmed().contains(&factor) {
            return Err(Refused::bad(format!("The second factor {} is on already", factor.word())));
        }
        let answer = match factor {
            Factor::Authenticator => {
                let secret = Secret::from(writing.random.bytes::<20>().to_vec());
                let app = App { secret: secret.to_base32(), confirmed: false, last_step: None };
                let url = app.url(&person.email);
                let answer = json!({ "otp_type": factor, "secret": app.secret, "url": url });
                factors.authenticator = Some(app);
                answer
            }
            Factor::Email | Factor::Sms => {
                factors.send_pin(factor, &person, writing)?;
                json!(format!("A PIN code was sent by {}", factor.word()))
            }
        };
        factors.save(writing.db, &person.id)?;
        Ok(answer)
    })
    .await
}

/// Ends what [`enable`] began, with the first PIN.
pub(super) async fn confirm(call: &Call, id: &str, factor: Factor, pin: String) -> Result<(), Refused> {
    let id = id.to_owned();
    let confirmed = call.write(move |writing| {
        let mut factors = factors(writing.db, &id)?;
        let right = factors.accept(factor, &pin, writing.now);
        if right {
            factors.set_confirmed(factor);
        }
        factors.save(writing.db, &id)?;
        Ok(right)
    });
    if confirmed.await? { Ok(()) } else { Err(Unproven::Pin.into()) }
}

/// Turns a factor off.
pub(super) async fn disable(call: &Call, id: &str, factor: Factor) -> Result<(), Refused> {
    let id = id.to_owned();
    call.write(move |writing| {
        let mut factors = factors(writing.db, &id)?;
        if !factors.confirmed().contains(&factor) {
            return Err(Refused::bad(format!("The second factor {} is not on", factor.word())));
        }
        match factor {
            Factor::Authenticator => factors.authenticator = None,
            Factor::Email => factors.email = None,
            Factor::Sms => factors.sms = None,
        }
        Ok(factors.save(writing.db, &id)?)
    })
    .await
}

/// Sends a PIN to somebody who is about to log in.
pub(super) async fn send_pin(call: &Call, person: Person, factor: Factor) -> Result<(), Refused> {
    call.write(move |writing| {
        let mut factors = factors(writing.db, &person.id)?;
        if factor == Factor::Authenticator {
            return Err(Refused::bad(
                "otp_type must be email or sms: an authenticator app makes its own PINs",
            ));
        }
        if !factors.confirmed().contains(&factor) {
            return Err(Refused::bad(format!("The second factor {} is not on", factor.word())));
        }
        factors.send_pin(factor, &person, writing)?;
        Ok(factors.save(writing.db, &person.id)?)
    })
    .await
}

/// Which factors are on, as the API shows them.
pub(super) fn shown(db: &Connection, id: &str) -> Result<Value, Refused> {
    let on = factors(db, id)?.confirmed();
    let shown = |factor| on.contains(&factor);
    Ok(json!({
        "authenticator": shown(Factor::Authenticator),
        "email": shown(Factor::Email),
        "sms": shown(Factor::Sms),
    }))
}

/// A password's hash, for [`store_hash`].
pub(super) async fn hash(call: &Call, password: SecretString) -> Result<String, Refused> {
    check_strength(&password)?;
    let (random, cost) = (call.project.0.shared.random.clone(), call.project.0.shared.hashing);
    tokio::task::spawn_blocking(move || hash_blocking(&password, &random, cost))
        .await
        .map_err(|_| interrupted())?
}

pub(super) fn hash_blocking(
    password: &SecretString,
    random: &Random,
    cost: HashingCost,
) -> Result<String, Refused> {
    let failed = |error: &dyn std::fmt::Display| {
        Refused::internal(format!("The password could not be hashed: {error}"))
    };
    let params = Params::new(cost.memory_kib, cost.passes, Params::DEFAULT_P_COST, None)
        .map_err(|error| failed(&error))?;
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_with_salt(password.expose_secret().as_bytes(), &random.bytes::<16>())
        .map(|hash: PasswordHash| hash.to_string())
        .map_err(|error| failed(&error))
}

/// Makes `hash` what `id`'s password is checked against.
pub(super) fn store_hash(db: &Connection, id: &str, hash: &str) -> rusqlite::Result<()> {
    db.execute(
        "INSERT INTO credentials (owner, password) VALUES (?1, ?2)
         ON CONFLICT (owner) DO UPDATE SET password = excluded.password",
        [id, hash],
    )
    .map(drop)
}

/// Forgets somebody who is gone.
pub(super) fn forget(db: &Connection, id: &str) -> rusqlite::Result<()> {
    db.execute("DELETE FROM credentials WHERE owner = ?1", [id]).map(drop)
}

pub(super) fn check_strength(password: &SecretString) -> Result<(), Refused> {
    if (SHORTEST..=LONGEST).contains(&password.expose_secret().chars().count()) {
        return Ok(());
    }
    Err(Refused::bad(format!("password must be a text of {SHORTEST} to {LONGEST} characters")))
}

fn verify(password: &SecretString, hash: &str) -> bool {
    PasswordHash::new(hash).is_ok_and(|hash| {
        Argon2::default().verify_password(password.expose_secret().as_bytes(), &hash).is_ok()
    })
}

fn interrupted() -> Refused {
    Refused::internal("The password could not be looked at: the platform is stopping")
}

fn stored(db: &Connection, id: &str) -> rusqlite::Result<(Option<String>, Option<String>)> {
    db.prepare_cached("SELECT password, otp FROM credentials WHERE owner = ?1")?
        .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()
        .map(Option::unwrap_or_default)
}

fn factors(db: &Connection, id: &str) -> Result<Factors, Refused> {
    match stored(db, id)?.1 {
        None => Ok(Factors::default()),
        Some(text) => serde_json::from_str(&text)
            .map_err(|error| Refused::internal(format!("The second factors are damaged: {error}"))),
    }
}

impl Factors {
    fn confirmed(&self) -> Vec<Factor> {
        let sent = |sent: &Option<Sent>| sent.as_ref().is_some_and(|sent| sent.confirmed);
        [
            (Factor::Authenticator, self.authenticator.as_ref().is_some_and(|app| app.confirmed)),
            (Factor::Email, sent(&self.email)),
            (Factor::Sms, sent(&self.sms)),
        ]
        .into_iter()
        .filter_map(|(factor, on)| on.then_some(factor))
        .collect()
    }

    fn set_confirmed(&mut self, factor: Factor) {
        match factor {
            Factor::Authenticator => self.authenticator.iter_mut().for_each(|app| app.confirmed = true),
            Factor::Email => self.email.iter_mut().for_each(|sent| sent.confirmed = true),
            Factor::Sms => self.sms.iter_mut().for_each(|sent| sent.confirmed = true),
        }
    }

    fn accept(&mut self, factor: Factor, pin: &str, now: Time) -> bool {
        match factor {
            Factor::Authenticator => self.authenticator.as_mut().is_some_and(|app| app.accept(pin, now)),
            Factor::Email => self.email.as_mut().is_some_and(|sent| sent.accept(pin, now)),
            Factor::Sms => self.sms.as_mut().is_some_and(|sent| sent.accept(pin, now)),
        }
    }

    fn send_pin(&mut self, factor: Factor, person: &Person, writing: &Writing<'_>) -> Result<(), Refused> {
        let digits = format!("{:06}", u32::from_be_bytes(writing.random.bytes()) % 1_000_000);
        let (slot, channel, recipient) = match factor {
            Factor::Sms => {
                let phone = person.phone.clone().filter(|phone| !phone.is_empty());
                let phone = phone.ok_or_else(|| Refused::bad("phone is needed for PIN codes by SMS"))?;
                (&mut self.sms, Channel::Sms, phone)
            }
            _ => (&mut self.email, Channel::Email, person.email.clone()),
        };
        messages::record(writing, channel, &recipient, "PIN code", &digits)?;
        let expires = writing.now + PIN_LIVES;
        slot.get_or_insert_default().pin = Some(Pin { digits, expires, failed: 0 });
        Ok(())
    }

    fn save(&self, db: &Connection, id: &str) -> rusqlite::Result<()> {
        let text = serde_json::to_string(self)
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
        db.execute(
            "INSERT INTO credentials (owner, otp) VALUES (?1, ?2)
             ON CONFLICT (owner) DO UPDATE SET otp = excluded.otp",
            params![id, text],
        )
        .map(drop)
    }
}

impl App {
    fn totp(&self) -> Option<Totp> {
        Builder::new().with_secret(Secret::try_from_base32(&self.secret).ok()?).build().ok()
    }

    fn accept(&mut self, pin: &str, now: Time) -> bool {
        let seconds = now.millis().div_euclid(1000).unsigned_abs();
        let step = self.totp().and_then(|totp| totp.check(pin, seconds));
        match step {
            Some(step) if self.last_step.is_none_or(|last| step > last) => {
                self.last_step = Some(step);
                true
            }
            _ => false,
        }
    }

    /// What an authenticator app reads, mostly from a picture.
    fn url(&self, email: &str) -> String {
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("secret", &self.secret)
            .append_pair("issuer", "TagoIO")
            .finish();
        let account: String = form_urlencoded::byte_serialize(email.as_bytes()).collect();
        format!("otpauth://totp/TagoIO:{account}?{query}")
    }
}

impl Sent {
    fn accept(&mut self, digits: &str, now: Time) -> bool {
        let Some(pin) = &mut self.pin else { return false };
        let good = now < pin.expires && pin.failed < ATTEMPTS && pin.digits == digits;
        if good {
            self.pin = None;
        } else {
            pin.failed += 1;
        }
        good
    }
}

impl Factor {
    pub(super) fn word(self) -> &'static str {
        match self {
            Factor::Authenticator => "authenticator",
            Factor::Email => "email",
            Factor::Sms => "sms",
        }
    }

    /// The factor that a path names.
    pub(super) fn from_path(call: &Call) -> Result<Factor, Refused> {
        let word = call.part("otp");
        [Factor::Authenticator, Factor::Email, Factor::Sms]
            .into_iter()
            .find(|factor| factor.word() == word)
            .ok_or_else(|| {
                Refused::bad(format!("The second factor must be authenticator, email or sms, not {word}"))
            })
    }
}

impl Unproven {
    /// As a login answers it: software goes on from there with the factors that it is told.
    pub(super) fn at_login(self) -> Refused {
        match self {
            Unproven::Password => Refused::new(StatusCode::UNAUTHORIZED, "Invalid credentials"),
            Unproven::NoPin(factors) => Refused::saying(
                StatusCode::UNAUTHORIZED,
                json!({ "otp_enabled": factors, "otp_autosend": factors.first() }),
            ),
            other => other.into(),
        }
    }
}

impl From<Unproven> for Refused {
    fn from(unproven: Unproven) -> Refused {
        let denied = |message: String| Refused::new(StatusCode::UNAUTHORIZED, message);
        match unproven {
            Unproven::Password => denied("Invalid password".to_owned()),
            Unproven::NoPin(factors) => {
                let words: Vec<_> = factors.into_iter().map(Factor::word).collect();
                denied(format!("otp_type and pin_code are required: {} is on", words.join(", ")))
            }
            Unproven::Pin => denied("Invalid PIN code".to_owned()),
            Unproven::Failed(refused) => refused,
        }
    }
}
