-- The users of driftd's tables, each with the least that it needs. Run as an administrator, after schema.sql or after
-- driftd's first start. Replace both passwords first.
--
--   clickhouse-client --multiquery < grants.sql
--
-- deploy/clickhouse/users.d/driftd.xml is the same for a server whose users are files.

-- The rights of the writer: rows, and nothing that makes or changes tables. driftd runs with these once the tables are
-- there; a newer driftd whose migrations are missing says so and waits.
CREATE ROLE IF NOT EXISTS driftd_writer;
GRANT SELECT, INSERT ON driftd.* TO driftd_writer;

-- The rights that driftd needs beside these to make its tables and bring them to a newer version by itself. Leave the
-- role away from the user where an administrator does that.
CREATE ROLE IF NOT EXISTS driftd_migrator;
GRANT CREATE DATABASE, CREATE TABLE, ALTER ADD COLUMN, ALTER TTL, ALTER MATERIALIZE TTL ON driftd.* TO driftd_migrator;
-- In a cluster also ReplicatedReplacingMergeTree.
GRANT TABLE ENGINE ON ReplacingMergeTree TO driftd_migrator;

CREATE USER IF NOT EXISTS driftd IDENTIFIED WITH sha256_password BY 'change-me-writer';
GRANT driftd_writer, driftd_migrator TO driftd;

-- Grafana reads, and a dashboard that asks for too much takes nothing from the others. readonly = 2: the data source
-- sends settings of its own with each query.
CREATE ROLE IF NOT EXISTS driftd_reader;
GRANT SELECT ON driftd.* TO driftd_reader;
CREATE USER IF NOT EXISTS grafana IDENTIFIED WITH sha256_password BY 'change-me-reader'
    SETTINGS readonly = 2, max_execution_time = 60, max_memory_usage = 2000000000;
GRANT driftd_reader TO grafana;
