-- What a column's window was compared with: seasonal, the usual for its hour; empty, the whole reference.
ALTER TABLE ${database}.driftd_columns ${on_cluster}
    ADD COLUMN IF NOT EXISTS baseline LowCardinality(String) AFTER watched;
