use super::{SMALL, get, post};
use crate::project::account;
use crate::project::gate::{
    Route,
    Who::{Anyone, Profile},
};
use crate::project::rates::{ACCOUNT, INFO, PROFILE};

pub(super) fn routes() -> Vec<Route> {
    vec![
        get("/info", Anyone, INFO, account::info),
        get("/account", Profile, ACCOUNT, account::account),
        get("/account/allocation", Profile, ACCOUNT, account::show_allocation),
        post("/account/allocation", Profile, ACCOUNT, SMALL, account::change_allocation),
        get("/profile", Profile, PROFILE, account::list_profiles),
        get("/profile/{profile}", Profile, PROFILE, account::profile),
        get("/profile/{profile}/summary", Profile, PROFILE, account::summary),
    ]
}
