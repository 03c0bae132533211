package sqlstore

import "github.com/pictor/pictor/origin"

const accountColumns = `id, email, username, role, plan, disabled, settings, limits, password_hash, created_at, updated_at`

func scanAccount(row scanner) (a origin.Account, err error) {
	err = row.Scan(&a.ID, &a.Email, &a.Username, &a.Role, &a.Plan, &a.Disabled, column{&a.Settings}, column{&a.Limits},
		&a.PasswordHash, moment{&a.CreatedAt}, moment{&a.UpdatedAt})
	return a, err
}

func (t *readTx) Account(id string) (origin.Account, error) {
	return one(t, "account", scanAccount, `SELECT `+accountColumns+` FROM accounts WHERE id = ?`, id)
}

func (t *readTx) AccountByEmail(email string) (origin.Account, error) {
	return one(t, "account", scanAccount, `SELECT `+accountColumns+` FROM accounts WHERE email = ?`, email)
}

func (t *readTx) AccountByUsername(username string) (origin.Account, error) {
	return one(t, "account", scanAccount, `SELECT `+accountColumns+` FROM accounts WHERE username = ?`, username)
}

func (t *readTx) Accounts(page origin.Page) ([]origin.Account, error) {
	return list(t, "accounts", scanAccount, `SELECT `+accountColumns+` FROM accounts WHERE id > ? ORDER BY id LIMIT ?`,
		page.After, page.Limit)
}

func (t *readTx) CountAccounts(role origin.Role) (int, error) {
	return one(t, "number of accounts", value[int],
		`SELECT count(*) FROM accounts WHERE ?1 = '' OR role = ?1 AND NOT disabled`, role)
}

func (t *writeTx) CreateAccount(a origin.Account) error {
	return t.execAny(`INSERT INTO accounts (`+accountColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, a.ID, a.Email,
		a.Username, a.Role, a.Plan, a.Disabled, column{a.Settings}, column{a.Limits}, a.PasswordHash,
		nanos(a.CreatedAt), nanos(a.UpdatedAt))
}

func (t *writeTx) UpdateAccount(a origin.Account) error {
	return t.execOne("account", `UPDATE accounts SET email = ?, username = ?, role = ?, plan = ?, disabled = ?,
		settings = ?, limits = ?, password_hash = ?, updated_at = ? WHERE id = ?`, a.Email, a.Username, a.Role, a.Plan,
		a.Disabled, column{a.Settings}, column{a.Limits}, a.PasswordHash, nanos(a.UpdatedAt), a.ID)
}

func (t *writeTx) DeleteAccount(id string) error {
	return t.execOne("account", `DELETE FROM accounts WHERE id = ?`, id)
}
