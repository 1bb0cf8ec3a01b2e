#!/usr/bin/env bash
# What driftd's Kafka user needs, and nothing more, for the topic prefix "driftd" (kafka.topic_prefix). Run as an
# administrator, with kafka-acls.sh on the path:
#
#   BOOTSTRAP=broker:9092 DRIFTD_USER=driftd SOURCES="predictions payments" ./acls.sh
#
# ADMIN_CONFIG names a file with the administrator's own properties (security.protocol, sasl.jaas.config ...).
set -euo pipefail

allow() {
	kafka-acls.sh --bootstrap-server "${BOOTSTRAP:?host:port of a broker}" ${ADMIN_CONFIG:+--command-config "$ADMIN_CONFIG"} \
		--add --allow-principal "User:${DRIFTD_USER:-driftd}" "$@"
}

# Users' topics are read, and never written.
for topic in ${SOURCES:?names of the source topics}; do
	allow --operation Read --operation Describe --topic "$topic"
done

# driftd's own topics and groups, and the offsets that it commits there.
allow --operation Read --operation Write --operation Describe --topic driftd. --resource-pattern-type prefixed
allow --operation Read --operation Describe --group driftd. --resource-pattern-type prefixed

# Only where driftd makes its topics itself, and `driftd check` looks at their settings.
allow --operation Create --operation DescribeConfigs --topic driftd. --resource-pattern-type prefixed
