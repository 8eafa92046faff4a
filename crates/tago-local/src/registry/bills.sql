ALTER TABLE projects ADD COLUMN machine TEXT NOT NULL DEFAULT '2vcpu-4gb';
ALTER TABLE projects ADD COLUMN readers INTEGER NOT NULL DEFAULT 0;

-- What a project costs from a moment on, until the next one of its rows.
CREATE TABLE prices (
  project TEXT NOT NULL REFERENCES projects (id),
  since INTEGER NOT NULL,
  price TEXT NOT NULL,
  PRIMARY KEY (project, since)
) STRICT, WITHOUT ROWID;

-- Of a project that was not restored the parts of its price were not kept.
INSERT INTO prices
SELECT id, created_at, coalesce(
  (SELECT price FROM quotes JOIN deployments ON quotes.deployment = deployments.id
   WHERE deployments.project = projects.id),
  json_object(
    'currency', 'USD',
    'creation_fee_micros', creation_fee_micros,
    'per_hour_micros', per_hour_micros,
    'lines', json_array(
      json_object('category', 'Creation', 'label', 'Project creation fee', 'micros', creation_fee_micros,
        'per', 'once'),
      json_object('category', 'Infrastructure', 'label', 'Everything that the project consists of',
        'micros', per_hour_micros, 'per', 'hour'))))
FROM projects;

CREATE TABLE project_tokens (
  id TEXT PRIMARY KEY,
  project TEXT NOT NULL REFERENCES projects (id),
  hash BLOB NOT NULL UNIQUE,
  last_four TEXT NOT NULL,
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX tokens_of_project ON project_tokens (project);

-- The source and the backup of a restore; other deployments have none.
ALTER TABLE deployments ADD COLUMN kind TEXT NOT NULL DEFAULT 'restore';
ALTER TABLE deployments ADD COLUMN from_project TEXT;
ALTER TABLE deployments ADD COLUMN from_backup TEXT;
UPDATE deployments SET from_project = source_project, from_backup = backup;
ALTER TABLE deployments DROP COLUMN source_project;
ALTER TABLE deployments DROP COLUMN backup;
ALTER TABLE deployments RENAME COLUMN from_project TO source_project;
ALTER TABLE deployments RENAME COLUMN from_backup TO backup;
