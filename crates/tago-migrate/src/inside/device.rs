//! A device of the source as the target is to have it: what its fields, tags and parameters name has the
//! target's names.

use std::collections::BTreeMap;

use crate::device::{Definition, Param, Tag, differences};
use crate::json::Json;
use crate::plan::Header;
use crate::resources::remap::{Mapping, remap_inside, remap_text};

use super::Terms;

/// A device with its parameters.
pub(crate) type Described<'a> = (&'a Definition, &'a [Param]);

/// What the target calls what devices name, as far as the plan knows: devices that are made have no name yet.
pub(crate) fn names(header: &Header) -> Mapping {
    Terms::all(header, []).to_target
}

/// `remapped` are fields that get a value of the target's own, whatever they hold.
pub(crate) fn localised(
    (definition, params): Described<'_>,
    names: &Mapping,
    remapped: &BTreeMap<String, Json>,
) -> (Definition, Vec<Param>) {
    let mut definition = definition.clone();
    let mut params = params.to_vec();
    if !names.ids.is_empty() || !names.hosts.is_empty() {
        for Tag { value, metadata, .. } in &mut definition.tags {
            *value = remap_text(value, names);
            if let Some(metadata) = metadata {
                rewrite(metadata, names);
            }
        }
        // What only looks like an id in a script is a part of the script.
        for (_, value) in definition.fields.iter_mut().filter(|(field, _)| *field != "payload_decoder") {
            rewrite(value, names);
        }
        for param in &mut params {
            param.value = remap_text(&param.value, names);
        }
    }
    definition.fields.extend(remapped.clone());
    (definition, params)
}

/// The names of what differs between a device of the source and one of the target, whichever of the two
/// sides' names the target's uses.
pub(crate) fn differing(
    ours: Described<'_>,
    theirs: Described<'_>,
    names: &Mapping,
    remapped: &BTreeMap<String, Json>,
) -> Vec<String> {
    let plain = differences(ours, theirs);
    if plain.is_empty() {
        return plain;
    }
    let (definition, params) = localised(ours, names, remapped);
    let mut named = differences((&definition, &params), theirs);
    named.retain(|name| plain.contains(name));
    named
}

fn rewrite(value: &mut Json, names: &Mapping) {
    let Ok(document) = serde_json::from_str::<serde_json::Value>(value.as_str()) else { return };
    let (changed, _) = remap_inside("", &document, names);
    if changed != document
        && let Ok(changed) = Json::from_text(changed.to_string())
    {
        *value = changed;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "5f2a8e3b9c1d4e00112233aa";
    const B: &str = "5f2a8e3b9c1d4e00112233bb";
    const C: &str = "5f2a8e3b9c1d4e00112233cc";

    fn device(named: &str) -> (Definition, Vec<Param>) {
        let definition = Definition {
            name: "Truck".to_owned(),
            kind: "mutable".to_owned(),
            active: true,
            visible: true,
            tags: vec![Tag { key: "dashboard".to_owned(), value: named.to_owned(), metadata: None }],
            fields: BTreeMap::from([
                ("network".to_owned(), Json::text(named)),
                ("payload_decoder".to_owned(), Json::text(A)),
            ]),
        };
        let id = tago_api::ParamId::from_bytes([1; 12]);
        let param = Param { id, key: "home".to_owned(), value: format!("in {named}"), sent: false };
        (definition, vec![param])
    }

    #[test]
    fn a_device_that_names_the_same_things_is_the_same() {
        let names = Mapping { ids: BTreeMap::from([(A.to_owned(), B.to_owned())]), hosts: Vec::new() };
        let none = BTreeMap::new();
        let (ours, params) = device(A);
        let ours = (&ours, params.as_slice());
        let differs = |named: &str, remapped| {
            let (theirs, params) = device(named);
            differing(ours, (&theirs, &params), &names, remapped)
        };
        assert_eq!(differs(B, &none), Vec::<String>::new());
        assert_eq!(differs(A, &none), Vec::<String>::new(), "it still names the source's");
        assert_eq!(differs(C, &none), ["network", "parameter home", "tag dashboard"]);
        let network = BTreeMap::from([("network".to_owned(), Json::text(C))]);
        assert_eq!(differs(C, &network), ["parameter home", "tag dashboard"]);
        let (wanted, _) = localised(ours, &names, &none);
        assert_eq!(wanted.fields["payload_decoder"], Json::text(A), "a script is carried as it is");
    }
}
