package sqlstore

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/pictor/pictor/origin"
	"github.com/pictor/pictor/shared/wire"
)

const assetSelect = `SELECT a.id, a.account, a.namespace, a.name, a.folder, a.visibility, a.version, a.digest,
	a.created_at, a.updated_at, b.source,
	(SELECT json_group_array(g.tag ORDER BY g.position) FROM asset_tags g WHERE g.asset = a.id)
	FROM assets a JOIN blobs b ON b.digest = a.digest `

// tagList is the tags of an asset as json_group_array gives them.
type tagList struct{ tags *[]string }

// Scan implements sql.Scanner.
func (c tagList) Scan(src any) error {
	text, ok := src.(string)
	if !ok {
		return fmt.Errorf("tags come as %T", src)
	}
	if text == "[]" {
		return nil // an asset without tags has nil, as one that was just made
	}
	return json.Unmarshal([]byte(text), c.tags)
}

func scanAsset(row scanner) (a origin.Asset, err error) {
	err = row.Scan(&a.ID, &a.Account, &a.Name.Namespace, &a.Name.Name, &a.Folder, &a.Visibility, &a.Version, &a.Digest,
		moment{&a.CreatedAt}, moment{&a.UpdatedAt}, source{&a.Source}, tagList{&a.Tags})
	return a, err
}

func (t *readTx) Asset(id string) (origin.Asset, error) {
	return one(t, "asset", scanAsset, assetSelect+`WHERE a.id = ?`, id)
}

func (t *readTx) AssetByName(name wire.Name) (origin.Asset, error) {
	return one(t, "asset", scanAsset, assetSelect+`WHERE a.namespace = ? AND a.name = ?`, name.Namespace, name.Name)
}

func (t *readTx) Assets(query origin.AssetQuery) ([]origin.Asset, error) {
	text, args := assetList(query)
	return list(t, "assets", scanAsset, text, args...)
}

// assetList is the statement for a query.
func assetList(query origin.AssetQuery) (text string, args []any) {
	where := conditions{}
	owner, created, id, from := "a.account", "a.created_at", "a.id", assetSelect
	if query.Tag != "" { // then the index of the tag gives the order
		owner, created, id = "t.account", "t.created_at", "t.asset"
		from += `JOIN asset_tags t ON t.asset = a.id `
		where.add(`t.tag = ?`, query.Tag)
	}
	if query.Account != "" {
		where.add(owner+` = ?`, query.Account)
	}
	if query.Namespace != "" {
		where.add(`+a.namespace = ?`, query.Namespace) // the plus keeps SQLite off the index of names, which has no order
	}
	if query.Folder != "" {
		where.add(`a.folder = ?`, query.Folder)
	}
	if query.Text != "" {
		where.add(`instr(a.search, ?) > 0`, strings.ToLower(query.Text))
	}
	if query.After.ID != "" {
		where.add(`(`+created+`, `+id+`) < (?, ?)`, nanos(query.After.CreatedAt), query.After.ID)
	}
	order := ` ORDER BY ` + created + ` DESC, ` + id + ` DESC LIMIT ?`
	return from + where.String() + order, append(where.args, query.Limit)
}

// conditions is the WHERE of a query while it is put together.
type conditions struct {
	texts []string
	args  []any
}

func (c *conditions) add(text string, args ...any) {
	c.texts = append(c.texts, text)
	c.args = append(c.args, args...)
}

func (c *conditions) String() string {
	if len(c.texts) == 0 {
		return ""
	}
	return `WHERE ` + strings.Join(c.texts, ` AND `)
}

func (t *writeTx) CreateAsset(a origin.Asset) error {
	err := t.execAny(`INSERT INTO assets (id, account, namespace, name, folder, visibility, version, digest, created_at,
		updated_at, search) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, a.ID, a.Account, a.Name.Namespace, a.Name.Name,
		a.Folder, a.Visibility, a.Version, a.Digest, nanos(a.CreatedAt), nanos(a.UpdatedAt), searchText(a))
	if err != nil {
		return err
	}
	return t.putTags(a)
}

func (t *writeTx) UpdateAsset(a origin.Asset) error {
	err := t.execOne("asset", `UPDATE assets SET namespace = ?, name = ?, folder = ?, visibility = ?, version = ?,
		digest = ?, updated_at = ?, search = ? WHERE id = ?`, a.Name.Namespace, a.Name.Name, a.Folder, a.Visibility,
		a.Version, a.Digest, nanos(a.UpdatedAt), searchText(a), a.ID)
	if err != nil {
		return err
	}
	if err := t.execAny(`DELETE FROM asset_tags WHERE asset = ?`, a.ID); err != nil {
		return err
	}
	return t.putTags(a)
}

// putTags copies account and creation time from the asset's row, which they must not differ from.
func (t *writeTx) putTags(a origin.Asset) error {
	for i, tag := range a.Tags {
		err := t.execAny(`INSERT INTO asset_tags (asset, position, tag, account, created_at)
			SELECT id, ?, ?, account, created_at FROM assets WHERE id = ?`, i, tag, a.ID)
		if err != nil {
			return err
		}
	}
	return nil
}

func searchText(a origin.Asset) string {
	lines := append([]string{a.Name.Name, a.Folder}, a.Tags...)
	return strings.ToLower(strings.Join(lines, "\n"))
}

func (t *writeTx) DeleteAsset(id string) error {
	return t.execOne("asset", `DELETE FROM assets WHERE id = ?`, id)
}

func (t *writeTx) MoveAssets(fromAccount, toAccount string) error {
	if err := t.execAny(`UPDATE asset_tags SET account = ? WHERE account = ?`, toAccount, fromAccount); err != nil {
		return err
	}
	return t.execAny(`UPDATE assets SET account = ? WHERE account = ?`, toAccount, fromAccount)
}
