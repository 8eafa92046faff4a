use serde_json::{Value, json};

use crate::harness::{Who, World, text};

fn micros(value: &Value) -> i64 {
    value.as_i64().unwrap()
}

fn sum(items: &Value) -> i64 {
    items.as_array().unwrap().iter().map(|item| micros(&item["micros"])).sum()
}

/// The sums of a bill agree with each other.
fn adds_up(bill: &Value) {
    for parts in ["categories", "charges", "days"] {
        assert_eq!(sum(&bill[parts]), micros(&bill["total_micros"]), "{parts} of {bill}");
    }
    for charge in bill["charges"].as_array().unwrap() {
        assert_eq!(micros(&charge["quantity"]) * micros(&charge["micros_each"]), micros(&charge["micros"]));
    }
}

#[tokio::test]
async fn a_bill_has_the_ten_categories_and_each_started_hour_in_its_calendar_month() {
    let world = World::start().await;
    world.set_clock("2026-03-31T21:30:00Z").await;
    let project = world.project("Frostline").await;
    let meter = world.get(&format!("{project}/meter")).await;
    let (fee, hour) = (micros(&meter["creation_fee_micros"]), micros(&meter["per_hour_micros"]));
    // Hours began at 21:30, 22:30 and 23:30 in March, then at 0:30 and 1:30 in April.
    world.set_clock("2026-04-01T01:45:00Z").await;
    let bills = world.get(&format!("{project}/bills")).await;
    let [april, march] = bills["bills"].as_array().unwrap().as_slice() else { panic!("{bills}") };
    assert_eq!((&april["month"], &march["month"]), (&json!("2026-04"), &json!("2026-03")));
    assert_eq!((&april["state"], &march["state"]), (&json!("estimated"), &json!("final")));
    assert_eq!(micros(&april["total_micros"]), 2 * hour);
    assert_eq!(micros(&march["total_micros"]), 3 * hour + fee);
    assert_eq!(micros(&bills["month_to_date_micros"]), 2 * hour);
    assert_eq!(micros(&bills["last_month_micros"]), 3 * hour + fee);
    assert_eq!(micros(&bills["average_per_day_micros"]), 2 * hour);
    let categories = |bill: &Value| -> Vec<String> {
        let listed = bill["categories"].as_array().unwrap();
        listed.iter().map(|share| text(&share["category"]).to_owned()).collect()
    };
    let ten = [
        "Network",
        "Files",
        "Platform License",
        "Infrastructure",
        "Main DB",
        "Queue",
        "Analysis",
        "In-Memory DB",
        "API",
        "Apps",
    ];
    for bill in [april, march] {
        assert_eq!(categories(bill), ten);
        assert!(bill["categories"].as_array().unwrap().iter().all(|share| micros(&share["micros"]) > 0));
        adds_up(bill);
    }
    let meter = world.get(&format!("{project}/meter")).await;
    assert_eq!(micros(&meter["total_micros"]), 5 * hour + fee);
}

#[tokio::test]
async fn another_machine_is_a_deployment_and_costs_from_its_next_hour_on() {
    let world = World::start().await;
    let project = world.project("Frostline").await;
    let settings = format!("{project}/main-database");
    let present = world.get(&settings).await;
    assert_eq!((&present["machine"], &present["readers"]), (&json!("2vcpu-4gb"), &json!(0)));
    let before = world.get(&format!("{project}/meter")).await;
    world.knob("/clock", json!({ "advance_ms": 90 * 60_000 })).await;
    let change = json!({ "daily_time": "04:30", "retention_days": 7, "machine": "4vcpu-16gb", "readers": 2 });
    let preview = world.post(&format!("{settings}/preview"), change.clone()).await.expect(200);
    let after = micros(&preview["per_hour_micros"]);
    let hour = micros(&before["per_hour_micros"]);
    // Four times the smallest machine, and that three times.
    assert_eq!(after - hour, 11 * 95_900);
    assert_eq!(world.get(&settings).await["machine"], "2vcpu-4gb", "a preview changed something");

    let changed = world.ask(Who::Owner, "PUT", &settings, Some(change.clone())).await.expect(200);
    assert_eq!((&changed["machine"], &changed["readers"]), (&json!("4vcpu-16gb"), &json!(2)));
    let deployments = world.get(&format!("{project}/deployments")).await;
    let kinds: Vec<_> = deployments.as_array().unwrap().iter().map(|one| text(&one["kind"])).collect();
    assert_eq!(kinds, ["settings", "install"]);
    let log = world.get(&format!("{project}/deployments/{}", text(&deployments[0]["id"]))).await;
    let events: Vec<_> = log["log"].as_array().unwrap().iter().map(|entry| text(&entry["event"])).collect();
    assert_eq!(
        (log["status"].as_str(), events),
        (Some("success"), vec!["started", "settings_changed", "finished"])
    );
    let services = world.get(&format!("{project}/services")).await;
    let main = services.as_array().unwrap().iter().find(|one| one["product"]["slug"] == "main-db").unwrap();
    assert!(
        main["settings"]
            .as_array()
            .unwrap()
            .contains(&json!({ "key": "readers", "value": "2", "type": "number" }))
    );

    // The hour that was running keeps its price; the next one has the new.
    let meter = world.get(&format!("{project}/meter")).await;
    assert_eq!(micros(&meter["per_hour_micros"]), after);
    let fee = micros(&meter["creation_fee_micros"]);
    assert_eq!(micros(&meter["total_micros"]), fee + 2 * hour);
    world.knob("/clock", json!({ "advance_ms": 60 * 60_000 })).await;
    let meter = world.get(&format!("{project}/meter")).await;
    assert_eq!(micros(&meter["total_micros"]), fee + 2 * hour + after);
    adds_up(&world.get(&format!("{project}/bills")).await["bills"][0]);

    // The same again is no deployment, and nonsense no change.
    world.ask(Who::Owner, "PUT", &settings, Some(change.clone())).await.expect(200);
    for (field, wrong) in [("readers", json!(6)), ("readers", json!(-1)), ("machine", json!("huge"))] {
        let mut wrong_change = change.clone();
        wrong_change[field] = wrong;
        world.ask(Who::Owner, "PUT", &settings, Some(wrong_change)).await.refused(400, "BAD_REQUEST");
    }
    assert_eq!(world.get(&format!("{project}/deployments")).await.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_restored_project_has_the_machine_of_the_old_one_at_the_price_that_was_quoted() {
    let world = World::start().await;
    let project = world.project("Frostline").await;
    let backup = world.back_up(&project).await;
    let order = format!("{project}/backups/{}", text(&backup["id"]));
    let quote = world.post(&format!("{order}/quote"), json!({})).await.expect(200);
    let change = json!({ "daily_time": "04:30", "retention_days": 7, "machine": "2vcpu-8gb" });
    world.ask(Who::Owner, "PUT", &format!("{project}/main-database"), Some(change)).await.expect(200);
    let outdated = json!({ "quote": quote["id"], "name": "Copy" });
    world.post(&format!("{order}/restore"), outdated).await.refused(409, "QUOTE_CHANGED");
    let restored = world.restore(&project, &backup, "Copy").await;
    assert_eq!(world.get(&format!("{restored}/main-database")).await["machine"], "2vcpu-8gb");
    let kinds: Vec<_> = world
        .get(&format!("{project}/deployments"))
        .await
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (text(&one["kind"]).to_owned(), one["source_project"].is_null()))
        .collect();
    let expected = [("restore", false), ("settings", true), ("install", true)];
    assert_eq!(kinds, expected.map(|(kind, alone)| (kind.to_owned(), alone)));
    let bills = world.get(&format!("{restored}/bills")).await;
    let meter = world.get(&format!("{restored}/meter")).await;
    assert_eq!(bills["month_to_date_micros"], meter["total_micros"]);
}

#[tokio::test]
async fn what_a_deleted_project_has_cost_stays_on_its_owners_bills() {
    let world = World::start().await;
    let project = world.project("Frostline").await;
    let cost = world.get(&format!("{project}/meter")).await["total_micros"].clone();
    world.ask(Who::Owner, "DELETE", &project, Some(json!({ "name": "Frostline" }))).await.expect(200);
    world.pass_days(3).await;
    let bills = world.get("/api/bills").await;
    assert_eq!((&bills[0]["name"], &bills[0]["month_to_date_micros"]), (&json!("Frostline"), &cost));
    assert!(bills[0]["deleted_at"].is_string());
    assert_eq!(world.ask(Who::Collaborator, "GET", "/api/bills", None).await.expect(200), json!([]));
}
