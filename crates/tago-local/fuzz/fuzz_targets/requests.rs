//! Requests as bytes, led by coverage: the same requests and the same verdict as in the tests.

#![no_main]

use std::cell::RefCell;

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/hostile/asked.rs"]
#[allow(dead_code, reason = "the tests ask for more")]
mod asked;
#[path = "../../tests/hostile/verdict.rs"]
mod verdict;
#[path = "../../tests/hostile/world.rs"]
#[allow(dead_code, reason = "the tests ask for more")]
mod world;

/// Requests to one project before a fresh one takes its place.
const OF_A_WORLD: u32 = 1_000;

thread_local! {
    static WORLD: RefCell<(u32, world::World)> = RefCell::new((0, world::World::new()));
}

fuzz_target!(|bytes: &[u8]| {
    WORLD.with_borrow_mut(|(asked, world)| {
        *asked += 1;
        if *asked > OF_A_WORLD {
            *asked = 0;
            *world = world::World::new();
        }
        if let Err(wrong) = verdict::ask(world, &asked::Asked::from_bytes(bytes)) {
            panic!("{wrong}");
        }
    });
});
