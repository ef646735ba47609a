"""The tables of a SQLite store, and the steps that lead to them.

``SCHEMA`` is what a new file gets. ``MIGRATIONS`` are the steps from an empty file to the same, one
for each format there ever was: a file of format n needs those from n on. A step that was released
is never changed. A test holds the two together.
"""

from __future__ import annotations

from typing import Final

#: ``PRAGMA application_id`` of our files: "RUNE".
APPLICATION_ID: Final = 0x52554E45

SCHEMA: Final = """\
CREATE TABLE meta(name TEXT PRIMARY KEY, value ANY) WITHOUT ROWID, STRICT;

CREATE TABLE job(
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  tenant TEXT NOT NULL,
  key TEXT,
  skript TEXT NOT NULL,
  kind TEXT NOT NULL,
  parent TEXT,
  blueprint TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  head BLOB NOT NULL,
  need INTEGER NOT NULL,
  priority INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  status TEXT NOT NULL,
  state TEXT NOT NULL,
  reason TEXT,
  epoch INTEGER NOT NULL,
  owner INTEGER,
  due INTEGER,
  claims INTEGER NOT NULL,
  progress INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  part_at INTEGER NOT NULL DEFAULT 0,
  part INTEGER NOT NULL DEFAULT 0,
  bodies INTEGER NOT NULL,
  sum INTEGER NOT NULL,
  changed INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX job_key ON job(tenant, key) WHERE key IS NOT NULL;
CREATE UNIQUE INDEX job_changed ON job(changed);
CREATE INDEX job_due ON job(need, priority DESC, due, number) WHERE due IS NOT NULL;
CREATE INDEX job_suspect ON job(claims, need, number) WHERE due IS NOT NULL AND claims >= 2;
CREATE INDEX job_owner ON job(owner) WHERE owner IS NOT NULL;
CREATE INDEX job_status ON job(status);
CREATE INDEX job_state ON job(state) WHERE state <> status;
CREATE INDEX job_skript ON job(skript);
CREATE INDEX job_tenant ON job(tenant) WHERE tenant <> '';
CREATE INDEX job_parent ON job(parent) WHERE parent IS NOT NULL;
CREATE TABLE label(name TEXT, value TEXT, job INTEGER, PRIMARY KEY(name, value, job))
  WITHOUT ROWID, STRICT;
CREATE TABLE payload(place INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT;
CREATE TABLE removed(changed INTEGER PRIMARY KEY, job TEXT NOT NULL, at INTEGER NOT NULL) STRICT;

CREATE TABLE segment(place INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT;
CREATE TABLE snapshot(place INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT;

CREATE TABLE timer(
  job INTEGER, path BLOB, m INTEGER, due INTEGER NOT NULL, kind TEXT NOT NULL, step TEXT NOT NULL,
  PRIMARY KEY(job, path, m)
) WITHOUT ROWID, STRICT;
CREATE TABLE listener(
  job INTEGER, path BLOB, m INTEGER, tenant TEXT NOT NULL, topic TEXT NOT NULL,
  match BLOB NOT NULL, key BLOB NOT NULL,
  PRIMARY KEY(job, path, m)
) WITHOUT ROWID, STRICT;
CREATE INDEX listener_topic ON listener(tenant, topic, match);
CREATE TABLE message(
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  tenant TEXT NOT NULL, id TEXT NOT NULL, topic TEXT NOT NULL,
  target INTEGER, match BLOB, data BLOB, until INTEGER NOT NULL,
  UNIQUE(tenant, id)
) STRICT;
CREATE INDEX message_topic ON message(tenant, topic, match) WHERE data IS NOT NULL;
CREATE INDEX message_target ON message(target) WHERE target IS NOT NULL AND data IS NOT NULL;
CREATE INDEX message_until ON message(until);
CREATE TABLE inbox(
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  job INTEGER NOT NULL, kind TEXT NOT NULL, path BLOB NOT NULL, n INTEGER NOT NULL,
  data BLOB NOT NULL
) STRICT;
CREATE INDEX inbox_job ON inbox(job);
CREATE TABLE command(job INTEGER, id TEXT, PRIMARY KEY(job, id)) WITHOUT ROWID, STRICT;

CREATE TABLE worker(
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE, until INTEGER NOT NULL, lease INTEGER NOT NULL, data BLOB NOT NULL
) STRICT;
CREATE TABLE need(number INTEGER PRIMARY KEY, spec BLOB NOT NULL UNIQUE) STRICT;

CREATE TABLE slot(
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL, job INTEGER NOT NULL, path BLOB NOT NULL, n INTEGER NOT NULL, until INTEGER
) STRICT;
CREATE INDEX slot_name ON slot(name);
CREATE INDEX slot_job ON slot(job);
CREATE INDEX slot_until ON slot(until) WHERE until IS NOT NULL;
CREATE TABLE waiting(
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  job INTEGER NOT NULL, path BLOB NOT NULL, n INTEGER NOT NULL, limits BLOB NOT NULL
) STRICT;
CREATE INDEX waiting_job ON waiting(job, path, n);
CREATE TABLE waiting_for(name TEXT, number INTEGER, PRIMARY KEY(name, number))
  WITHOUT ROWID, STRICT;
CREATE INDEX waiting_for_call ON waiting_for(number);

CREATE TABLE blob(
  number INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE, put_at INTEGER NOT NULL,
  data BLOB NOT NULL
) STRICT;
CREATE TABLE uses(user TEXT, digest TEXT, PRIMARY KEY(user, digest)) WITHOUT ROWID, STRICT;
CREATE INDEX uses_digest ON uses(digest);
CREATE TABLE record(
  tab TEXT, name TEXT, version INTEGER NOT NULL, at INTEGER NOT NULL, value BLOB NOT NULL,
  PRIMARY KEY(tab, name)
) WITHOUT ROWID, STRICT;
"""

#: Format n -> n + 1, beginning with an empty file.
MIGRATIONS: Final[tuple[str, ...]] = (SCHEMA,)
#: ``PRAGMA user_version`` of what this build writes.
FORMAT: Final = len(MIGRATIONS)
