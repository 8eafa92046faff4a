use crate::ports::{Identity, PortError};
use crate::run::{RunError, Side};

/// The two projects that a plan was made for.
pub(crate) struct Sides<'a> {
    pub(crate) source: &'a Identity,
    pub(crate) target: &'a Identity,
}

impl Sides<'_> {
    /// A port must reach the project that the plan calls by this side's name. What the project says of
    /// itself decides, and its address only where that does not tell the two apart.
    pub(crate) fn expect(&self, side: Side, found: Result<Identity, PortError>) -> Result<(), RunError> {
        let found = found.map_err(|cause| RunError::Port { side, cause })?;
        let (expected, other) = match side {
            Side::Source => (self.source, self.target),
            Side::Target => (self.target, self.source),
        };
        let is_same_address = found.origin == expected.origin;
        if found.profile == expected.profile && (is_same_address || expected.profile != other.profile) {
            return Ok(());
        }
        Err(RunError::OtherProject {
            side,
            expected: format!("{} at {}", expected.name, expected.origin),
            found: format!("{} at {}", found.name, found.origin),
        })
    }
}
