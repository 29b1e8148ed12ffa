package loggroup

import (
	"cmp"
	"fmt"
	"math"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	sls "github.com/aliyun/aliyun-log-go-sdk"
	"github.com/gogo/protobuf/proto"
)

var oracleReserved = regexp.MustCompile(`(?s)^__(topic__$|source__$|time__$|time_ns_part__$|pack_meta__$|partition_time__$|` +
	`extract_others__$|project__$|logstore__$|shard__$|cursor__$|id__$|orig_time__$|tag__:|metadata__\.|group__\.|record__\.)`)

// oracleChoice is one event on its way to its contents.
type oracleChoice struct {
	rename       bool
	meta, record node
	sec, nsec    uint32
	tag          string
	group        []*sls.LogContent

	restored   oracleRestored
	inMetadata bool // where that is from
	hasNs      bool // and what it says of the time
}

// oracleRestored is Restored with the SDK's types; nil is none.
type oracleRestored struct {
	topic, source *string
	tags          []*sls.LogTag
}

func (e *oracleChoice) contents(o ContentOptions) []*sls.LogContent {
	record, meta := e.record, e.meta
	if o.RestoreMeta != RestoreNothing {
		meta = e.restore(e.meta, true)
		e.inMetadata = e.restored.topic != nil || e.restored.source != nil || e.restored.tags != nil
	}
	if o.RestoreMeta == RestoreRecord && !e.inMetadata {
		record = e.restore(e.record, false)
	}
	var out []*sls.LogContent
	key, only := oracleFind(e.record, o.LogKey)
	switch {
	case only == nil:
		out = oracleWalk(oracleFilter(record, nil, o), "", o)
	case only.kind == kindMap:
		out = oracleWalk(oracleFilter(*only, nil, o), "", o)
	default:
		out = oracleWalk(node{kind: kindMap, items: []node{key, *only}}, "", o)
	}
	if e.rename && !e.inMetadata {
		for _, c := range out {
			*c.Key = oracleReserved.ReplaceAllString(*c.Key, "__record__.$0")
		}
	}
	if o.Metadata {
		out = append(out, oracleWalk(meta, prefixMetadata, o)...)
	}
	out = append(out, e.group...)
	return append(out, e.added(out, o)...)
}

func (e *oracleChoice) added(to []*sls.LogContent, o ContentOptions) (out []*sls.LogContent) {
	has := func(key string) bool {
		return slices.ContainsFunc(to, func(c *sls.LogContent) bool { return c.GetKey() == key })
	}
	if o.TagKey != "" && !has(o.TagKey) {
		out = append(out, oracleContent(o.TagKey, strings.ToValidUTF8(e.tag, "\uFFFD")))
	}
	if o.TimeKey != "" && !has(o.TimeKey) {
		out = append(out, oracleContent(o.TimeKey, oracleFormat(o.TimeFormat, e.sec, e.nsec)))
	}
	return out
}

// oracleFind follows a path; nil when it leads nowhere.
func oracleFind(n node, path []string) (key node, value *node) {
	for i, k := range path {
		if value = nil; n.kind != kindMap {
			return key, nil
		}
		for j := 0; j < len(n.items); j += 2 {
			if n.items[j].kind == kindStr && string(n.items[j].data) == k {
				key, value = n.items[j], &n.items[j+1]
			}
		}
		if value == nil || i == len(path)-1 {
			break
		}
		n = *value
	}
	return key, value
}

// oracleFilter is the map n, which path leads to, without what is not sent.
func oracleFilter(n node, path []string, o ContentOptions) node {
	isOf := func(paths [][]string, path []string) bool {
		return slices.ContainsFunc(paths, func(p []string) bool { return slices.Equal(p, path) })
	}
	// kept: the map or one around it is included.
	kept := len(o.IncludeKeys) == 0
	for i := range path {
		kept = kept || isOf(o.IncludeKeys, path[:i+1])
	}
	out := node{kind: kindMap, count: n.count}
	for i := 0; i < len(n.items); i += 2 {
		key, value := n.items[i], n.items[i+1]
		if key.kind != kindStr {
			if kept {
				out.items = append(out.items, key, value)
			}
			continue
		}
		here := append(slices.Clone(path), string(key.data))
		goesOn := func(p []string) bool { return len(p) > len(here) && slices.Equal(p[:len(here)], here) }
		keep := kept || isOf(o.IncludeKeys, here)
		if isOf(o.ExcludeKeys, here) {
			continue
		}
		if value.kind == kindMap && slices.ContainsFunc(slices.Concat(o.IncludeKeys, o.ExcludeKeys), goesOn) {
			value = oracleFilter(value, here, o)
			keep = keep || len(value.items) > 0
		}
		if keep {
			out.items = append(out.items, key, value)
		}
	}
	return out
}

// oracleWalk are the contents of a map.
func oracleWalk(n node, prefix string, o ContentOptions) []*sls.LogContent {
	left := 64 << 10
	return oracleWalkMap(n, prefix, 0, &left, o)
}

func oracleWalkMap(n node, path string, depth int, left *int, o ContentOptions) (out []*sls.LogContent) {
	for i := 0; i < len(n.items); i += 2 {
		key, value := path+oracleText(n.items[i]), n.items[i+1]
		if o.Flatten && value.kind == kindMap && value.count > 0 && depth < 64 {
			if size := value.count * len(key+o.Separator); size <= *left {
				before := *left
				*left -= size
				if more := oracleWalkMap(value, key+o.Separator, depth+1, left, o); len(more) > 0 {
					out = append(out, more...)
					continue
				}
				*left = before
			}
		}
		text := cmp.Or(oracleID(n.items[i], value), oracleText(value))
		if value.kind == kindArray || value.kind == kindMap {
			text = oracleJSON(value, depth, false)
		}
		out = append(out, oracleContent(key, text))
	}
	return out
}

// restore is n without the pairs that are taken out of it.
func (e *oracleChoice) restore(n node, trusted bool) node {
	out := node{kind: kindMap, count: n.count}
	for i := 0; i < len(n.items); i += 2 {
		if key := n.items[i]; key.kind != kindStr || !e.restorePair(string(key.data), n.items[i+1], trusted) {
			out.items = append(out.items, key, n.items[i+1])
		}
	}
	return out
}

func (e *oracleChoice) restorePair(key string, value node, trusted bool) bool {
	if key == "__time__" {
		return e.restoreTime(value)
	}
	text := string(value.data)
	if value.kind != kindStr || !utf8.ValidString(text) {
		return false
	}
	switch tag, isTag := strings.CutPrefix(key, "__tag__:"); {
	case key == "__topic__" && (trusted || len(text) <= 128):
		e.restored.topic = &text
	case key == "__source__" && (trusted || len(text) <= 128):
		e.restored.source = &text
	case key == "__time_ns_part__" && trusted:
		e.hasNs = true
	case isTag && utf8.ValidString(tag) && (trusted || tag != "" && len(tag) <= 128 && len(text) <= 1024):
		one := &sls.LogTag{Key: &tag, Value: &text}
		if !trusted && len(oracleTags(e.restored.tags))+len(tag)+len(text) > 16<<10 {
			return false
		}
		e.restored.tags = append(e.restored.tags, one)
	default:
		return false
	}
	return true
}

func (e *oracleChoice) restoreTime(value node) bool {
	var seconds big.Rat
	switch v := value.num.(type) {
	case int64:
		seconds.SetInt64(v)
	case uint64:
		seconds.SetInt(new(big.Int).SetUint64(v))
	case float32, float64:
		f, _ := strconv.ParseFloat(fmt.Sprint(v), 64)
		if math.IsNaN(f) || f < 0 || f > 0xfffffffd {
			return false
		}
		sec, nsec, _ := oracleTime(value)
		e.sec, e.nsec = uint32(sec), nsec
		return true
	default:
		text := string(value.data)
		whole, frac, hasDot := strings.Cut(text, ".")
		isDigits := func(s string, most int) bool {
			return s != "" && len(s) <= most && strings.Trim(s, "0123456789") == ""
		}
		if value.kind != kindStr || !isDigits(whole, 10) || hasDot && !isDigits(frac, 9) {
			return false
		}
		seconds.SetString(text)
	}
	if seconds.Sign() < 0 || seconds.Cmp(big.NewRat(0xfffffffe, 1)) >= 0 {
		return false
	}
	whole := new(big.Int).Quo(seconds.Num(), seconds.Denom())
	frac := new(big.Rat).Sub(&seconds, new(big.Rat).SetInt(whole))
	frac.Mul(frac, big.NewRat(1e9, 1))
	e.sec, e.nsec = uint32(whole.Uint64()), uint32(frac.Num().Uint64())
	return true
}

func oracleFormat(f TimeFormat, sec, nsec uint32) string {
	at := time.Unix(int64(sec), int64(nsec)).UTC()
	switch f {
	case TimeEpoch:
		return fmt.Sprint(at.Unix())
	case TimeEpochMS:
		return fmt.Sprint(at.UnixMilli())
	default:
		return at.Format(time.RFC3339Nano)
	}
}

// oracleTags are the fields of a LogGroup with these tags and nothing else.
func oracleTags(tags []*sls.LogTag) []byte {
	b, _ := proto.Marshal(&sls.LogGroup{LogTags: tags})
	return b
}
