package route

import (
	"encoding/binary"
	"slices"

	"fluent-bit-sls/shared/template"
)

// groups bounds the log groups that the records of a flush make in a logstore. Each
// topic, source and set of tags that records choose takes a request of its own. Without a
// bound, whoever writes a line could hold up all others of the logstore. The result
// depends on the records and their order alone, so a chunk that comes back makes the same
// groups. One session owns it.
type groups struct {
	most   int
	met    map[string]struct{} // keys of destinations
	counts map[destinationNames]int
}

type destinationNames struct{ project, logstore string }

func newGroups(most int) groups {
	return groups{most: most, met: map[string]struct{}{}, counts: map[destinationNames]int{}}
}

func (g *groups) begin() {
	clear(g.met)
	clear(g.counts)
}

// has tells whether key is one of the groups that its logstore has in this flush.
func (g *groups) has(key []byte) bool {
	_, ok := g.met[string(key)]
	return ok
}

// full tells whether a logstore has as many as it may have.
func (g *groups) full(project, logstore []byte) bool {
	return g.counts[destinationNames{string(project), string(logstore)}] >= g.most
}

func (g *groups) add(key string, to *Destination) {
	g.met[key] = struct{}{}
	g.counts[destinationNames{to.Project, to.Logstore}]++
}

// hasGroups tells whether records choose anything that groups has to bound.
func (r *Router) hasGroups() bool {
	return slices.ContainsFunc(r.fields, func(f field) bool { return r.groupOfRecord(&f) })
}

// groupOfRecord tells whether a record chooses the value of f, so that there can be any
// number of values. Logstores are bounded elsewhere, and there are only hash_buckets hash
// keys.
func (r *Router) groupOfRecord(f *field) bool {
	switch f.kind {
	case kindProject, kindLogstore, kindHashKey:
		return false
	default:
		return f.template.Needs == template.NeedRecord
	}
}

// appendPlain appends key with the static defaults instead of what records choose of
// their log group.
func (r *Router) appendPlain(dst, key []byte) []byte {
	for i, at := 0, 0; i < len(r.fields); i++ {
		begin := at
		_, at = valueAt(key, begin)
		if f := &r.fields[i]; r.groupOfRecord(f) {
			dst = binary.AppendUvarint(dst, uint64(len(f.fallback)))
			dst = append(dst, f.fallback...)
		} else {
			dst = append(dst, key[begin:at]...)
		}
	}
	return dst
}
