package wire

// Paths of the origin's edge API, on its own listener, for holders of the cluster key (package cluster).
const (
	PathManifest = "/edge/v1/manifest" // GET ?ns=&name= → 200 Manifest | 404 NotFound
	PathBlob     = "/edge/v1/blob/"    // GET <digest>, single Range → 200 | 206 | 404
	PathChanges  = "/edge/v1/changes"  // GET ?after=N → streamed Change lines, a heartbeat each second
	PathKeyring  = "/edge/v1/keyring"  // GET → Keyring
	PathUsage    = "/edge/v1/usage"    // POST UsageBatch → 204
)
