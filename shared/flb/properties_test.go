package flb

import (
	"os"
	"runtime"
	"slices"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// kv and link are struct flb_kv and struct mk_list, with addresses in place of pointers.
type (
	link struct{ prev, next uintptr }
	kv   struct {
		key, val uintptr
		head     link
	}
)

// engineInstance is an instance of an engine. Where its properties begin is not known
// from outside.
type engineInstance struct {
	_     [100]byte
	other link // an empty list
	_     [3]uintptr
	odd   uintptr // leads into the properties, but is not their head
	props link
	_     [200]uintptr

	entries []*kv
	kept    []any // what only an address leads to
}

func address[T any](p *T) uintptr { return uintptr(unsafe.Pointer(p)) }

// newInstance has the properties of pairs; an empty value is a NULL, as in the engine.
func newInstance(pairs ...string) *engineInstance {
	i := &engineInstance{}
	i.other = link{address(&i.other), address(&i.other)}
	i.props = link{address(&i.props), address(&i.props)}
	last := &i.props
	for pair := range slices.Chunk(pairs, 2) {
		e := &kv{key: i.text(pair[0]), head: link{address(last), address(&i.props)}}
		if pair[1] != "" {
			e.val = i.text(pair[1])
		}
		last.next, i.props.prev = address(&e.head), address(&e.head)
		last = &e.head
		i.entries = append(i.entries, e)
	}
	i.odd = i.props.next
	return i
}

// text is where a string that ends with a NUL is kept.
func (i *engineInstance) text(s string) uintptr {
	b := append([]byte(s), 0)
	i.kept = append(i.kept, b)
	return address(unsafe.SliceData(b))
}

func reader(t *testing.T) *memory {
	t.Helper()
	m, err := openMemory()
	require.NoError(t, err)
	t.Cleanup(m.close)
	return m
}

func TestEveryValueOfAPropertyIsFound(t *testing.T) {
	i := newInstance("endpoint", "host", "Exclude_Keys", "password", "logstore", "app", "exclude_keys", "token", "exclude_keys", "")
	m := reader(t)
	for _, known := range []int{0, 1, 2, 3} {
		entries := m.entries(address(i), i.entries[known].val)
		require.Len(t, entries, 5)
		for key, want := range map[string][]string{"exclude_keys": {"password", "token", ""}, "ENDPOINT": {"host"}, "logstore": {"app"}} {
			first := slices.Index([]string{"ENDPOINT", "exclude_keys", "logstore"}, key)
			values, ok := m.values(entries, key, i.entries[first].val)
			require.True(t, ok)
			require.Equal(t, want, values)
		}
		values, ok := m.values(entries, "topic", 0)
		require.True(t, ok, "there is none, and the engine says so, too")
		require.Empty(t, values)
		_, ok = m.values(entries, "exclude_keys", i.entries[3].val)
		require.False(t, ok, "the engine's first is another")
		_, ok = m.values(entries, "topic", i.entries[0].val)
		require.False(t, ok, "the engine has one, the list has not")
		_, ok = m.values(nil, "topic", 0)
		require.False(t, ok)
	}
	runtime.KeepAlive(i)
}

// A list that only resembles the engine's own is not taken for it.
func TestNothingElsePassesForTheProperties(t *testing.T) {
	m := reader(t)
	for name, spoil := range map[string]func(i *engineInstance){
		"a prev that leads elsewhere": func(i *engineInstance) { i.entries[1].head.prev = address(&i.props) },
		"a head whose prev is wrong":  func(i *engineInstance) { i.props.prev = i.props.next },
		"a next that is no address":   func(i *engineInstance) { i.entries[1].head.next = 64 },
		"a key that is no address":    func(i *engineInstance) { i.entries[1].key = 64 },
		"an entry without a key":      func(i *engineInstance) { i.entries[1].key = i.text("") },
	} {
		i := newInstance("endpoint", "host", "logstore", "app", "topic", "t")
		known := i.entries[0].val
		require.Len(t, m.entries(address(i), known), 3)
		spoil(i)
		require.Nil(t, m.entries(address(i), known), name)
		runtime.KeepAlive(i)
	}
	i := newInstance("endpoint", "host")
	require.Nil(t, m.entries(address(i), i.text("host")), "a value that is no property's")
	require.Nil(t, m.entries(64, i.entries[0].val), "an instance that is no address")
	require.Nil(t, m.entries(address(newInstance()), i.entries[0].val), "no properties")
	runtime.KeepAlive(i)
}

// A value may be of any length and end where the readable memory does.
func TestTextIsReadToItsEnd(t *testing.T) {
	m, i := reader(t), newInstance()
	for _, n := range []int{0, 1, 63, 64, 65, 5000, 200_000} {
		want := string(slices.Repeat([]byte{'x'}, n))
		got, ok := m.text(i.text(want))
		require.True(t, ok)
		require.Equal(t, want, got)
	}
	_, ok := m.text(64)
	require.False(t, ok)
	_, ok = m.text(i.text(string(slices.Repeat([]byte{'x'}, 2*maxText))))
	require.False(t, ok, "no end")
	runtime.KeepAlive(i)
	before, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	for range 10 {
		other, err := openMemory()
		require.NoError(t, err)
		require.Nil(t, other.read(64, 8))
		other.close()
	}
	after, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	require.Len(t, after, len(before))
}
