use super::{SMALL, delete, get, post, put};
use crate::project::gate::{
    Route,
    Who::{Profile, Public, RunUser},
};
use crate::project::rates::{NOTIFICATION, RUN};
use crate::project::{notifications, run};

pub(super) fn routes() -> Vec<Route> {
    let mut routes = of_the_owner();
    routes.extend(of_users());
    routes
}

fn of_the_owner() -> Vec<Route> {
    vec![
        get("/run", Profile, RUN, run::show),
        put("/run", Profile, RUN, run::edit),
        post("/run/email_test", Profile, RUN, SMALL, run::test_email),
        get("/run/sso/saml", Profile, RUN, run::saml),
        put("/run/sso/saml", Profile, RUN, run::set_saml),
        get("/run/customdomain/{profile}", Profile, RUN, run::refuse_custom_domains),
        post("/run/customdomain/{profile}", Profile, RUN, SMALL, run::refuse_custom_domains),
        delete("/run/customdomain/{profile}", Profile, RUN, run::refuse_custom_domains),
        put("/run/customdomain/regenerate/{profile}", Profile, RUN, run::refuse_custom_domains),
        get("/run/users", Profile, RUN, run::list_users),
        post("/run/users", Profile, RUN, SMALL, run::create_user),
        get("/run/users/{user}", Profile, RUN, run::user),
        put("/run/users/{user}", Profile, RUN, run::edit_user),
        delete("/run/users/{user}", Profile, RUN, run::remove_user),
        get("/run/users/{user}/login", Profile, RUN, run::log_in_as),
        post("/run/notification", Profile, NOTIFICATION, SMALL, notifications::create_for_user),
        get("/run/notification/{id}", Profile, NOTIFICATION, notifications::list_of_user),
        put("/run/notification/{id}", Profile, NOTIFICATION, notifications::edit_of_user),
        delete("/run/notification/{id}", Profile, NOTIFICATION, notifications::remove_of_user),
        get("/notification", Profile, NOTIFICATION, notifications::list),
        post("/notification", Profile, NOTIFICATION, SMALL, notifications::create),
        put("/notification/read", Profile, NOTIFICATION, notifications::mark),
        put("/notification/markallread", Profile, NOTIFICATION, notifications::mark_all),
        put("/notification/{id}/{button}", Profile, NOTIFICATION, notifications::press),
        delete("/notification/{id}", Profile, NOTIFICATION, notifications::remove),
        post("/notification/push/register", Profile, NOTIFICATION, SMALL, notifications::refuse_push),
        post("/notification/push/unregister", Profile, NOTIFICATION, SMALL, notifications::refuse_push),
    ]
}

/// The portal, at the address that its configuration names.
fn of_users() -> Vec<Route> {
    vec![
        post("/run/{url}/signup", Public, RUN, SMALL, run::sign_up),
        get("/run/{url}/confirm/{token}", Public, RUN, run::confirm_user),
        post("/run/{url}/login", Public, RUN, SMALL, run::log_in),
        post("/run/{url}/login/otp", Public, RUN, SMALL, run::send_pin),
        get("/run/{url}/passwordreset/{email}", Public, RUN, run::recover_password),
        post("/run/{url}/passwordreset", Public, RUN, SMALL, run::change_password),
        get("/run/{url}/info", RunUser, RUN, run::own_info),
        put("/run/{url}/info", RunUser, RUN, run::change_own),
        delete("/run/{url}/delete", RunUser, RUN, run::remove_own),
        post("/run/{url}/otp/{otp}/enable", RunUser, RUN, SMALL, run::enable_otp),
        post("/run/{url}/otp/{otp}/disable", RunUser, RUN, SMALL, run::disable_otp),
        post("/run/{url}/otp/{otp}/confirm", RunUser, RUN, SMALL, run::confirm_otp),
        get("/run/{url}/notification", RunUser, NOTIFICATION, notifications::list_own),
        put("/run/{url}/notification", RunUser, NOTIFICATION, notifications::mark_own),
        put("/run/{url}/notification/markallread", RunUser, NOTIFICATION, notifications::mark_all_own),
        put("/run/{url}/notification/{id}/{button}", RunUser, NOTIFICATION, notifications::press_own),
        delete("/run/{url}/notification/{id}", RunUser, NOTIFICATION, notifications::remove_own),
        get("/run/{url}/sdb/{key}", RunUser, RUN, run::item),
        post("/run/{url}/sdb/{key}", RunUser, RUN, SMALL, run::set_item),
        delete("/run/{url}/sdb/{key}", RunUser, RUN, run::forget_item),
    ]
}
