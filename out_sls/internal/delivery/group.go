package delivery

import (
	"fluent-bit-sls/out_sls/internal/schedule"
	"fluent-bit-sls/out_sls/internal/segment"
	"fluent-bit-sls/shared/loggroup"
	"fluent-bit-sls/shared/sls"
)

// logGroup is the body of one call to SLS: whole segments or, after SLS refused them
// together, parts of them.
type logGroup struct {
	request *schedule.Request
	parts   []part
	packID  string // its number; "" = none
	whole   bool   // all that the request carries
}

// wholeOf is the log group of all that r carries.
func wholeOf(r *schedule.Request) *logGroup {
	g := &logGroup{request: r, packID: r.PackID, whole: true}
	for _, s := range r.Segments {
		g.parts = append(g.parts, partsOf(s)...)
	}
	return g
}

// only is a log group of one part of g.
func (g *logGroup) only(p part) *logGroup {
	return &logGroup{request: g.request, parts: []part{p}, packID: g.request.NextPackID()}
}

func (g *logGroup) logs() (n int) {
	for _, p := range g.parts {
		n += p.Count
	}
	return n
}

// giveUp settles the segments of g if no flush waits for any of them.
func (g *logGroup) giveUp() bool { return segment.GiveUp(segmentsOf(g.parts)...) }

// fields encodes what g has behind its logs.
func (g *logGroup) fields() []byte {
	to := &g.request.To
	fields := loggroup.AppendGroupFields(nil, to.Topic, to.Source, nil)
	fields = append(fields, to.Tags...)
	if g.packID != "" {
		fields = loggroup.AppendGroupFields(fields, "", "", []loggroup.Tag{{Key: segment.PackIDKey, Value: g.packID}})
	}
	return fields
}

// body builds g, compressed, in a pooled buffer.
func (d *Delivery) body(g *logGroup) sls.Body {
	codec := d.cfg.Codec
	fields := g.fields()
	raw := g.parts[0].spare(len(fields))
	pooled := len(g.parts) > 1 || raw == nil || codec == sls.None
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
	raw = append(raw, fields...)
	body := sls.Body{Data: raw, RawSize: len(raw), Codec: codec, Processor: d.cfg.Processor}
	if codec != sls.None {
		// The answer may be long in coming: what waits for it has no room to spare.
		body.Data = d.buffers.Fit(sls.Compress(codec, d.buffers.Get(sls.CompressBound(len(raw))), raw))
		if pooled {
			d.buffers.Put(raw)
		}
	}
	return body
}
