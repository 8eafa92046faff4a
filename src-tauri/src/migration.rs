use std::path::PathBuf;
pub(crate) struct Migrations {
    _folder: PathBuf,
}
impl Migrations {
    pub(crate) fn new(folder: PathBuf) -> Migrations {
        Migrations { _folder: folder }
    }
}
