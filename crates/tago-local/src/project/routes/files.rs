use super::{delete, get, post, put};
use crate::project::files::{self, BODY_LIMIT};
use crate::project::gate::{
    Route,
    Who::{Profile, Public},
};
use crate::project::rates::FILES;

pub(super) fn routes() -> Vec<Route> {
    vec![
        get("/files", Profile, FILES, files::list),
        post("/files", Profile, FILES, BODY_LIMIT, files::upload),
        put("/files", Profile, FILES, files::move_files),
        put("/files/copy", Profile, FILES, files::copy),
        get("/files/permission", Profile, FILES, files::permission),
        put("/files/permission", Profile, FILES, files::change_permission),
        delete("/files", Profile, FILES, files::remove),
        get("/file/{profile}/{*path}", Public, FILES, files::fetch),
    ]
}
