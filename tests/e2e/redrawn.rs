//! Looking at what is drawn anew while it is looked at.

use crate::stage::{Stage, play};

/// Often enough to come between finding an element and handing it out. On a busy machine an element is never
/// old enough to be asked about: so it ends.
const OFTEN_NEW: &str = "
    let times = 0;
    const again = setInterval(() => {
        if (++times === 400) clearInterval(again);
        const element = document.createElement('p');
        element.id = 'redrawn';
        element.textContent = 'still here';
        document.getElementById('redrawn')?.remove();
        document.querySelector('main').append(element);
    }, 5);";

#[tokio::test(flavor = "multi_thread")]
async fn what_is_drawn_anew_again_and_again_is_still_seen_and_read() {
    play("redrawn", async |stage: &mut Stage| {
        let window = stage.window();
        window.read(OFTEN_NEW, vec![]).await;
        for _ in 0..8 {
            window.see("#redrawn").await;
            assert_eq!(window.text("#redrawn").await, "still here");
            assert_eq!(window.each::<String>("#redrawn", "element.textContent").await, ["still here"]);
        }
    })
    .await;
}
