use super::{LARGE, SMALL, delete, get, post, put};
use crate::project::gate::{Route, Who};
use crate::project::rates;
use crate::project::resource::{
    self, ACTION, ANALYSIS, CONNECTOR, DASHBOARD, DICTIONARY, NETWORK, POLICY, Resource, SECRET, SQL_QUERY,
};
use crate::project::{
    analysis, dashboard, data, dictionary, integration, policy, service_authorization, sql, tags,
};

/// The routes of everything that is a row of the descriptor table, and of what belongs to it.
pub(super) fn routes() -> Vec<Route> {
    use Who::{Analysis, Network, Profile, Public, Viewer};
    use rates::*;
    let mut routes = vec![
        get("/analysis/{id}", Profile, ANALYSIS_READ, analysis::info),
        post("/analysis/{id}/upload", Profile, ANALYSIS_CHANGE, LARGE, analysis::upload),
        get("/analysis/{id}/download", Profile, ANALYSIS_READ, analysis::download),
        get("/analysis/{id}/code", Public, ANALYSIS_READ, analysis::fetch),
        get("/analysis/{id}/token", Profile, ANALYSIS_READ, analysis::renew_token),
        post("/analysis/{id}/run", Profile, ANALYSIS_CHANGE, SMALL, analysis::run),
        post("/analysis/{id}/run/{dashboard}/{widget}", Profile, ANALYSIS_CHANGE, SMALL, analysis::run),
        post("/analysis/services/console/send", Analysis, ANALYSIS_CHANGE, SMALL, analysis::log),
        get("/dashboard/{id}", Viewer, DASHBOARD_READ, dashboard::info),
        post("/dashboard/{id}/duplicate", Profile, DASHBOARD_CHANGE, SMALL, dashboard::duplicate),
        get("/dashboard/{id}/devices", Profile, DASHBOARD_READ, dashboard::devices),
        get("/dashboard/{id}/analysis", Profile, DASHBOARD_READ, dashboard::analyses),
        get("/dashboard/{id}/share/public", Profile, DASHBOARD_READ, dashboard::share),
        post("/dashboard/{id}/widget", Profile, WIDGET_CHANGE, LARGE, dashboard::create_widget),
        get("/dashboard/{id}/widget/{widget}", Viewer, WIDGET_READ, dashboard::widget),
        put("/dashboard/{id}/widget/{widget}", Profile, WIDGET_CHANGE, dashboard::edit_widget),
        delete("/dashboard/{id}/widget/{widget}", Profile, WIDGET_CHANGE, dashboard::remove_widget),
        get("/dashboard/{id}/widget/{widget}/token", Profile, WIDGET_READ, dashboard::embed),
        post("/dashboard/{id}/widget/{widget}/upload", Profile, WIDGET_UPLOAD, LARGE, dashboard::upload),
        get("/data/{id}/{widget}", Viewer, WIDGET_READ, dashboard::ask),
        post("/data/{id}/{widget}", Profile, WIDGET_CHANGE, data::BODY_LIMIT, dashboard::send),
        delete("/data/{id}/{widget}", Profile, WIDGET_CHANGE, dashboard::remove_data),
        put("/data/{id}/{widget}/data", Profile, WIDGET_CHANGE, dashboard::edit_data),
        put("/data/{id}/{widget}/resource", Profile, WIDGET_CHANGE, dashboard::change_resources),
        get("/dictionary/{id}/{locale}", Profile, rates::DICTIONARY, dictionary::texts),
        get("/dictionary/{url}/{id}/{locale}", Public, rates::DICTIONARY, dictionary::texts_of_portal),
        put("/dictionary/{id}/{locale}", Profile, rates::DICTIONARY, dictionary::set_texts),
        delete("/dictionary/{id}/{locale}", Profile, rates::DICTIONARY, dictionary::remove_texts),
        get("/am/settings", Profile, ACCESS, policy::settings),
        get("/integration/network/token/{id}", Profile, INTEGRATION, integration::list_tokens),
        post("/integration/network/token", Profile, INTEGRATION, SMALL, integration::create_token),
        delete("/integration/network/token/{id}", Profile, INTEGRATION, integration::remove_token),
        get("/integration/network/resolve/{serial}", Network, INTEGRATION, integration::resolve),
        get(
            "/integration/network/resolve/{serial}/{authorization}",
            Network,
            INTEGRATION,
            integration::resolve,
        ),
        post("/integration/network/data", Network, DATA_SEND, data::BODY_LIMIT, integration::data),
        post("/integration/network/publish", Network, INTEGRATION, SMALL, integration::publish),
        post("/integration/network/{id}/params", Network, INTEGRATION, SMALL, integration::set_params),
        get("/integration/network/{id}/devices", Network, INTEGRATION, integration::devices),
        get("/serviceauth", Profile, SERVICE_AUTHORIZATION, service_authorization::list),
        post("/serviceauth", Profile, SERVICE_AUTHORIZATION, SMALL, service_authorization::create),
        put("/serviceauth/{id}", Profile, SERVICE_AUTHORIZATION, service_authorization::edit),
        delete("/serviceauth/{id}", Profile, SERVICE_AUTHORIZATION, service_authorization::remove),
        get("/sql", Profile, SETTINGS, |call| resource::list(call, SQL_QUERY)),
        post("/sql", Profile, SETTINGS, SMALL, sql::create),
        get("/sql/tables", Profile, SETTINGS, sql::tables),
        get("/sql/{id}", Profile, SETTINGS, |call| resource::info(call, SQL_QUERY)),
        put("/sql/{id}", Profile, SETTINGS, sql::edit),
        delete("/sql/{id}", Profile, SETTINGS, sql::remove),
        get("/sql/{id}/version/{version}", Profile, SETTINGS, sql::version),
        post("/sql/{id}/execute", Profile, SETTINGS, SMALL, sql::execute),
        get("/tags/keys/{type}", Profile, TAGS, tags::keys),
    ];
    for (resource, one) in PLAIN {
        routes.extend(creating_and_editing(resource, one));
        routes
            .push(get(resource.path, Profile, resource.reading, move |call| resource::list(call, resource)));
        routes.push(delete(one, Profile, resource.changing, move |call| resource::remove(call, resource)));
    }
    for (resource, one) in &PLAIN[SHOWN_AS_THEY_ARE] {
        routes.push(get(one, Profile, resource.reading, move |call| resource::info(call, resource)));
    }
    for (resource, one) in
        [(NETWORK, "/integration/network/{id}"), (CONNECTOR, "/integration/connector/{id}")]
    {
        routes.extend(creating_and_editing(resource, one));
        routes.extend([
            get(resource.path, Profile, resource.reading, move |call| integration::list(call, resource)),
            get(one, Profile, resource.reading, move |call| integration::info(call, resource)),
            delete(one, Profile, resource.changing, move |call| integration::remove(call, resource)),
        ]);
    }
    routes
}

/// Those that need no code of their own, and the path of one.
const PLAIN: [(&Resource, &str); 6] = [
    (ANALYSIS, "/analysis/{id}"),
    (DASHBOARD, "/dashboard/{id}"),
    (ACTION, "/action/{id}"),
    (DICTIONARY, "/dictionary/{id}"),
    (POLICY, "/am/{id}"),
    (SECRET, "/secrets/{id}"),
];
const SHOWN_AS_THEY_ARE: std::ops::RangeFrom<usize> = 2..;

fn creating_and_editing(resource: &'static Resource, one: &'static str) -> [Route; 2] {
    [
        post(resource.path, Who::Profile, resource.changing, SMALL, move |call| {
            resource::create(call, resource)
        }),
        put(one, Who::Profile, resource.changing, move |call| resource::edit(call, resource)),
    ]
}
