//! Ids and addresses that stand inside records.

use super::*;
use crate::plan::{CheckName, CheckVerdict, Inside, Item};
use crate::{ProofChoice, ProofDepth, prove_as, undo, undone};

/// Records of the second device name the third, which has to be made, and the first, a file, and nobody.
fn furnished() -> Bench {
    let bench = Bench::new();
    let (first, third, nobody) = (id(1), id(3), "5f2a8e3b9c1d4e00112233ff");
    let said = [
        format!(r#""metadata":{{"fixed_position":{{"{third}{third}":{{"device":"{third}"}}}}}}"#),
        format!(
            r#""metadata":{{"file":{{"url":"https://source/file/737373737373737373737373/{third}.png"}}}}"#
        ),
        format!(r#""value":"{first}""#),
        format!(r#""metadata":{{"seen_by":"{nobody}"}}"#),
    ];
    let mut source = bench.source.project.lock().unwrap();
    for (said, minute) in said.into_iter().zip(0_u64..) {
        let time = Time::from_millis(BEGINNING - 7_000_000) + Duration::from_secs(60 * minute);
        let json = format!(r#"{{"variable":"marker","time":"{time}","group":"{third}",{said}}}"#);
        source.devices.get_mut(&id(2)).unwrap().records.push(FakeRecord::of(json));
    }
    drop(source);
    bench
}

impl Bench {
    fn markers(&self) -> Vec<String> {
        let target = self.target.project.lock().unwrap();
        let records = target.devices[&id(2)].records.iter();
        records.filter(|record| record.variable == "marker").map(|record| record.json.clone()).collect()
    }
}

fn told(plan: &Plan) -> (CheckVerdict, String) {
    let check = plan.header.checks.iter().find(|check| check.name == CheckName::InsideRecords).unwrap();
    (check.verdict, check.text.clone())
}

#[tokio::test(start_paused = true)]
async fn records_name_the_targets_devices_and_files_and_are_known_again() {
    let bench = furnished();
    let plan = bench.plan(&Choices::default()).await;
    let (verdict, text) = told(&plan);
    assert_eq!(verdict, CheckVerdict::Warn);
    assert!(text.starts_with("2 records name devices, files or the profile"), "{text}");
    assert!(text.contains("1 of <Room> 2 / marker (5f2a8e3b9c1d4e00112233ff at metadata.seen_by)"), "{text}");
    let folder = bench.run_folder();
    // An answer is lost, so that what was sent has to be found again.
    bench.target.owed.lock().unwrap().push((crate::sim::port::Fault::ReplyLost, 3));
    let faulty = FakePort { rate: 1, ..bench.target.clone() };
    let ending =
        run(&plan, &plan.fingerprint(), &folder, &bench.source, &faulty, &bench.settings, bench.env()).await;
    assert_eq!(ending.unwrap(), Ending::Finished);
    let state = status(&folder).unwrap();
    assert_eq!((state.records_done, state.held.len()), (144, 0), "{:?}", state.held);
    let (_, made, _) = state.created[0];
    let markers = bench.markers();
    let third = id(3);
    assert_eq!(markers.len(), 4);
    assert!(markers[0].contains(&format!(r#"{{"{made}{third}":{{"device":"{made}"}}}}"#)), "{markers:#?}");
    assert!(
        markers[1].contains(&format!("https://target/file/747474747474747474747474/{made}.png")),
        "{markers:#?}"
    );
    assert!(markers[2].contains(&format!(r#""value":"{}""#, id(1))), "{markers:#?}");
    assert!(markers.iter().all(|marker| marker.contains(&format!(r#""group":"{third}""#))), "{markers:#?}");

    for depth in [ProofDepth::Content, ProofDepth::Records] {
        let choice = ProofChoice { depth, afresh: false };
        let proof =
            prove_as(&folder, choice, &bench.source, &bench.target, &bench.settings, bench.env()).await;
        assert!(proof.as_ref().unwrap().green, "{proof:?}");
    }
    assert!(bench.plan(&Choices::default()).await.summary().nothing_to_do);
    // Also if the device that is named is not chosen.
    let one = Choices { devices: Some(BTreeSet::from([id(2)])), ..Choices::default() };
    assert!(bench.plan(&one).await.summary().nothing_to_do);

    let (ending, undone_now) = undo(&folder, &bench.target, &bench.settings, bench.env()).await.unwrap();
    assert_eq!(ending, Ending::Finished);
    assert!(undone_now.changed_since.is_empty() && undone_now.impossible.is_empty(), "{undone_now:?}");
    assert!(undone(&folder).unwrap().unwrap().complete && bench.markers().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_records_name_is_made_before_they_are_sent() {
    let bench = furnished();
    let plan = bench.plan(&Choices::default()).await;
    let naming: Vec<_> = plan
        .items
        .iter()
        .filter_map(|item| match item {
            Item::Data(data) if !data.names.is_empty() => Some((data.device, data.names.clone())),
            _ => None,
        })
        .collect();
    assert!(
        !naming.is_empty()
            && naming.iter().all(|(device, names)| { *device == id(2) && *names == BTreeSet::from([id(3)]) }),
        "{naming:?}"
    );
    bench.run(&plan, &bench.run_folder()).await.unwrap();
    let rows = SqliteJournal::read(&bench.run_folder()).unwrap();
    let place = |wanted: &dyn Fn(&Row) -> bool| rows.iter().position(|(_, row)| wanted(row)).unwrap();
    let naming_item =
        |item: &u32| matches!(&plan.items[*item as usize], Item::Data(data) if !data.names.is_empty());
    let made = place(&|row| matches!(row, Row::CreateOutcome { device: Some(_), .. }));
    let opened = place(&|row| matches!(row, Row::Opened { item, .. } if naming_item(item)));
    assert!(made < opened, "{made} and {opened}");
}

#[tokio::test(start_paused = true)]
async fn the_owner_may_leave_records_as_they_are() {
    let bench = furnished();
    let plan = bench.plan(&Choices { inside: Inside::Leave, ..Choices::default() }).await;
    let (verdict, text) = told(&plan);
    assert!(verdict == CheckVerdict::Warn && text.contains("and stay so"), "{text}");
    bench.run(&plan, &bench.run_folder()).await.unwrap();
    let markers = bench.markers().join("\n");
    for kept in [format!("{0}{0}\":{{\"device\":\"{0}", id(3)), "https://source/file/7373".to_owned()] {
        assert!(markers.contains(&kept), "{markers}");
    }
}
