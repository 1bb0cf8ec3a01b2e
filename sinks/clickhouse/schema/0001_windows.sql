-- One row for each series and window; columns are named as the fields of driftd.results.
-- A window written twice is one row: read with FINAL, or wait for a merge. The greatest revision wins; on a tie the last written.
CREATE TABLE IF NOT EXISTS ${database}.driftd_windows ${on_cluster}
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
ENGINE = ${engine}
PARTITION BY toYYYYMM(window_start)
ORDER BY (model, segment, window_length, window_start)
TTL toDateTime(window_start) + toIntervalDay(${retention_days});
