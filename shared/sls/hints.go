package sls

import "fluent-bit-sls/shared/option"

// ConnectionHints are the names that other plugins and tools of SLS have for the
// options of ConnectionConfig: Logstash's logservice plugins, the Fluent Bit plugins
// gsls and alisls, Flink's connector, the Java producer, LoongCollector, Fluentd's
// plugin and the SDKs; and what is typed for the engine's own network options, which
// a Go plugin does not get.
func ConnectionHints() []option.Hint {
	return []option.Hint{
		{Meant: "endpoint", Names: []string{"sls_endpoint", "log_endpoint", "end_point", "url", "bootstrap_servers", "brokers", "rdkafka.bootstrap.servers"}},
		{Meant: "project", Names: []string{"sls_project", "log_project", "project_name", "rdkafka.sasl.username"}},
		{Meant: "access_key_id", Names: []string{
			"accesskey_id", "access_id", "ak", "ak_id", "sls_ak_id", "sls_access_key_id", "aliyun_access_key_id",
			"aliyun_key_id", "log_accesskeyid", "alibaba_cloud_access_key_id",
		}},
		{Meant: "access_key_secret", Names: []string{
			"accesskey_secret", "access_secret", "secret_key", "secret_access_key", "secret", "sk", "ak_secret", "sls_ak_secret",
			"sls_access_key_secret", "aliyun_access_key_secret", "aliyun_key_secret", "log_accesskey",
			"alibaba_cloud_access_key_secret",
		}},
		{Meant: "access_key_secret", Names: []string{"access_key"}, Note: "Where `access_id` is the id, as in Logstash; else `access_key_id`."},
		{Meant: "access_key_id", Names: []string{"rdkafka.sasl.password"}, Note: "It was what stands before the #, and `access_key_secret` what stands behind it."},
		{Meant: "security_token", Names: []string{"sts_token", "session_token", "alibaba_cloud_security_token"}},
		{Meant: "credentials", Names: []string{"credential_type", "credentials_type", "credentials_provider", "auth_type"}, Note: "As in `credentials ecs_ram_role`."},
		{Meant: "ecs_role_name", Names: []string{"ecs_ram_role", "ram_role", "ram_role_name", "role_name"}, Note: "With `credentials ecs_ram_role`."},
		{Meant: "role_arn", Names: []string{"assume_role_arn", "sts_role_arn", "ram_role_arn"}, Note: "With `credentials assume_role` or `rrsa`."},
		{Meant: "oidc_token_file", Names: []string{"token_file_path", "oidc_token_file_path"}, Note: "With `credentials rrsa`."},
		{Meant: "sign_version", Names: []string{"signature_version", "auth_version"}},
		{Meant: "region", Names: []string{"region_id"}},
		{Meant: "proxy", Names: []string{"http_proxy", "https_proxy", "proxy_host", "proxy_url"}},
		{Meant: "request_timeout", Names: []string{"timeout", "http_timeout", "socket_timeout", "connect_timeout", "connection_timeout"}, Note: "A duration such as 30s."},
		{Meant: "ca_file", Names: []string{"ca_path", "cacert", "ca_cert", "ca_bundle"}},
		{Names: []string{"https", "use_https", "using_http", "ssl"}, Note: "`endpoint` says it: https:// (also without a scheme) or http://."},
		{Names: []string{"ssl_verify", "verify_ssl", "insecure", "insecure_skip_verify"}, Note: "certificates are always verified; `ca_file` adds authorities to the system's."},
	}
}
