package slsfake

import (
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// The messages of a write with x-log-mode: batch_group:
//
//	SlsLogPackageList { repeated SlsLogPackage packages = 1 }
//	SlsLogPackage     { required bytes data = 1; optional int32 uncompress_size = 2;
//	                    optional enum compress_type = 3 }
//
// data is one LogGroup, compressed as compress_type says: NONE 0, DEFLATE 1, LZ4 2,
// ZSTD 3, and LZ4 when it is left out. Unknown fields are skipped.

// logPackage is one SlsLogPackage. data belongs to the body.
type logPackage struct {
	data []byte
	size int    // of the LogGroup
	code string // of x-log-compresstype; "" = not compressed
}

// Numbers of compress_type.
const (
	packageNone    = 0
	packageDeflate = 1
	packageLZ4     = 2
	packageZSTD    = 3
)

// readPackages splits a body into its packages: one at least, each with data, with the
// size that every client sends, and with a compression there is. It sums up sizes
// before anything is decompressed, and refuses more than maxRaw bytes in all.
func readPackages(b []byte, maxRaw int) ([]logPackage, *apiError) {
	var out []logPackage
	total := 0
	for len(b) > 0 {
		tag, val, rest, ok := nextField(b)
		if !ok {
			return nil, fail(codePostBodyInvalid, "list of packages: malformed field after package %d", len(out))
		}
		b = rest
		if tag != tagBytes1 {
			if tag>>3 == 1 {
				return nil, fail(codePostBodyInvalid, "list of packages: field 1 has wire type %d", tag&7)
			}
			continue
		}
		p, err := readPackage(val)
		if err != nil {
			err.message = fmt.Sprintf("package %d: %s", len(out), err.message)
			return nil, err
		}
		if total += p.size; total > maxRaw {
			return nil, fail(codePostBodyTooLarge, "Body size %d must little than %d", total, maxRaw)
		}
		out = append(out, p)
	}
	if len(out) == 0 {
		return nil, fail(codePostBodyInvalid, "list of packages is empty")
	}
	return out, nil
}

func readPackage(b []byte) (logPackage, *apiError) {
	p := logPackage{size: -1}
	var compress uint64 = packageLZ4
	for len(b) > 0 {
		tag, val, rest, ok := nextField(b)
		if !ok {
			return p, fail(codePostBodyInvalid, "malformed field")
		}
		b = rest
		switch tag {
		case tagBytes1:
			p.data = val
		case tagVarint2:
			n, _ := protowire.ConsumeVarint(val)
			if n > math.MaxInt32 {
				return p, fail(codePostBodyInvalid, "uncompress_size %d is no size", int64(n))
			}
			p.size = int(n)
		case tagVarint3:
			compress, _ = protowire.ConsumeVarint(val)
		default:
			if num := tag >> 3; num <= 3 {
				return p, fail(codePostBodyInvalid, "field %d has wire type %d", num, tag&7)
			}
		}
	}
	switch compress {
	case packageNone:
	case packageDeflate:
		p.code = "deflate"
	case packageLZ4:
		p.code = "lz4"
	case packageZSTD:
		p.code = "zstd"
	default:
		return p, fail(codeInvalidCompressType, "compress_type %d is not supported", compress)
	}
	switch {
	case len(p.data) == 0:
		return p, fail(codePostBodyInvalid, "data is missing")
	case p.size < 0:
		return p, fail(codePostBodyInvalid, "uncompress_size is missing")
	}
	return p, nil
}

// groupBatch returns the groups of a write with x-log-mode: batch_group.
//
// x-log-bodyrawsize is the length of the body as sent, which is not compressed as a
// whole; x-log-compresstype says how its groups are. That a package disagrees is
// refused here, as no client sends it.
func (s *Server) groupBatch(r *request) ([]newGroup, *apiError) {
	codec, err := s.bodyHeaders(r)
	if err != nil {
		return nil, err
	}
	if len(r.body) != r.rawSize {
		return nil, fail(codeInvalidBodyRawSize, "x-log-bodyrawsize is %d, the body has %d bytes", r.rawSize, len(r.body))
	}
	packages, err := readPackages(r.body, s.cfg.MaxRawSize)
	if err != nil {
		return nil, err
	}
	groups := make([]newGroup, 0, len(packages))
	for i, p := range packages {
		g, err := s.unpack(p, codec)
		if err != nil {
			err.message = fmt.Sprintf("package %d: %s", i, err.message)
			return nil, err
		}
		groups = append(groups, g)
	}
	return groups, nil
}

// unpack returns the verified group of a package.
func (s *Server) unpack(p logPackage, codec string) (newGroup, *apiError) {
	if p.code != codec {
		return newGroup{}, fail(codeInvalidCompressType, "compress_type is %q, x-log-compresstype %q", p.code, codec)
	}
	if p.code == "" {
		if len(p.data) != p.size {
			return newGroup{}, fail(codePostBodyUncompress, "uncompress_size is %d, data has %d bytes", p.size, len(p.data))
		}
		return s.verify(append([]byte(nil), p.data...)) // the body may be another request's afterwards
	}
	raw, err := s.codecs.decompress(p.code, p.data, p.size)
	if err != nil {
		return newGroup{}, fail(codePostBodyUncompress, "%s data cannot be uncompressed: %v", p.code, err)
	}
	return s.verify(raw)
}

// SetGroupBatches decides whether the server knows x-log-mode: batch_group. It does at
// first. A server that does not takes no notice of the header: it reads the body as one
// log group, which fails (PostBodyUncompressError or PostBodyInvalid).
func (s *Server) SetGroupBatches(known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.noGroupBatches = !known
}

func (s *Server) knowsGroupBatches() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.noGroupBatches
}
