use thiserror::Error;

/// Why the journal cannot be kept.
#[derive(Debug, Error)]
pub enum JournalError {
    /// Another process has this run.
    #[error("this run is open in another window or terminal; close it there first")]
    InUse,
    /// Reading or writing failed. Nothing more is sent.
    #[error("the journal cannot be {doing}")]
    Storage {
        /// `opened`, `read` or `written`.
        doing: &'static str,
        /// Why.
        source: rusqlite::Error,
    },
    /// The folder or its lock cannot be used.
    #[error("the run folder cannot be used")]
    Folder(#[source] std::io::Error),
    /// What it holds makes no sense.
    #[error("the journal is damaged: {detail}")]
    Damaged {
        /// What was found.
        detail: String,
    },
}
