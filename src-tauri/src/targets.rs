//! Which projects are written to: one run at a time, whatever it moves.

use std::collections::HashMap;
use std::sync::Mutex;

use crate::app::locked;
use crate::error::{Answer, ErrorCode, UiError};

/// The targets of all runs of this process.
#[derive(Debug, Default)]
pub(crate) struct Targets {
    /// By project, which has the same id on every way to it: the run and the project's name.
    taken: Mutex<HashMap<String, (String, String)>>,
}

impl Targets {
    /// Keeps a project for this run until [`Targets::free`].
    pub(crate) fn take(&self, project: &str, name: &str, run: &str) -> Answer<()> {
        let mut taken = locked(&self.taken);
        if let Some((_, name)) = taken.get(project) {
            return Err(UiError::new(ErrorCode::InUse, format!("A run into “{name}” is under way already"))
                .hint("Let it finish, or stop it, before the next one begins."));
        }
        taken.insert(project.to_owned(), (run.to_owned(), name.to_owned()));
        Ok(())
    }

    pub(crate) fn free(&self, run: &str) {
        locked(&self.taken).retain(|_, (other, _)| other != run);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_takes_one_run_at_a_time() {
        let targets = Targets::default();
        targets.take("harbour", "Harbour", "1").unwrap();
        let refused = targets.take("harbour", "Harbour by its other name", "2").unwrap_err();
        assert_eq!(refused.code, ErrorCode::InUse);
        assert!(refused.message.contains("“Harbour”"), "{}", refused.message);
        targets.take("another", "Another", "3").unwrap();
        targets.free("1");
        targets.take("harbour", "Harbour", "2").unwrap();
        assert!(targets.take("another", "Another", "4").is_err(), "only its own place is given back");
    }
}
