package doctest

import "testing"

func TestTable(t *testing.T) {
	got := table([]Variable{{"PICTOR_B", "--b", "", "The second, a|b."}, {"PICTOR_A, OTHER_A", "--a", "10s", "The first."}})
	want := "| variable | flag | default | |\n|---|---|---|---|\n" +
		"| `PICTOR_A`, `OTHER_A` | `--a` | `10s` | The first. |\n| `PICTOR_B` | `--b` |  | The second, a\\|b. |\n"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
