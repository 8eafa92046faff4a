use super::{Default, Field, NAME, Resource, Shape, rates};
use crate::project::dictionary;

pub(in crate::project) const DICTIONARY: &Resource = &Resource {
    kind: "dictionary",
    path: "/dictionary",
    label: "Dictionary",
    plural: "dictionaries",
    fields: &[
        NAME,
        Field::required("slug", Shape::Text(1, 100)),
        Field::required("fallback", Shape::Text(2, 20)),
        Field::optional("languages", Shape::Keyed("code", 100), Default::EmptyList),
    ],
    listed: &["slug", "fallback", "languages", "created_at", "updated_at"],
    limits: [2, 10, 50],
    unique: Some("slug"),
    created_as: "dictionary",
    rule: dictionary::check,
    reading: rates::DICTIONARY,
    changing: rates::DICTIONARY,
    ..Resource::PLAIN
};

/// The texts of a dictionary in one language: its name is the language's code, its parent the dictionary.
pub(in crate::project) const LANGUAGE: &Resource = &Resource {
    kind: "dictionary_language",
    label: "Language",
    plural: "languages of a dictionary",
    named: "code",
    fields: &[Field::required("code", Shape::Text(2, 20)), Field::required("dictionary", Shape::Object)],
    own_fields: &[],
    ..Resource::PLAIN
};
