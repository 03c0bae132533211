package config

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pictor/pictor/origin"
	"github.com/pictor/pictor/shared/limit"
)

func parse(t *testing.T, environ []string, args ...string) (*Serve, error) {
	t.Helper()
	command, err := Parse(append([]string{"serve"}, args...), environ, new(bytes.Buffer))
	return command.Serve, err
}

func TestDefaults(t *testing.T) {
	s, err := parse(t, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := &Serve{Listen: "127.0.0.1:8080", OpsListen: "127.0.0.1:9080", EdgeListen: "127.0.0.1:10080",
		Data: "./data/origin", DeliveryURL: "http://127.0.0.1:8081", Dialects: []string{"imgcloud", "imgsrc"}, Hosts: map[string]string{},
		DefaultPlan: "pro", FetchTimeout: 30 * time.Second, MaxUploadBytes: 100 << 20,
		SessionLife: 7 * 24 * time.Hour, BcryptCost: 12, AdminEmail: "admin@pictor.local", DrainWait: 20 * time.Second,
		LogLevel: "info", LogFormat: "text", Limits: origin.DefaultLimits()}
	if diff := cmp.Diff(want, s); diff != "" {
		t.Error(diff)
	}
}

func TestFlagsWinOverVariables(t *testing.T) {
	t.Setenv("PICTOR_ORIGIN_LISTEN", "127.0.0.1:1")
	t.Setenv("PICTOR_DELIVERY_URL", "https://edge.example.com/")
	t.Setenv("PICTOR_TRUSTED_PROXIES", "10.0.0.0/8,192.0.2.1")
	s, err := parse(t, []string{"PICTOR_LIMIT_UPLOAD_IP=1/s", "PICTOR_LIMIT_LOGIN_IP=off", "HOME=/"},
		"--listen", "127.0.0.1:2", "--limit", "UPLOAD_IP=2/h", "--limit=LOGIN_EMAIL=off")
	if err != nil {
		t.Fatal(err)
	}
	if s.Listen != "127.0.0.1:2" || s.DeliveryURL != "https://edge.example.com" || len(s.Proxies.Proxies) != 2 {
		t.Errorf("got %+v", s)
	}
	want := origin.DefaultLimits()
	want["UPLOAD_IP"], want["LOGIN_IP"], want["LOGIN_EMAIL"] = limit.Rate{Count: 2, Per: time.Hour}, limit.Rate{}, limit.Rate{}
	if diff := cmp.Diff(want, s.Limits); diff != "" {
		t.Error(diff)
	}
}

func TestAccountRates(t *testing.T) {
	t.Setenv("PICTOR_ORIGIN_ACCOUNT_MISSES", "600/m")
	s, err := parse(t, nil, "--account-requests", "5/15m")
	if err != nil {
		t.Fatal(err)
	}
	if s.AccountMisses != (limit.Rate{Count: 600, Per: time.Minute}) || s.AccountRequests != (limit.Rate{Count: 5, Per: 15 * time.Minute}) {
		t.Errorf("got %v and %v", s.AccountMisses, s.AccountRequests)
	}
	if _, err := parse(t, nil, "--account-misses", "many"); err == nil || !strings.Contains(err.Error(), "--account-misses") {
		t.Errorf("got %v, want an error that names the flag", err)
	}
}

func TestErrorsNameTheKnob(t *testing.T) {
	tests := []struct {
		environ, args []string
		says          string
	}{
		{nil, []string{"--dialects=imgsrc,imgcloth"}, `PICTOR_DIALECTS: there is no dialect "imgcloth"`},
		{nil, []string{"--host-img-src=http://a"}, "PICTOR_HOST_IMGSRC: must be a host name"},
		{nil, []string{"--host-img-src=a.org", "--host-img-cloud=A.org"}, "PICTOR_HOST_IMGSRC: two dialects cannot share"},
		{nil, []string{"--fetch-allow=localhost"}, `PICTOR_FETCH_ALLOW: "localhost" is neither`},
		{nil, []string{"--fetch-timeout=1ms"}, "PICTOR_FETCH_TIMEOUT: must be at least 1s"},
		{nil, []string{"--default-plan=gold"}, "--default-plan"},
		{nil, []string{"--max-upload-bytes=0"}, "PICTOR_MAX_UPLOAD_BYTES: must be at least 1, got 0"},
		{nil, []string{"--max-upload-bytes=lots"}, "--max-upload-bytes"},
		{nil, []string{"--delivery-url=edge:8081"}, "PICTOR_DELIVERY_URL: must be a URL"},
		{nil, []string{"--delivery-url=http://a/?x"}, "PICTOR_DELIVERY_URL: must be a URL"},
		{nil, []string{"--public-url=ftp://a"}, "PICTOR_PUBLIC_URL: must be a URL"},
		{nil, []string{"--trusted-proxies=proxy.local"}, `PICTOR_TRUSTED_PROXIES: "proxy.local" is neither`},
		{nil, []string{"--session-life=1s"}, "PICTOR_SESSION_LIFE: must be at least 1m"},
		{nil, []string{"--bcrypt-cost=4"}, "PICTOR_BCRYPT_COST: must be from 10 to 16, got 4"},
		{nil, []string{"--drain-wait=-1s"}, "PICTOR_ORIGIN_DRAIN_WAIT: must not be negative"},
		{nil, []string{"--log-level=loud"}, "--log-level"},
		{nil, []string{"--limit=UPLOAD_IP=many"}, "PICTOR_LIMIT_UPLOAD_IP: must be"},
		{nil, []string{"--limit=UPLOADS=1/m"}, "PICTOR_LIMIT_UPLOADS: no such limit, there are IMGSRC_FREE, IMGSRC_IP"},
		{[]string{"PICTOR_LIMIT_UPLOADIP=1/m"}, nil, "PICTOR_LIMIT_UPLOADIP: no such limit"},
		{[]string{"PICTOR_LIMIT_LOGIN_IP="}, nil, "PICTOR_LIMIT_LOGIN_IP: must be"},
		{nil, []string{"--cluster-key=a", "--cluster-key-file=b"}, "PICTOR_CLUSTER_KEY: must not be set together"},
	}
	for _, tt := range tests {
		_, err := parse(t, tt.environ, tt.args...)
		if err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%q %q: got %v, want one that says %q", tt.environ, tt.args, err, tt.says)
		}
	}
}

func TestBadVariableIsNamed(t *testing.T) {
	t.Setenv("PICTOR_MAX_UPLOAD_BYTES", "lots")
	if _, err := parse(t, nil); err == nil || !strings.Contains(err.Error(), "PICTOR_MAX_UPLOAD_BYTES") {
		t.Errorf("got %v", err)
	}
}

// Every flag of serve must be in its help together with its variable, and with its default if it has one.
func TestHelpListsEverything(t *testing.T) {
	var out bytes.Buffer
	command, err := Parse([]string{"serve", "--help"}, nil, &out)
	if err != nil || command != (Command{}) {
		t.Fatalf("got %+v, %v", command, err)
	}
	help := strings.Join(strings.Fields(out.String()), " ")
	for _, part := range []string{
		`--listen="127.0.0.1:8080"`, "$PICTOR_ORIGIN_LISTEN", `--ops-listen="127.0.0.1:9080"`, "$PICTOR_ORIGIN_OPS_LISTEN",
		`--edge-listen="127.0.0.1:10080"`, "$PICTOR_ORIGIN_EDGE_LISTEN", `--data="./data/origin"`, "$PICTOR_ORIGIN_DATA",
		"--cluster-key=SECRET", "$PICTOR_CLUSTER_KEY", "--cluster-key-file=FILE", "$PICTOR_CLUSTER_KEY_FILE",
		`--delivery-url="http://127.0.0.1:8081"`, "$PICTOR_DELIVERY_URL", "--public-url=URL", "$PICTOR_PUBLIC_URL",
		"--trusted-proxies=RANGE", "$PICTOR_TRUSTED_PROXIES", "--max-upload-bytes=104857600", "$PICTOR_MAX_UPLOAD_BYTES",
		"--session-life=168h", "$PICTOR_SESSION_LIFE", "--bcrypt-cost=12", "$PICTOR_BCRYPT_COST",
		"--limit=NAME=20/m", "PICTOR_LIMIT_<NAME>",
		"LOGIN_EMAIL=5/15m, LOGIN_IP=20/15m, UPLOAD_IP=20/m",
		`--admin-email="admin@pictor.local"`, "$PICTOR_ADMIN_EMAIL", "--admin-password=SECRET", "$PICTOR_ADMIN_PASSWORD",
		"--first-admin-file=FILE", "$PICTOR_FIRST_ADMIN_FILE", "--drain-wait=20s", "$PICTOR_ORIGIN_DRAIN_WAIT",
		`--log-level="info"`, "$PICTOR_LOG_LEVEL", `--log-format="text"`, "$PICTOR_LOG_FORMAT",
	} {
		if !strings.Contains(help, part) {
			t.Errorf("%s is not in the help", part)
		}
	}
}

func TestVersionAndNonsense(t *testing.T) {
	command, err := Parse([]string{"version"}, []string{"PICTOR_LIMIT_NONSENSE=1"}, new(bytes.Buffer))
	if err != nil || !command.Version {
		t.Errorf("version: got %+v, %v", command, err)
	}
	for _, args := range [][]string{nil, {"dance"}, {"serve", "--dance"}, {"serve", "more"}} {
		if _, err := Parse(args, nil, new(bytes.Buffer)); err == nil {
			t.Errorf("%q was taken", args)
		}
	}
}

func TestKey(t *testing.T) {
	secret := strings.Repeat("s", 32)
	given, err := (&Serve{ClusterKey: secret}).Key()
	if err != nil || string(given) != secret {
		t.Errorf("given: %q, %v", given, err)
	}
	file := filepath.Join(t.TempDir(), "key")
	if _, err := (&Serve{ClusterKeyFile: file}).Key(); err == nil || !strings.Contains(err.Error(), "PICTOR_CLUSTER_KEY_FILE") {
		t.Errorf("missing file: %v", err)
	}
	if err := os.WriteFile(file, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	read, err := (&Serve{ClusterKeyFile: file}).Key()
	if err != nil || string(read) != secret {
		t.Errorf("from a file: %q, %v", read, err)
	}
	if _, err := (&Serve{ClusterKey: "short"}).Key(); err == nil || !strings.Contains(err.Error(), "at least 32 bytes") {
		t.Errorf("short: %v", err)
	}
}

func TestKeyIsMadeOnce(t *testing.T) {
	s := &Serve{Data: filepath.Join(t.TempDir(), "new", "data")}
	first, err := s.Key()
	if err != nil {
		t.Fatal(err)
	}
	second, err := s.Key()
	if err != nil || string(first) != string(second) {
		t.Errorf("the second start has another key: %v", err)
	}
	info, err := os.Stat(filepath.Join(s.Data, "cluster.key"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}
