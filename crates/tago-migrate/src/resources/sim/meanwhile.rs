//! What its owner changes of a resource while it is not known what became of the run's own change.

use std::time::Duration;

use super::fake::{Deed, Fault};
use super::harness::World;
use super::pacing::planned;
use crate::resources::document::Document;
use crate::resources::kind::Kind;
use crate::resources::ports::Address;
use crate::resources::row::Row;
use crate::run::Ending;

/// How it comes that nobody knows.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Trouble {
    /// The program ended before it sent its change.
    Unsent,
    /// It ended before it noted the answer.
    Unanswered,
    LostAnswer,
}

/// A run whose first change of a resource is in doubt, until its owner has set these fields, and carried to its end.
async fn changed_meanwhile(trouble: Trouble, fields: &Document) -> (World, Address, Option<String>) {
    let mut whole = planned().await;
    assert_eq!(whole.run().await, Ending::Finished);
    let rows: Vec<Row> = whole.journal.rows.iter().map(|(_, row)| row.clone()).collect();
    let place = |is_it: &dyn Fn(&Row) -> bool| rows.iter().position(is_it).unwrap();
    let begun = place(&|row| matches!(row, Row::EditIntent { .. }));
    let Row::EditIntent { item, .. } = rows[begun] else { panic!("{:?}", rows[begun]) };
    let ended = place(&|row| matches!(row, Row::EditOutcome { item: other, .. } if *other == item));

    let mut world = planned().await;
    let at = world.planned().items()[item as usize].target.clone().unwrap();
    let deed = Deed::Edit(at.clone(), fields.clone(), None);
    if trouble == Trouble::LostAnswer {
        world.target.fault(0, Fault::ReplyLost);
        world.target.after(Duration::from_secs(60), deed);
    } else {
        let dies_at = if trouble == Trouble::Unsent { (begun, true) } else { (ended, false) };
        world.journal.dies_at = Some(dies_at);
        assert!(world.session().await.is_err());
        world.target.after(Duration::ZERO, deed);
    }
    assert_eq!(world.run().await, Ending::Finished);
    let held = world.ledger().of_item(item).held;
    (world, at, held)
}

#[tokio::test(start_paused = true)]
async fn what_its_owner_changed_while_the_run_s_change_was_in_doubt_stays() {
    for trouble in [Trouble::Unsent, Trouble::Unanswered, Trouble::LostAnswer] {
        // What the run changes, and what it does not.
        for field in ["description", "label"] {
            let mine = Document::from_iter([(field.to_owned(), "mine".into())]);
            let (mut world, at, held) = changed_meanwhile(trouble, &mine).await;
            let told = format!("{trouble:?}, {field} of {at}");
            let there = world.target.dump()[&at].clone();
            assert_eq!((at.kind, &there.document[field]), (Kind::Dashboard, &mine[field]), "{told}");
            assert_eq!(
                held.as_deref(),
                Some("somebody changed it on the target since; rehearse again"),
                "{told}"
            );
            let undone = world.undo().await;
            assert_eq!(world.target.dump()[&at], there, "{told}: {undone:?}");
        }
    }
}

/// What the run wrote into a part shows in the document as well.
#[tokio::test(start_paused = true)]
async fn the_languages_that_a_dictionary_lists_are_the_run_s_also_after_a_lost_answer() {
    let mut world = World::into_empty();
    world.target.lists_languages();
    world.plan().await;
    assert_eq!(world.run().await, Ending::Finished);
    let writes = world.target.writes();
    for step in 0..writes {
        let mut world = World::into_empty();
        world.target.lists_languages();
        world.plan().await;
        world.target.fault(step, Fault::ReplyLost);
        assert_eq!(world.run().await, Ending::Finished, "step {step}");
        world.check(&format!("step {step}")).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_in_doubt_that_nobody_touched_is_gone_on_with_and_taken_back() {
    for trouble in [Trouble::Unsent, Trouble::Unanswered, Trouble::LostAnswer] {
        let before = planned().await.target.dump();
        let (mut world, at, held) = changed_meanwhile(trouble, &Document::new()).await;
        assert_eq!(held, None, "{trouble:?}");
        assert_ne!(world.target.dump()[&at], before[&at], "{trouble:?}");
        world.undo().await;
        assert_eq!(world.target.dump()[&at], before[&at], "{trouble:?}");
    }
}
