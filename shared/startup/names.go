package startup

import (
	"log/slog"

	"fluent-bit-sls/shared/option"
)

// Names logs a warning for each list that may be cut, and for each typed name that is no
// option: the engine says nothing about those. Call it before the options are checked: a
// wrong name explains a missing one.
func Names(get option.Getter, dir option.Direction, opts []option.Option, hints []option.Hint, log *slog.Logger) {
	if note := option.Cut(get, opts); note != "" {
		log.Warn(note)
	}
	for _, note := range option.Unknown(get, dir, opts, hints) {
		log.Warn(note)
	}
}
