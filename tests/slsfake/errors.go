package slsfake

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// apiError is an answer other than success, as the service words it:
// {"errorCode": code, "errorMessage": message}.
type apiError struct {
	status  int
	code    string
	message string
}

func (e *apiError) Error() string { return fmt.Sprintf("%d %s: %s", e.status, e.code, e.message) }

// errorCode is a wire string of the service.
type errorCode string

// The codes the emulator answers with, and no others (hooks may add any).
const (
	codeMissingContentLength   errorCode = "MissingContentLength"
	codeMissingContentType     errorCode = "MissingContentType"
	codeInvalidContentType     errorCode = "InvalidContentType"
	codeMissingBodyRawSize     errorCode = "MissingBodyRawSize"
	codeInvalidBodyRawSize     errorCode = "InvalidBodyRawSize"
	codeInvalidCompressType    errorCode = "InvalidCompressType"
	codeMissingHost            errorCode = "MissingHost"
	codeMissingDate            errorCode = "MissingDate"
	codeInvalidDateFormat      errorCode = "InvalidDateFormat"
	codeMissingAPIVersion      errorCode = "MissingAPIVersion"
	codeInvalidAPIVersion      errorCode = "InvalidAPIVersion"
	codeMissAccessKeyID        errorCode = "MissAccessKeyId"
	codeUnauthorized           errorCode = "Unauthorized"
	codeMissingSignatureMethod errorCode = "MissingSignatureMethod"
	codeInvalidSignatureMethod errorCode = "InvalidSignatureMethod"
	codeRequestTimeTooSkewed   errorCode = "RequestTimeTooSkewed"
	codeRequestTimeExpired     errorCode = "RequestTimeExpired"
	codeSignatureNotMatch      errorCode = "SignatureNotMatch"
	codeWriteQuotaExceed       errorCode = "WriteQuotaExceed"
	codeReadQuotaExceed        errorCode = "ReadQuotaExceed"
	codeShardWriteQuotaExceed  errorCode = "ShardWriteQuotaExceed"
	codeShardReadQuotaExceed   errorCode = "ShardReadQuotaExceed"
	codeProjectAlreadyExist    errorCode = "ProjectAlreadyExist"
	codeProjectNotExist        errorCode = "ProjectNotExist"
	codeLogStoreAlreadyExist   errorCode = "LogStoreAlreadyExist"
	codeLogStoreInfoInvalid    errorCode = "LogStoreInfoInvalid"
	codeLogStoreNotExist       errorCode = "LogStoreNotExist"
	codeParameterInvalid       errorCode = "ParameterInvalid"
	codeShardNotExist          errorCode = "ShardNotExist"
	codeInvalidCursor          errorCode = "InvalidCursor"
	codePostBodyInvalid        errorCode = "PostBodyInvalid"
	codeInvalidTimestamp       errorCode = "InvalidTimestamp"
	codeInvalidEncoding        errorCode = "InvalidEncoding"
	codePostBodyTooLarge       errorCode = "PostBodyTooLarge"
	codePostBodyUncompress     errorCode = "PostBodyUncompressError"
	codeInvalidSequenceID      errorCode = "InvalidSequenceId"
	codeInternalServerError    errorCode = "InternalServerError"
	codeNotSupported           errorCode = "NotSupported"
	codeJSONInfoInvalid        errorCode = "JsonInfoInvalid"
	codeIndexAlreadyExist      errorCode = "IndexAlreadyExist"
	codeIndexConfigNotExist    errorCode = "IndexConfigNotExist"
	codeIndexInfoInvalid       errorCode = "IndexInfoInvalid"
	codeInvalidTimeRange       errorCode = "InvalidTimeRange"

	codeConsumerGroupAlreadyExist errorCode = "ConsumerGroupAlreadyExist"
	codeConsumerGroupNotExist     errorCode = "ConsumerGroupNotExist"
	codeConsumerNotExist          errorCode = "ConsumerNotExist"
	codeConsumerNotMatch          errorCode = "ConsumerNotMatch"
	codeNotExistConsumerWithBody  errorCode = "NotExistConsumerWithBody"
	codeInvalidShardCheckPoint    errorCode = "InvalidShardCheckPoint"

	// No source at hand names the code for these two; the wording is ours.
	codeContentHashNotMatch      errorCode = "ContentHashNotMatch"
	codeConsumerGroupQuotaExceed errorCode = "ConsumerGroupQuotaExceed"
)

// statusTimeOutOfRange comes with PostBodyInvalid for logs outside the time
// window; net/http has no name for it.
const statusTimeOutOfRange = 499

// statusOf is the HTTP status of each code that is not 400.
func statusOf(code errorCode) int {
	switch code {
	case codeMissingContentLength:
		return http.StatusLengthRequired
	case codeInvalidContentType:
		return http.StatusUnsupportedMediaType
	case codeUnauthorized, codeSignatureNotMatch:
		return http.StatusUnauthorized
	case codeWriteQuotaExceed, codeReadQuotaExceed, codeShardWriteQuotaExceed, codeShardReadQuotaExceed:
		return http.StatusForbidden
	case codeInternalServerError:
		return http.StatusInternalServerError
	case codeProjectNotExist, codeLogStoreNotExist, codeConsumerGroupNotExist,
		codeConsumerNotExist, codeNotSupported:
		return http.StatusNotFound
	default:
		return http.StatusBadRequest
	}
}

// fail builds the answer for code.
func fail(code errorCode, format string, args ...any) *apiError {
	return &apiError{status: statusOf(code), code: string(code), message: fmt.Sprintf(format, args...)}
}

// withStatus is e with another HTTP status: some codes come with two.
func (e *apiError) withStatus(status int) *apiError {
	e.status = status
	return e
}

func (e *apiError) answer() answer {
	body, err := json.Marshal(struct {
		Code    string `json:"errorCode"`
		Message string `json:"errorMessage"`
	}{e.code, e.message})
	if err != nil { // two strings cannot fail; answer something all the same
		body = []byte("{}")
	}
	a := answer{status: e.status, body: body, code: e.code}
	a.set("Content-Type", "application/json")
	return a
}
