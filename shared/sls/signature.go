package sls

import (
	"cmp"
	"errors"
	"fmt"
	"sync/atomic"
)

// Signature versions. V1 hashes a body with MD5 and signs with SHA-1. V4 uses SHA-256,
// which takes half the time, as processors have instructions for it. V4 signs for a
// region. SignAuto is V4 where the region is known, and V1 elsewhere: private clouds and
// custom domains.
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

// needRegion refuses V4 without the option region where an endpoint does not tell its
// own. An empty list is an endpoint option that could not be read.
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
