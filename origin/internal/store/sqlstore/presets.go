package sqlstore

import "github.com/pictor/pictor/origin"

const presetColumns = `id, account, name, description, transform, params, created_at, updated_at, uses`

func scanPreset(row scanner) (p origin.Preset, err error) {
	err = row.Scan(&p.ID, &p.Account, &p.Name, &p.Description, &p.Transform, &p.Params, moment{&p.CreatedAt},
		moment{&p.UpdatedAt}, &p.Uses)
	return p, err
}

func (t *readTx) Preset(id string) (origin.Preset, error) {
	return one(t, "preset", scanPreset, `SELECT `+presetColumns+` FROM presets WHERE id = ?`, id)
}

func (t *readTx) Presets(account string) ([]origin.Preset, error) {
	return list(t, "presets", scanPreset, `SELECT `+presetColumns+` FROM presets WHERE account = ? ORDER BY name`, account)
}

func (t *writeTx) CreatePreset(p origin.Preset) error {
	return t.execAny(`INSERT INTO presets (`+presetColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`, p.ID, p.Account, p.Name,
		p.Description, p.Transform, p.Params, nanos(p.CreatedAt), nanos(p.UpdatedAt), p.Uses)
}

func (t *writeTx) UpdatePreset(p origin.Preset) error {
	return t.execOne("preset", `UPDATE presets SET name = ?, description = ?, transform = ?, params = ?, updated_at = ?
		WHERE id = ?`, p.Name, p.Description, p.Transform, p.Params, nanos(p.UpdatedAt), p.ID)
}

func (t *writeTx) DeletePreset(id string) error {
	return t.execOne("preset", `DELETE FROM presets WHERE id = ?`, id)
}
