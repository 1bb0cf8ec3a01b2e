-- Sequential detectors among the tests: what they say in this window, and what that promises. False and empty for all others.
ALTER TABLE ${database}.driftd_columns ${on_cluster}
    ADD COLUMN IF NOT EXISTS `tests.drift` Array(Bool) AFTER `tests.p_value`,
    ADD COLUMN IF NOT EXISTS `tests.warning` Array(Bool) AFTER `tests.drift`,
    ADD COLUMN IF NOT EXISTS `tests.note` Array(LowCardinality(String)) AFTER `tests.warning`;
