use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

include!("../../src-tauri/src/command_names.rs");

#[test]
fn the_one_capability_allows_the_commands_of_the_handler_and_to_hear_events_and_no_more() {
    let folder = root().join("src-tauri/capabilities");
    let files: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files, [folder.join("main.json")]);
    let capability = json(&files[0]);
    assert_eq!(capability["windows"], serde_json::json!(["main"]));
    assert!(capability.get("remote").is_none(), "no other page may call a command");

    let allowed = strings(&capability["permissions"]);
    let needed: BTreeSet<String> = COMMANDS
        .iter()
        .map(|command| format!("allow-{}", command.replace('_', "-")))
        .chain(["core:event:allow-listen".into(), "core:event:allow-unlisten".into()])
        .collect();
    assert_eq!(allowed, needed);

    let temporary = tempfile::tempdir().unwrap();
    let bindings = temporary.path().join("bindings.ts");
    holdfast_lib::ipc::export(&bindings).unwrap();
    let bindings = fs::read_to_string(bindings).unwrap();
    for command in COMMANDS {
        assert!(bindings.contains(&format!("\"{command}\"")), "{command} is allowed but not served");
    }
}

#[test]
fn the_window_runs_only_the_programs_own_scripts() {
    let app = &json(&root().join("tauri.conf.json"))["app"];
    assert_eq!(app["withGlobalTauri"], false);
    let security = &app["security"];
    assert_eq!(security["freezePrototype"], true);
    assert_eq!(strings(&security["capabilities"]), BTreeSet::from(["main".to_owned()]));
    let policy = &security["csp"];
    assert_eq!(policy["default-src"], "'none'");
    assert_eq!(policy["script-src"], "'self'");
    assert_eq!(policy["connect-src"], "ipc: http://ipc.localhost");
    let text = policy.to_string();
    for open in ["unsafe-inline", "unsafe-eval", "https:", "*"] {
        assert!(!text.contains(open), "{open} is in the content security policy");
    }
    let keys: Vec<&String> = security.as_object().unwrap().keys().collect();
    assert!(!keys.iter().any(|key| key.starts_with("dangerous")), "{keys:?}");
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn strings(list: &Value) -> BTreeSet<String> {
    list.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_window_reaches_none_of_tauris_own_commands() {
    let desk = crate::desk::Desk::alone();
    for command in [
        "plugin:app|version",
        "plugin:event|emit",
        "plugin:event|emit_to",
        "plugin:menu|new",
        "plugin:path|resolve_directory",
        "plugin:resources|close",
        "plugin:tray|new",
        "plugin:webview|create_webview_window",
        "plugin:webview|print",
        "plugin:window|create",
        "plugin:window|close",
        "plugin:window|set_title",
    ] {
        let refused = desk.invoke(command, serde_json::json!({})).unwrap_err();
        assert!(refused.to_string().contains("not allowed"), "{command}: {refused}");
    }
    assert_eq!(desk.invoke("version", serde_json::json!({})).unwrap(), env!("CARGO_PKG_VERSION"));
}
