//! What an owner changes of a device while a run waits, or between two of its sessions.

use super::*;

impl Bench {
    /// Two changes a minute, of devices that have names of their own on the target and get those of the source.
    async fn slowly(&mut self, devices: &[u8]) -> Plan {
        (self.settings.pace.edits, self.settings.pace.share) = (2, Some(1.0));
        for number in devices {
            self.with(id(*number), |device| device.definition.name = "Own".into());
        }
        let devices = Some(devices.iter().map(|number| id(*number)).collect());
        let plan =
            self.plan(&Choices { existing: Existing::TakeSource, devices, ..Choices::default() }).await;
        self.clock.sleep(Duration::from_secs(10)).await;
        plan
    }

    fn name(&self, number: u8) -> String {
        self.there()[&id(number)].definition.name.clone()
    }
}

const NEWER: &str = "The owner's newer name";

#[tokio::test(start_paused = true)]
async fn a_device_that_its_owner_changed_while_the_limits_held_the_run_back_is_left() {
    let mut bench = Bench::new();
    let plan = bench.slowly(&[1, 2]).await;
    let owner = async {
        bench.clock.sleep(Duration::from_secs(10)).await;
        let waits: Vec<u8> = (1..=2).filter(|number| bench.name(*number) == "Own").collect();
        assert_eq!(waits.len(), 1);
        bench.with(id(waits[0]), |device| device.definition.name = NEWER.into());
        waits[0]
    };
    let folder = bench.run_folder();
    let (ending, waited) = futures_util::future::join(bench.run(&plan, &folder), owner).await;
    assert_eq!(ending.unwrap(), Ending::Finished);
    assert_eq!(bench.name(waited), NEWER);
    let held = status(&folder).unwrap().held;
    assert!(held.iter().any(|held| held.device == id(waited) && held.variable.is_none()), "{held:?}");
    bench.undo().await;
    assert_eq!((bench.name(waited).as_str(), bench.name(3 - waited).as_str()), (NEWER, "Own"));
}

/// It was killed when one change was done and the next was due.
#[tokio::test(start_paused = true)]
async fn a_device_that_its_owner_changed_between_two_sessions_is_left() {
    let mut bench = Bench::new();
    let param =
        Param { id: ParamId::from_bytes([1; 12]), key: "interval".into(), value: "60".into(), sent: true };
    bench.with_source(id(1), |device| device.params = vec![param]);
    let plan = bench.slowly(&[1]).await;
    let folder = bench.run_folder();
    let killed = bench.clock.sleep(Duration::from_secs(10));
    tokio::select! { ended = bench.run(&plan, &folder) => panic!("{ended:?}"), () = killed => {} }
    assert_eq!(bench.name(1), "<Room> 1");
    bench.with(id(1), |device| device.definition.name = NEWER.into());
    bench.clock.sleep(Duration::from_secs(86_400)).await;
    assert_eq!(bench.resume().await.unwrap(), Ending::Finished);
    assert_eq!(bench.name(1), NEWER);
    assert_eq!(status(&folder).unwrap().held.len(), 1);
    let told = bench.undo().await;
    assert_eq!(bench.name(1), NEWER);
    assert_eq!(told.changed_since.len(), 1, "{told:?}");
}
