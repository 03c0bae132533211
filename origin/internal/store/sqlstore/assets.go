package sqlstore

import (
	"database/sql/driver"
	"fmt"
	"strings"
	"time"

	"github.com/pictor/pictor/origin"
	"github.com/pictor/pictor/shared/delivery"
	"github.com/pictor/pictor/shared/wire"
)

const assetSelect = `SELECT a.id, a.account, a.namespace, a.name, a.filename, a.folder, a.visibility, a.cache_age,
	a.version, a.digest, a.created_at, a.updated_at, a.colour, b.source,
	(SELECT json_group_array(g.tag ORDER BY g.position) FROM asset_tags g WHERE g.asset = a.id),
	(SELECT json_group_array(json_object('ns', p.namespace, 'name', p.path) ORDER BY p.seq) FROM asset_paths p
		WHERE p.asset = a.id)
	FROM assets a JOIN blobs b ON b.digest = a.digest `

// group is a list as json_group_array gives it; an empty one becomes nil, as in an asset that was just made.
type group[T any] struct{ list *[]T }

// Scan implements sql.Scanner.
func (g group[T]) Scan(src any) error {
	if src == "[]" {
		return nil
	}
	return column{g.list}.Scan(src)
}

// lifetime is a CacheAge as a column holds it.
type lifetime struct{ age *origin.CacheAge }

// Value implements driver.Valuer.
func (l lifetime) Value() (driver.Value, error) {
	if !l.age.Given {
		return nil, nil
	}
	return int64(l.age.Age), nil
}

// Scan implements sql.Scanner.
func (l lifetime) Scan(src any) error {
	n, ok := src.(int64)
	if !ok && src != nil {
		return fmt.Errorf("a lifetime is stored as %T", src)
	}
	*l.age = origin.CacheAge{Given: ok, Age: time.Duration(n)}
	return nil
}

func scanAsset(row scanner) (a origin.Asset, err error) {
	err = row.Scan(&a.ID, &a.Account, &a.Name.Namespace, &a.Name.Name, &a.Filename, &a.Folder, &a.Visibility,
		lifetime{&a.CacheAge}, &a.Version, &a.Digest, moment{&a.CreatedAt}, moment{&a.UpdatedAt}, &a.Colour,
		column{&a.Source}, group[string]{&a.Tags}, group[wire.Name]{&a.Paths})
	return a, err
}

func (t *readTx) Asset(id string) (origin.Asset, error) {
	return one(t, "asset", scanAsset, assetSelect+`WHERE a.id = ?`, id)
}

func (t *readTx) AssetByName(name wire.Name) (origin.Asset, error) {
	return one(t, "asset", scanAsset, assetSelect+`WHERE a.namespace = ? AND a.name = ?`, name.Namespace, name.Name)
}

func (t *readTx) AssetByPath(path wire.Name) (origin.Asset, error) {
	return one(t, "asset", scanAsset, assetSelect+`WHERE a.id =
		(SELECT asset FROM asset_paths WHERE namespace = ? AND path = ?)`, path.Namespace, path.Name)
}

func (t *readTx) AssetByStem(namespace, stem string) (origin.Asset, error) {
	return one(t, "asset", scanAsset, assetSelect+`WHERE a.id =
		(SELECT asset FROM asset_paths WHERE namespace = ? AND stem = ? ORDER BY seq LIMIT 1)`, namespace, stem)
}

func (t *readTx) Assets(query origin.AssetQuery) ([]origin.Asset, error) {
	text, args := assetList(query)
	return list(t, "assets", scanAsset, text, args...)
}

func (t *readTx) CountAssets(query origin.AssetQuery) (int, error) {
	query.After = origin.Cursor{}
	from, where, _ := assetFilter(query)
	return one(t, "number of assets", value[int], `SELECT count(*) FROM assets a `+from+where.String(), where.args...)
}

// assetList is the statement for a query.
func assetList(query origin.AssetQuery) (text string, args []any) {
	from, where, order := assetFilter(query)
	return assetSelect + from + where.String() + ` ORDER BY ` + order + ` LIMIT ? OFFSET ?`,
		append(where.args, query.Limit, query.Offset)
}

// assetFilter is what selects and orders the assets of a query.
func assetFilter(query origin.AssetQuery) (join string, where conditions, order string) {
	owner, created, id := "a.account", "a.created_at", "a.id"
	if query.Tag != "" { // then the index of the tag gives the order
		owner, created, id = "t.account", "t.created_at", "t.asset"
		join = `JOIN asset_tags t ON t.asset = a.id `
		where.add(`t.tag = ?`, query.Tag)
	}
	if query.Account != "" {
		where.add(owner+` = ?`, query.Account)
	}
	if query.Namespace != "" {
		namespace := `a.namespace = ?`
		if query.Account != "" || query.Tag != "" {
			namespace = `+` + namespace // keeps SQLite off the indexes of namespaces: these are of fewer rows
		}
		where.add(namespace, query.Namespace)
	}
	if query.Folder != "" {
		where.add(`a.folder = ?`, query.Folder)
	}
	if query.Below != "" {
		where.add(`EXISTS (SELECT 1 FROM asset_paths p WHERE p.asset = a.id AND p.path >= ? AND p.path < ?)`,
			query.Below, after(query.Below))
	}
	if query.Text != "" {
		where.add(`instr(a.search, ?) > 0`, strings.ToLower(query.Text))
	}
	if query.After.ID != "" {
		where.add(`(`+created+`, `+id+`) < (?, ?)`, nanos(query.After.CreatedAt), query.After.ID)
	}
	return join, where, created + ` DESC, ` + id + ` DESC`
}

// after is the least text behind all that begin with the prefix, which is not empty.
func after(prefix string) string {
	last := len(prefix) - 1
	return prefix[:last] + string(rune(prefix[last]+1)) // paths are ASCII
}

func scanFolder(row scanner) (f origin.Folder, err error) {
	err = row.Scan(&f.Name, &f.Count)
	return f, err
}

func (t *readTx) Folders(namespace, prefix string) ([]origin.Folder, error) {
	return list(t, "folders", scanFolder, `SELECT substr(rest, 1, instr(rest, '/') - 1) AS folder, count(DISTINCT asset)
		FROM (SELECT substr(path, ?) AS rest, asset FROM asset_paths
			WHERE namespace = ? AND substr(path, 1, ?) = ?)
		WHERE instr(rest, '/') > 0 GROUP BY folder ORDER BY folder`, len(prefix)+1, namespace, len(prefix), prefix)
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
	err := t.execAny(`INSERT INTO assets (id, account, namespace, name, filename, folder, visibility, cache_age, version,
		digest, created_at, updated_at, search) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, a.ID, a.Account,
		a.Name.Namespace, a.Name.Name, a.Filename, a.Folder, a.Visibility, lifetime{&a.CacheAge}, a.Version, a.Digest,
		nanos(a.CreatedAt), nanos(a.UpdatedAt), searchText(a))
	if err != nil {
		return err
	}
	if err := t.putTags(a); err != nil {
		return err
	}
	return t.putPaths(a)
}

func (t *writeTx) UpdateAsset(a origin.Asset) error {
	err := t.execOne("asset", `UPDATE assets SET namespace = ?, name = ?, folder = ?, visibility = ?, cache_age = ?,
		version = ?, colour = CASE digest WHEN ? THEN colour ELSE '' END, digest = ?, updated_at = ?, search = ? WHERE id = ?`,
		a.Name.Namespace, a.Name.Name, a.Folder, a.Visibility, lifetime{&a.CacheAge}, a.Version, a.Digest, a.Digest,
		nanos(a.UpdatedAt), searchText(a), a.ID)
	if err != nil {
		return err
	}
	if err := t.execAny(`DELETE FROM asset_tags WHERE asset = ?`, a.ID); err != nil {
		return err
	}
	if err := t.putTags(a); err != nil {
		return err
	}
	return t.putPaths(a)
}

// putPaths writes new paths and removes those that went. Those that stay keep their age, which decides about stems.
func (t *writeTx) putPaths(a origin.Asset) error {
	kept := column{a.Paths}
	if a.Paths == nil {
		kept.v = []wire.Name{}
	}
	err := t.execAny(`DELETE FROM asset_paths WHERE asset = ? AND (namespace, path) NOT IN
		(SELECT value ->> 'ns', value ->> 'name' FROM json_each(?))`, a.ID, kept)
	if err != nil {
		return err
	}
	for _, p := range a.Paths {
		stem, _ := delivery.SplitPath(p.Name)
		err := t.execAny(`INSERT INTO asset_paths (namespace, path, stem, asset)
			SELECT ?1, ?2, ?3, ?4 WHERE NOT EXISTS
			(SELECT 1 FROM asset_paths WHERE namespace = ?1 AND path = ?2 AND asset = ?4)`, p.Namespace, p.Name, stem, a.ID)
		if err != nil {
			return err
		}
	}
	return nil
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
	lines := append([]string{a.Name.Name, a.Folder, a.Filename}, a.Tags...)
	for _, p := range a.Paths {
		lines = append(lines, p.Name)
	}
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
