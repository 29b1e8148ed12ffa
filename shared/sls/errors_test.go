package sls

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	sdk "github.com/aliyun/aliyun-log-go-sdk"
	"github.com/stretchr/testify/require"
)

func discardLog() *log.Logger { return log.New(io.Discard, "", 0) }

var oneByte = Body{Data: []byte("x"), RawSize: 1, Codec: None}

func put(t *testing.T, c *Client) error {
	t.Helper()
	return c.Logstore("proj", "store").PutLogs(t.Context(), oneByte, "")
}

// The class of every code there is: changing one is changing what happens to
// data, so it is said twice. Each is asked for in the spellings on the wire.
func TestEveryCodeHasItsClass(t *testing.T) {
	classes := map[Class]string{
		ClassRetry:    "InternalServerError ServerBusy ClientError",
		ClassThrottle: "WriteQuotaExceed ReadQuotaExceed ShardWriteQuotaExceed ShardReadQuotaExceed",
		ClassSplit: "PostBodyInvalid InvalidTimestamp InvalidEncoding InvalidKey PostBodyTooLarge " +
			"PostBodyUncompressError",
		ClassPermanent: "MissingContentLength InvalidContentType MissingContentType MissingBodyRawSize InvalidBodyRawSize " +
			"InvalidCompressType MissingHost MissingDate InvalidDateFormat MissingAPIVersion InvalidAPIVersion " +
			"MissingSignatureMethod InvalidSignatureMethod InvalidShardCheckPoint LogstoreInfoInvalid JsonInfoInvalid " +
			"ProjectQuotaExceed ParameterInvalid InvalidParameter BadRequest NotSupported InvalidLogStoreQuery " +
			"InvalidTimeRange InvalidQueryString InvalidOffset InvalidLine InvalidReverse ShipperNotExist GroupNotExist " +
			"MachineGroupNotExist ConfigNotExist IndexConfigNotExist",
		ClassCredentials:   "MissAccessKeyId Unauthorized SignatureNotMatch",
		ClassClock:         "RequestTimeTooSkewed RequestTimeExpired InvalidRequestTime",
		ClassConfiguration: "ProjectNotExist ProjectForbidden LogStoreNotExist LogStoreWithoutShard ConsumerGroupNotExist",
		ClassLeaseLost: "ConsumerNotExist ConsumerNotExsit ConsumerNotMatch NotExistConsumerWithBody ShardNotExist " +
			"ShardNotExsit",
		ClassCursor: "InvalidCursor",
		ClassConflict: "LogStoreAlreadyExist LogstoreAlreadyExist ConsumerGroupAlreadyExist GroupAlreadyExist ConfigAlreadyExist " +
			"InvalidSequenceId",
	}
	covered := map[string]bool{}
	for class, codes := range classes {
		for code := range strings.FieldsSeq(codes) {
			covered[foldCode(code)] = true
			for _, spelling := range []string{code, strings.ToLower(code), strings.ToUpper(code)} {
				row, found := lookupCode(spelling)
				require.True(t, found, spelling)
				require.Equal(t, class, row.Class, spelling)
				// The code alone decides, whatever the status.
				for _, status := range []int{400, 403, 404, 429, 500} {
					got, _ := classify(status, spelling)
					require.Equal(t, class, got)
				}
			}
			require.True(t, IsCode(fmt.Errorf("x: %w", &Error{Code: code}), strings.ToLower(code)))
		}
	}
	for _, row := range codeTable {
		require.True(t, covered[foldCode(row.Code)], "%s is not in this test", row.Code)
		require.NotEmpty(t, row.Meaning, row.Code)
		require.True(t, row.HTTP == 0 || row.HTTP >= 400 && row.HTTP < 600, row.Code)
	}
	require.Len(t, codeIndex, len(codeTable), "a code is in the table twice")
	for _, code := range sdkCodes() {
		require.True(t, covered[foldCode(code)], code)
	}
}

func sdkCodes() []string {
	return []string{
		sdk.MISSING_CONTENT_LENGTH, sdk.INVALID_CONTENT_TYPE, sdk.MISSING_CONTENT_TYPE, sdk.MISSING_BODY_RAW_SIZE,
		sdk.INVALID_BODY_RAW_SIZE, sdk.INVALID_COMPRESS_TYPE, sdk.MISSING_HOST, sdk.MISSING_DATE, sdk.INVALID_DATE_FORMAT,
		sdk.MISSING_API_VERSION, sdk.INVALID_API_VERSION, sdk.MISS_ACCESS_KEY_ID, sdk.UN_AUTHORIZED,
		sdk.MISSING_SIGNATURE_METHOD, sdk.INVALID_SIGNATURE_METHOD, sdk.REQUEST_TIME_TOO_SKEWED, sdk.PROJECT_NOT_EXIST,
		sdk.SIGNATURE_NOT_MATCH, sdk.WRITE_QUOTA_EXCEED, sdk.SHARD_WRITE_QUOTA_EXCEED, sdk.READ_QUOTA_EXCEED,
		sdk.SHARD_READ_QUOTA_EXCEED, sdk.INTERNAL_SERVER_ERROR, sdk.SERVER_BUSY, sdk.LOGSTORE_ALREADY_EXIST,
		sdk.LOGSTORE_INFO_INVALID, sdk.PROJECT_QUOTA_EXCEED, sdk.PROJECT_FORBIDDEN, sdk.LOGSTORE_NOT_EXIST,
		sdk.PARAMETER_INVALID, sdk.INVALID_LOGSTORE_QUERY, sdk.LOGSTORE_WITHOUT_SHARD, sdk.SHARD_NOT_EXIST,
		sdk.INVALID_CURSOR, sdk.POST_BODY_INVALID, sdk.INVALID_TIMESTAMP, sdk.INVALID_ENCODING, sdk.INVALID_KEY,
		sdk.POST_BODY_TOO_LARGE, sdk.POST_BODY_UNCOMPRESS_ERROR, sdk.SHIPPER_NOT_EXIST, sdk.INVALID_TIME_RANGE,
		sdk.INVALID_QUERY_STRING, sdk.INVALID_OFFSET, sdk.INVALID_LINE, sdk.INVALID_REVERSE, sdk.GROUP_ALREADY_EXIST,
		sdk.GROUP_NOT_EXIST, sdk.CONFIG_NOT_EXIST, sdk.CONFIG_ALREADY_EXIST, sdk.BAD_REQUEST, sdk.INVALID_PARAMETER,
		sdk.NOT_SUPPORTED,
	}
}

// What the table does not know, with a code and without one.
func TestClassOfTheUnknown(t *testing.T) {
	for _, tc := range []struct {
		status    int
		coded     Class
		foreign   Class // the answer had no code
		ambiguous bool  // without a code
	}{
		{400, ClassPermanent, ClassConfiguration, false},
		{401, ClassCredentials, ClassCredentials, false},
		{403, ClassCredentials, ClassConfiguration, false},
		{404, ClassPermanent, ClassConfiguration, false},
		{408, ClassRetry, ClassRetry, false},
		{413, ClassSplit, ClassSplit, false},
		{429, ClassThrottle, ClassThrottle, false},
		{499, ClassPermanent, ClassConfiguration, false},
		{500, ClassRetry, ClassRetry, true},
		{502, ClassRetry, ClassRetry, true},
		{503, ClassRetry, ClassRetry, true},
		{504, ClassRetry, ClassRetry, true},
		{204, ClassPermanent, ClassConfiguration, false},
		{302, ClassPermanent, ClassConfiguration, false},
	} {
		body := `{"errorCode":"NeverHeardOf","errorMessage":"why"}`
		if tc.status != 204 {
			e := requireError(t, put(t, newClient(t, newRecorder(t, answerWith(tc.status, body)).URL, nil)))
			require.Equal(t, tc.coded, e.Class, tc.status)
			require.False(t, e.Ambiguous, tc.status)
			require.Equal(t, "NeverHeardOf", e.Code)
		}
		for _, foreign := range []string{"", "gone", "<html>\n<head><TITLE>Oh no</TITLE>", `{"error":"x"}`, `[]`, `{"errorCode":`} {
			if tc.status == 204 {
				foreign = ""
			}
			e := requireError(t, put(t, newClient(t, newRecorder(t, answerWith(tc.status, foreign)).URL, nil)))
			require.Equal(t, tc.foreign, e.Class, "%d %q", tc.status, foreign)
			require.Equal(t, tc.ambiguous, e.Ambiguous, "%d %q", tc.status, foreign)
			require.Empty(t, e.Code)
		}
		// A read is never ambiguous.
		c := newClient(t, newRecorder(t, answerWith(tc.status, "")).URL, nil)
		_, err := c.Logstore("proj", "store").ListShards(t.Context())
		require.False(t, requireError(t, err).Ambiguous)
	}
}

func TestErrorText(t *testing.T) {
	for _, tc := range []struct {
		status int
		body   string
		want   string
	}{
		{
			401, `{"errorCode":"SignatureNotMatch","errorMessage":"signature abc not match"}`,
			"put logs to proj/store: SignatureNotMatch (401, request id REQ1): signature abc not match (check access_key_id, access_key_secret)",
		},
		{
			404, `{"errorCode":"LogStoreNotExist","errorMessage":"logstore store does not exist\nsecond"}`,
			"put logs to proj/store: LogStoreNotExist (404, request id REQ1): logstore store does not exist second (check project, logstore)",
		},
		{
			502, "\r\n<html>\r\n<head><title>502 Bad\x00 Gateway</title></head>",
			"put logs to proj/store: HTTP 502 (request id REQ1): 502 Bad  Gateway; the server may have carried it out",
		},
		{500, "first line\nsecond", "put logs to proj/store: HTTP 500 (request id REQ1): first line; the server may have carried it out"},
		{404, "", "put logs to proj/store: HTTP 404 (request id REQ1) (check endpoint)"},
	} {
		err := put(t, newClient(t, newRecorder(t, answerWith(tc.status, tc.body)).URL, nil))
		require.EqualError(t, err, tc.want)
	}
	err := put(t, newClient(t, newRecorder(t, answerWith(400, `{"errorCode":"`+strings.Repeat("C", 900)+`","errorMessage":"`+strings.Repeat("m", 9000)+`"}`)).URL, nil))
	require.Less(t, len(err.Error()), 800)
}

func TestClassOfForeignErrors(t *testing.T) {
	require.Equal(t, ClassRetry, ClassOf(errors.New("x")))
	require.Equal(t, ClassRetry, ClassOf(nil))
	require.Equal(t, ClassSplit, ClassOf(fmt.Errorf("x: %w", &Error{Class: ClassSplit})))
	require.False(t, IsCode(errors.New("x"), ""))
	require.False(t, IsCode(&Error{}, ""))
	require.True(t, IsCode(&Error{Code: "ConsumerNotExsit"}, "ConsumerNotExist"))
	require.False(t, IsAmbiguous(nil))
	for c := ClassRetry; c <= ClassConflict; c++ {
		require.NotEqual(t, "unknown", c.String())
	}
	require.Equal(t, "unknown", Class(99).String())
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, " 7 ": 7 * time.Second, "-3": 0, "1e3": 0, "soon": 0,
		"60": time.Minute, "61": time.Minute, "1000000000": time.Minute, "99999999999999999999": 0,
		"Fri, 02 Jan 2026 03:04:35 GMT": 30 * time.Second,
		"Fri, 02 Jan 2026 03:04:00 GMT": 0,
		"Fri, 02 Jan 2099 03:04:00 GMT": time.Minute,
	} {
		require.Equal(t, want, parseRetryAfter(value, now), value)
	}
	rec := newRecorder(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", "3")
		answerWith(403, `{"errorCode":"WriteQuotaExceed","errorMessage":"Write QPS Exceed"}`)(w, r)
	})
	e := requireError(t, put(t, newClient(t, rec.URL, nil)))
	require.Equal(t, ClassThrottle, e.Class)
	require.Equal(t, 3*time.Second, e.RetryAfter)
}

// No text of any error holds a secret, even when the server sends it back in
// every place an error takes text from.
func TestNoSecretInErrors(t *testing.T) {
	both := testSecret + " " + testToken
	for _, body := range []string{
		`{"errorCode":"X` + testSecret + `","errorMessage":"` + both + `"}`,
		`{"errorCode":"Unauthorized","errorMessage":"` + strings.Repeat("m", maxMessage-4) + both + `"}`,
		"<title>" + both + "</title>",
		strings.Repeat("m", 196) + both,
		both,
	} {
		rec := newRecorder(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Log-Requestid", both)
			answerWith(400, body)(w, r)
		})
		err := put(t, newClient(t, rec.URL, func(c *Config) { c.Credentials = staticKeys(testToken) }))
		e := requireError(t, err)
		for _, text := range []string{err.Error(), fmt.Sprintf("%+v", e), fmt.Sprintf("%#v", *e)} {
			require.NotContains(t, text, testSecret)
			require.NotContains(t, text, testToken)
			require.NotContains(t, text, testSecret[:4], "part of a secret")
		}
	}
	// Keys that cannot be sent are refused by name, not by value.
	for _, provider := range []sdk.CredentialsProvider{
		sdk.NewStaticCredentialsProvider(testKey, testSecret+"\n", ""),
		sdk.NewStaticCredentialsProvider(testKey, testSecret, testToken+"\r\nX: y"),
		sdk.NewStaticCredentialsProvider(testKey+" ", testSecret, ""),
		sdk.NewStaticCredentialsProvider("", testSecret, ""),
	} {
		e := requireError(t, put(t, newClient(t, "http://127.0.0.1:1", func(c *Config) { c.Credentials = provider })))
		require.Equal(t, ClassCredentials, e.Class)
		require.Contains(t, e.Mend, "access_key_secret")
	}
	// The client itself.
	c := newClient(t, "http://127.0.0.1:1", nil)
	require.NotContains(t, fmt.Sprintf("%v %+v %#v", c, c, c), testSecret)
	require.Error(t, put(t, c))
}

// Nor in net/http's error about an answer that is no HTTP, or in ours about one that breaks
// the protocol: such texts quote it, and shortened.
func TestNoSecretInErrorsOfBadAnswers(t *testing.T) {
	token := "CAIS" + strings.Repeat("long-token-", 25)
	keys := func(c *Config) { c.Credentials = staticKeys(token) }
	for _, secret := range []string{testSecret, token} {
		garbage := pipeClient(t, func(conn net.Conn) {
			readRequest(conn)
			_, _ = io.WriteString(conn, "HTTP/1.1 "+secret+"\r\n\r\n")
		}, keys)
		errs := []error{put(t, garbage)}
		for _, header := range []string{"X-Log-Cursor", "X-Log-Count", "X-Log-Bodyrawsize", "X-Log-Compresstype"} {
			rec := newRecorder(t, pullAnswer([]byte("log group"), LZ4, map[string]string{header: "@" + secret}))
			_, err := newClient(t, rec.URL, keys).Logstore("p", "l").PullLogs(t.Context(), Pull{Cursor: "MTI="})
			errs = append(errs, err)
		}
		for _, err := range errs {
			text := requireError(t, err).Error()
			require.Contains(t, text, "***")
			require.NotContains(t, text, secret[:leastTold])
		}
	}
}

func FuzzParseErrorBody(f *testing.F) {
	for _, s := range []string{
		`{"errorCode":"a","errorMessage":"b"}`, "<title>x</title>", "<TITLE>\xff</title", "\n\n x", "", "[]", "null", "\x00",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		code, message := parseErrorBody(body)
		for _, s := range []string{shorten(code, maxCode), shorten(message, maxMessage)} {
			require.LessOrEqual(t, len(s), maxMessage+3)
			require.False(t, strings.ContainsFunc(s, func(r rune) bool { return r < ' ' }), "%q", s)
			require.Equal(t, strings.ToValidUTF8(s, ""), s)
		}
	})
}

func TestNewReportsEveryProblem(t *testing.T) {
	_, err := New(Config{Endpoint: "a b", SignVersion: "v4"})
	require.ErrorContains(t, err, "endpoint")
	require.ErrorContains(t, err, "region")
	require.ErrorContains(t, err, "access_key_id")
	_, err = New(Config{Endpoint: "host", SignVersion: "v5", Credentials: staticKeys("")})
	require.ErrorContains(t, err, `sign_version "v5"`)
	_, err = New(Config{Endpoint: "host", SignVersion: "V4", Region: "a/b", Credentials: staticKeys("")})
	require.ErrorContains(t, err, `region "a/b"`)
}
