pub enum Scale {
    Small,
    Full,
}
#[derive(Debug, thiserror::Error)]
#[error("x")]
pub struct DemoError;
pub async fn fill(_: &std::path::Path, _: Scale) -> Result<(), DemoError> {
    Ok(())
}
