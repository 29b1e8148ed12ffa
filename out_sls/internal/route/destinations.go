package route

// Destination is all that two records must have in common to share a request.
// It is comparable and serves as a map key. It stays valid for as long as it is
// kept.
type Destination struct {
	Project  string
	Logstore string
	Topic    string // "" = none
	Source   string // "" = none
	HashKey  string // 32 hex digits, or "" = load-balanced over the shards
	Tags     string // tags of the log group, encoded as its fields: append it there as it is
}

// Target is a destination within a session.
type Target struct {
	Destination
	// Slot numbers the destinations that the session has open, from 0, in the order in
	// which it met them. There are at most max_destinations. A new one beyond that gets
	// the slot of the least recently used one, which is then no longer open.
	Slot int
}

// destinations are those a session knows, from this flush and earlier ones, up to
// max; the least recently used one makes room for the next. One session owns it.
type destinations struct {
	byKey map[string]*known
	last  known // of the ring: last.next is the most recently used one, last.prev the least
	max   int
	flush uint64 // counts sessions
	slots int    // open in this flush
}

// known is one destination under the key that it is made of.
type known struct {
	Target
	key        string
	flush      uint64 // the last one that met it; Slot is of that one
	prev, next *known
}

func newDestinations(maximum int) *destinations {
	d := &destinations{byKey: map[string]*known{}, max: maximum}
	d.last.prev, d.last.next = &d.last, &d.last
	return d
}

// begin closes every slot. What is known stays known. That does not change the result of
// a flush: what it has met is always more recent than what it has not.
func (d *destinations) begin() {
	d.flush++
	d.slots = 0
}

// isOpen tells whether k, which may be nil, is open in this flush.
func (d *destinations) isOpen(k *known) bool { return k != nil && k.flush == d.flush }

// open makes k the most recently used one, and open in this flush.
func (d *destinations) open(k *known) *Target {
	k.unlink()
	d.pushFront(k)
	if k.flush != d.flush {
		k.flush = d.flush
		k.Slot = d.slots
		d.slots++
	}
	return &k.Target
}

// add opens a destination that is not known. It tells whether another one,
// open in this flush, had to go.
func (d *destinations) add(key string, to Destination) (k *known, evicted bool) {
	k = &known{Target: Target{Destination: to, Slot: d.slots}, key: key, flush: d.flush}
	if len(d.byKey) >= d.max {
		oldest := d.last.prev
		oldest.unlink()
		delete(d.byKey, oldest.key)
		if oldest.flush == d.flush {
			k.Slot, evicted = oldest.Slot, true
		}
	}
	if !evicted {
		d.slots++
	}
	d.byKey[key] = k
	d.pushFront(k)
	return k, evicted
}

func (k *known) unlink() {
	k.prev.next, k.next.prev = k.next, k.prev
}

func (d *destinations) pushFront(k *known) {
	k.prev, k.next = &d.last, d.last.next
	k.prev.next, k.next.prev = k, k
}
