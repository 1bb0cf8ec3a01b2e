-- Made from sinks/clickhouse/schema by `go test ./sinks/clickhouse -update`; change it there, by a new file.
-- driftd makes the same by itself where it may. Where it may not: clickhouse-client --multiquery < schema.sql

CREATE DATABASE IF NOT EXISTS driftd ;

CREATE TABLE IF NOT EXISTS driftd.driftd_migrations
(
    version    UInt32,
    name       String,
    checksum   String,
    revision   UInt64, -- seconds since 1970 when it was applied; two processes may both have done it
    applied_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(revision)
ORDER BY version;

-- 0001_windows
CREATE TABLE IF NOT EXISTS driftd.driftd_windows
(
    model         LowCardinality(String),
    segment       LowCardinality(String),
    window_start  DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
    window_end    DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
    window_length UInt32,
    n             UInt64 CODEC(T64, ZSTD),
    late          UInt64 CODEC(T64, ZSTD),
    complete      UInt8,
    reason        LowCardinality(String),
    verdict       LowCardinality(String),
    flags         UInt32,
    columns       UInt32,
    unknown       UInt64,
    unknown_names Array(String) CODEC(ZSTD),
    listed        Array(String) CODEC(ZSTD), -- columns by Benjamini and Hochberg at 5 %, where one flagged
    reference     LowCardinality(String),
    revision      UInt64 CODEC(T64, ZSTD),
    config_hash   LowCardinality(String),
    version       LowCardinality(String),
    labels        Map(LowCardinality(String), String)
)
ENGINE = ReplacingMergeTree(revision)
PARTITION BY toYYYYMM(window_start)
ORDER BY (model, segment, window_length, window_start)
TTL toDateTime(window_start) + toIntervalDay(400);
INSERT INTO driftd.driftd_migrations (version, name, checksum, revision)
    SELECT 1, '0001_windows', '0282bf199e75c68a8be3d82d11c7ab73d435596b86869b3247d53385412248bd', toUnixTimestamp(now());

-- 0002_columns
CREATE TABLE IF NOT EXISTS driftd.driftd_columns
(
    model         LowCardinality(String),
    segment       LowCardinality(String),
    column        LowCardinality(String),
    window_start  DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
    window_end    DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
    window_length UInt32,
    n             UInt64 CODEC(T64, ZSTD),
    n_eff         Nullable(Float64) CODEC(ZSTD),
    effect        Nullable(Float64) CODEC(ZSTD),
    p_value       Nullable(Float64) CODEC(ZSTD),
    alpha         Nullable(Float64) CODEC(ZSTD),
    mde           Nullable(Float64) CODEC(ZSTD),
    verdict       LowCardinality(String),
    flag          Bool,
    evaluated     Bool,
    score         Nullable(Float64) CODEC(ZSTD),
    moved         String CODEC(ZSTD),
    tests         Nested
    (
        name      LowCardinality(String),
        statistic Float64,
        effect    Float64,
        threshold Float64,
        p_value   Float64
    ),
    bins          Array(UInt64) CODEC(ZSTD),  -- under, bins, over; or categories, rare, new
    quantiles     Array(Float64) CODEC(ZSTD), -- numeric: .05 .25 .5 .75 .95; else empty
    mean          Nullable(Float64) CODEC(ZSTD),
    nulls         UInt64 CODEC(T64, ZSTD),
    nans          UInt64 CODEC(T64, ZSTD),
    type_errors   UInt64 CODEC(T64, ZSTD),
    complete      UInt8,
    reason        LowCardinality(String),
    late          UInt64 CODEC(T64, ZSTD),
    provisional   Bool,
    watched       Bool,
    reference     LowCardinality(String),
    revision      UInt64 CODEC(T64, ZSTD),
    config_hash   LowCardinality(String),
    version       LowCardinality(String),
    labels        Map(LowCardinality(String), String)
)
ENGINE = ReplacingMergeTree(revision)
PARTITION BY toYYYYMM(window_start)
ORDER BY (model, segment, column, window_length, window_start)
TTL toDateTime(window_start) + toIntervalDay(400);
INSERT INTO driftd.driftd_migrations (version, name, checksum, revision)
    SELECT 2, '0002_columns', '75dcf25673e97c071523c623e4aee8a3358cb946822069fa2a8b33fd14bc565c', toUnixTimestamp(now());

-- 0003_incidents
CREATE TABLE IF NOT EXISTS driftd.driftd_incidents
(
    id          String,
    model       LowCardinality(String),
    segment     LowCardinality(String),
    type        LowCardinality(String),
    state       LowCardinality(String),
    severity    LowCardinality(String),
    historic    Bool,
    provisional Bool,
    opened_at   DateTime64(3, 'UTC'),
    drift_since DateTime64(3, 'UTC'),
    resolved_at Nullable(DateTime64(3, 'UTC')),
    changed_at  DateTime64(3, 'UTC'),
    pace        LowCardinality(String),
    columns     Nested
    (
        column     LowCardinality(String),
        test       LowCardinality(String),
        effect     Float64,
        first_flag DateTime64(3, 'UTC'),
        moved      String,
        p_value    Float64,
        threshold  Float64,
        n          UInt64
    ),
    summary     String CODEC(ZSTD),
    reference   LowCardinality(String),
    revision    UInt64,
    config_hash LowCardinality(String),
    version     LowCardinality(String),
    labels      Map(LowCardinality(String), String)
)
ENGINE = ReplacingMergeTree(revision)
PARTITION BY toYYYYMM(opened_at)
ORDER BY (model, segment, opened_at, id)
TTL toDateTime(opened_at) + toIntervalDay(400);
INSERT INTO driftd.driftd_migrations (version, name, checksum, revision)
    SELECT 3, '0003_incidents', '694f98805ad3228f0d64a796ccf56b97bd51216a901e4dffb7d2f846dbab2e13', toUnixTimestamp(now());

-- 0004_baseline
ALTER TABLE driftd.driftd_columns
    ADD COLUMN IF NOT EXISTS baseline LowCardinality(String) AFTER watched;
INSERT INTO driftd.driftd_migrations (version, name, checksum, revision)
    SELECT 4, '0004_baseline', 'd0bbefd05b4ae2d6755804ac8231514b7babfd19b31246814c894bd8b4f158d1', toUnixTimestamp(now());

-- 0005_sequential
ALTER TABLE driftd.driftd_columns
    ADD COLUMN IF NOT EXISTS `tests.drift` Array(Bool) AFTER `tests.p_value`,
    ADD COLUMN IF NOT EXISTS `tests.warning` Array(Bool) AFTER `tests.drift`,
    ADD COLUMN IF NOT EXISTS `tests.note` Array(LowCardinality(String)) AFTER `tests.warning`;
INSERT INTO driftd.driftd_migrations (version, name, checksum, revision)
    SELECT 5, '0005_sequential', 'f0d9cdd7dd9b1eab79f2982aa11bff94b56116670527e7fa1c01f413f2b34904', toUnixTimestamp(now());
