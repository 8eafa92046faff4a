//! Devices, their data, and entities.

use axum::http::Method;

use super::{LARGE, SMALL, delete, get, post, put, route};
use crate::project::gate::Route;
use crate::project::gate::Who::{Analysis, DeviceReading, DeviceWriting, Profile};
use crate::project::rates::*;
use crate::project::{data, device, entity};

pub(super) fn routes() -> Vec<Route> {
    vec![
        get("/data", DeviceReading, DATA_READ, data::ask),
        post("/data", DeviceWriting, DATA_SEND, data::BODY_LIMIT, data::send),
        put("/data", DeviceWriting, DATA_EDIT, data::edit),
        delete("/data", DeviceWriting, DATA_DELETE, data::remove),
        get("/device/{device}/data", Profile, DATA_READ, data::ask),
        post("/device/{device}/data", Analysis, DATA_SEND, data::BODY_LIMIT, data::send_by_policy),
        put("/device/{device}/data", Profile, DATA_EDIT, data::edit),
        delete("/device/{device}/data", Profile, DATA_DELETE, data::remove),
        post("/device/{device}/data/backup", Profile, DEVICE_CHANGE, SMALL, data::export),
        post("/device/{device}/data/restore", Profile, DEVICE_CHANGE, SMALL, data::import),
        post("/device/{device}/chunk/backup", Profile, DEVICE_CHANGE, SMALL, data::export_chunk),
        post("/device/{device}/chunk/copy", Profile, DEVICE_CHANGE, SMALL, data::copy_chunk),
        get("/device/{device}/data_amount", Profile, DEVICE_READ, data::amount),
        post("/device/{device}/empty", Profile, DEVICE_CHANGE, SMALL, data::empty),
        get("/device/{device}/chunk", Profile, CHUNK_LIST, device::list_chunks),
        delete("/device/{device}/chunk/{chunk}", Profile, DEVICE_CHANGE, device::remove_chunk),
        post("/device/{device}/convert", Profile, DEVICE_CHANGE, SMALL, device::convert),
        get("/device", Profile, DEVICE_LIST, device::list),
        post("/device", Profile, DEVICE_CREATE, SMALL, device::create),
        get("/device/{device}", Profile, DEVICE_READ, device::info),
        put("/device/{device}", Profile, DEVICE_CHANGE, device::edit),
        delete("/device/{device}", Profile, DEVICE_DELETE, device::remove),
        get("/device/params", DeviceReading, DEVICE_READ, device::list_own_params),
        put("/device/params/{param}", DeviceWriting, DEVICE_CHANGE, device::edit_own_param),
        get("/device/{device}/params", Profile, DEVICE_READ, device::list_params),
        post("/device/{device}/params", Profile, DEVICE_CHANGE, SMALL, device::set_params),
        delete("/device/{device}/params/{param}", Profile, DEVICE_CHANGE, device::remove_param),
        post("/device/token", Profile, DEVICE_CHANGE, SMALL, device::create_token),
        get("/device/token/{id}", Profile, DEVICE_READ, device::list_tokens),
        delete("/device/token/{id}", Profile, DEVICE_CHANGE, device::remove_token),
        get("/entity", Profile, ENTITY_READ, entity::list),
        post("/entity", Profile, ENTITY_CHANGE, SMALL, entity::create),
        get("/entity/{entity}", Profile, ENTITY_READ, entity::info),
        put("/entity/{entity}", Profile, ENTITY_CHANGE, entity::edit),
        delete("/entity/{entity}", Profile, ENTITY_CHANGE, entity::remove),
        put("/entity/{entity}/schema", Profile, ENTITY_CHANGE, entity::change_schema),
        get("/entity/{entity}/data", Profile, ENTITY_READ, entity::ask),
        post("/entity/{entity}/data", Profile, ENTITY_CHANGE, LARGE, entity::send),
        route(Method::PUT, "/entity/{entity}/data", Profile, ENTITY_CHANGE, LARGE, entity::edit_rows),
        delete("/entity/{entity}/data", Profile, ENTITY_CHANGE, entity::remove_rows),
        post("/entity/{entity}/data/backup", Profile, ENTITY_CHANGE, SMALL, entity::export),
        get("/entity/{entity}/data_amount", Profile, ENTITY_READ, entity::amount),
        post("/entity/{entity}/empty", Profile, ENTITY_CHANGE, SMALL, entity::empty),
    ]
}
