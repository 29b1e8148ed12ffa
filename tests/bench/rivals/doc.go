// Package rivals holds the other half of each comparison of `make bench`, as
// benchmarks: what a plugin made of fluent-bit-go's decoder and the SDK costs,
// and what the decoder of the input costs beside the SDK's. It has no code of its
// own beyond its tests; the engines' halves stand beside the engines.
package rivals
