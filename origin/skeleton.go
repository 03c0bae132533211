package origin

import (
	"context"
	"io"
	"net/netip"
	"time"

	"github.com/pictor/pictor/shared/wire"
)

type Client struct {
	Address netip.Addr
	Agent   string
}
type NewAccount struct {
	Email, Username, Password string
	Role                      Role
}
type AccountPatch struct {
	Email, Username, Password *string
	Role                      *Role
	Disabled                  *bool
}
type AssetFields struct {
	PublicID, Folder string
	Tags             []string
	Visibility       string
	Overwrite        bool
}
type ListAssets struct {
	Folder, Tag, Text string
	Limit             int
	Cursor            string
	All               bool
}
type AssetPatch struct {
	Folder     *string
	Tags       *[]string
	Visibility *string
}
type SignRequest struct {
	PublicID, Transform string
	TTL                 time.Duration
}
type Received struct{ Source wire.Source }
type Limits map[string]Limit
type Limit struct {
	Count int
	Per   time.Duration
}

func DefaultLimits() Limits                 { panic("unwritten") }
func ParseLimit(text string) (Limit, error) { panic("unwritten") }
func (l Limit) String() string              { panic("unwritten") }
func (r *Received) Discard()                { panic("unwritten") }

func (c *Core) Bootstrap(ctx context.Context, email, password string) (bool, string, error) {
	panic("unwritten")
}
func (c *Core) SignIn(ctx context.Context, email, password string, from Client) (Account, string, time.Time, error) {
	panic("unwritten")
}
func (c *Core) SignOut(ctx context.Context, token string) error { panic("unwritten") }
func (c *Core) BySession(ctx context.Context, token string) (Principal, error) {
	panic("unwritten")
}
func (c *Core) ByAPIKey(ctx context.Context, id, secret string) (Principal, error) {
	panic("unwritten")
}
func (c *Core) ChangePassword(ctx context.Context, who Principal, current, next string) error {
	panic("unwritten")
}
func (c *Core) ListAccounts(ctx context.Context, who Principal, page Page) ([]Account, string, error) {
	panic("unwritten")
}
func (c *Core) CreateAccount(ctx context.Context, who Principal, n NewAccount) (Account, error) {
	panic("unwritten")
}
func (c *Core) UpdateAccount(ctx context.Context, who Principal, id string, p AccountPatch) (Account, error) {
	panic("unwritten")
}
func (c *Core) DeleteAccount(ctx context.Context, who Principal, id string) error { panic("unwritten") }
func (c *Core) ListAPIKeys(ctx context.Context, who Principal) ([]APIKey, error) {
	panic("unwritten")
}
func (c *Core) MintAPIKey(ctx context.Context, who Principal, name string) (APIKey, string, error) {
	panic("unwritten")
}
func (c *Core) RevokeAPIKey(ctx context.Context, who Principal, id string) (APIKey, error) {
	panic("unwritten")
}
func (c *Core) AllowUpload(from Client) error { panic("unwritten") }
func (c *Core) Receive(ctx context.Context, who Principal, filename string, body io.Reader) (*Received, error) {
	panic("unwritten")
}
func (c *Core) CreateAsset(ctx context.Context, who Principal, r *Received, f AssetFields) (Asset, bool, error) {
	panic("unwritten")
}
func (c *Core) ListAssets(ctx context.Context, who Principal, l ListAssets) ([]Asset, string, error) {
	panic("unwritten")
}
func (c *Core) FindAsset(ctx context.Context, who Principal, publicID string) (Asset, error) {
	panic("unwritten")
}
func (c *Core) UpdateAsset(ctx context.Context, who Principal, publicID string, p AssetPatch) (Asset, error) {
	panic("unwritten")
}
func (c *Core) DeleteAsset(ctx context.Context, who Principal, publicID string) error {
	panic("unwritten")
}
func (c *Core) SignURL(ctx context.Context, who Principal, r SignRequest) (string, time.Time, error) {
	panic("unwritten")
}
func (c *Core) URL(a Asset) string { panic("unwritten") }
func (c *Core) Usage(ctx context.Context, who Principal, all bool) (UsageSummary, time.Time, error) {
	panic("unwritten")
}
func (c *Core) Manifest(ctx context.Context, name wire.Name) (wire.Manifest, uint64, error) {
	panic("unwritten")
}
func (c *Core) Changes(ctx context.Context, after uint64, limit int) (string, uint64, []NumberedChange, error) {
	panic("unwritten")
}
func (c *Core) Changed() <-chan struct{}                                        { panic("unwritten") }
func (c *Core) Keyring(ctx context.Context) (wire.Keyring, error)               { panic("unwritten") }
func (c *Core) RecordUsage(ctx context.Context, b wire.UsageBatch) error        { panic("unwritten") }
func (c *Core) OpenBlob(ctx context.Context, digest string) (BlobReader, error) { panic("unwritten") }
func (c *Core) CollectGarbage(ctx context.Context, grace time.Duration) (int, error) {
	panic("unwritten")
}
func (c *Core) Ready(ctx context.Context) error { panic("unwritten") }
