package loggroup

// Meta is what a LogGroup says of itself, beside its Logs.
type Meta struct {
	Topic, Source []byte
	Tags          [][]byte // values of the tags asked for, nil for what the group does not have
}

// Read reads the group's topic and source, and the values of the tags with these keys. The
// slices are windows into group, the bytes of one LogGroup. The last of several fields or
// tags of a key counts. What stands behind something that cannot be read is missing.
func (m *Meta) Read(group []byte, keys []string) {
	m.Topic, m.Source, m.Tags = nil, nil, m.Tags[:0]
	for range keys {
		m.Tags = append(m.Tags, nil)
	}
	for off := 0; off < len(group); {
		f, next, err := readField(group, off)
		if err != nil || f.number <= 6 && f.wire != wireBytes {
			return
		}
		switch f.number {
		case 3:
			m.Topic = group[f.start:next]
		case 4:
			m.Source = group[f.start:next]
		case 6:
			key, value, err := readPair(group[:next], off, f.start)
			if err != nil {
				return
			}
			for i, k := range keys {
				if k == string(key) {
					m.Tags[i] = value
				}
			}
		}
		off = next
	}
}
