package edge

import "strings"

// keySchema changes when the same key would mean other bytes for a reason outside the render engine.
const keySchema = "1"

// EngineVersion changes when the renderer would make other bytes of the same job.
const EngineVersion = "8.18.7-3"

// Key names content: schema, engine, source digest and the settled Spec. It holds neither name nor visibility nor
// signature, so assets with the same bytes share entries and nothing stale is served under a new version.
type Key string

// Key is the cache key of the job's result.
func (j Job) Key() Key {
	var b strings.Builder
	b.Grow(128)
	b.WriteString(keySchema)
	b.WriteByte('|')
	b.WriteString(EngineVersion)
	b.WriteByte('|')
	b.WriteString(j.Source.Digest)
	b.WriteByte('|')
	b.WriteString(j.Spec.String())
	return Key(b.String())
}
