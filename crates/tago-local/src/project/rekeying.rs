use std::path::{Path, PathBuf};

use rusqlite::{Connection, params};
use tago_api::ProjectId;

use super::record_id::RecordIds;
use super::run::ANONYMOUS_TOKEN;
use super::token::Minted;
use super::{MAIN_DATABASE, ProjectError, Shared, links, messages, outbox, schema, store};

/// Columns that hold one id.
const NAMED_BY: [(&str, &str); 7] = [
    ("params", "device"),
    ("tokens", "owner"),
    ("resources", "parent"),
    ("devices", "network"),
    ("devices", "connector"),
    ("credentials", "owner"),
    ("notifications", "run_user"),
];

/// Columns with ids as keys, as parts of addresses and of longer texts. What a device has sent stays.
const MENTIONED_IN: [(&str, &str); 7] = [
    ("resources", "body"),
    ("devices", "tags"),
    ("params", "value"),
    ("entities", "tags"),
    ("entity_rows", "body"),
    ("notifications", "body"),
    // How TagoRUN is set up.
    ("meta", "value"),
];

/// The steps that make a project of its own out of a copied main database.
///
/// Each is durable when it returns. Until [`Rekeying::finish`] the copy must
/// not be opened as a project.
pub struct Rekeying {
    db: Connection,
    path: PathBuf,
    shared: Shared,
}

impl Rekeying {
    /// Opens the copy in a project's `directory`.
    ///
    /// # Errors
    /// If it is not a project's main database.
    pub fn open(directory: &Path, shared: Shared) -> Result<Rekeying, ProjectError> {
        let path = directory.join(MAIN_DATABASE);
        let db = store::open_to_write(&path)
            .map_err(|source| ProjectError::Database { path: path.clone(), source })?;
        schema::read(&db, &path)?;
        Ok(Rekeying { db, path, shared })
    }

    /// Gives it the id and the name of the new project.
    ///
    /// # Errors
    /// If the copy cannot be written.
    pub fn become_instance(&mut self, project: ProjectId, name: &str) -> Result<(), ProjectError> {
        let now = self.shared.clock.now();
        self.change(|db, _| {
            schema::put(db, "project", project.to_string())?;
            schema::put(db, "name", name)?;
            schema::put(db, "created_at", now.millis())?;
            messages::clear(db)?;
            links::clear(db)?;
            outbox::clear(db)
        })
    }

    /// Makes a new record key, by which every record has a new id.
    ///
    /// # Errors
    /// If the copy cannot be written.
    pub fn make_record_key(&mut self) -> Result<(), ProjectError> {
        let (_, old) = schema::read(&self.db, &self.path)?;
        self.change(|db, shared| {
            loop {
                let key = RecordIds::new_key(&shared.random, shared.clock.now());
                if RecordIds::from_key(&key).is_some_and(|new| new.differs_from(&old)) {
                    return schema::put(db, "record_key", key);
                }
            }
        })
    }

    /// Replaces the value of every token, which keeps its name, permission and serial number;
    /// returns how many there are.
    ///
    /// # Errors
    /// If the copy cannot be written.
    pub fn reissue_tokens(&mut self) -> Result<u64, ProjectError> {
        self.change(|db, shared| {
            let hashes = db
                .prepare("SELECT hash, kind FROM tokens")?
                .query_map([], |row| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, String>(1)?)))?
                .collect::<rusqlite::Result<Vec<_>>>()?;
            for (old, kind) in &hashes {
                let new = Minted::of_kind(&shared.random, kind);
                db.prepare_cached(
                    "UPDATE tokens SET hash = ?2, last_four = ?3, last_authorization = NULL WHERE hash = ?1",
                )?
                .execute(params![old, new.hash(), new.last_four()])?;
            }
            schema::put(db, ANONYMOUS_TOKEN, shared.random.uuid())?;
            Ok(hashes.len() as u64)
        })
    }

    /// Keeps the actions of the copy from firing until they are released; returns how many there are.
    ///
    /// # Errors
    /// If the copy cannot be written.
    pub fn hold_automations(&mut self) -> Result<u64, ProjectError> {
        self.change(|db, shared| {
            outbox::hold(db, shared.clock.now())?;
            outbox::automations(db).map(|automations| automations.actions)
        })
    }

    /// Gives every device, parameter, entity and other resource a new id, in all places that name it;
    /// returns how many there are. Only for the platform that does not keep them.
    ///
    /// # Errors
    /// If the copy cannot be written.
    pub fn renew_resource_ids(&mut self) -> Result<u64, ProjectError> {
        self.change(|db, shared| {
            let mut renewed = 0;
            for table in ["devices", "params", "entities", "resources"] {
                let ids = db
                    .prepare(&format!("SELECT id FROM {table}"))?
                    .query_map([], |row| row.get::<_, String>(0))?
                    .collect::<rusqlite::Result<Vec<_>>>()?;
                for old in &ids {
                    let new = crate::random::hex(&shared.random.id_bytes(shared.clock.now()));
                    db.prepare_cached(&format!("UPDATE {table} SET id = ?2 WHERE id = ?1"))?
                        .execute([old, &new])?;
                    for (table, column) in NAMED_BY {
                        let sql = format!("UPDATE {table} SET {column} = ?2 WHERE {column} = ?1");
                        db.prepare_cached(&sql)?.execute([old, &new])?;
                    }
                    for (table, column) in MENTIONED_IN {
                        let sql = format!(
                            "UPDATE {table} SET {column} = replace({column}, ?1, ?2) WHERE instr({column}, ?1) > 0"
                        );
                        db.prepare_cached(&sql)?.execute([old, &new])?;
                    }
                }
                renewed += ids.len() as u64;
            }
            Ok(renewed)
        })
    }

    /// Folds everything into the one file and closes it.
    ///
    /// # Errors
    /// If that cannot be written.
    pub fn finish(self) -> Result<(), ProjectError> {
        let path = self.path;
        self.db
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
            .and_then(|()| self.db.close().map_err(|(_, error)| error))
            .map_err(|source| ProjectError::Database { path, source })
    }

    fn change<T>(
        &mut self,
        work: impl FnOnce(&Connection, &Shared) -> rusqlite::Result<T>,
    ) -> Result<T, ProjectError> {
        let shared = &self.shared;
        let path = &self.path;
        let db = &mut self.db;
        (|| {
            let changing = db.transaction()?;
            let done = work(&changing, shared)?;
            changing.commit()?;
            Ok(done)
        })()
        .map_err(|source| ProjectError::Database { path: path.clone(), source })
    }
}
