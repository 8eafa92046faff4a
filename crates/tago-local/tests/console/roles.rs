use axum::http::Method;
use serde_json::{Value, json};
use tago_local::console::{Guard, Route, routes};

use crate::harness::{Who, World, text};

/// Everything of a project that a collaborator may see; the rest of it is the owner's alone.
const FOR_MEMBERS: [(&str, &str); 7] = [
    ("GET", "/api/projects/{project}"),
    ("GET", "/api/projects/{project}/services"),
    ("GET", "/api/projects/{project}/services/{service}/clients"),
    ("POST", "/api/projects/{project}/services/{service}/clients"),
    ("PUT", "/api/projects/{project}/services/{service}/clients/{client}"),
    ("DELETE", "/api/projects/{project}/services/{service}/clients/{client}"),
    ("POST", "/api/projects/{project}/collaborators/accept"),
];

/// Routes that belong to no project.
const OUTSIDE_PROJECTS: [(&str, &str); 7] = [
    // What the caller owns, and nothing of anybody else.
    ("GET", "/api/bills"),
    ("GET", "/openapi.json"),
    ("GET", "/api/account"),
    ("GET", "/api/catalogue"),
    ("GET", "/api/projects"),
    ("POST", "/api/projects"),
    ("GET", "/api/practice/bad-day"),
];

/// A project with a backup and a deployment, an accepted collaborator, and a stranger's token.
async fn shared_project(world: &World) -> (Vec<(&'static str, String)>, String) {
    let path = world.project("Frostline").await;
    let backup = world.back_up(&path).await;
    let (_, deployment) = world.begin_restore(&path, &backup, "Copy").await;
    world.end_of(&deployment).await;
    let account = world.ask(Who::Collaborator, "GET", "/api/account", None).await.expect(200);
    let invitation = json!({ "email": account["email"], "role": "admin" });
    world.post(&format!("{path}/collaborators"), invitation).await.expect(200);
    world.ask(Who::Collaborator, "POST", &format!("{path}/collaborators/accept"), None).await.expect(200);
    let stranger = json!({ "name": "Stranger", "email": "stranger@else.example" });
    let stranger = text(&world.knob("/accounts", stranger).await["token"]).to_owned();
    let token = world.ask(Who::Owner, "POST", &format!("{path}/tokens"), None).await.expect(200);
    let last = |path: &str| path.rsplit('/').next().unwrap().to_owned();
    let ids = vec![
        ("{project}", last(&path)),
        ("{backup}", text(&backup["id"]).to_owned()),
        ("{deployment}", last(&deployment)),
        ("{account}", text(&account["id"]).to_owned()),
        ("{token}", text(&token["id"]).to_owned()),
    ];
    (ids, stranger)
}

fn filled(route: &Route, ids: &[(&str, String)]) -> (String, Option<Value>) {
    let mut path = route.path.to_owned();
    for (name, id) in ids {
        path = path.replace(name, id);
    }
    assert!(!path.contains('{'), "{path} has a parameter that this test does not know");
    let body = (route.method != Method::GET).then(|| json!({ "project": ids[0].1 }));
    (path, body)
}

fn owners_routes() -> Vec<&'static Route> {
    let known = |route: &&Route| {
        let key = (route.method.as_str(), route.path);
        !FOR_MEMBERS.contains(&key) && !OUTSIDE_PROJECTS.contains(&key)
    };
    routes().iter().filter(known).collect()
}

#[tokio::test]
async fn s05_every_route_that_is_not_listed_here_as_open_is_the_owners_alone() {
    for route in owners_routes() {
        let guarded = matches!(route.guard, Guard::Owner(_) | Guard::OwnerOfNamed(_));
        assert!(guarded, "{} {} has no owner's guard: {:?}", route.method, route.path, route.guard);
    }
    let world = World::start().await;
    let (ids, stranger) = shared_project(&world).await;
    let before = world.get("/api/projects").await;
    for route in owners_routes() {
        let (path, body) = filled(route, &ids);
        let method = route.method.as_str();
        let strange = world.ask(Who::Token(&stranger), method, &path, body.clone()).await;
        assert!(matches!(strange.status, 403 | 404), "{method} {path}: {strange:?}");
        world.ask(Who::Nobody, method, &path, body.clone()).await.refused(401, "UNAUTHORIZED");
        world.ask(Who::Token("wrong"), method, &path, body).await.refused(401, "UNAUTHORIZED");
    }
    assert_eq!(world.get("/api/projects").await, before, "a refused request had an effect");
}

#[tokio::test]
async fn s06_a_collaborator_reads_why_on_every_backup_quote_restore_and_schedule_route() {
    let world = World::start().await;
    let (ids, _) = shared_project(&world).await;
    let project = format!("/api/projects/{}", ids[0].1);
    let before = (world.get(&project).await, world.backups(&project).await);
    let owners = owners_routes();
    for part in
        ["/backups", "/quote", "/restore", "/main-database", "/deployments", "/meter", "/bills", "/tokens"]
    {
        assert!(owners.iter().any(|route| route.path.contains(part)), "no owner's route has {part}");
    }
    for route in owners {
        let (path, body) = filled(route, &ids);
        let answer = world.ask(Who::Collaborator, route.method.as_str(), &path, body).await;
        let reason = answer.refused(403, "FORBIDDEN");
        assert!(reason.starts_with("Only the owner of a project may "), "{path}: {reason}");
    }
    assert_eq!((world.get(&project).await, world.backups(&project).await), before);

    let seen = world.ask(Who::Collaborator, "GET", &project, None).await.expect(200);
    assert_eq!((&seen["role"], &seen["deployment"]), (&json!("admin"), &Value::Null));
    let services =
        world.ask(Who::Collaborator, "GET", &format!("{project}/services"), None).await.expect(200);
    assert!(!services.to_string().contains("backup"), "the schedule shows among the services");
}

#[tokio::test]
async fn an_invitation_gives_no_rights_before_it_is_accepted_and_none_after_it_ended() {
    let world = World::start().await;
    let project = world.project("Frostline").await;
    let account = world.ask(Who::Collaborator, "GET", "/api/account", None).await.expect(200);
    let invitation = json!({ "email": account["email"], "role": "contractor" });
    let people = world.post(&format!("{project}/collaborators"), invitation).await.expect(200);
    assert_eq!((&people[0]["role"], &people[1]["state"]), (&json!("owner"), &json!("pending")));
    world.ask(Who::Collaborator, "GET", &project, None).await.refused(404, "NOT_FOUND");
    world.ask(Who::Collaborator, "POST", &format!("{project}/collaborators/accept"), None).await.expect(200);
    let seen = world.ask(Who::Collaborator, "GET", "/api/projects", None).await.expect(200);
    assert_eq!(seen[0]["role"], "contractor");
    let person = format!("{project}/collaborators/{}", text(&account["id"]));
    world.ask(Who::Owner, "DELETE", &person, None).await.expect(200);
    world.ask(Who::Collaborator, "GET", &project, None).await.refused(404, "NOT_FOUND");
    world
        .ask(Who::Collaborator, "POST", &format!("{project}/collaborators/accept"), None)
        .await
        .refused(404, "NOT_FOUND");
}
