//! Where the window may go: nowhere.

use tauri::plugin::{Builder, TauriPlugin};
use tauri::{Runtime, Url};

/// Keeps the window on the program's own pages, whatever a page asks for.
pub(crate) fn stay<R: Runtime>() -> TauriPlugin<R> {
    Builder::new("navigation").on_navigation(|_, url| is_own(url)).build()
}

fn is_own(url: &Url) -> bool {
    match url.scheme() {
        "tauri" => url.host_str() == Some("localhost"),
        // Where the web view cannot serve a scheme of the program's own, Tauri uses this host.
        "http" | "https" => cfg!(windows) && url.host_str() == Some("tauri.localhost"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_programs_own_pages_are_its_own() {
        let own = |text: &str| is_own(&text.parse().unwrap());
        assert!(own("tauri://localhost") && own("tauri://localhost/index.html#/backups"));
        for other in [
            "https://example.org",
            "http://localhost",
            "http://127.0.0.1:8000",
            "tauri://example.org",
            "https://tauri.localhost.example.org",
            "about:blank",
            "file:///etc/passwd",
            "data:text/html,<b>",
            "javascript:void(0)",
        ] {
            assert!(!own(other), "{other}");
        }
    }
}
