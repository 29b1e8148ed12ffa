package sls

import "fluent-bit-sls/shared/option"

// ConnectionHints are the names that direct rivals have for the options of
// ConnectionConfig: Logstash's plugins for SLS, Flink's connector, OpenTelemetry's
// exporter, and Fluent Bit's kafka plugins on the Kafka endpoint of SLS.
func ConnectionHints() []option.Hint {
	return []option.Hint{
		{Meant: "endpoint", Names: []string{"brokers", "rdkafka.bootstrap.servers"}},
		{Meant: "project", Names: []string{"rdkafka.sasl.username"}},
		{Meant: "access_key_id", Names: []string{"access_id"}},
		{Meant: "access_key_id", Names: []string{"rdkafka.sasl.password"}, Note: "It was what stands before the #, and `access_key_secret` what stands behind it."},
		{Meant: "access_key_secret", Names: []string{"access_key"}, Note: "Where `access_id` is the id, as in Logstash; else `access_key_id`."},
		{Meant: "ecs_role_name", Names: []string{"ecs_ram_role"}, Note: "With `credentials ecs_ram_role`."},
		{Meant: "sign_version", Names: []string{"signature_version"}},
		{Meant: "region", Names: []string{"region_id"}},
		{Meant: "proxy", Names: []string{"proxy_host"}},
	}
}
