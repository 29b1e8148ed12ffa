package loggroup

// keySet is one level of the included and excluded paths: what they say about the keys of
// one map.
type keySet struct {
	keys  []*keyNode
	byKey map[string]*keyNode // nil for few keys: comparing is faster than hashing
}

// keyNode is one key that paths begin or go on with.
type keyNode struct {
	key                string
	included, excluded bool
	below              *keySet // nil = no path goes on
}

// fewKeys is how many keys are compared one by one.
const fewKeys = 8

// newFilter returns nil for no paths.
func newFilter(include, exclude [][]string) *keySet {
	if len(include)+len(exclude) == 0 {
		return nil
	}
	top := &keySet{}
	for _, path := range include {
		top.add(path).included = true
	}
	for _, path := range exclude {
		top.add(path).excluded = true
	}
	return top
}

// add returns the node of the path's last key.
func (s *keySet) add(path []string) *keyNode {
	var n *keyNode
	for _, k := range s.keys {
		if k.key == path[0] {
			n = k
		}
	}
	if n == nil {
		n = &keyNode{key: path[0]}
		s.keys = append(s.keys, n)
		if len(s.keys) > fewKeys {
			s.byKey = make(map[string]*keyNode, len(s.keys))
			for _, k := range s.keys {
				s.byKey[k.key] = k
			}
		}
	}
	if len(path) == 1 {
		return n
	}
	if n.below == nil {
		n.below = &keySet{}
	}
	return n.below.add(path[1:])
}

func (s *keySet) find(key []byte) *keyNode {
	if s.byKey != nil {
		return s.byKey[string(key)]
	}
	for _, n := range s.keys {
		if len(n.key) == len(key) && n.key == string(key) {
			return n
		}
	}
	return nil
}

// scope is what applies to the pairs of one map.
type scope struct {
	filter *keySet // nil = none
	kept   bool    // pairs that the filter does not name are kept
	depth  int     // how many maps have been flattened around it
}

// pairRule is what applies to one pair.
type pairRule struct {
	value   int     // offset of its value
	dropped bool    // whatever is below
	kept    bool    // all of it but what below excludes; if false, only what below includes
	below   *keySet // nil = nothing
}

// rule reads the key at off and says what becomes of its pair. Only keys that are
// str are named by a filter.
func (s *scope) rule(b []byte, off int) (p pairRule, err error) {
	p.kept = s.kept
	if s.filter == nil {
		p.value, err = skipAt(b, off)
		return p, err
	}
	key, value, err := readKey(b, off)
	p.value = value
	if err != nil || key == nil {
		p.dropped = !p.kept
		return p, err
	}
	if n := s.filter.find(key); n != nil {
		p.dropped, p.kept, p.below = n.excluded, p.kept || n.included, n.below
	}
	p.dropped = p.dropped || !p.kept && p.below == nil
	return p, nil
}

// readKey returns the bytes of the key at off, nil for one that is no str, and the
// offset behind it.
func readKey(b []byte, off int) (key []byte, next int, err error) {
	if off < len(b) && b[off]&^maxFixStr == fixStr {
		if next = off + 1 + int(b[off]&maxFixStr); next <= len(b) {
			return b[off+1 : next], next, nil
		}
	}
	t, at, err := readToken(b, off)
	if err != nil {
		return nil, off, err
	}
	if t.kind != kindStr {
		next, err = skip(b, off)
		return nil, next, err
	}
	next = at + int(t.n)
	return b[at:next], next, nil
}

// skipAt is skip, quicker for short values.
func skipAt(b []byte, off int) (int, error) {
	if next := skipShort(b, off); next > 0 {
		return next, nil
	}
	return skip(b, off)
}
