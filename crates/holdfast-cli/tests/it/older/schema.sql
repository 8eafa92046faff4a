CREATE TABLE row (
    seq INTEGER PRIMARY KEY,
    epoch INTEGER NOT NULL,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    sum INTEGER NOT NULL
) STRICT;
CREATE TRIGGER row_is_never_changed BEFORE UPDATE ON row
    BEGIN SELECT RAISE(ABORT, 'a journal row is never changed'); END;
CREATE TRIGGER row_is_never_deleted BEFORE DELETE ON row
    BEGIN SELECT RAISE(ABORT, 'a journal row is never deleted'); END;
CREATE TRIGGER row_of_an_older_session BEFORE INSERT ON row
    WHEN NEW.epoch < (SELECT epoch FROM row ORDER BY seq DESC LIMIT 1)
    BEGIN SELECT RAISE(ABORT, 'another session took this run over'); END;
PRAGMA journal_mode = WAL;
PRAGMA user_version = 2;
