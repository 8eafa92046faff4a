use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Running, refusal, succeeded};

fn bo() -> Value {
    json!({"name": "Bo", "email": "Bo@example.com", "password": "secret1", "timezone": "Europe/Lisbon",
           "tags": [{"key": "site", "value": "north"}]})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_user_is_inactive_and_the_password_is_never_shown() {
    let it = Running::start().await;
    let made = it.post("/run/users", bo()).await;
    let path = format!("/run/users/{}", made["user"].as_str().unwrap());
    let (_, text) = it.ask_text(Method::GET, &path, &it.token, None).await;
    assert!(!text.contains("secret1") && !text.contains("argon2"));
    let user = it.get(&path).await;
    assert_eq!((&user["active"], &user["email"]), (&json!(false), &json!("Bo@example.com")));
    assert_eq!(user["profile"], it.project.profile().to_string());
    assert_eq!(user["otp"], json!({"authenticator": false, "email": false, "sms": false}));
    let edited = it.call(Method::PUT, &path, json!({"active": true, "company": "Frostline"})).await;
    assert_eq!(edited, "TagoIO Run User Successfully Updated");
    let user = it.get(&path).await;
    assert_eq!(
        (&user["active"], &user["company"], &user["name"]),
        (&json!(true), &json!("Frostline"), &json!("Bo"))
    );
    assert_eq!(it.call(Method::DELETE, &path, Value::Null).await, "Successfully Removed");
    assert_eq!(it.refused(Method::GET, &path, Value::Null).await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_is_one_users_in_whatever_capitals_and_stays() {
    let it = Running::start().await;
    let made = it.post("/run/users", bo()).await;
    let mut again = bo();
    again["email"] = "bO@EXAMPLE.com".into();
    let (status, message) = it.refused(Method::POST, "/run/users", again).await;
    assert!(status == 400 && message.starts_with("email must be unique"), "{message}");
    let path = format!("/run/users/{}", made["user"].as_str().unwrap());
    let (status, message) = it.refused(Method::PUT, &path, json!({"email": "else@example.com"})).await;
    assert!(status == 400 && message.starts_with("email cannot be changed"), "{message}");
    it.call(Method::PUT, &path, json!({"email": "Bo@example.com", "name": "Bob"})).await;
    assert_eq!(it.get(&path).await["name"], "Bob");
    it.call(Method::DELETE, &path, Value::Null).await;
    it.post("/run/users", bo()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_user_must_have_is_named() {
    let it = Running::start().await;
    for (change, field) in [
        (json!({"name": null}), "name"),
        (json!({"email": null}), "email"),
        (json!({"email": "no address"}), "email"),
        (json!({"password": "short"}), "password"),
        (json!({"password": 5}), "password"),
        (json!({"active": "yes"}), "active"),
    ] {
        let mut body = bo();
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let (status, message) = it.refused(Method::POST, "/run/users", body).await;
        assert!(status == 400 && message.starts_with(field), "{field}: {message}");
    }
    assert_eq!(it.get("/run/users").await, json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn users_are_found_by_filters_at_the_top_and_below_filter() {
    let it = Running::start().await;
    it.post("/run/users", bo()).await;
    it.post("/run/users", json!({"name": "Cy", "email": "cy@example.com", "password": "secret1"})).await;
    for query in
        ["filter[email]=bo@*", "email=bo@*", "filter[tags][0][key]=site&filter[tags][0][value]=north"]
    {
        let found = it.get(&format!("/run/users?{query}")).await;
        assert_eq!(found.as_array().unwrap().len(), 1, "{query}");
        assert_eq!(found[0]["timezone"], "Europe/Lisbon");
    }
    let named = it.get("/run/users?fields[0]=id&fields[1]=name&orderBy=name,desc").await;
    assert_eq!((&named[0]["name"], &named[0]["email"]), (&json!("Cy"), &Value::Null));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_logs_in_as_an_active_user_for_a_while() {
    let it = Running::start().await;
    let made = it.post("/run/users", bo()).await;
    let path = format!("/run/users/{}", made["user"].as_str().unwrap());
    assert_eq!(it.refused(Method::GET, &format!("{path}/login"), Value::Null).await.0, 400, "not active");
    it.call(Method::PUT, &path, json!({"active": true})).await;
    let login = it.get(&format!("{path}/login?expire_time=1 hour")).await;
    assert_eq!(login["run_user"], made["user"]);
    assert_eq!(login["name"], "Login by Run Administrator(ana@example.com)");
    assert_eq!(login["expire_time"], "2026-03-10T13:00:00.000Z");
    let token = login["token"].as_str().unwrap();
    assert_eq!(succeeded(it.ask(Method::GET, "/info", token, None).await)["id"], made["user"]);
    for path in ["/device", "/run", "/run/users", "/account", "/files"] {
        assert_eq!(refusal(it.ask(Method::GET, path, token, None).await).0, 401, "{path}");
    }
    it.set_time("2026-03-10T13:00:00Z");
    assert_eq!(refusal(it.ask(Method::GET, "/info", token, None).await).0, 401);
    let usual = it.get(&format!("{path}/login")).await;
    assert_eq!(usual["expire_date"], "2026-06-10T13:00:00.000Z", "three months");
    // Whoever is removed has no way back in.
    it.call(Method::DELETE, &path, Value::Null).await;
    assert_eq!(refusal(it.ask(Method::GET, "/info", usual["token"].as_str().unwrap(), None).await).0, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_users_than_are_allocated_are_refused() {
    let it = Running::start().await;
    let profile = it.project.profile();
    it.post("/account/allocation", json!([{"profile": profile, "run_users": 1}])).await;
    it.post("/run/users", bo()).await;
    let cy = json!({"name": "Cy", "email": "cy@example.com", "password": "secret1"});
    assert_eq!(it.refused(Method::POST, "/run/users", cy).await.0, 402);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_merges_objects_and_keeps_what_is_the_platforms() {
    let it = Running::start().await;
    let before = it.get("/run").await;
    assert_eq!(before["profile"], it.project.profile().to_string());
    assert!(before["anonymous_token"].as_str().unwrap().len() == 36);
    let button =
        json!({"type": "dashboard", "value": "0".repeat(24), "text": "Home", "iconUrl": "x", "href": "/"});
    let edit = json!({"name": "Portal", "sidebar_buttons": [button], "theme": {"primary": "red"},
                      "email_templates": {"password_recover": {"subject": "Again"}},
                      "profile": before["profile"]});
    assert_eq!(it.call(Method::PUT, "/run", edit).await, "TagoIO Run Successfully Updated");
    it.call(Method::PUT, "/run", json!({"theme": {"link": "blue"}, "feature_geolocation": null})).await;
    let after = it.get("/run").await;
    assert_eq!(after["theme"], json!({"primary": "red", "link": "blue"}));
    assert_eq!(after["sidebar_buttons"][0]["text"], "Home");
    let template = &after["email_templates"]["password_recover"];
    assert_eq!((&template["subject"], template["value"].is_string()), (&json!("Again"), true));
    // What was read can be sent back as a whole.
    it.call(Method::PUT, "/run", after.clone()).await;
    assert_eq!(it.get("/run").await, after);
    for name in ["profile", "anonymous_token", "created_at"] {
        let (status, message) = it.refused(Method::PUT, "/run", json!({name: "else"})).await;
        assert!(status == 400 && message.starts_with(name), "{message}");
    }
    let many: Vec<Value> = (0..51).map(|_| json!({})).collect();
    assert_eq!(it.refused(Method::PUT, "/run", json!({"sidebar_buttons": many})).await.0, 400);
    assert_eq!(it.refused(Method::PUT, "/run", json!({"auth_token_ttl": "a while"})).await.0, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn single_sign_on_keeps_the_provider_and_the_mapping() {
    let it = Running::start().await;
    let before = it.get("/run/sso/saml").await;
    assert!(before["sp"]["acs_url"].as_str().unwrap().contains(&it.project.profile().to_string()));
    assert_eq!(before["idp"]["issuer"], Value::Null);
    let metadata = r#"<EntityDescriptor entityID="https://idp.example.com/x"><a/></EntityDescriptor>"#;
    let edit = json!({"idp_metadata": metadata, "mapping": {"email": "mail", "firstName": "given"}});
    it.call(Method::PUT, "/run/sso/saml", edit).await;
    let after = it.get("/run/sso/saml").await;
    assert_eq!(after["idp"]["issuer"], "https://idp.example.com/x");
    assert_eq!(after["mapping"]["email"], "mail");
    for bad in [json!({"idp_metadata": "none"}), json!({"mapping": {"firstName": "given"}})] {
        assert_eq!(it.refused(Method::PUT, "/run/sso/saml", bad).await.0, 400);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_mail_is_recorded_and_said_to_be() {
    let it = Running::start().await;
    let said = it.post("/run/email_test", json!({"subject": "Hi", "body": "There"})).await;
    assert!(said.as_str().unwrap().contains("recorded"));
    let messages = it.project.messages().await.unwrap();
    assert_eq!((messages[0].recipient.as_str(), messages[0].body.as_str()), ("ana@example.com", "There"));
}
