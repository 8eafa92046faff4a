//! Random bytes and spoilt requests for a minute, from a seed that is printed; what once failed is in `corpus`.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};
use serde_json::{Value, json};

use crate::asked::Asked;
use crate::verdict;
use crate::world::World;

/// How long it looks, and how many requests it makes between two looks at the watch.
const BUDGET: Duration = Duration::from_secs(60);
const AT_ONCE: u32 = 100;
/// Where the requests come from, unless HOSTILE_SEED says otherwise.
const SEED: u64 = 20_260_310;
/// How many times that go to one project before a fresh one takes its place, so that none grows.
const BATCHES_OF_A_WORLD: u32 = 10;

#[test]
fn every_request_of_the_corpus_is_answered_as_documented() {
    let world = World::new();
    for (name, bytes) in corpus() {
        if let Err(wrong) = verdict::ask(&world, &Asked::from_bytes(&bytes)) {
            panic!("{name}: {wrong}");
        }
    }
}

#[test]
fn no_bytes_crash_it_or_are_stored_though_refused() {
    let seed = std::env::var("HOSTILE_SEED").ok().map_or(SEED, |seed| seed.parse().unwrap());
    println!("HOSTILE_SEED={seed} replays this");
    let config =
        Config { cases: AT_ONCE, failure_persistence: None, max_shrink_iters: 500, ..Config::default() };
    let mut world = World::new();
    let strategy = requests(&world);
    let statuses = RefCell::new(BTreeMap::<u16, u32>::new());
    let begun = Instant::now();
    let mut batch = 0_u32;
    while begun.elapsed() < BUDGET {
        let mut of_this = [0; 32];
        of_this[..8].copy_from_slice(&seed.to_le_bytes());
        of_this[8..12].copy_from_slice(&batch.to_le_bytes());
        let random = TestRng::from_seed(RngAlgorithm::ChaCha, &of_this);
        let outcome = TestRunner::new_with_rng(config.clone(), random).run(&strategy, |bytes| {
            let answered = verdict::ask(&world, &Asked::from_bytes(&bytes)).map_err(TestCaseError::fail)?;
            let status = answered.map_or(0, |answered| answered.status.as_u16());
            *statuses.borrow_mut().entry(status).or_default() += 1;
            Ok(())
        });
        match outcome {
            Ok(()) => {}
            Err(TestError::Fail(wrong, bytes)) => panic!(
                "batch {batch}: {wrong}\nput this into tests/hostile/corpus: {:?}",
                bytes.escape_ascii().to_string()
            ),
            Err(TestError::Abort(why)) => panic!("{why}"),
        }
        batch += 1;
        if batch.is_multiple_of(BATCHES_OF_A_WORLD) {
            world = World::new();
        }
    }
    let statuses = statuses.into_inner();
    println!("{} requests, by status (0: no request at all): {statuses:?}", statuses.values().sum::<u32>());
    assert_eq!(statuses.values().sum::<u32>(), batch * AT_ONCE);
    assert!(statuses.keys().any(|status| (200..300).contains(status)), "nothing ever succeeded");
}

fn corpus() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hostile/corpus");
    let mut corpus: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(path).unwrap()))
        .collect();
    corpus.sort();
    assert!(!corpus.is_empty());
    corpus
}

/// Bytes of three kinds: any at all, requests of the corpus spoilt at some places, and routes of the table
/// with JSON that nearly fits.
fn requests(world: &World) -> impl Strategy<Value = Vec<u8>> + use<> {
    let corpus: Vec<Vec<u8>> = corpus().into_iter().map(|(_, bytes)| bytes).collect();
    let spoilt = (select(corpus), vec(spoil(), 0..6))
        .prop_map(|(bytes, spoils)| spoils.into_iter().fold(bytes, |bytes, spoil| spoil.on(bytes)));
    let routes: Vec<(String, String)> =
        world.routes().iter().map(|route| (route.method.to_string(), world.path_of(route))).collect();
    let made = (select(routes), select(world.tokens()), query(), json_like()).prop_map(
        |((method, path), token, query, body)| {
            let target = if query.is_empty() { path } else { format!("{path}?{query}") };
            Asked::new(&token, &method, &target, body.to_string()).to_bytes()
        },
    );
    let made = made.boxed();
    let twice_spoilt = (made.clone(), vec(spoil(), 1..4))
        .prop_map(|(bytes, spoils)| spoils.into_iter().fold(bytes, |bytes, spoil| spoil.on(bytes)));
    prop_oneof![1 => vec(any::<u8>(), 0..300), 4 => spoilt, 4 => made, 2 => twice_spoilt]
}

fn query() -> impl Strategy<Value = String> {
    const NAMES: &[&str] = &[
        "page",
        "amount",
        "fields[]",
        "filter[name]",
        "filter[tags][0][key]",
        "orderBy",
        "qty",
        "skip",
        "query",
        "start_date",
        "end_date",
        "variables[]",
        "groups",
        "ids",
        "values",
        "ordination",
        "details",
        "interval",
        "function",
        "value",
        "timezone",
        "index",
        "order_by",
        "filter[n]",
        "filter[n][start]",
        "path",
        "pagination_token",
        "search",
        "serial",
        "sent_status",
        "onlyAmount",
        "date",
        "expire_time",
    ];
    const VALUES: &[&str] = &[
        "1",
        "0",
        "-1",
        "10000",
        "99999999999999999999",
        "name,asc",
        "desc",
        "last_item",
        "aggregate",
        "conditional",
        "count",
        "sum",
        "day",
        "avg",
        "gt",
        "1%20month",
        "2026-03-01",
        "2026-03-10T12:00:00.000Z",
        "0000-01-01",
        "9999-12-31",
        "UTC",
        "Asia/Kolkata",
        "t",
        "g",
        "ffffffffffffffffffffffff",
        "true",
        "by_name",
        "a",
        "*",
        "%00",
        "%ff",
        "",
        "..",
        "id",
    ];
    let pair = (select(NAMES), select(VALUES)).prop_map(|(name, value)| format!("{name}={value}"));
    vec(pair, 0..5).prop_map(|pairs| pairs.join("&"))
}

/// Objects and lists of the names and values that the API knows, put together at random.
fn json_like() -> impl Strategy<Value = Value> {
    const NAMES: &[&str] = &[
        "name",
        "label",
        "type",
        "network",
        "connector",
        "active",
        "tags",
        "key",
        "value",
        "variable",
        "time",
        "group",
        "unit",
        "location",
        "lat",
        "lng",
        "coordinates",
        "metadata",
        "id",
        "ids",
        "serie_number",
        "chunk_period",
        "chunk_retention",
        "mutable_variable_regex",
        "payload_decoder",
        "configuration_params",
        "sent",
        "device",
        "permission",
        "expire_time",
        "schema",
        "index",
        "fields",
        "action",
        "new_name",
        "required",
        "file_address",
        "headers",
        "chunk_id",
        "filename",
        "file",
        "public",
        "from",
        "to",
        "route",
        "trigger",
        "is",
        "email",
        "password",
        "profile",
        "message",
        "title",
        "permissions",
        "targets",
        "display",
        "arrangement",
        "code",
        "slug",
        "fallback",
        "languages",
        "query",
        "n",
        "at",
        "plan",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (-3i64..20).prop_map(Value::from),
        select(vec![
            "mutable",
            "immutable",
            "hybrid",
            "day",
            "quarter",
            "create",
            "rename",
            "delete",
            "int",
            "json",
            "timestamp",
            "t",
            "a",
            "^cfg_",
            "2026-03-10T12:00:00Z",
            "9999-12-31 23:59:59",
            "5bbd0d144051a50034cd19fb",
            "5f5a8f3351d4db99c40dece5",
            "ffffffffffffffffffffffff",
            "full",
            "1 day",
            "a/b.csv",
            "$DEVICE$/$FROM$",
            "dGV4dA==",
            "bo@example.com",
            "",
            "*",
            "*/5 * * * *",
            "en-US",
            "mutable",
            "\u{0}",
            "\u{fffd}",
            "İ",
            "👩‍🚀",
        ])
        .prop_map(Value::from),
        ".{0,40}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 48, 8, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::from),
            vec((select(NAMES), inner), 0..8).prop_map(|fields| {
                fields.into_iter().fold(json!({}), |mut object, (name, value)| {
                    object[name] = value;
                    object
                })
            }),
        ]
    })
}

/// One change of some bytes.
#[derive(Debug, Clone)]
enum Spoil {
    Flip(prop::sample::Index, u8),
    Insert(prop::sample::Index, Vec<u8>),
    Remove(prop::sample::Index, usize),
    Repeat(prop::sample::Index, usize, usize),
}

fn spoil() -> impl Strategy<Value = Spoil> {
    const WORDS: &[&str] = &[
        "null",
        "true",
        "-1",
        "1e400",
        "1e-400",
        "-0",
        "99999999999999999999",
        "\"\\ud800\"",
        "\"\\u0000\"",
        "[]",
        "{}",
        "[[[[",
        "\"",
        "\\",
        ",",
        ":",
        "}",
        "]",
        "\u{feff}",
        "%00",
        "%",
        "../",
        "$device",
        "$entity",
        "?",
        "&",
        "\"id\":",
        "0.1e+",
    ];
    let word = select(WORDS).prop_map(|word| word.as_bytes().to_vec());
    prop_oneof![
        (any::<prop::sample::Index>(), any::<u8>()).prop_map(|(at, byte)| Spoil::Flip(at, byte)),
        (any::<prop::sample::Index>(), prop_oneof![3 => word, 1 => vec(any::<u8>(), 1..8)])
            .prop_map(|(at, bytes)| Spoil::Insert(at, bytes)),
        (any::<prop::sample::Index>(), 1usize..20).prop_map(|(at, count)| Spoil::Remove(at, count)),
        (any::<prop::sample::Index>(), 1usize..12, 2usize..200)
            .prop_map(|(at, length, times)| Spoil::Repeat(at, length, times)),
    ]
}

impl Spoil {
    fn on(self, mut bytes: Vec<u8>) -> Vec<u8> {
        let place = |at: prop::sample::Index| at.index(bytes.len() + 1);
        match self {
            Spoil::Flip(at, byte) => {
                let place = place(at);
                if let Some(found) = bytes.get_mut(place) {
                    *found = byte;
                }
            }
            Spoil::Insert(at, more) => {
                let place = place(at);
                bytes.splice(place..place, more);
            }
            Spoil::Remove(at, count) => {
                let place = place(at);
                bytes.drain(place..(place + count).min(bytes.len()));
            }
            Spoil::Repeat(at, length, times) => {
                let place = place(at);
                let part = bytes[place..(place + length).min(bytes.len())].repeat(times);
                bytes.splice(place..place, part);
            }
        }
        bytes
    }
}
