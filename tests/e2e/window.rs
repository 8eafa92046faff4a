//! The real window, used as a person uses it: a pointer, keys, and eyes.
//!
//! Scripts only read. Whatever changes something goes through WebDriver's pointer, key and wheel actions.

use std::fmt::Display;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use fantoccini::actions::{
    InputSource, KeyAction, KeyActions, MOUSE_BUTTON_LEFT, MouseActions, PointerAction, WheelAction,
    WheelActions,
};
use fantoccini::elements::Element;
use fantoccini::error::CmdError;
use fantoccini::key::Key;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

/// What an element is given to appear in, when nothing slower than a click stands before it.
pub const SOON: Duration = Duration::from_secs(60);
/// What a restore, a rehearsal or a run of the small demo is given.
pub const EVENTUALLY: Duration = Duration::from_secs(240);

const SESSION_START: Duration = Duration::from_secs(90);
const LOOK_AGAIN: Duration = Duration::from_millis(30);

/// Notes what the page should never do, so that a test can ask for it at its end.
const WATCH: &str = "
    if (window.holdfastWatched) return;
    window.holdfastWatched = [];
    const note = (text) => window.holdfastWatched.push(String(text));
    document.addEventListener('securitypolicyviolation',
        (event) => note(`policy: ${event.violatedDirective} ${event.blockedURI}`));
    window.addEventListener('error', (event) => note(`error: ${event.message}`));
    window.addEventListener('unhandledrejection', (event) => note(`rejection: ${event.reason}`));";

/// Where a person's files are: everything the app keeps lands below it.
pub struct Home {
    folder: PathBuf,
    variables: Vec<(String, String)>,
}

impl Home {
    pub fn new(folder: &Path) -> Home {
        for name in ["config", "data", "cache", "state", "run"] {
            fs::create_dir_all(folder.join(name)).unwrap();
        }
        private(&folder.join("run"));
        Home { folder: folder.to_owned(), variables: Vec::new() }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn set(&mut self, name: &str, value: &str) {
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.into(), value.into()));
    }

    /// What the app and everything it starts has written to its standard streams.
    pub fn log(&self) -> PathBuf {
        self.folder.join("app.log")
    }

    fn dress(&self, command: &mut Command) {
        let inside = |name| self.folder.join(name);
        command
            .env("HOME", &self.folder)
            .env("XDG_CONFIG_HOME", inside("config"))
            .env("XDG_DATA_HOME", inside("data"))
            .env("XDG_CACHE_HOME", inside("cache"))
            .env("XDG_STATE_HOME", inside("state"))
            .env("XDG_RUNTIME_DIR", inside("run"))
            .env("TAURI_WEBVIEW_AUTOMATION", "true")
            .envs(self.variables.iter().map(|(name, value)| (name, value)));
    }
}

/// A folder that only its owner may enter.
pub fn private(folder: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).unwrap();
}

/// Starts the app in this home once more, without a driver, and tells how it ended.
pub async fn start_again(home: &Home) -> ExitStatus {
    let log = File::options().create(true).append(true).open(home.log()).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_holdfast"));
    home.dress(&mut command);
    let started = command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn();
    let mut second = started.unwrap();
    let until = Instant::now() + SOON;
    loop {
        if let Some(status) = second.try_wait().unwrap() {
            return status;
        }
        if Instant::now() > until {
            second.kill().unwrap();
            second.wait().unwrap();
            panic!("the second start did not end\n{}", tail(&home.log()));
        }
        sleep(LOOK_AGAIN).await;
    }
}

/// The app with its window, and the driver that started it.
pub struct Window {
    client: Client,
    driver: Driver,
    /// How far the wheel has been turned in all.
    turned: AtomicI64,
}

impl Window {
    /// Starts the app in this home, with these arguments, and waits for its first page.
    pub async fn open(home: &Home, arguments: &[&str]) -> Window {
        let driver = Driver::start(home).await;
        let client = driver.session(Path::new(env!("CARGO_BIN_EXE_holdfast")), arguments).await;
        let window = Window { client, driver, turned: AtomicI64::new(0) };
        window.see("main").await;
        window.read(WATCH, vec![]).await;
        window
    }

    /// Ends the app as the system does when it needs the memory: at once, without a word.
    pub fn kill(self) {
        let app = self.driver.app().expect("the driver has started the app");
        kill_process(app, Signal::KILL).unwrap();
    }

    /// Closes the window as its owner does.
    pub async fn close(self) {
        let Window { client, driver, .. } = self;
        let _ = timeout(SOON, client.close()).await;
        drop(driver);
    }

    /// Loads the page anew, and waits until it is there.
    pub async fn reload(&self) {
        self.client.refresh().await.unwrap();
        self.see("main").await;
        self.read(WATCH, vec![]).await;
    }

    // --- the pointer

    /// Presses what is there, once it can be pressed.
    pub async fn press(&self, css: &str) {
        lasting(css, async || self.press_element(&self.ready(css).await, css).await).await;
    }

    /// Presses at the place of an element even if it takes no presses.
    pub async fn press_regardless(&self, css: &str) {
        lasting(css, async || self.press_element(&self.see(css).await, css).await).await;
    }

    /// What was drawn anew before the pointer reached it was not pressed.
    async fn press_element(&self, element: &Element, css: &str) -> Result<(), CmdError> {
        self.reach(element, css).await?;
        let press = MouseActions::new("mouse".into())
            .then(PointerAction::MoveToElement { element: element.clone(), duration: None, x: 0.0, y: 0.0 })
            .then(PointerAction::Down { button: MOUSE_BUTTON_LEFT })
            .then(PointerAction::Up { button: MOUSE_BUTTON_LEFT });
        self.client.perform_actions(press).await
    }

    /// Presses into a field and writes over what it holds.
    pub async fn write(&self, css: &str, text: &str) {
        self.press(css).await;
        self.see_focus(css).await;
        self.write_over(text).await;
    }

    pub async fn bring_into_view(&self, css: &str) {
        lasting(css, async || self.reach(&self.see(css).await, css).await).await;
    }

    /// Turns the wheel over the element's place until the pointer reaches it.
    async fn reach(&self, element: &Element, css: &str) -> Result<(), CmdError> {
        let mut last = None;
        let until = Instant::now() + SOON;
        for turn in 0.. {
            // A machine that stands still for a while has not looked often.
            assert!(turn < 40 || Instant::now() < until, "{css} cannot be brought into view");
            // A turn of the wheel has moved the page two frames later.
            self.drawn().await;
            let place = self
                .client
                .execute(
                    "const r = arguments[0].getBoundingClientRect();
                     const x = r.left + r.width / 2, y = r.top + r.height / 2;
                     const top = document.elementFromPoint(x, y);
                     const label = arguments[0].closest('label');
                     const reached = top !== null && (arguments[0].contains(top) || top.contains(arguments[0])
                         || (label !== null && label.contains(top)));
                     return { x, y, height: innerHeight, width: innerWidth, reached };",
                    vec![serde_json::to_value(element).unwrap()],
                )
                .await?;
            let number = |name: &str| place[name].as_f64().unwrap();
            let (y, height) = (number("y"), number("height"));
            if place["reached"].as_bool() == Some(true) && last == Some(y) {
                return Ok(());
            }
            if place["reached"].as_bool() != Some(true) {
                let x = number("x").clamp(1.0, number("width") - 1.0);
                // Not always in the same place: what scrolls by itself would take every turn.
                let at = height * if turn % 2 == 0 { 0.5 } else { 0.95 };
                #[expect(clippy::cast_possible_truncation, reason = "pixels of a window")]
                self.turn_wheel(x as i64, at as i64, (y - height / 2.0) as i64).await;
            }
            last = Some(y);
        }
        Ok(())
    }

    /// Turns the wheel down over the middle of an element. Tells by how much the page has moved.
    pub async fn wheel_over(&self, css: &str, delta: i64) -> i64 {
        self.bring_into_view(css).await;
        let script = "const r = document.querySelector(arguments[0]).getBoundingClientRect();
            return [r.left + r.width / 2, r.top + r.height / 2, document.querySelector('main').scrollTop]
                .map(Math.round);";
        let place = async || -> [i64; 3] {
            let read = self.read(script, vec![css.into()]).await;
            serde_json::from_value(read).unwrap()
        };
        let [x, y, before] = place().await;
        self.turn_wheel(x, y, delta).await;
        let until = Instant::now() + SOON;
        loop {
            let moved = place().await[2] - before;
            if moved != 0 || Instant::now() > until {
                return moved;
            }
            sleep(LOOK_AGAIN).await;
        }
    }

    /// WebKit's driver takes a delta as where the wheel is turned to since the session began, and turns
    /// it by the difference; the first one only tells it where the wheel is.
    async fn turn_wheel(&self, x: i64, y: i64, delta: i64) {
        let from = self.turned.fetch_add(delta, Ordering::Relaxed);
        let mut wheel = WheelActions::new("wheel".into());
        for delta_y in [from, from + delta] {
            wheel = wheel.then(WheelAction::Scroll { duration: None, x, y, delta_x: 0, delta_y });
        }
        self.client.perform_actions(wheel).await.unwrap();
    }

    pub async fn resize(&self, width: u32, height: u32) {
        self.client.set_window_size(width, height).await.unwrap();
    }

    // --- the keys

    /// Presses one key, or several that are held together.
    pub async fn keys(&self, held: &[char]) {
        let mut keys = KeyActions::new("keyboard".into());
        for &value in held {
            keys = keys.then(KeyAction::Down { value });
        }
        for &value in held.iter().rev() {
            keys = keys.then(KeyAction::Up { value });
        }
        self.client.perform_actions(keys).await.unwrap_or_else(|error| panic!("keys {held:?}: {error}"));
    }

    pub async fn key(&self, key: Key) {
        self.keys(&[key.into()]).await;
    }

    /// Replaces what the focused field holds.
    pub async fn write_over(&self, text: &str) {
        let length = self.read("return document.activeElement.value.length;", vec![]).await;
        self.key(Key::End).await;
        let before = std::iter::repeat_n(
            char::from(Key::Backspace),
            usize::try_from(length.as_u64().unwrap()).unwrap(),
        );
        let mut keys = KeyActions::new("keyboard".into());
        for value in before.chain(text.chars()) {
            keys = keys.then(KeyAction::Down { value }).then(KeyAction::Up { value });
        }
        self.client.perform_actions(keys).await.unwrap();
        let until = Instant::now() + SOON;
        loop {
            let holds = self.read("return document.activeElement?.value;", vec![]).await;
            if holds == text {
                return;
            }
            assert!(Instant::now() < until, "{text:?} was written and the field holds {holds}");
            sleep(LOOK_AGAIN).await;
        }
    }

    /// Goes from control to control with Tab until the focus is on this one.
    pub async fn tab_to(&self, css: &str) {
        self.ready(css).await;
        for _ in 0..120 {
            if self.has_focus(css).await {
                return;
            }
            self.key(Key::Tab).await;
        }
        panic!("Tab never reaches {css}");
    }

    /// Waits until the focus is there.
    pub async fn see_focus(&self, css: &str) {
        let until = Instant::now() + SOON;
        while !self.has_focus(css).await {
            assert!(Instant::now() < until, "{css} did not get the focus");
            sleep(LOOK_AGAIN).await;
        }
    }

    /// Waits until a text is on the page.
    pub async fn see_text(&self, text: &str) {
        let until = Instant::now() + SOON;
        while !self.page_text().await.contains(text) {
            assert!(Instant::now() < until, "{text:?} did not appear. {}", self.errors().await);
            sleep(LOOK_AGAIN).await;
        }
    }

    pub async fn has_focus(&self, css: &str) -> bool {
        let script =
            "return document.activeElement !== null && document.activeElement.matches(arguments[0]);";
        self.read(script, vec![css.into()]).await == Value::Bool(true)
    }

    // --- the eyes

    /// The first element that matches and can be seen.
    pub async fn see(&self, css: &str) -> Element {
        self.see_within(css, SOON).await
    }

    pub async fn see_within(&self, css: &str, patience: Duration) -> Element {
        let until = Instant::now() + patience;
        loop {
            for element in self.all(css).await {
                if element.is_displayed().await.unwrap_or(false) {
                    return element;
                }
            }
            assert!(
                Instant::now() < until,
                "{css} did not appear within {patience:?}. {}",
                self.errors().await
            );
            sleep(LOOK_AGAIN).await;
        }
    }

    /// The element, once it is seen and enabled.
    async fn ready(&self, css: &str) -> Element {
        let until = Instant::now() + SOON;
        loop {
            let element = self.see(css).await;
            if element.is_enabled().await.unwrap_or(false) {
                return element;
            }
            assert!(Instant::now() < until, "{css} stayed disabled. {}", self.errors().await);
            sleep(LOOK_AGAIN).await;
        }
    }

    pub async fn see_enabled(&self, css: &str) {
        self.ready(css).await;
    }

    pub async fn see_disabled(&self, css: &str) {
        self.see(&format!("{css}:disabled")).await;
    }

    /// Waits until an attribute has this value.
    pub async fn see_number(&self, css: &str, attribute: &str, number: impl Display) {
        self.see(&format!("{css}[{attribute}='{number}']")).await;
    }

    /// Waits until an element says all of this.
    pub async fn see_said(&self, css: &str, words: &[&str]) {
        let until = Instant::now() + SOON;
        loop {
            let said = self.text(css).await;
            if words.iter().all(|words| said.contains(words)) {
                return;
            }
            assert!(Instant::now() < until, "{css} says {said:?}, not {words:?}. {}", self.errors().await);
            sleep(LOOK_AGAIN).await;
        }
    }

    /// Waits until nothing of this kind can be seen.
    pub async fn see_no_more(&self, css: &str) {
        let until = Instant::now() + SOON;
        while self.sees(css).await {
            assert!(Instant::now() < until, "{css} did not go away. {}", self.errors().await);
            sleep(LOOK_AGAIN).await;
        }
    }

    pub async fn sees(&self, css: &str) -> bool {
        for element in self.all(css).await {
            if element.is_displayed().await.unwrap_or(false) {
                return true;
            }
        }
        false
    }

    /// Waits until as many are there.
    pub async fn see_count(&self, css: &str, count: usize) -> Vec<Element> {
        let until = Instant::now() + SOON;
        loop {
            let found = self.all(css).await;
            if found.len() == count {
                return found;
            }
            let seen = found.len();
            assert!(Instant::now() < until, "{css}: {seen} instead of {count}. {}", self.errors().await);
            sleep(LOOK_AGAIN).await;
        }
    }

    /// What matches now, seen or not.
    pub async fn all(&self, css: &str) -> Vec<Element> {
        lasting(css, async || self.client.find_all(Locator::Css(css)).await).await
    }

    /// What a script says of each element that matches, all in one look.
    pub async fn each<T: DeserializeOwned>(&self, css: &str, of_element: &str) -> Vec<T> {
        let script =
            format!("return [...document.querySelectorAll(arguments[0])].map((element) => {of_element});");
        serde_json::from_value(self.read(&script, vec![css.into()]).await).unwrap()
    }

    pub async fn text(&self, css: &str) -> String {
        self.ask(css, async |element| element.text().await).await
    }

    pub async fn attribute(&self, css: &str, name: &str) -> Option<String> {
        self.ask(css, async |element| element.attr(name).await).await
    }

    /// An attribute that is a whole number.
    pub async fn number(&self, css: &str, attribute: &str) -> i64 {
        let text = self.attribute(css, attribute).await.unwrap_or_else(|| panic!("{css} has no {attribute}"));
        text.parse().unwrap_or_else(|_| panic!("{css} has {attribute}={text:?}"))
    }

    /// What a field holds.
    pub async fn value(&self, css: &str) -> String {
        self.ask(css, async |element| element.prop("value").await).await.unwrap_or_default()
    }

    async fn ask<T>(&self, css: &str, question: impl AsyncFn(&Element) -> Result<T, CmdError>) -> T {
        lasting(css, async || question(&self.see(css).await).await).await
    }

    /// Everything a person could read now.
    pub async fn page_text(&self) -> String {
        self.text("body").await
    }

    /// The page's source, if there still is a page.
    pub async fn source(&self) -> String {
        self.client.source().await.unwrap_or_default()
    }

    /// What the page did that it should not: policy violations and uncaught errors.
    pub async fn misdeeds(&self) -> Vec<String> {
        let noted = self.read("return window.holdfastWatched;", vec![]).await;
        serde_json::from_value(noted).unwrap()
    }

    pub async fn picture(&self, path: &Path) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        self.drawn().await;
        if let Ok(png) = self.client.screenshot().await {
            fs::write(path, png).unwrap();
        }
    }

    /// Two frames on, what is in the page is also on the screen.
    async fn drawn(&self) {
        let drawn =
            "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() => done(1)));";
        let _ = self.client.execute_async(drawn, vec![]).await;
    }

    /// Runs a script that reads.
    pub async fn read(&self, script: &str, arguments: Vec<Value>) -> Value {
        self.client.execute(script, arguments).await.unwrap()
    }

    async fn errors(&self) -> String {
        let mut told = String::from("Errors on the page:");
        for error in self.all("[data-testid='error-code']").await {
            told += &format!("\n  {}", error.text().await.unwrap_or_default().replace('\n', " / "));
        }
        told
    }
}

/// Does again what failed because an element was drawn anew since it was found: the driver forgets an
/// element that has left the page, also between finding it and handing it out.
async fn lasting<T>(css: &str, deed: impl AsyncFn() -> Result<T, CmdError>) -> T {
    let until = Instant::now() + SOON;
    loop {
        match deed().await {
            Err(error) if error.is_stale_element_reference() && Instant::now() < until => {}
            done => return done.unwrap_or_else(|error| panic!("{css}: {error}")),
        }
        sleep(LOOK_AGAIN).await;
    }
}

/// One WebKitWebDriver on a screen of its own; whatever it started ends with it.
pub struct Driver {
    process: Child,
    port: u16,
    log: PathBuf,
    _screen: Screen,
}

impl Driver {
    pub async fn start(home: &Home) -> Driver {
        let log = File::options().create(true).append(true).open(home.log()).unwrap();
        let port = free_port();
        let screen = Screen::light(log.try_clone().unwrap());
        let mut command = Command::new("WebKitWebDriver");
        home.dress(&mut command);
        command
            .env("DISPLAY", &screen.name)
            .arg(format!("--port={port}"))
            .arg("--host=127.0.0.1")
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        own_group(&mut command);
        let process = command.spawn().expect("WebKitWebDriver is installed (tests/setup.sh installs it)");
        let mut driver = Driver { process, port, log: home.log(), _screen: screen };
        let until = Instant::now() + SOON;
        while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            if let Ok(Some(status)) = driver.process.try_wait() {
                panic!("WebKitWebDriver ended with {status}\n{}", tail(&home.log()));
            }
            assert!(Instant::now() < until, "WebKitWebDriver does not listen\n{}", tail(&home.log()));
            sleep(LOOK_AGAIN).await;
        }
        driver
    }

    /// Lets the driver start a program with a web view, and waits until it is driven.
    pub async fn session(&self, program: &Path, arguments: &[&str]) -> Client {
        let mut builder = ClientBuilder::new(HttpConnector::new());
        let options = json!({ "binary": program, "args": arguments });
        let wanted = [("webkitgtk:browserOptions".to_owned(), options)];
        builder.capabilities(wanted.into_iter().collect());
        let address = format!("http://127.0.0.1:{}", self.port);
        match timeout(SESSION_START, builder.connect(&address)).await {
            Ok(Ok(client)) => client,
            Ok(Err(error)) => panic!("the driver gave no session: {error}\n{}", tail(&self.log)),
            Err(_) => panic!("the app's window did not open within {SESSION_START:?}\n{}", tail(&self.log)),
        }
    }

    /// The app: the driver's only child.
    fn app(&self) -> Option<Pid> {
        let driver = self.process.id();
        let children = fs::read_to_string(format!("/proc/{driver}/task/{driver}/children")).ok()?;
        Pid::from_raw(children.split_whitespace().next()?.parse().ok()?)
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        if let Some(group) = i32::try_from(self.process.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.process.wait();
    }
}

/// A screen for one window: a second one that opens on the same screen takes the focus away, which closes
/// every open list of the first.
struct Screen {
    server: Child,
    name: String,
}

impl Screen {
    fn light(log: File) -> Screen {
        let mut command = Command::new("Xvfb");
        command
            .args(["-displayfd", "1", "-screen", "0", "1400x1000x24", "-nolisten", "tcp"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log);
        own_group(&mut command);
        let mut server = command.spawn().expect("Xvfb is installed (tests/setup.sh installs it)");
        let mut number = String::new();
        // Xvfb writes the number once the screen can be used.
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut number).unwrap();
        assert!(!number.trim().is_empty(), "Xvfb found no screen to offer");
        Screen { server, name: format!(":{}", number.trim()) }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn own_group(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    command.process_group(0);
}

fn free_port() -> u16 {
    std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

fn tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(30)..].join("\n")
}
