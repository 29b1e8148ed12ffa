package sls

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/aliyun/aliyun-log-go-sdk/util"
)

// Signature versions. V1 hashes a body with MD5 and signs with SHA-1, V4 uses
// SHA-256, of which processors are capable themselves: it takes half the time. V4
// signs for a region. SignAuto is V4 where the region is known, and V1 elsewhere:
// private clouds and domains of one's own.
const (
	SignAuto = "auto"
	SignV1   = "v1"
	SignV4   = "v4"
)

// What SignAuto knows of V4 at an endpoint. Once a request signed with it has been
// accepted there, there is no way back to V1.
const (
	v4Untried int32 = iota
	v4Taken
	v4Refused // but V1 is accepted: the region was not the right one
)

// chooseSignature notes for each endpoint the region that V4 signs for, if it may be
// used. version and region are the options.
func chooseSignature(list []endpoint, version, region string) error {
	switch version {
	case SignV1:
		return nil
	case SignAuto, SignV4:
	default:
		return fmt.Errorf("sign_version %q: must be auto, v1 or v4", shorten(version, 80))
	}
	if err := checkRegion(region); err != nil {
		return fmt.Errorf("region %q: %w", shorten(region, 80), err)
	}
	for i := range list {
		list[i].region, list[i].v4 = cmp.Or(region, list[i].ownRegion()), new(atomic.Int32)
		if version == SignV4 {
			list[i].v4.Store(v4Taken)
		}
	}
	if version == SignV4 && region == "" {
		return needRegion(list)
	}
	return nil
}

// needRegion: V4 without the option region needs endpoints that tell theirs. None are
// none that can be read.
func needRegion(list []endpoint) error {
	for _, ep := range list {
		if ep.ownRegion() == "" {
			return fmt.Errorf("option region: not set, but sign_version v4 needs it: the name %s does not tell it", ep.host)
		}
	}
	if len(list) == 0 {
		return errors.New("option region: not set, but sign_version v4 needs it")
	}
	return nil
}

func checkRegion(region string) error {
	for _, c := range []byte(region) {
		if !isNameByte(c) {
			return errors.New("only letters, digits, - and _ are allowed")
		}
	}
	return nil
}

// ownRegion is the region that the endpoint's name tells, "" if none, as the SDK reads
// it: cn-hangzhou of cn-hangzhou-intranet.log.aliyuncs.com. The suffix -internal is
// from Alibaba Cloud's gateway, which reads the same names.
func (e endpoint) ownRegion() string {
	region, err := util.ParseRegion(e.host)
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(region, "-internal")
}

// attempt sends the request to the endpoint once. With SignAuto it is sent again,
// with V1, when the signature is refused before V4 was ever accepted there: a wrong guess
// of the region costs a request, not the logs.
func (c *Client) attempt(ctx context.Context, r *request, cred credential, ep endpoint) *Error {
	v4 := ep.region != "" && ep.v4.Load() != v4Refused
	failure := c.once(ctx, r, cred, ep, v4)
	if !v4 || ep.v4.Load() == v4Taken {
		return failure
	}
	if failure == nil {
		ep.v4.Store(v4Taken)
		return nil
	}
	if failure.Code != "SignatureNotMatch" {
		return failure
	}
	failure = c.once(ctx, r, cred, ep, false) // refused again: it is the secret
	if failure == nil && ep.v4.CompareAndSwap(v4Untried, v4Refused) && c.endpoints.log != nil {
		c.endpoints.log.Warn("SLS takes V1 signatures and not V4 ones, V1 is used; option region may be wrong, or option sign_version should be v1",
			"endpoint", ep.url(), "region", ep.region)
	}
	return failure
}
