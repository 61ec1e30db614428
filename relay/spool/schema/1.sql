-- The spool, version 1. Instants are microseconds since 1970-01-01 UTC.

-- One row for each undelivered envelope: all but the message, so that a change of state rewrites no message.
CREATE TABLE envelope (
    seq              INTEGER PRIMARY KEY,
    id               TEXT    NOT NULL UNIQUE,
    mailbox          TEXT    NOT NULL,
    message_id       TEXT    NOT NULL,
    received_at      INTEGER NOT NULL,
    state            TEXT    NOT NULL,
    size             INTEGER NOT NULL,  -- of the sealed message, in bytes
    sha256           BLOB    NOT NULL,  -- of the sealed message
    due              INTEGER NOT NULL,
    attempts         INTEGER NOT NULL,
    reason           TEXT    NOT NULL,
    mark_uidvalidity INTEGER,           -- the mark of an attempt in doubt
    mark_uidnext     INTEGER,

    -- The legal states. A row that is found in another is set aside as damaged, so damaged rows may hold anything.
    legal INTEGER AS (ifnull(
        state IN ('waiting', 'claimed', 'held')
        AND mailbox <> ''
        AND received_at BETWEEN 0 AND 253402300799999999
        AND due BETWEEN 0 AND 253402300799999999
        AND size >= 0
        AND length(sha256) = 32
        AND attempts >= 0
        AND (mark_uidvalidity IS NULL) = (mark_uidnext IS NULL), false)) VIRTUAL,
    CHECK (state = 'damaged' OR legal)
) STRICT;

-- Everything that claim, next_due and totals ask for, in the order in which they ask.
CREATE INDEX envelope_by_age ON envelope (mailbox, state, received_at, seq, due, size);

CREATE TABLE sealed_message (
    seq    INTEGER PRIMARY KEY REFERENCES envelope,
    sealed BLOB NOT NULL
) STRICT;

-- What was delivered: id and time only, so that the same submission sent again stays one.
CREATE TABLE done (
    id TEXT    PRIMARY KEY,
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What each scope holds ('': the spool, 'TENANT/': a tenant, else a mailbox), counted in the same transaction.
CREATE TABLE tally (
    scope TEXT    PRIMARY KEY,
    items INTEGER NOT NULL,
    bytes INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TRIGGER envelope_came AFTER INSERT ON envelope BEGIN
    INSERT INTO tally
        SELECT column1, 1, new.size
        FROM (VALUES ('') UNION VALUES (substr(new.mailbox, 1, instr(new.mailbox, '/'))) UNION VALUES (new.mailbox))
        WHERE true
    ON CONFLICT DO UPDATE SET items = items + 1, bytes = bytes + excluded.bytes;
END;

CREATE TRIGGER envelope_went AFTER DELETE ON envelope BEGIN
    UPDATE tally SET items = items - 1, bytes = bytes - old.size
        WHERE scope IN ('', substr(old.mailbox, 1, instr(old.mailbox, '/')), old.mailbox);
END;
