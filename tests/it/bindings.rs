use std::fs;
use std::path::Path;

/// Set by `make bindings`: then the file is written instead of compared.
const WRITE: &str = "HOLDFAST_WRITE_BINDINGS";

#[test]
fn the_windows_bindings_are_those_of_this_shell() {
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("ui/src/ipc/bindings.ts");
    if std::env::var_os(WRITE).is_some() {
        holdfast_lib::ipc::export(&committed).unwrap();
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let fresh = folder.path().join("bindings.ts");
    holdfast_lib::ipc::export(&fresh).unwrap();
    let is_current = fs::read_to_string(&fresh).unwrap() == fs::read_to_string(&committed).unwrap();
    assert!(is_current, "{} is stale; run `make bindings`", committed.display());
}
