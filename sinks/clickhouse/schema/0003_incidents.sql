-- One row for each incident: its latest state. opened_at never changes, so that all states of an incident meet in one partition.
CREATE TABLE IF NOT EXISTS ${database}.driftd_incidents ${on_cluster}
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
ENGINE = ${engine}
PARTITION BY toYYYYMM(opened_at)
ORDER BY (model, segment, opened_at, id)
TTL toDateTime(opened_at) + toIntervalDay(${retention_days});
