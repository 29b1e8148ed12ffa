package startup

import (
	"log/slog"

	"fluent-bit-sls/shared/option"
)

// Names logs what is to be said of the names that were typed: lists that may be
// cut, and what is no option, which the engine passes over in silence. Call it before the options are
// judged: a name that is wrong explains one that is missing.
func Names(get option.Getter, dir option.Direction, opts []option.Option, hints []option.Hint, log *slog.Logger) {
	if note := option.Cut(get, opts); note != "" {
		log.Warn(note)
	}
	for _, note := range option.Unknown(get, dir, opts, hints) {
		log.Warn(note)
	}
}
