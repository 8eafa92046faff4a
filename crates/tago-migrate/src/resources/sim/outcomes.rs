//! What the journal says of a write whose answer was lost.

use super::fake::Fault;
use super::harness::World;
use crate::journal::Was;
use crate::resources::kind::Kind;
use crate::run::Ending;

/// The row is what an undo goes by.
#[tokio::test(start_paused = true)]
async fn what_was_lost_on_its_way_is_not_called_found_and_what_arrived_is() {
    let mut seen = (0, 0);
    for write in 0..40 {
        for fault in [Fault::RequestLost, Fault::ReplyLost] {
            let mut world = World::into_damaged();
            world.plan().await;
            world.target.fault(write, fault);
            assert_eq!(world.run().await, Ending::Finished);
            let ledger = world.ledger();
            let is_widget = |item: u32| world.planned().items()[item as usize].at.kind == Kind::Widget;
            for effect in &ledger.effects {
                match (fault, effect.was) {
                    (Fault::RequestLost, Some(Was::Found)) => panic!("write {write}: {effect:?}"),
                    // Nobody can look for a widget.
                    (Fault::ReplyLost, Some(Was::Absent)) => {
                        assert!(is_widget(effect.item), "{write}: {effect:?}")
                    }
                    (_, Some(Was::Found)) => seen.0 += 1,
                    (_, Some(Was::Absent)) => seen.1 += 1,
                    _ => {}
                }
            }
        }
    }
    assert!(seen.0 > 5 && seen.1 > 5, "{seen:?}");
}
