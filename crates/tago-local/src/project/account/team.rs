//! Who may help with the profile. A member comes in by accepting what was sent to the address.

use std::time::Duration;

use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tago_api::Time;

use super::is_email;
use super::profile::check_own;
use crate::project::call::{Answer, Call, Refused};
use crate::project::messages::{self, Channel};
use crate::project::store::Writing;
use crate::project::{links, schema};
use crate::random::hex;

const KEY: &str = "team";
const INVITATION: Duration = Duration::from_secs(7 * 24 * 60 * 60);

#[derive(Serialize, Deserialize)]
struct Member {
    id: String,
    email: String,
    name: String,
    active: bool,
    created_at: Time,
}

#[derive(Deserialize)]
struct Invitation {
    email: String,
}

pub(in crate::project) async fn list(call: Call) -> Result<Answer, Refused> {
    check_own(&call)?;
    Answer::ok(call.read(members).await?)
}

pub(in crate::project) async fn invite(call: Call) -> Result<Answer, Refused> {
    check_own(&call)?;
    let email = call.json::<Invitation>()?.email.trim().to_owned();
    if !is_email(&email) {
        return Err(Refused::bad("email must be an e-mail address"));
    }
    let limit = [0, 1, 5][call.plan() as usize];
    call.write(move |writing| {
        let mut team = members(writing.db)?;
        if team.iter().any(|member| member.email.eq_ignore_ascii_case(&email)) {
            return Err(Refused::bad(format!("{email} is in the team already")));
        }
        if team.len() as u64 >= limit {
            return Err(Refused::over_limit("team members", limit));
        }
        let id = hex(&writing.random.id_bytes(writing.now));
        let key = links::make(writing, &format!("team {id}"), INVITATION)?;
        messages::record(writing, Channel::Email, &email, "Invitation to a profile", &key)?;
        let name = email.split('@').next().unwrap_or_default().to_owned();
        team.push(Member { id, email, name, active: false, created_at: writing.now });
        save(writing, &team)
    })
    .await?;
    Answer::ok("User invited")
}

pub(in crate::project) async fn remove(call: Call) -> Result<Answer, Refused> {
    check_own(&call)?;
    let id = call.part("account").to_owned();
    call.write(move |writing| {
        let mut team = members(writing.db)?;
        let before = team.len();
        team.retain(|member| member.id != id);
        if team.len() == before {
            return Err(Refused::not_found("Team member", &id));
        }
        save(writing, &team)
    })
    .await?;
    Answer::ok("Account Successfully Removed")
}

pub(in crate::project) async fn accept(call: Call) -> Result<Answer, Refused> {
    answer(&call, |team, index| team[index].active = true).await?;
    Answer::ok("Invitation accepted")
}

pub(in crate::project) async fn decline(call: Call) -> Result<Answer, Refused> {
    answer(&call, |team, index| drop(team.remove(index))).await?;
    Answer::ok("Invitation declined")
}

/// Does what somebody answered to an invitation that is still open.
async fn answer(call: &Call, work: fn(&mut Vec<Member>, usize)) -> Result<(), Refused> {
    let key = call.part("token").to_owned();
    call.write(move |writing| {
        let mut team = members(writing.db)?;
        for index in 0..team.len() {
            let target = format!("team {}", team[index].id);
            if !team[index].active && links::opens(writing.db, &key, &target, writing.now)? {
                work(&mut team, index);
                return save(writing, &team);
            }
        }
        Err(Refused::bad("The invitation was answered already, or has expired"))
    })
    .await
}

fn members(db: &Connection) -> Result<Vec<Member>, Refused> {
    let stored: Option<String> = schema::get(db, KEY)?;
    stored.map_or(Ok(Vec::new()), |text| {
        serde_json::from_str(&text)
            .map_err(|error| Refused::internal(format!("The team is damaged: {error}")))
    })
}

/// Everybody, for a profile backup.
pub(in crate::project) fn as_json(db: &Connection) -> Result<serde_json::Value, Refused> {
    Ok(json!(members(db)?))
}

fn save(writing: &Writing<'_>, team: &[Member]) -> Result<(), Refused> {
    Ok(schema::put(writing.db, KEY, json!(team).to_string())?)
}
