package sls

import (
	"slices"
	"strings"
)

// Class says what a caller can do about an error.
type Class int

// The classes. ClassRetry is the zero value on purpose: an error that nobody has
// classified may pass.
const (
	// ClassRetry: the same request may succeed later (5xx, network).
	ClassRetry Class = iota
	// ClassThrottle: the same request may succeed later, at a lower rate.
	ClassThrottle
	// ClassSplit: part of the request may succeed. Send (or ask for) less at once, down
	// to the one record that the server refuses.
	ClassSplit
	// ClassPermanent: the same request will never succeed.
	ClassPermanent
	// ClassCredentials: the access key or token is wrong or expired, or lacks the
	// permission. Data is kept: keys can be mended.
	ClassCredentials
	// ClassClock: the server refused the time of the request, and refused it again with a
	// corrected clock.
	ClassClock
	// ClassConfiguration: the configuration names something that does not exist, or a
	// server that is not SLS. Data is kept: configuration can be mended.
	ClassConfiguration
	// ClassLeaseLost: this consumer does not hold this shard (any longer).
	ClassLeaseLost
	// ClassCursor: the cursor is invalid, usually expired with its data.
	ClassCursor
	// ClassConflict: what was to be created or written exists already.
	ClassConflict
)

// String is the class's name as logs and metric labels spell it.
func (c Class) String() string {
	switch c {
	case ClassRetry:
		return "retry"
	case ClassThrottle:
		return "throttle"
	case ClassSplit:
		return "split"
	case ClassPermanent:
		return "permanent"
	case ClassCredentials:
		return "credentials"
	case ClassClock:
		return "clock"
	case ClassConfiguration:
		return "configuration"
	case ClassLeaseLost:
		return "lease_lost"
	case ClassCursor:
		return "cursor"
	case ClassConflict:
		return "conflict"
	}
	return "unknown"
}

// CodeInfo is one row of the error table.
type CodeInfo struct {
	Code    string // as the server's documentation spells it
	HTTP    int    // the usual status; the class follows from the code alone
	Class   Class
	Meaning string // one line for a user
	Mend    string // options to look at, comma-separated, or another cause; may be empty
}

const (
	mendKeys     = "access_key_id, access_key_secret"
	mendAllKeys  = "access_key_id, access_key_secret, security_token"
	mendLogstore = "project, logstore"
	mendClock    = "the clock of this host"
)

// codeTable has every code of the SDK's error_code.go, the literals that its consumer
// uses, and those of the public API documentation. A look-up ignores case and takes
// "Exsit" for "Exist": the service and its SDKs use both.
var codeTable = []CodeInfo{
	{"MissingContentLength", 411, ClassPermanent, "the request has no Content-Length", ""},
	{"InvalidContentType", 415, ClassPermanent, "the Content-Type is not supported", ""},
	{"MissingContentType", 400, ClassPermanent, "the request has no Content-Type", ""},
	{"MissingBodyRawSize", 400, ClassPermanent, "the request has no x-log-bodyrawsize", ""},
	{"InvalidBodyRawSize", 400, ClassPermanent, "x-log-bodyrawsize is not valid", ""},
	{"InvalidCompressType", 400, ClassPermanent, "the compression is not supported", "compress"},
	{"MissingHost", 400, ClassPermanent, "the request has no Host", "endpoint"},
	{"MissingDate", 400, ClassPermanent, "the request has no date", ""},
	{"InvalidDateFormat", 400, ClassPermanent, "the date has the wrong format", ""},
	{"MissingAPIVersion", 400, ClassPermanent, "the request has no API version", ""},
	{"InvalidAPIVersion", 400, ClassPermanent, "the API version is not supported", ""},
	{"MissAccessKeyId", 400, ClassCredentials, "the request has no access key", "access_key_id"},
	{"Unauthorized", 401, ClassCredentials, "the access key is unknown, disabled, expired or lacks the permission", mendAllKeys},
	{"MissingSignatureMethod", 400, ClassPermanent, "the request has no signature method", ""},
	{"InvalidSignatureMethod", 400, ClassPermanent, "the signature method is not supported", "sign_version"},
	{"SignatureNotMatch", 401, ClassCredentials, "the signature does not match: the secret is wrong", mendKeys},

	{"RequestTimeTooSkewed", 400, ClassClock, "the clock of this host is too far from the server's", mendClock},
	{"RequestTimeExpired", 400, ClassClock, "the request took too long to arrive, or the clock is wrong", mendClock},
	{"InvalidRequestTime", 400, ClassClock, "the server does not accept the request's time", mendClock},

	{"ProjectNotExist", 404, ClassConfiguration, "the project does not exist at this endpoint", "project, endpoint"},
	{"ProjectForbidden", 403, ClassConfiguration, "the project is disabled (arrears or blocked)", "project"},
	{"LogStoreNotExist", 404, ClassConfiguration, "the logstore does not exist in the project", mendLogstore},
	{"LogStoreWithoutShard", 400, ClassConfiguration, "the logstore has no shard", "logstore"},
	{"ConsumerGroupNotExist", 404, ClassConfiguration, "the consumer group does not exist", "consumer_group"},

	{"WriteQuotaExceed", 403, ClassThrottle, "the project's write quota is exceeded", ""},
	{"ReadQuotaExceed", 403, ClassThrottle, "the project's read quota is exceeded", ""},
	{"ShardWriteQuotaExceed", 403, ClassThrottle, "a shard's write quota is exceeded: split it or spread the hash keys", ""},
	{"ShardReadQuotaExceed", 403, ClassThrottle, "a shard's read quota is exceeded", ""},

	{"InternalServerError", 500, ClassRetry, "the server failed", ""},
	{"ServerBusy", 503, ClassRetry, "the server is busy", ""},

	{"PostBodyInvalid", 400, ClassSplit, "the server cannot take a record (form, or a time out of range)", ""},
	{"InvalidTimestamp", 400, ClassSplit, "a record's time is not valid", ""},
	{"InvalidEncoding", 400, ClassSplit, "a record is not valid UTF-8", ""},
	{"InvalidKey", 400, ClassSplit, "a record has a key the server refuses", ""},
	{"PostBodyTooLarge", 400, ClassSplit, "the request is too large", "batch_bytes"},
	{"PostBodyUncompressError", 400, ClassSplit, "the server cannot decompress the request", "compress"},

	// Its status is not documented.
	{"InvalidSequenceId", 400, ClassConflict, "the server has had this sequence number, or a higher one, for the hash key", ""},

	{"LogStoreAlreadyExist", 400, ClassConflict, "the logstore exists already", ""},
	{"ConsumerGroupAlreadyExist", 400, ClassConflict, "the consumer group exists already", ""},
	{"GroupAlreadyExist", 400, ClassConflict, "the machine group exists already", ""},
	{"ConfigAlreadyExist", 400, ClassConflict, "the configuration exists already", ""},

	{"ConsumerNotExist", 404, ClassLeaseLost, "the server has forgotten this consumer", ""},
	{"ConsumerNotMatch", 400, ClassLeaseLost, "another consumer holds the shard", ""},
	{"NotExistConsumerWithBody", 400, ClassLeaseLost, "the server has forgotten this consumer and what it held", ""},
	{"ShardNotExist", 404, ClassLeaseLost, "the shard does not exist (any longer)", ""},
	{"InvalidCursor", 400, ClassCursor, "the cursor is not valid, or its data has expired", "fallback_position"},

	{"InvalidShardCheckPoint", 400, ClassPermanent, "the checkpoint is not a cursor", ""},
	{"LogstoreInfoInvalid", 400, ClassPermanent, "the logstore's definition is not valid", "logstore"},
	{"JsonInfoInvalid", 400, ClassPermanent, "the request's JSON is not valid", ""},
	{"ProjectQuotaExceed", 400, ClassPermanent, "the account has no room for more projects or logstores", ""},
	{"ParameterInvalid", 400, ClassPermanent, "a parameter is not valid", ""},
	{"InvalidParameter", 400, ClassPermanent, "a parameter is not valid", ""},
	{"BadRequest", 400, ClassPermanent, "the request is not valid", ""},
	{"NotSupported", 400, ClassPermanent, "the operation is not supported", ""},
	{"InvalidLogStoreQuery", 400, ClassPermanent, "the logstore does not support this query", ""},
	{"InvalidTimeRange", 400, ClassPermanent, "the time range is not valid", ""},
	{"InvalidQueryString", 400, ClassPermanent, "the query is not valid", ""},
	{"InvalidOffset", 400, ClassPermanent, "the offset is not valid", ""},
	{"InvalidLine", 400, ClassPermanent, "the number of lines is not valid", ""},
	{"InvalidReverse", 400, ClassPermanent, "the direction is not valid", ""},
	{"ShipperNotExist", 404, ClassPermanent, "the shipping job does not exist", ""},
	{"GroupNotExist", 404, ClassPermanent, "the machine group does not exist", ""},
	{"MachineGroupNotExist", 404, ClassPermanent, "the machine group does not exist", ""},
	{"ConfigNotExist", 404, ClassPermanent, "the configuration does not exist", ""},
	{"IndexConfigNotExist", 404, ClassPermanent, "the logstore has no index", ""},
	// The SDK's own client makes it, with status -1, for whatever it cannot name. No
	// server sends it.
	{"ClientError", 0, ClassRetry, "a failure on this side of the wire", ""},
}

// codeIndex maps folded codes to rows. Built once, never written again.
var codeIndex = func() map[string]CodeInfo {
	index := make(map[string]CodeInfo, len(codeTable))
	for _, row := range codeTable {
		index[foldCode(row.Code)] = row
	}
	return index
}()

// foldCode makes the spellings of one code equal: in any case, and with the service's own
// "Exsit".
func foldCode(code string) string {
	return strings.ReplaceAll(strings.ToLower(code), "exsit", "exist")
}

// Codes is a copy of the error table.
func Codes() []CodeInfo { return slices.Clone(codeTable) }

// lookupCode finds the table's row for a code, in any spelling.
func lookupCode(code string) (CodeInfo, bool) {
	row, ok := codeIndex[foldCode(code)]
	return row, ok
}

// classify returns the class of an answer that is no success, and the options to look at.
// code is "" when the answer has none. It then comes from a proxy, a gateway or another
// server, not from SLS.
func classify(status int, code string) (Class, string) {
	if row, ok := lookupCode(code); ok {
		return row.Class, row.Mend
	}
	switch {
	case status >= 500, status == 408:
		return ClassRetry, ""
	case status == 429:
		return ClassThrottle, ""
	case status == 401, status == 403 && code != "":
		// An unknown 403 is a missing permission under some name. As ClassPermanent it
		// would lose data over a policy that somebody can mend.
		return ClassCredentials, mendAllKeys
	case status == 413:
		// This holds for a proxy's 413, too: a record that a proxy never lets through is
		// as lost as one that SLS never takes.
		return ClassSplit, "batch_bytes"
	case code == "" && status == 407:
		return ClassConfiguration, "proxy"
	case code == "":
		// This is not SLS, so nothing else in the answer may lose data.
		return ClassConfiguration, "endpoint"
	}
	return ClassPermanent, ""
}
