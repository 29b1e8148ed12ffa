package loggroup

import (
	"fmt"
	"math/rand"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func (f TimeFormat) of(at time.Time) string {
	return string(f.append([]byte("> "), uint32(at.Unix()), uint32(at.Nanosecond())))[2:]
}

func TestTimeFormat(t *testing.T) {
	at := time.Date(2023, 1, 4, 0, 7, 9, 5_060_708, time.UTC)
	require.Equal(t, "2023-01-04T00:07:09.005060708Z", TimeRFC3339.of(at))
	require.Equal(t, "2023-01-04T00:07:09Z", TimeRFC3339.of(at.Truncate(time.Second)))
	require.Equal(t, "1672790829", TimeEpoch.of(at))
	require.Equal(t, "1672790829005", TimeEpochMS.of(at))
}

// TestTimeFormatAgrees compares with package time over all times there are.
func TestTimeFormatAgrees(t *testing.T) {
	rnd := rand.New(rand.NewSource(1))
	for range 10_000 {
		at := time.Unix(int64(rnd.Uint32()), rnd.Int63n(1e9)).UTC()
		require.Equal(t, at.Format(time.RFC3339Nano), TimeRFC3339.of(at))
		require.Equal(t, fmt.Sprint(at.Unix()), TimeEpoch.of(at))
		require.Equal(t, fmt.Sprint(at.UnixMilli()), TimeEpochMS.of(at))
	}
}
