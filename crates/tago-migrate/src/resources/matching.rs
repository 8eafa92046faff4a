//! Which resource of the target is the counterpart of which of the source, and why.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::document::{Document, name, tag, text};
use super::kind::Kind;
use super::plan::ResourceChoices;
use super::remap::{Mapping, remap_text};
use super::scan::{Found, Snapshot};

/// Why something is taken for the counterpart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The owner said so.
    Chosen,
    /// It has the same id: a restored project keeps them.
    SameId,
    /// A token of it has the same serial number.
    SameSerial,
    /// It has the same value of the tag that the owner named.
    SameTag,
    /// It has the same key: slug, e-mail address, path or name of a secret.
    SameKey,
    /// It has the same name and type, and nothing else has.
    SameName,
}

/// The counterpart of one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Counterpart {
    None,
    /// Place among the target's resources.
    One(usize, Why),
    /// Several could be it.
    Many(usize),
}

/// The counterparts of the source's resources, in their order.
pub(crate) fn counterparts(
    source: &Snapshot,
    target: &Snapshot,
    choices: &ResourceChoices,
) -> Vec<Counterpart> {
    let mut found = vec![Counterpart::None; source.found.len()];
    let mut taken: BTreeMap<usize, usize> = BTreeMap::new();
    // What is certain goes first, so that a name alone takes nothing away from it.
    for why in [Why::Chosen, Why::SameId, Why::SameSerial, Why::SameTag, Why::SameKey, Why::SameName] {
        for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::File) {
            let ours = places(source, kind);
            let theirs = places(target, kind);
            for place in &ours {
                if matches!(found[*place], Counterpart::One(..)) {
                    continue;
                }
                let one = &source.found[*place];
                let parent = match &one.at.parent {
                    None => None,
                    // A widget's counterpart is on its dashboard's.
                    Some(parent) => match parent_in_target(source, target, &found, parent) {
                        None => continue,
                        parent => parent,
                    },
                };
                let fits = |other: &usize| {
                    let other_one = &target.found[*other];
                    !taken.contains_key(other)
                        && other_one.at.parent.as_deref() == parent
                        && fits(why, one, other_one, choices)
                };
                let candidates: Vec<usize> = theirs.iter().copied().filter(fits).collect();
                // Several of ours that fit one of theirs are as doubtful as the reverse.
                let rivals = || {
                    let same = |other: &&usize| {
                        let rival = &source.found[**other];
                        !matches!(found[**other], Counterpart::One(..))
                            && rival.at.parent == one.at.parent
                            && fits_name(one, rival, why, choices)
                    };
                    ours.iter().filter(same).count()
                };
                match candidates[..] {
                    [] => {}
                    [other] if matches!(why, Why::Chosen | Why::SameId | Why::SameKey) || rivals() == 1 => {
                        found[*place] = Counterpart::One(other, why);
                        taken.insert(other, *place);
                    }
                    _ => found[*place] = Counterpart::Many(candidates.len().max(2)),
                }
            }
        }
    }
    // A path may hold ids of others, so files come when those are known.
    let mapping = known_ids(source, target, &found);
    for place in places(source, Kind::File) {
        let path = remap_text(&source.found[place].at.id, &mapping);
        let other = places(target, Kind::File).into_iter().find(|other| target.found[*other].at.id == path);
        if let Some(other) = other {
            found[place] = Counterpart::One(other, Why::SameKey);
        }
    }
    found
}

/// Which ids of the source are which of the target, as far as counterparts are known.
pub(crate) fn known_ids(source: &Snapshot, target: &Snapshot, found: &[Counterpart]) -> Mapping {
    let pairs = source.found.iter().zip(found).filter_map(|(one, counterpart)| match counterpart {
        Counterpart::One(other, _) if one.at.kind != Kind::File => {
            Some((one.at.id.clone(), target.found[*other].at.id.clone()))
        }
        _ => None,
    });
    Mapping { ids: pairs.collect(), hosts: Vec::new() }
}

fn places(side: &Snapshot, kind: Kind) -> Vec<usize> {
    (0..side.found.len()).filter(|place| side.found[*place].at.kind == kind).collect()
}

fn parent_in_target<'t>(
    source: &Snapshot,
    target: &'t Snapshot,
    found: &[Counterpart],
    parent: &str,
) -> Option<&'t str> {
    let place = source.found.iter().position(|one| one.at.kind == Kind::Dashboard && one.at.id == parent)?;
    match found[place] {
        Counterpart::One(other, _) => Some(&target.found[other].at.id),
        _ => None,
    }
}

fn fits(why: Why, one: &Found, other: &Found, choices: &ResourceChoices) -> bool {
    match why {
        Why::Chosen => choices.counterparts.get(&one.at.id) == Some(&other.at.id),
        Why::SameId => one.at.id == other.at.id && one.at.kind.descriptor().key.is_none(),
        Why::SameSerial => one.serials.iter().any(|serial| other.serials.contains(serial)),
        Why::SameTag => choices.match_tag.as_deref().is_some_and(|key| {
            let value = tag(&one.document, key).filter(|value| !value.is_empty());
            value.is_some() && value == tag(&other.document, key)
        }),
        Why::SameKey => match one.at.kind {
            Kind::RunConfiguration => true,
            kind => kind.descriptor().key.is_some() && key(kind, &one.document) == key(kind, &other.document),
        },
        Why::SameName => {
            let row = one.at.kind.descriptor();
            row.key.is_none()
                && name(row.kind, &one.document) == name(row.kind, &other.document)
                && row.variant.is_none_or(|field| text(&one.document, field) == text(&other.document, field))
        }
    }
}

/// Whether two of one side look the same to this way of matching.
fn fits_name(one: &Found, rival: &Found, why: Why, choices: &ResourceChoices) -> bool {
    one.at == rival.at || why != Why::SameId && fits(why, one, rival, choices)
}

/// What no two of a type have: e-mail addresses whatever their capitals.
pub(crate) fn key(kind: Kind, document: &Document) -> Option<String> {
    let field = kind.descriptor().key?;
    let text = text(document, field)?;
    Some(if kind == Kind::RunUser { text.to_lowercase() } else { text.to_owned() })
}
