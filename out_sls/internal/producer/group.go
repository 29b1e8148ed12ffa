package producer

import (
	"fluent-bit-sls/shared/loggroup"
	"fluent-bit-sls/shared/sls"
)

// body builds the compressed log group of r in a pooled buffer.
func (p *Producer) body(r *request) sls.Body {
	codec := sls.Codec(p.cfg.Codec)
	fields := r.groupFields()
	raw := r.pieces[0].spare(len(fields))
	pooled := len(r.pieces) > 1 || raw == nil || codec == sls.None
	if pooled {
		size := len(fields)
		for _, pc := range r.pieces {
			size += len(pc.body)
		}
		raw = p.buffers.Get(size)
		for _, pc := range r.pieces {
			raw = append(raw, pc.body...)
		}
	}
	raw = append(raw, fields...)
	body := sls.Body{Data: raw, RawSize: len(raw), Codec: codec, Processor: p.cfg.Processor}
	if codec != sls.None {
		// The answer may be long in coming: what waits for it has no room to spare.
		body.Data = p.buffers.Fit(sls.Compress(codec, p.buffers.Get(sls.CompressBound(len(raw))), raw))
		if pooled {
			p.buffers.Put(raw)
		}
	}
	return body
}

// groupFields encodes what a log group has behind its logs.
func (r *request) groupFields() []byte {
	dest := &r.queue.dest
	fields := loggroup.AppendGroupFields(nil, dest.Topic, dest.Source, nil)
	fields = append(fields, dest.Tags...)
	if r.pack != "" {
		fields = loggroup.AppendGroupFields(fields, "", "", []loggroup.Tag{{Key: packKey, Value: r.pack}})
	}
	return fields
}

// spare is the buffer of the segment that the piece is all of, if there is room for
// n bytes behind the logs, else nil. The room is nobody else's until the segment is
// settled: a log group can be completed there, and a full segment is not copied.
func (pc piece) spare(n int) []byte {
	buf := pc.of.segment.buf
	if pc.rewritten || len(pc.body) != len(buf) || cap(buf)-len(buf) < n {
		return nil
	}
	return buf
}
