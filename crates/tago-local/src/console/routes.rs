use axum::http::Method;

use super::{Handler, backups, bad_day, clients, openapi, people, projects, restores, services, tokens};

/// One route of the console API.
pub struct Route {
    /// The method.
    pub method: Method,
    /// The path, with its parameters in braces.
    pub path: &'static str,
    /// Who comes through.
    pub guard: Guard,
    /// What it does, in one sentence.
    pub summary: &'static str,
    /// The schema of the body, if it takes one.
    pub(super) takes: Option<&'static str>,
    /// The schema of the answer; in brackets if it is a list of them.
    pub(super) gives: &'static str,
    pub(super) handler: Handler,
}

/// Who comes through to a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// Everybody on this computer.
    Anyone,
    /// Everybody with a console token.
    SignedIn,
    /// The owner and the accepted collaborators of the project in the path.
    Member,
    /// The same, and whoever has a token of the project: what TagoDeploy publishes.
    Published,
    /// Its owner alone; others read that only the owner may do this.
    Owner(&'static str),
    /// The owner of the project that the body names.
    OwnerOfNamed(&'static str),
}

/// Every route there is.
pub fn routes() -> &'static [Route] {
    &ROUTES
}

const fn route(
    method: Method,
    path: &'static str,
    guard: Guard,
    takes: Option<&'static str>,
    gives: &'static str,
    handler: Handler,
    summary: &'static str,
) -> Route {
    Route { method, path, guard, summary, takes, gives, handler }
}

use Guard::{Anyone, Member, Owner, OwnerOfNamed, Published, SignedIn};
use Handler::{Blocking, Waiting};

const GET: Method = Method::GET;
const POST: Method = Method::POST;
const PUT: Method = Method::PUT;
const DELETE: Method = Method::DELETE;

#[rustfmt::skip]
static ROUTES: [Route; 37] = [
    route(GET, "/openapi.json", Anyone, None, "OpenApi", Blocking(openapi::document),
        "This document."),
    route(GET, "/api/account", SignedIn, None, "Account", Blocking(people::account),
        "Whose token this is."),
    route(GET, "/api/catalogue", SignedIn, None, "Catalogue", Blocking(projects::catalogue),
        "Regions and versions that a project can be made with."),

    route(GET, "/api/projects", SignedIn, None, "[Project]", Blocking(projects::list),
        "Projects of which the caller is the owner or an accepted collaborator."),
    route(POST, "/api/projects", SignedIn, Some("NewProject"), "Project", Blocking(projects::create),
        "Makes an empty project; the caller owns it and pays the creation fee."),
    route(GET, "/api/projects/{project}", Member, None, "Project", Blocking(projects::show),
        "One project."),
    route(DELETE, "/api/projects/{project}", Owner("delete it"), Some("TypedName"), "Success", Blocking(projects::delete),
        "Deletes the project with its data and its backups; its meter stops. The body repeats its name."),
    route(GET, "/api/projects/{project}/services", Published, None, "[Service]", Blocking(services::list),
        "Services of the project, as the published TagoDeploy API lists them."),
    route(GET, "/api/projects/{project}/services/{service}/clients", Published, None, "[MqttClient]", Blocking(clients::list),
        "Clients of the MQTT broker, as the published TagoDeploy API lists them."),
    route(POST, "/api/projects/{project}/services/{service}/clients", Published, Some("NewMqttClient"), "MqttClient", Blocking(clients::create),
        "Makes a client of the MQTT broker."),
    route(PUT, "/api/projects/{project}/services/{service}/clients/{client}", Published, Some("MqttClientChange"), "MqttClient", Blocking(clients::change),
        "Changes a client's name, or gives it a password."),
    route(DELETE, "/api/projects/{project}/services/{service}/clients/{client}", Published, None, "Success", Blocking(clients::remove),
        "Removes a client of the MQTT broker."),
    route(GET, "/api/projects/{project}/meter", Owner("see what it costs"), None, "Meter", Blocking(projects::meter),
        "What the project has cost so far; started hours are charged."),
    route(GET, "/api/projects/{project}/bills", Owner("see its bills"), None, "Bills", Blocking(projects::bills),
        "What the project has cost, by calendar months and the ten categories."),
    route(GET, "/api/bills", SignedIn, None, "[Bills]", Blocking(projects::all_bills),
        "The bills of every project that the caller owns or owned."),
    route(GET, "/api/projects/{project}/tokens", Owner("see its tokens"), None, "[ProjectToken]", Blocking(tokens::list),
        "The project's tokens by their last four characters."),
    route(POST, "/api/projects/{project}/tokens", Owner("make a token for it"), None, "NewProjectToken", Blocking(tokens::make),
        "Makes a token that opens the services and MQTT clients; it is shown this once. Ten at most."),
    route(DELETE, "/api/projects/{project}/tokens/{token}", Owner("revoke its tokens"), None, "Success", Blocking(tokens::revoke),
        "Ends a token at once."),
    route(POST, "/api/projects/{project}/access", Owner("make a profile token for it"), Some("AccessName"), "Access", Blocking(projects::access),
        "Makes a profile token of the project's main profile; it is shown this once."),
    route(GET, "/api/projects/{project}/automations", Owner("see whether its automations are held"), None, "Automations", Blocking(projects::automations),
        "Whether the project's actions fire."),
    route(POST, "/api/projects/{project}/automations/release", Owner("release its automations"), None, "Automations", Blocking(projects::release_automations),
        "Lets the actions of a restored project fire."),

    route(GET, "/api/projects/{project}/main-database", Owner("see its backup schedule"), None, "MainDatabase", Blocking(backups::main_database),
        "When the project is backed up, and how long backups are kept."),
    route(PUT, "/api/projects/{project}/main-database", Owner("change its backup schedule"), Some("ScheduleChange"), "MainDatabase", Blocking(backups::change_schedule),
        "Changes the schedule. Nothing is deleted before the next run has made its backup."),
    route(POST, "/api/projects/{project}/main-database/preview", Owner("change its backup schedule"), Some("ScheduleChange"), "SchedulePreview", Blocking(backups::preview_schedule),
        "What the next run would do under another schedule; changes nothing."),
    route(GET, "/api/projects/{project}/backups", Owner("see its backups"), None, "[Backup]", Blocking(backups::list),
        "The completed backups, newest first, never more than seven."),
    route(POST, "/api/projects/{project}/backups", Owner("back it up"), None, "Backup", Blocking(backups::back_up_now),
        "Makes a backup now; it is complete when the answer comes."),
    route(GET, "/api/projects/{project}/backups/{backup}", Owner("see its backups"), None, "BackupDetails", Blocking(backups::show),
        "One backup, with what its manifest says."),
    route(POST, "/api/projects/{project}/backups/{backup}/quote", Owner("ask what a restore costs"), Some("Place"), "Quote", Blocking(restores::quote),
        "The price of a new project from this backup; good for ten minutes and for one restore."),
    route(POST, "/api/projects/{project}/backups/{backup}/restore", Owner("restore its backups"), Some("RestoreOrder"), "RestoreBegun", Blocking(restores::restore),
        "Makes a new project from this backup, at the price of the quote. This project is not touched."),
    route(GET, "/api/projects/{project}/deployments", Owner("see its deployments"), None, "[DeploymentListed]", Blocking(restores::deployments),
        "Deployments of the project and restores of its backups, newest first."),
    route(GET, "/api/projects/{project}/deployments/{deployment}", Owner("follow its deployments"), None, "Deployment", Waiting(restores::deployment),
        "A restore and its log after the entry ?after; waits up to ?wait_ms for something new. The project is the new one or the old one."),

    route(GET, "/api/projects/{project}/collaborators", Owner("see who helps with it"), None, "[Collaborator]", Blocking(people::collaborators),
        "The owner and the collaborators."),
    route(POST, "/api/projects/{project}/collaborators", Owner("invite collaborators"), Some("Invitation"), "[Collaborator]", Blocking(people::invite),
        "Invites somebody who has an account."),
    route(POST, "/api/projects/{project}/collaborators/accept", SignedIn, None, "Success", Blocking(people::accept),
        "Accepts an invitation to the project."),
    route(DELETE, "/api/projects/{project}/collaborators/{account}", Owner("remove collaborators"), None, "Success", Blocking(people::remove),
        "Ends somebody's collaboration."),

    route(GET, "/api/practice/bad-day", SignedIn, None, "[Damage]", Blocking(bad_day::damages),
        "Damage that was done on purpose to projects of the caller."),
    route(POST, "/api/practice/bad-day", OwnerOfNamed("damage it on purpose"), Some("DamageOrder"), "Damage", Blocking(bad_day::begin),
        "Damages a project on purpose, through its own API: deletes 5 devices and empties a month of 10 others."),
];
