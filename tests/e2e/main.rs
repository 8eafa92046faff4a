//! The real window on a real platform. See `tests/window.sh` for the session that these tests need.

mod backups;
mod platform;
mod stage;
mod window;
