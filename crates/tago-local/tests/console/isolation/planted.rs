//! A project with a canary in everything that it can hold.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use crate::harness::{Api, Who, World, address, send, text};

pub(super) struct Planted {
    pub(super) id: String,
    pub(super) api: String,
    /// Is in everything but what the confined tokens open.
    pub(super) canary: String,
    /// Is in what the confined tokens open.
    pub(super) deep_canary: String,
    /// The body that orders something of this project from the console.
    pub(super) order: Value,
    /// Tokens that open the whole project; the first is a profile's.
    pub(super) tokens: Vec<(String, String)>,
    /// Tokens that open one thing of it.
    pub(super) confined: Vec<(String, String)>,
    /// Tokens that opened something once.
    pub(super) dead: Vec<(String, String)>,
    /// Opens the services of this project in the console, and nothing else.
    pub(super) project_token: String,
    /// Ids by the first part of a path and the parameter's name.
    ids: HashMap<(&'static str, &'static str), String>,
}

const HTTPS: &str = "5bbd0d144051a50034cd19fb";
const CUSTOM_HTTPS: &str = "5f5a8f3351d4db99c40dece5";

impl Planted {
    pub(super) async fn new(world: &World, owner: &str, name: &str) -> Planted {
        let canary = format!("canary-{name}");
        let deep_canary = format!("songbird-{name}");
        let who = Who::Token(owner);
        let made = world.ask(who, "POST", "/api/projects", Some(json!({ "name": canary }))).await.expect(201);
        let id = text(&made["id"]).to_owned();
        let console = format!("/api/projects/{id}");
        let access = world.ask(who, "POST", &format!("{console}/access"), Some(json!({}))).await.expect(200);
        let api = Api { address: address(&access["api"]), token: text(&access["token"]).to_owned() };
        let mut planted = Planted {
            api: text(&access["api"]).to_owned(),
            order: json!({ "project": id, "name": canary }),
            tokens: vec![("the profile token".into(), api.token.clone())],
            confined: Vec::new(),
            dead: Vec::new(),
            project_token: String::new(),
            ids: HashMap::from([
                (("profile", "profile"), text(&access["profile"]).to_owned()),
                (("file", "profile"), text(&access["profile"]).to_owned()),
                (("file", "path"), "canary.txt".to_owned()),
                (("api", "project"), id.clone()),
            ]),
            id,
            canary,
            deep_canary,
        };
        planted.plant_devices(&api).await;
        planted.plant_resources(&api).await;
        planted.plant_people(&api).await;
        planted.plant_console(world, who, &console).await;
        planted
    }

    async fn plant_devices(&mut self, api: &Api) {
        let secret = self.device(api, &self.canary.clone()).await;
        let (own, own_token) = self.device(api, &self.deep_canary.clone()).await;
        let mint = async |fields: Value| {
            let mut body = json!({ "device": own, "name": "more", "permission": "full" });
            body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
            text(&api.ask("POST", "/device/token", Some(body)).await["token"]).to_owned()
        };
        let revoked = mint(json!({})).await;
        let denied = mint(json!({ "permission": "deny" })).await;
        let expiring = mint(json!({ "expire_time": "1 minute" })).await;
        api.ask("DELETE", &format!("/device/token/{revoked}"), None).await;
        self.confined.push(("a device token".into(), own_token));
        self.confined.push(("a device token that is denied".into(), denied));
        self.dead.push(("a revoked device token".into(), revoked));
        self.dead.push(("an expired device token".into(), expiring));
        let (secret, _) = secret;
        let params = api.ask("GET", &format!("/device/{secret}/params"), None).await;
        self.ids.insert(("device", "param"), text(&params[0]["id"]).to_owned());
        self.ids.insert(("device", "id"), secret.clone());
        self.ids.insert(("device", "device"), secret);
    }

    /// A device whose name, parameter and data hold the canary.
    async fn device(&self, api: &Api, canary: &str) -> (String, String) {
        let new = json!({ "name": canary, "type": "mutable", "network": HTTPS, "connector": CUSTOM_HTTPS });
        let made = api.ask("POST", "/device", Some(new)).await;
        let (id, token) = (text(&made["device_id"]).to_owned(), text(&made["token"]).to_owned());
        let param = json!([{ "key": "note", "value": canary, "sent": false }]);
        api.ask("POST", &format!("/device/{id}/params"), Some(param)).await;
        let record = json!([{ "variable": "temperature", "value": canary, "time": "2026-02-01T00:00:00Z" }]);
        api.ask_as(&token, "POST", "/data", Some(record)).await;
        (id, token)
    }

    async fn plant_resources(&mut self, api: &Api) {
        let canary = self.canary.clone();
        let content = BASE64.encode(&canary);
        let named = json!({ "name": canary });
        let alarm = json!({ "name": canary, "action": { "type": "notification", "message": canary } });
        let secret = json!({ "key": canary, "value": canary });
        let network = json!({ "name": canary, "payload_decoder": content });
        for (first, path, body, key) in [
            ("analysis", "/analysis", named.clone(), "id"),
            ("action", "/action", alarm, "action"),
            ("dashboard", "/dashboard", json!({ "label": canary }), "dashboard"),
            (
                "dictionary",
                "/dictionary",
                json!({ "name": canary, "slug": canary, "fallback": "en-US" }),
                "dictionary",
            ),
            ("am", "/am", named.clone(), "am_id"),
            ("secrets", "/secrets", secret, "id"),
            ("sql", "/sql", json!({ "name": canary, "query": "SELECT 1" }), "id"),
            ("integration", "/integration/network", network, "network"),
        ] {
            let made = api.ask("POST", path, Some(body)).await;
            self.ids.insert((first, "id"), text(&made[key]).to_owned());
        }
        let dashboard = self.ids[&("dashboard", "id")].clone();
        let widget = json!({ "label": canary, "type": "display" });
        let widget = api.ask("POST", &format!("/dashboard/{dashboard}/widget"), Some(widget)).await;
        self.ids.insert(("dashboard", "widget"), text(&widget["widget"]).to_owned());
        self.ids.insert(("data", "id"), dashboard);
        self.ids.insert(("data", "widget"), text(&widget["widget"]).to_owned());
        self.ids.insert(("dictionary", "locale"), "en-US".to_owned());
        let texts = json!({ "dictionary": { "KEY": canary } });
        let language = format!("/dictionary/{}/en-US", self.ids[&("dictionary", "id")]);
        api.ask("PUT", &language, Some(texts)).await;
        self.plant_views(api).await;
        let own = api.ask("POST", "/analysis", Some(json!({ "name": self.deep_canary }))).await;
        self.confined.push(("an analysis token without a policy".into(), text(&own["token"]).to_owned()));
        let code = json!({ "file": content, "file_name": "script.js", "language": "node" });
        api.ask("POST", &format!("/analysis/{}/upload", self.ids[&("analysis", "id")]), Some(code)).await;
        let file = json!([{ "filename": "canary.txt", "file": content, "public": false }]);
        api.ask("POST", "/files", Some(file)).await;
    }

    async fn plant_people(&mut self, api: &Api) {
        let user = async |name: &str| {
            let email = format!("{}@example.com", name.to_lowercase());
            let user = json!({ "name": name, "email": email, "password": "secret1", "active": true });
            text(&api.ask("POST", "/run/users", Some(user)).await["user"]).to_owned()
        };
        let (secret, own) = (user(&self.canary).await, user(&self.deep_canary).await);
        let login = api.ask("GET", &format!("/run/users/{own}/login"), None).await;
        self.confined.push(("a run user's token".into(), text(&login["token"]).to_owned()));
        let note = json!({ "run_user": secret, "title": self.canary, "message": "x" });
        let note = api.ask("POST", "/run/notification", Some(note.clone())).await;
        let own_note = json!({ "title": self.canary, "message": "x" });
        let own_note = api.ask("POST", "/notification", Some(own_note)).await;
        let run = api.ask("GET", "/run", None).await;
        self.ids.insert(("run", "user"), secret);
        self.ids.insert(("run", "url"), text(&run["url"]).to_owned());
        self.ids.insert(("run", "id"), text(&note["id"]).to_owned());
        self.ids.insert(("notification", "id"), text(&own_note["id"]).to_owned());
    }

    /// Tokens of a dashboard, of a widget and of a network, none of which has the canary.
    async fn plant_views(&mut self, api: &Api) {
        let own = api.ask("POST", "/dashboard", Some(json!({ "label": self.deep_canary }))).await;
        let own = format!("/dashboard/{}", text(&own["dashboard"]));
        let widget = json!({ "label": self.deep_canary, "type": "display" });
        let widget = api.ask("POST", &format!("{own}/widget"), Some(widget)).await;
        let link = api.ask("GET", &format!("{own}/share/public"), None).await;
        let embedded = api.ask("GET", &format!("{own}/widget/{}/token", text(&widget["widget"])), None).await;
        let network =
            api.ask("POST", "/integration/network", Some(json!({ "name": self.deep_canary }))).await;
        let token = json!({ "network": network["network"], "name": "Server" });
        let network = api.ask("POST", "/integration/network/token", Some(token)).await;
        let service = json!({ "name": "Service", "permission": "full" });
        let service = api.ask("POST", "/serviceauth", Some(service)).await;
        self.confined.extend([
            ("a public link to a dashboard".into(), text(&link["token"]).to_owned()),
            ("an embedded widget's token".into(), text(&embedded["widget_token"]).to_owned()),
            ("a network's token".into(), text(&network["token"]).to_owned()),
            ("a service authorization".into(), text(&service["token"]).to_owned()),
        ]);
    }

    async fn plant_console(&mut self, world: &World, who: Who<'_>, console: &str) {
        let backup = world.ask(who, "POST", &format!("{console}/backups"), None).await.expect(201);
        self.ids.insert(("api", "backup"), text(&backup["id"]).to_owned());
        let token = world.ask(who, "POST", &format!("{console}/tokens"), None).await.expect(200);
        self.ids.insert(("api", "token"), text(&token["id"]).to_owned());
        self.project_token = text(&token["token"]).to_owned();
        let services = world.ask(who, "GET", &format!("{console}/services"), None).await.expect(200);
        let services = services.as_array().unwrap().clone();
        let broker = services.iter().find(|service| service["product"]["slug"] == "mqtt-broker").unwrap();
        let clients = format!("{console}/services/{}/clients", text(&broker["id"]));
        let new = json!({ "name": self.canary });
        let client = world.ask(who, "POST", &clients, Some(new)).await.expect(200);
        self.ids.insert(("api", "service"), text(&broker["id"]).to_owned());
        self.ids.insert(("api", "client"), text(&client["client_id"]).to_owned());
        let token = match who {
            Who::Token(token) => token,
            _ => "",
        };
        let account = send(address(&world.ready["console"]), Some(token), "GET", "/api/account", None).await;
        self.ids.insert(("api", "account"), text(&account.expect(200)["id"]).to_owned());
    }
}

/// The path with the target's ids, or with those of `others` where there is one.
pub(super) fn filled(path: &str, target: &Planted, others: &[Option<String>]) -> String {
    let first = path.split('/').nth(1).unwrap_or_default();
    let mut others = others.iter();
    let part = |part: &str| {
        let Some(name) = part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) else {
            return part.to_owned();
        };
        let name = name.trim_start_matches('*');
        let known = || target.ids.iter().find(|((path, id), _)| *path == first && *id == name);
        match others.next() {
            Some(Some(other)) => other.clone(),
            _ => known().map_or_else(|| "ffffffffffffffffffffffff".to_owned(), |(_, id)| id.clone()),
        }
    };
    path.split('/').map(part).collect::<Vec<_>>().join("/")
}
