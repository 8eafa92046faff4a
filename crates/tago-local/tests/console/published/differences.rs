//! Where TagoIO's document is wrong, or where this platform does not follow it, each with the reason.

use super::{Difference, Unserved};

const fn is(operation: &'static str, place: &'static str, instead: &'static str) -> Difference {
    Difference { operation, place, instead }
}

pub(super) const DIFFERENCES: &[Difference] = &[
    is("PUT /{am_id}", "path", "/am/{am_id}"),
    is("GET /profiled/{id}/statistics", "path", "/profile/{id}/statistics"),
    is("GET /dashboard", "envelope", "in the envelope, as every list"),
    is("GET /device/{deviceID}/data", "result[].value", "a text, a number or a boolean, as it was sent"),
    is("GET /account", "result.options.last_whats_new", "the owner's console is not part of a project"),
    is("GET /account", "result.options.user_view_welcome", "the owner's console is not part of a project"),
    is("GET /profile/{id}/summary", "result.limit.tcore", "a TagoCore is a machine outside of the project"),
    is(
        "GET /data/{dashboardID}/{widgetID}",
        "result.content[].result[].origin",
        "device, of which it is an old name",
    ),
    is(
        "GET /data/{dashboardID}/{widgetID}",
        "result.content[].result[].serie",
        "group, of which it is an old name",
    ),
    is(
        "GET /data/{dashboardID}/{widgetID}",
        "result.widget.realtime",
        "true or false, as the widget itself shows it",
    ),
    is("GET /run/users/{userID}", "result", "one object, not an array"),
];

pub(super) const UNSERVED: &[Unserved] = &[];
