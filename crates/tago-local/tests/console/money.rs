use serde_json::{Value, json};

use crate::harness::{Who, World, text, time};

async fn quoted(world: &World) -> (String, String, Value) {
    let project = world.project("Frostline").await;
    world.api(&project).await.device("Freezer", &[-20.0]).await;
    let backup = world.back_up(&project).await;
    let backup = format!("{project}/backups/{}", text(&backup["id"]));
    let quote = world.post(&format!("{backup}/quote"), json!({})).await.expect(200);
    (project, backup, quote)
}

fn sum(quote: &Value, per: &str) -> i64 {
    let lines = quote["lines"].as_array().unwrap().iter().filter(|line| line["per"] == per);
    lines.map(|line| line["micros"].as_i64().unwrap()).sum()
}

#[tokio::test]
async fn s07_a_quote_shows_the_creation_fee_and_every_line_and_they_add_up() {
    let world = World::start().await;
    let (_, backup, quote) = quoted(&world).await;
    assert_eq!(sum(&quote, "once"), quote["creation_fee_micros"].as_i64().unwrap());
    assert_eq!(sum(&quote, "hour"), quote["per_hour_micros"].as_i64().unwrap());
    assert_eq!(quote["per_month_micros"].as_i64().unwrap(), 730 * sum(&quote, "hour"));
    assert!(sum(&quote, "once") > 0 && sum(&quote, "hour") > 0);
    let lasts = time(text(&quote["expires_at"])).since(time(text(&quote["created_at"])));
    assert_eq!(lasts.as_secs(), 600);
    let elsewhere =
        world.post(&format!("{backup}/quote"), json!({ "region": "sa-east-1" })).await.expect(200);
    assert!(sum(&elsewhere, "hour") > sum(&quote, "hour"));
    for place in [
        json!({ "region": "moon-1" }),
        json!({ "version": "2020-01-01" }),
        json!({ "version": "2025-12-18" }),
    ] {
        let sentence =
            world.post(&format!("{backup}/quote"), place.clone()).await.refused(400, "BAD_REQUEST");
        assert!(sentence.starts_with(place.as_object().unwrap().keys().next().unwrap()), "{sentence}");
    }
}

#[tokio::test]
async fn s07_the_creation_fee_of_the_quote_is_charged_when_a_restore_makes_a_project() {
    let world = World::start().await;
    let (project, backup, quote) = quoted(&world).await;
    let order = json!({ "quote": quote["id"], "name": "Copy" });
    let begun = world.post(&format!("{backup}/restore"), order.clone()).await.expect(202);
    // Charged from then on, whatever the price book says later.
    world.knob("/prices", json!({ "creation_fee_micros": 1 })).await;
    world.end_of(&format!("{project}/deployments/{}", text(&begun["deployment"]))).await;
    let meter = world.get(&format!("/api/projects/{}/meter", text(&begun["project"]))).await;
    assert_eq!(meter["creation_fee_micros"], quote["creation_fee_micros"]);
    assert_eq!(meter["per_hour_micros"], quote["per_hour_micros"]);

    let again = world.post(&format!("{backup}/restore"), order).await;
    again.refused(409, "CONFLICT");
    assert_eq!(again.body["details"], begun, "a second press finds what the first has started");
    assert_eq!(world.get("/api/projects").await.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn s07_an_expired_quote_is_refused_and_a_new_one_is_good() {
    let world = World::start().await;
    let (_, backup, quote) = quoted(&world).await;
    world.knob("/clock", json!({ "advance_ms": 600_000 })).await;
    let order = |quote: &Value| json!({ "quote": quote["id"], "name": "Copy" });
    world.post(&format!("{backup}/restore"), order(&quote)).await.refused(409, "QUOTE_EXPIRED");
    let fresh = world.post(&format!("{backup}/quote"), json!({})).await.expect(200);
    world.knob("/clock", json!({ "advance_ms": 599_999 })).await;
    world.post(&format!("{backup}/restore"), order(&fresh)).await.expect(202);
}

#[tokio::test]
async fn s07_a_quote_that_no_longer_fits_is_refused_with_a_fresh_one() {
    let world = World::start().await;
    let (project, backup, quote) = quoted(&world).await;
    world.knob("/prices", json!({ "platform_license_micros_per_hour": 999_999 })).await;
    let order = json!({ "quote": quote["id"], "name": "Copy" });
    let refused = world.post(&format!("{backup}/restore"), order).await;
    refused.refused(409, "QUOTE_CHANGED");
    let fresh = &refused.body["details"]["quote"];
    assert_eq!(
        fresh["per_hour_micros"].as_i64().unwrap() - quote["per_hour_micros"].as_i64().unwrap(),
        999_999 - 684_932
    );
    let elsewhere = json!({ "quote": fresh["id"], "name": "Copy", "region": "eu-west-1" });
    let refused = world.post(&format!("{backup}/restore"), elsewhere).await;
    refused.refused(409, "QUOTE_CHANGED");
    let fresh_there = &refused.body["details"]["quote"];
    assert_eq!(fresh_there["region"], "eu-west-1");

    let other = world.back_up(&project).await;
    let other = format!("{project}/backups/{}/restore", text(&other["id"]));
    let order = json!({ "quote": fresh["id"], "name": "Copy" });
    world.post(&other, order).await.refused(404, "NOT_FOUND");
    assert_eq!(
        world.get("/api/projects").await.as_array().unwrap().len(),
        1,
        "a refused quote made a project"
    );
    let order = json!({ "quote": fresh_there["id"], "name": "Copy" });
    let begun = world.post(&format!("{backup}/restore"), order).await.expect(202);
    assert_eq!(world.get(&format!("/api/projects/{}", text(&begun["project"]))).await["region"], "eu-west-1");
}

#[tokio::test]
async fn s07_an_owner_may_edit_the_price_book_and_a_mistake_in_it_is_told() {
    let world = World::start().await;
    let (_, backup, quote) = quoted(&world).await;
    let file = world.data().join("prices.json");
    let book = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, book.replace("50000000", "75000000")).unwrap();
    let edited = world.post(&format!("{backup}/quote"), json!({})).await.expect(200);
    assert_eq!(edited["creation_fee_micros"], 75_000_000);
    assert_ne!(edited["creation_fee_micros"], quote["creation_fee_micros"]);
    std::fs::write(&file, book.replace("50000000", "fifty")).unwrap();
    let told = world.post(&format!("{backup}/quote"), json!({})).await;
    assert!(told.refused(500, "INTERNAL").contains("prices.json"), "{told:?}");
}

#[tokio::test]
async fn s08_a_restored_project_costs_every_started_hour_until_it_is_deleted() {
    let world = World::start().await;
    let (project, backup, quote) = quoted(&world).await;
    let backup = json!({ "id": backup.rsplit('/').next().unwrap() });
    let restored = world.restore(&project, &backup, "Copy").await;
    let (fee, hour) =
        (quote["creation_fee_micros"].as_i64().unwrap(), quote["per_hour_micros"].as_i64().unwrap());
    for (passed_ms, hours) in [(0, 1), (3_600_000, 1), (1, 2), (25 * 3_600_000, 27)] {
        world.knob("/clock", json!({ "advance_ms": passed_ms })).await;
        let meter = world.get(&format!("{restored}/meter")).await;
        assert_eq!((&meter["hours_started"], &meter["until"]), (&json!(hours), &Value::Null));
        assert_eq!(meter["total_micros"], fee + hours * hour);
    }
    world.ask(Who::Owner, "DELETE", &restored, Some(json!({ "name": "Copy" }))).await.expect(200);
    world.ask(Who::Owner, "GET", &format!("{restored}/meter"), None).await.refused(404, "NOT_FOUND");
    let meter = world.get(&format!("{project}/meter")).await;
    assert_eq!(
        meter["since"],
        world.get(&project).await["created_at"],
        "the old project has a meter of its own"
    );
}
