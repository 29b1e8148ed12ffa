package delivery

import (
	"fluent-bit-sls/out_sls/internal/schedule"
	"fluent-bit-sls/out_sls/internal/segment"
	"fluent-bit-sls/out_sls/internal/sequence"
	"fluent-bit-sls/shared/loggroup"
	"fluent-bit-sls/shared/sls"
)

// message is what one call to SLS carries: a log group, or several as a group batch.
type message struct {
	request *schedule.Request
	groups  []*logGroup
	whole   bool           // all that the request carries
	run     *run           // that it is, under a sequence number; nil = it has none
	turn    *sequence.Turn // of the run
}

// logGroup is whole segments of one destination or, after SLS refused them together, parts
// of them.
type logGroup struct {
	to     segment.Address
	parts  []part
	packID string // its number; "" = none
}

// wholeOf is the message of all that r carries.
func wholeOf(r *schedule.Request) *message {
	m := &message{request: r, whole: true}
	for _, from := range r.Groups {
		g := &logGroup{to: from.To, packID: from.PackID}
		for _, s := range from.Segments {
			g.parts = append(g.parts, partsOf(s)...)
		}
		m.groups = append(m.groups, g)
	}
	return m
}

// only is a message of one part of m, which has one group.
func (m *message) only(p part) *message {
	to := m.groups[0].to
	g := &logGroup{to: to, parts: []part{p}, packID: m.request.NextPackID(&to)}
	return &message{request: m.request, groups: []*logGroup{g}}
}

// isBatch tells whether m goes out as a group batch.
func (m *message) isBatch() bool { return len(m.groups) > 1 }

// sending begins a try of m, which is one group, and returns its hash key.
func (m *message) sending(body *sls.Body) (hashKey string) {
	if m.run == nil {
		return m.groups[0].to.HashKey
	}
	n := m.run.number
	n.Sending()
	body.SequenceID = n.Number.Number
	return n.Key.String()
}

// keep leaves the groups that have parts, of which it is given others if change is not nil.
func (m *message) keep(change func(*logGroup) []part) {
	kept := m.groups[:0:0]
	for _, g := range m.groups {
		if g.parts = change(g); len(g.parts) > 0 {
			kept = append(kept, g)
		}
	}
	m.groups = kept
}

// parts are those of all groups.
func (m *message) parts() []part {
	if len(m.groups) == 1 {
		return m.groups[0].parts
	}
	var parts []part
	for _, g := range m.groups {
		parts = append(parts, g.parts...)
	}
	return parts
}

func (m *message) logs() (n int) {
	for _, g := range m.groups {
		for _, p := range g.parts {
			n += p.Count
		}
	}
	return n
}

// giveUp settles the segments of m if no flush waits for any of them.
func (m *message) giveUp() bool {
	var before func()
	if m.run != nil {
		before = m.turn.Park
	}
	return segment.GiveUp(before, segmentsOf(m.parts())...)
}

// endTurn ends the turn of a run, before another request has its segment.
func (m *message) endTurn() {
	if m.turn != nil {
		m.turn.End()
	}
}

// fields encodes what g has behind its logs.
func (g *logGroup) fields() []byte {
	fields := loggroup.AppendGroupFields(make([]byte, 0, g.to.FieldsSize()), g.to.Topic, g.to.Source, nil)
	fields = append(fields, g.to.Tags...)
	if g.packID != "" {
		fields = loggroup.AppendGroupFields(fields, "", "", []loggroup.Tag{{Key: segment.PackIDKey, Value: g.packID}})
	}
	return fields
}

// encode is g, not compressed. pooled says that it lies in a buffer of d.
func (d *Delivery) encode(g *logGroup) (raw []byte, pooled bool) {
	fields := g.fields()
	raw = g.parts[0].spare(len(fields))
	pooled = len(g.parts) > 1 || raw == nil
	if pooled {
		size := len(fields)
		for _, p := range g.parts {
			size += len(p.body)
		}
		raw = d.buffers.Get(size)
		for _, p := range g.parts {
			raw = append(raw, p.body...)
		}
	}
	return append(raw, fields...), pooled
}

// body builds m, compressed, in a pooled buffer.
func (d *Delivery) body(m *message) sls.Body {
	if m.run != nil {
		m.fill()
	}
	body := sls.Body{Codec: d.cfg.Codec, Processor: d.cfg.Processor}
	if m.isBatch() {
		d.packages(m, &body)
		return body
	}
	raw, pooled := d.encode(m.groups[0])
	body.RawSize = len(raw)
	if body.Codec == sls.None && pooled {
		body.Data = raw
		return body
	}
	body.Data = d.compress(raw)
	if pooled {
		d.buffers.Put(raw)
	}
	return body
}

// compress returns raw, compressed, in a pooled buffer. The answer may be long in coming:
// what waits for it has no room to spare. Logs shrink to a third or less, so half of the
// room that they might take does, as a rule.
func (d *Delivery) compress(raw []byte) []byte {
	if !d.dense.Load() {
		half := d.buffers.Get(len(raw) / 2)
		if data, ok := sls.TryCompress(d.cfg.Codec, half, raw); ok {
			return d.buffers.Fit(data)
		}
		d.buffers.Put(half)
	}
	data := sls.Compress(d.cfg.Codec, d.buffers.Get(sls.CompressBound(len(raw))), raw)
	d.dense.Store(len(data) > len(raw)/2)
	return d.buffers.Fit(data)
}

// packages builds a group batch, each group compressed by itself, all in one buffer.
func (d *Delivery) packages(m *message, body *sls.Body) {
	room := 0
	for _, g := range m.groups {
		size := g.to.FieldsSize()
		for _, p := range g.parts {
			size += len(p.body)
		}
		room += sls.PackageBound(size)
	}
	body.Data = d.buffers.Get(room)
	for _, g := range m.groups {
		raw, pooled := d.encode(g)
		body.RawSize += len(raw)
		body.Data = sls.AppendPackage(body.Data, body.Codec, raw)
		if pooled {
			d.buffers.Put(raw)
		}
	}
	body.Data = d.buffers.Fit(body.Data)
}
