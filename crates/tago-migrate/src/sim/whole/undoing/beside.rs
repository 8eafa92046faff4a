//! Two computers, which know nothing of each other.

use super::*;

/// Nothing that the platform offers keeps them apart. What they double is told, and either takes its own back.
#[tokio::test(start_paused = true)]
async fn what_two_computers_wrote_at_once_is_told_and_each_takes_its_own_back() {
    let bench = Bench::new();
    let plan = bench.plan(&Choices::default()).await;
    bench.clock.sleep(Duration::from_secs(5)).await;
    let here = bench.run_folder();
    let there = bench.folder.path().join("on another computer");
    let its_env = crate::Env { nonce: 8, ..bench.env() };
    let approved = plan.fingerprint();
    let elsewhere = run(&plan, &approved, &there, &bench.source, &bench.target, &bench.settings, its_env);
    let (one, other) = futures_util::future::join(bench.run(&plan, &here), elsewhere).await;
    assert_eq!((one.unwrap(), other.unwrap()), (Ending::Finished, Ending::Finished));
    assert_eq!(bench.there()[&id(2)].records.len(), 140, "both filled the same gap");

    let proof = prove(&here, &bench.source, &bench.target, &bench.settings, bench.env()).await.unwrap();
    assert_eq!((proof.green, proof.doubled, proof.missing), (false, 40, 0), "{proof:?}");

    let (ending, told) = undo(&there, &bench.target, &bench.settings, bench.env()).await.unwrap();
    assert_eq!((ending, told.changed_since.len()), (Ending::Finished, 0), "{told:?}");
    let project = bench.there();
    let counts: Vec<usize> = project.values().map(|device| device.records.len()).collect();
    assert_eq!(counts, [100, 100, 100], "each record once, and the device that lacked made once");
    let proof = prove(&here, &bench.source, &bench.target, &bench.settings, bench.env()).await.unwrap();
    assert!(proof.green, "{proof:?}");
    let told = bench.undo().await;
    assert_eq!(told.changed_since, []);
}
