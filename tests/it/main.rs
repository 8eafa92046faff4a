//! The shell without a desktop: its contract with the window, and what the window is allowed.

mod bindings;
mod capability;
mod statements;
