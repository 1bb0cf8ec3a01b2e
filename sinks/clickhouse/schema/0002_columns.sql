-- One row for each column of a series and window. A number that is null in driftd.results is NULL here (inside arrays: nan).
CREATE TABLE IF NOT EXISTS ${database}.driftd_columns ${on_cluster}
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
ENGINE = ${engine}
PARTITION BY toYYYYMM(window_start)
ORDER BY (model, segment, column, window_length, window_start)
TTL toDateTime(window_start) + toIntervalDay(${retention_days});
