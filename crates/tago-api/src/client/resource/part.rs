//! What belongs to a resource and is not in its document.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Document, unpacked};
use crate::client::api::Api;
use crate::client::error::{ApiError, Body};
use crate::client::transport::Call;

/// The script of an analysis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnalysisCode {
    /// The script itself, as it runs.
    pub source: Vec<u8>,
    /// Its name on the platform, `script.js` for example.
    pub file_name: String,
    /// The runtime that it is written for, as the analysis has it.
    pub runtime: String,
}

#[derive(Deserialize)]
struct Download {
    url: String,
}

/// Rows of an entity that one answer or one request holds.
const READ_ROWS: usize = 1_000;
const WRITE_ROWS: usize = 100;
const DELETE_ROWS: usize = 10;

/// Parts of resources.
impl Api {
    /// The texts of a dictionary in one language, without falling back to another.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn language(&self, dictionary: &str, locale: &str) -> Result<Document, ApiError> {
        const ROUTE: &str = "GET /dictionary/{dictionary}/{locale}";
        let call = Call::new(ROUTE).with(dictionary).with(locale).query("fallback", false);
        self.transport.result(call).await
    }

    /// Sets all texts of a dictionary in one language, which it makes if it has to.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn write_language(
        &self,
        dictionary: &str,
        locale: &str,
        texts: &Document,
        active: bool,
    ) -> Result<(), ApiError> {
        const ROUTE: &str = "PUT /dictionary/{dictionary}/{locale}";
        let body = json!({ "dictionary": texts, "active": active });
        self.done(Call::new(ROUTE).with(dictionary).with(locale).json(&body)?).await
    }

    /// Deletes a language of a dictionary.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn delete_language(&self, dictionary: &str, locale: &str) -> Result<(), ApiError> {
        const ROUTE: &str = "DELETE /dictionary/{dictionary}/{locale}";
        self.done(Call::new(ROUTE).with(dictionary).with(locale)).await
    }

    /// The script of an analysis, unpacked; `None` if it has none, as after a restore.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn analysis_source(&self, analysis: &str) -> Result<Option<Vec<u8>>, ApiError> {
        const ROUTE: &str = "GET /analysis/{analysis}/download";
        let download: Download = match self.transport.result(Call::new(ROUTE).with(analysis)).await {
            Err(none) if none.is_not_found() => return Ok(None),
            answer => answer?,
        };
        let packed = self.transport.linked(ROUTE, &download.url).await?;
        if packed.is_empty() {
            return Ok(None);
        }
        let limit = self.transport.answer_limit();
        let origin = self.address().origin();
        match unpacked(&packed, limit) {
            Ok(Some(source)) => Ok((!source.is_empty()).then_some(source)),
            Ok(None) => Err(ApiError::TooLarge { route: ROUTE, origin, limit }),
            Err(error) => {
                let source = serde_json::Error::io(error);
                Err(ApiError::Undecodable {
                    route: ROUTE,
                    origin,
                    at: "the gzip".to_owned(),
                    body: Body(packed),
                    source,
                })
            }
        }
    }

    /// Gives an analysis this script.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn upload_analysis(&self, analysis: &str, code: &AnalysisCode) -> Result<(), ApiError> {
        #[derive(Serialize)]
        struct Upload<'a> {
            file: String,
            file_name: &'a str,
            language: &'a str,
        }
        let upload =
            Upload { file: base64(&code.source), file_name: &code.file_name, language: &code.runtime };
        self.done(Call::new("POST /analysis/{analysis}/upload").with(analysis).json(&upload)?).await
    }

    /// All rows of an entity, each once.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn entity_rows(&self, entity: &str) -> Result<Vec<Document>, ApiError> {
        let (mut rows, mut seen) = (Vec::new(), std::collections::HashSet::new());
        for page in 1.. {
            let call = Call::new("GET /entity/{entity}/data").with(entity);
            let call = call.query("page", page).query("amount", READ_ROWS).query("index", "id_idx");
            let found: Vec<Document> = self.transport.result(call).await?;
            let is_last = found.len() < READ_ROWS;
            let id = |row: &Document| row.get("id").and_then(Value::as_str).map(str::to_owned);
            rows.extend(found.into_iter().filter(|row| seen.insert(id(row))));
            if is_last {
                break;
            }
        }
        Ok(rows)
    }

    /// Writes rows of an entity, at most 100; one with the id of a row takes its place.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn write_entity_rows(&self, entity: &str, rows: &[Document]) -> Result<(), ApiError> {
        debug_assert!(rows.len() <= WRITE_ROWS);
        self.done(Call::new("POST /entity/{entity}/data").with(entity).json(&rows)?).await
    }

    /// Deletes rows of an entity, at most 10.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn delete_entity_rows(&self, entity: &str, ids: &[String]) -> Result<(), ApiError> {
        debug_assert!(ids.len() <= DELETE_ROWS);
        let body = json!({ "ids": ids });
        self.done(Call::new("DELETE /entity/{entity}/data").with(entity).json(&body)?).await
    }

    /// Changes the schema and the indexes of an entity, each item with its `action`.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn edit_entity_schema(&self, entity: &str, changes: &Document) -> Result<(), ApiError> {
        self.done(Call::new("PUT /entity/{entity}/schema").with(entity).json(changes)?).await
    }
}

pub(super) fn base64(bytes: &[u8]) -> String {
    use ::base64::Engine;
    ::base64::engine::general_purpose::STANDARD.encode(bytes)
}
