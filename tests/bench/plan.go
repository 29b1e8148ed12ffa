package main

// probe is one run of benchmarks in a process of their own.
type probe struct {
	binary string // of packages
	bench  string // what go test -bench takes
	times  string // what go test -benchtime takes
	procs  string // what go test -cpu takes; "" = all there are
}

// measurement is what some figures are made of.
type measurement struct {
	probes  []probe // run one after the other in each round
	once    bool    // no ratio: measured in the first round only
	aside   bool    // a matter of memory and not of time: all at once, beside nothing else
	figures []figure
}

// packages are the test binaries that hold the benchmarks.
var packages = map[string]string{
	"producer": "./out_sls/internal/producer",
	"consumer": "./in_sls/internal/consumer",
	"rivals":   "./tests/bench/rivals",
	"e2e":      "./tests/e2e",
}

// measurements are all there are, with their bars.
func measurements() []measurement {
	return append(outMeasurements(), inMeasurements()...)
}

func outMeasurements() []measurement {
	return []measurement{
		{
			probes: []probe{
				{"producer", "^BenchmarkEncode$", "1x", "1"},
				{"rivals", "^BenchmarkEncode$", "1x", "1"},
			},
			figures: []figure{
				{
					name: "out_encode_vs_lz4", unit: "fraction", bar: bar{atLeast, 0.70},
					over: "producer/Encode/SET lz4-cpu-ns/chunk", under: "producer/Encode/SET engine-cpu-ns/chunk",
				},
				{
					name: "out_encode_vs_naive", unit: "times", bar: bar{atLeast, 8},
					over: "rivals/Encode/SET/naive cpu-ns/chunk", under: "producer/Encode/SET engine-cpu-ns/chunk",
				},
			},
		},
		{
			probes: []probe{{"producer", "^BenchmarkState$", "1x", "1"}},
			figures: []figure{{
				name: "out_state_overhead", unit: "times", bar: bar{atMost, 1.04},
				over: "producer/State/SET with-cpu-ns/chunk", under: "producer/State/SET without-cpu-ns/chunk",
			}, {
				name: "out_once_overhead", unit: "times", bar: bar{atMost, 1.08},
				over: "producer/State/SET once-cpu-ns/chunk", under: "producer/State/SET without-cpu-ns/chunk",
			}},
		},
		{
			once:   true,
			probes: []probe{{"producer", "^BenchmarkAllocs$", "1x", "1"}},
			figures: []figure{{
				name: "out_allocs_per_record", unit: "allocs", bar: bar{atMost, 0}, worst: true,
				over: "producer/Allocs/SET allocs/record",
			}},
		},
		{
			// As many chunks as take each of the two about as long.
			probes: []probe{
				{"producer", "^BenchmarkSend$", "120x", ""},
				{"rivals", "^BenchmarkSend$", "24x", ""},
			},
			figures: []figure{{
				name: "out_vs_sdk_producer", unit: "fraction", bar: bar{atMost, 0.20},
				over: "producer/Send/SET cpu-s/GB", under: "rivals/Send/SET cpu-s/GB",
			}},
		},
		{
			aside: true,
			probes: []probe{
				{"producer", "^BenchmarkDeadEndpoint$/^access$", "1x", ""},
				{"producer", "^BenchmarkDeadEndpoint$/^kubernetes$", "1x", ""},
				{"producer", "^BenchmarkDeadEndpoint$/^short$", "1x", ""},
			},
			figures: []figure{{
				name: "out_rss_dead_endpoint_mb", unit: "MB", bar: bar{atMost, 160},
				over: "producer/DeadEndpoint/SET grown-MB",
			}},
		},
		{
			once:   true, // a difference, of two processes at the same time
			probes: []probe{{"e2e", "^BenchmarkSteady$", "1x", ""}},
			figures: []figure{{
				name: "out_rss_steady_mb", unit: "MB", bar: bar{atMost, 24},
				over: "e2e/Steady grown-MB",
			}},
		},
		{
			once:   true,
			probes: []probe{{"producer", "^BenchmarkSmallChunks$", "1x", ""}},
			figures: []figure{{
				name: "out_requests_per_small_chunk", unit: "requests", bar: bar{atMost, 0.25},
				over: "producer/SmallChunks/engine requests/chunk",
			}},
		},
		{
			probes: []probe{{"producer", "^BenchmarkSmallGroups$", "1x", ""}},
			figures: []figure{
				{
					name: "out_requests_per_small_group", unit: "requests", bar: bar{atMost, 0.16},
					over: "producer/SmallGroups auto-requests/chunk",
				},
				{
					name: "out_cpu_small_group", unit: "times", bar: bar{atMost, 0.5},
					over: "producer/SmallGroups auto-cpu-us/chunk", under: "producer/SmallGroups off-cpu-us/chunk",
				},
			},
		},
		{
			probes: []probe{{"producer", "^BenchmarkScale$", "1s", ""}},
			figures: []figure{{
				name: "out_scale", unit: "times", bar: bar{atLeast, 6.4},
				over: "producer/Scale/workers=8 MB/s", under: "producer/Scale/workers=1 MB/s",
			}},
		},
		{
			// Ten times the destinations.
			probes: []probe{{"producer", "^BenchmarkDestinations$/^topic$", "1x", ""}},
			figures: []figure{{
				name: "out_destinations_scale", unit: "times", bar: bar{atMost, 14},
				over: "producer/Destinations/topic/20000 queue-ms", under: "producer/Destinations/topic/2000 queue-ms",
			}},
		},
	}
}

func inMeasurements() []measurement {
	return []measurement{
		{
			probes: []probe{{"rivals", "^BenchmarkDecode$", "1x", "1"}},
			figures: []figure{
				{
					name: "in_decode_vs_sdk", unit: "times", bar: bar{atLeast, 5},
					over: "rivals/Decode/SET/sdk cpu-ns/chunk", under: "rivals/Decode/SET/engine cpu-ns/chunk",
				},
				{
					name: "in_decode_allocs_per_log", unit: "allocs", bar: bar{atMost, 0}, worst: true,
					over: "rivals/Decode/SET/engine allocs/log",
				},
			},
		},
		{
			probes: []probe{
				{"consumer", "^BenchmarkDrain$", "1x", ""},
				{"rivals", "^BenchmarkDrain$", "1x", ""},
			},
			figures: []figure{{
				name: "in_drain_vs_sdk_consumer", unit: "fraction", bar: bar{atMost, 0.5},
				over: "consumer/Drain/SET cpu-s/GB", under: "rivals/Drain/SET cpu-s/GB",
			}},
		},
		{
			probes: []probe{{"e2e", "^BenchmarkHandover$", "1x", ""}},
			figures: []figure{{
				name: "in_handover_mb_s", unit: "MB/s", bar: bar{atLeast, 150},
				over: "e2e/Handover/SET MB/s",
			}},
		},
		{
			probes: []probe{{"e2e", "^BenchmarkLatency$", "1x", ""}},
			figures: []figure{
				{name: "in_latency_p50_ms", unit: "ms", bar: bar{atMost, 200}, over: "e2e/Latency p50-ms"},
				{name: "in_latency_p99_ms", unit: "ms", bar: bar{atMost, 500}, over: "e2e/Latency p99-ms"},
			},
		},
		{
			probes: []probe{{"e2e", "^BenchmarkDrain$", "1x", ""}},
			figures: []figure{
				{name: "in_drain_s", unit: "s", bar: bar{atMost, 4}, over: "e2e/Drain s"},
				{name: "in_rss_drain_mb", unit: "MB", bar: bar{atMost, 160}, over: "e2e/Drain resident-MB"},
			},
		},
		{
			aside: true,
			probes: []probe{
				{"consumer", "^BenchmarkFull$/^access$", "1x", ""},
				{"consumer", "^BenchmarkFull$/^kubernetes$", "1x", ""},
				{"consumer", "^BenchmarkFull$/^short$", "1x", ""},
			},
			figures: []figure{{
				name: "in_rss_mb", unit: "MB", bar: bar{atMost, 200},
				over: "consumer/Full/SET resident-MB",
			}},
		},
	}
}
