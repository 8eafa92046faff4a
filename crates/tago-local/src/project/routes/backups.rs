use super::{SMALL, delete, get, post};
use crate::project::backup;
use crate::project::gate::{
    Route,
    Who::{Profile, Public},
};
use crate::project::rates::{BACKUP_CREATE, BACKUP_LIST, BACKUP_USE};

pub(super) fn routes() -> Vec<Route> {
    vec![
        post("/profile/{profile}/backup", Profile, BACKUP_CREATE, SMALL, backup::create),
        get("/profile/{profile}/backup", Profile, BACKUP_LIST, backup::list),
        post("/profile/{profile}/backup/{backup}/download", Profile, BACKUP_USE, SMALL, backup::download),
        get("/profile/{profile}/backup/{backup}/content", Public, BACKUP_USE, backup::content),
        delete("/profile/{profile}/backup/{backup}", Profile, BACKUP_USE, backup::remove),
    ]
}
