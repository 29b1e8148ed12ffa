package handover

// run is a stretch of events of one tag.
type run struct {
	tag        string // "": the section's own
	begin, end int    // of what is left of it, in the events
	records    int    // in that
}

// runs are those of the events of one pull. They are lent by a Budget, like the events.
type runs struct{ list []run }

// runs are the runs of b, in the order of its events.
func (b *batch) runs() []run {
	if b.tagged != nil {
		return b.tagged.list
	}
	return b.whole[:]
}

// Tag says under which tag the events go that were appended to Events since it was last
// called. The tag "" is the section's own. Without a call all events go under that.
func (c *Claim) Tag(tag string, records int) {
	if c.tagged == nil {
		c.tagged, _ = c.of.runs.Get().(*runs) // the pool's New makes nothing else
	}
	list, begin := c.tagged.list, 0
	if n := len(list); n > 0 {
		begin = list[n-1].end
	}
	switch n := len(list); {
	case begin == len(c.Events):
	case n > 0 && list[n-1].tag == tag:
		list[n-1].end = len(c.Events)
		list[n-1].records += records
	default:
		list = append(list, run{tag: tag, begin: begin, end: len(c.Events), records: records})
	}
	c.tagged.list = list
}

// freeRuns takes runs back. nil is allowed.
func (b *Budget) freeRuns(r *runs) {
	if r == nil {
		return
	}
	clear(r.list)
	r.list = r.list[:0]
	b.runs.Put(r)
}
