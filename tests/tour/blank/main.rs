//! An empty Tauri window: what any window costs, to measure Holdfast's against. No part of the product.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    tauri::Builder::default().run(tauri::generate_context!("tests/tour/blank/tauri.conf.json"))?;
    Ok(())
}
