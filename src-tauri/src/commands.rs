//! The window's commands: each hands over to [`crate::app::App`] and decides nothing.

pub(crate) mod about;
pub(crate) mod backups;
pub(crate) mod connections;
pub(crate) mod migrations;
pub(crate) mod practice;
pub(crate) mod projects;
pub(crate) mod resources;
pub(crate) mod worklist;
