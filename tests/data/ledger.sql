PRAGMA user_version = 1;
BEGIN TRANSACTION;
CREATE TABLE attempts (
    id INTEGER PRIMARY KEY,
    image TEXT NOT NULL,
    digests TEXT NOT NULL,
    versions TEXT,
    after_run INTEGER NOT NULL,
    cause TEXT NOT NULL,
    uid TEXT NOT NULL,
    recorded_at REAL NOT NULL,
    due_at REAL
);
INSERT INTO "attempts" VALUES(1,'registry.example:5000/node@sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb','["sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"]','{"application": "avalanchego/1.14.2", "database": "v1.4.5", "rpcchainvm": 45, "commit": "cccccccccccccccccccccccccccccccccccccccc", "go": "1.26"}',2,'retry','pod-1',1000000.0,NULL);
INSERT INTO "attempts" VALUES(2,'registry.example:5000/node@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','["sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"]','{"application": "avalanchego/1.14.2", "database": "v1.4.5", "rpcchainvm": 45, "commit": "cccccccccccccccccccccccccccccccccccccccc", "go": "1.26"}',3,'request','pod-2',1000000.0,NULL);
CREATE TABLE counts (
    run INTEGER NOT NULL REFERENCES runs (number),
    chain TEXT NOT NULL,
    signal TEXT NOT NULL,
    before REAL NOT NULL,
    last REAL NOT NULL,
    maximum REAL NOT NULL,
    PRIMARY KEY (run, chain, signal)
);
INSERT INTO "counts" VALUES(1,'P','blocks_accepted',1.0,2.5,3.0);
CREATE TABLE evidence (
    id INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES runs (number),
    text TEXT NOT NULL,
    taken_at REAL NOT NULL
);
INSERT INTO "evidence" VALUES(1,2,'FATAL no disk
line two
',1000000.0);
CREATE TABLE holder (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    uid TEXT NOT NULL,
    beat INTEGER NOT NULL
);
INSERT INTO "holder" VALUES(1,'pod-2',6);
CREATE TABLE interventions (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    uid TEXT NOT NULL,
    image TEXT NOT NULL DEFAULT '',
    made_at REAL NOT NULL
);
INSERT INTO "interventions" VALUES(1,'pin','pod-2','registry.example:5000/node@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',1000000.0);
CREATE TABLE readings (name TEXT PRIMARY KEY, value TEXT NOT NULL, read_at REAL NOT NULL);
INSERT INTO "readings" VALUES('adopt_token','{"token": "a token"}',1000000.0);
INSERT INTO "readings" VALUES('configuration','{"tester": "tester", "testbed": "desk", "network": "fuji", "sync_mode": "c-chain-state-sync"}',1000000.0);
INSERT INTO "readings" VALUES('phase','{"phase": "soaking", "message": "waiting"}',1000000.0);
INSERT INTO "readings" VALUES('notice','{"message": "a notice"}',1000000.0);
INSERT INTO "readings" VALUES('image_check','{"succeeded_at": 1000000.0}',1000000.0);
INSERT INTO "readings" VALUES('node','{"seen_at": 1000000.0, "up": true, "health": "stale", "bootstrapped": false, "failing_checks": ["P"], "peers": 12}',1000000.0);
INSERT INTO "readings" VALUES('volume','{"measured_at": 1000000.0, "usage_bytes": 4096, "size_bytes": 1000000000000, "available_bytes": 100000000000}',1000000.0);
INSERT INTO "readings" VALUES('progress','{"run": 3, "stalled": true, "unknown": true, "chains": {"P": {"activity": "executing", "ratio": 0.5, "end_at": 1000060.0}, "C": {"activity": "waiting", "ratio": null, "end_at": null}}}',1000000.0);
INSERT INTO "readings" VALUES('new_build','{"image": "registry.example:5000/node@sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", "digests": ["sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"], "versions": "{\"application\": \"avalanchego/1.14.2\", \"database\": \"v1.4.5\", \"rpcchainvm\": 45, \"commit\": \"cccccccccccccccccccccccccccccccccccccccc\", \"go\": \"1.26\"}"}',1000000.0);
INSERT INTO "readings" VALUES('problem.tick','{"cause": "permission_missing", "message": "pods: not granted", "since": 1000000.0}',1000000.0);
INSERT INTO "readings" VALUES('problem.disk','{}',1000000.0);
INSERT INTO "readings" VALUES('announcements','{"due": [{"reason": "BootstrapFailed", "message": "Run 2 failed", "warning": true, "made_at": 1000000.0}]}',1000000.0);
CREATE TABLE requests (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    argument TEXT NOT NULL DEFAULT '',
    made_at REAL NOT NULL,
    done_at REAL
);
INSERT INTO "requests" VALUES(1,'mark_baseline','2',1000000.0,NULL);
INSERT INTO "requests" VALUES(2,'rerun','',1000000.0,NULL);
INSERT INTO "requests" VALUES(3,'pause','',1000000.0,NULL);
CREATE TABLE runs (
    number INTEGER PRIMARY KEY,
    image TEXT NOT NULL,
    digests TEXT NOT NULL,
    versions TEXT,
    network TEXT NOT NULL,
    sync_mode TEXT NOT NULL,
    testbed TEXT NOT NULL,
    settings_digest TEXT NOT NULL DEFAULT '',
    settings_changed INTEGER NOT NULL DEFAULT 0,
    recovered INTEGER NOT NULL DEFAULT 0,
    clearing_at REAL,
    started_at REAL,
    ended_at REAL,
    outcome TEXT,
    reason TEXT,
    message TEXT NOT NULL DEFAULT '',
    duration_seconds REAL,
    wall_seconds REAL,
    disk_usage_bytes INTEGER,
    volume_size_bytes INTEGER,
    bookkeeping TEXT NOT NULL DEFAULT '{}'
);
INSERT INTO "runs" VALUES(1,'registry.example:5000/node@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','["sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"]','{"application": "avalanchego/1.14.2", "database": "v1.4.5", "rpcchainvm": 45, "commit": "cccccccccccccccccccccccccccccccccccccccc", "go": "1.26"}','fuji','full-sync','desk','settings',0,0,1000000.0,1000000.0,1000000.0,'succeeded',NULL,'healthy',10.5,11.5,1073741824,1099511627776,'{"started_boot_id": "boot before", "started_boot_seconds": 0.5, "boot_id": "boot", "accounted_boot_seconds": 1.5, "active_seconds": 12.5, "observed_seconds": 13.5, "process_start_boot_seconds": -0.5, "process_uid": "pod", "process_restarts": 2, "node_restarts": 3, "restarts_at_progress": 1, "healthy": {"since_wall": 1000000.0, "since_boot_seconds": 7.5, "active_seconds_at_start": 8.5, "observed_seconds": 9.5}, "identity_agreed": true, "progress_at": 1000000.0, "idle_seconds": 14.5, "lifeless_seconds": 15.5, "not_started_seconds": 16.5, "unhealthy_seconds": 17.5, "blocked_seconds": 18.5, "disk_write_bytes": 19.5, "chains": {"P": {"log": {"activity": "executing", "ratio": 0.5, "end_at": 1000000.0, "progress": "", "summary": "", "skipped": false, "transitioned": false, "written_at": 0.0}, "seen": true, "visible": true, "idle_seconds": 0.0}}, "stalled_chain": "P", "unknown_seconds": 20.5, "usage_mark_bytes": 21, "refusal": {"line": "a line", "had_peers": false, "is_fresh": false, "age_seconds": 0.0, "refused_seconds": 0.0}, "execution_targets": {"C": 22.5}, "state_synced": true, "state_summary": "a line", "state_sync_restarted": true, "low_disk_seconds": 23.5, "low_disk_at": 1000000.0, "starved_seconds": 26.5, "healthy_seconds": 24.5, "replaced_healthy_seconds": 25.5, "other_build": "node@sha256:2", "revision": "tester-1"}');
INSERT INTO "runs" VALUES(2,'registry.example:5000/node@sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb','["sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"]',NULL,'fuji','full-sync','desk','settings',0,1,NULL,1000000.0,1000000.0,'failed','stalled','P',NULL,NULL,NULL,NULL,'{"started_boot_id": "boot", "started_boot_seconds": 50000.0, "boot_id": "boot", "accounted_boot_seconds": 50000.0, "active_seconds": 0.0, "observed_seconds": 0.0, "process_start_boot_seconds": null, "process_uid": "", "process_restarts": 0, "node_restarts": 0, "restarts_at_progress": 0, "healthy": null, "identity_agreed": false, "progress_at": null, "idle_seconds": 0.0, "lifeless_seconds": null, "not_started_seconds": 0.0, "unhealthy_seconds": 0.0, "blocked_seconds": 0.0, "disk_write_bytes": 0.0, "chains": {}, "stalled_chain": "", "unknown_seconds": 0.0, "usage_mark_bytes": null, "refusal": {"line": "", "had_peers": false, "is_fresh": false, "age_seconds": 0.0, "refused_seconds": 0.0}, "execution_targets": {}, "state_synced": null, "state_summary": "", "state_sync_restarted": false, "low_disk_seconds": 0.0, "low_disk_at": null, "starved_seconds": 0.0, "healthy_seconds": 0.0, "replaced_healthy_seconds": 0.0, "other_build": "", "revision": ""}');
INSERT INTO "runs" VALUES(3,'registry.example:5000/node@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','["sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"]','{"application": "avalanchego/1.14.2", "database": "v1.4.5", "rpcchainvm": 45, "commit": "cccccccccccccccccccccccccccccccccccccccc", "go": "1.26"}','fuji','c-chain-state-sync','desk','settings',1,0,1000000.0,1000000.0,NULL,NULL,NULL,'',NULL,NULL,NULL,NULL,'{"started_boot_id": "boot", "started_boot_seconds": 50000.0, "boot_id": "boot", "accounted_boot_seconds": 50000.0, "active_seconds": 0.0, "observed_seconds": 0.0, "process_start_boot_seconds": null, "process_uid": "pod-2", "process_restarts": 0, "node_restarts": 0, "restarts_at_progress": 0, "healthy": null, "identity_agreed": false, "progress_at": null, "idle_seconds": 0.0, "lifeless_seconds": null, "not_started_seconds": 0.0, "unhealthy_seconds": 0.0, "blocked_seconds": 0.0, "disk_write_bytes": 0.0, "chains": {}, "stalled_chain": "", "unknown_seconds": 0.0, "usage_mark_bytes": null, "refusal": {"line": "", "had_peers": false, "is_fresh": false, "age_seconds": 0.0, "refused_seconds": 0.0}, "execution_targets": {}, "state_synced": null, "state_summary": "", "state_sync_restarted": false, "low_disk_seconds": 0.0, "low_disk_at": null, "starved_seconds": 0.0, "healthy_seconds": 0.0, "replaced_healthy_seconds": 0.0, "other_build": "", "revision": ""}');
COMMIT;
