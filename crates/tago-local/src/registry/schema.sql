CREATE TABLE accounts (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  email TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE console_tokens (
  hash BLOB PRIMARY KEY,
  account TEXT NOT NULL REFERENCES accounts (id),
  created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE settings (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT;

CREATE TABLE projects (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  owner TEXT NOT NULL REFERENCES accounts (id),
  region TEXT NOT NULL,
  version TEXT NOT NULL,
  profile TEXT,
  port INTEGER,
  status TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  deleted_at INTEGER,
  restored_from TEXT,
  restored_backup TEXT,
  creation_fee_micros INTEGER NOT NULL,
  per_hour_micros INTEGER NOT NULL
) STRICT;

CREATE TABLE collaborators (
  project TEXT NOT NULL REFERENCES projects (id),
  account TEXT NOT NULL REFERENCES accounts (id),
  role TEXT NOT NULL,
  state TEXT NOT NULL,
  PRIMARY KEY (project, account)
) STRICT;

CREATE TABLE schedules (
  project TEXT PRIMARY KEY REFERENCES projects (id),
  daily_minute INTEGER NOT NULL,
  retention_days INTEGER NOT NULL,
  next_run_at INTEGER NOT NULL
) STRICT;

-- The order of seq is the order in which backups were made, whatever a clock did.
CREATE TABLE backups (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  project TEXT NOT NULL REFERENCES projects (id),
  kind TEXT NOT NULL,
  status TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  size INTEGER NOT NULL DEFAULT 0,
  sha256 TEXT,
  rows TEXT,
  error TEXT,
  removed_at INTEGER
) STRICT;
CREATE INDEX backups_of_project ON backups (project, seq);

CREATE TABLE quotes (
  id TEXT PRIMARY KEY,
  project TEXT NOT NULL,
  backup TEXT NOT NULL,
  region TEXT NOT NULL,
  version TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  price_book TEXT NOT NULL,
  price TEXT NOT NULL,
  size INTEGER NOT NULL,
  deployment TEXT
) STRICT;

CREATE TABLE deployments (
  id TEXT PRIMARY KEY,
  project TEXT NOT NULL REFERENCES projects (id),
  source_project TEXT NOT NULL,
  backup TEXT NOT NULL,
  status TEXT NOT NULL,
  started_at INTEGER NOT NULL,
  finished_at INTEGER,
  error TEXT
) STRICT;

CREATE TABLE deployment_log (
  deployment TEXT NOT NULL REFERENCES deployments (id),
  seq INTEGER NOT NULL,
  at INTEGER NOT NULL,
  event TEXT NOT NULL,
  message TEXT NOT NULL,
  done INTEGER,
  total INTEGER,
  PRIMARY KEY (deployment, seq)
) STRICT;

CREATE TABLE damages (
  project TEXT PRIMARY KEY REFERENCES projects (id),
  report TEXT NOT NULL
) STRICT;
