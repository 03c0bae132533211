// Package config reads the flags and PICTOR_… variables of pictor-origin. Everything has a default that works on one
// machine, and errors name the knob.
package config

import (
	"fmt"
	"io"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/pictor/pictor/origin"
	"github.com/pictor/pictor/origin/internal/api/kit"
	"github.com/pictor/pictor/origin/internal/fetchurl"
	"github.com/pictor/pictor/origin/internal/server"
	"github.com/pictor/pictor/shared/limit"
)

// Serve is the configuration of «pictor-origin serve».
type Serve struct {
	Listen     string `default:"127.0.0.1:8080" env:"PICTOR_ORIGIN_LISTEN" help:"Address of the public API."`
	OpsListen  string `default:"127.0.0.1:9080" env:"PICTOR_ORIGIN_OPS_LISTEN" help:"Address of health, metrics and profiles; keep it private."`
	EdgeListen string `default:"127.0.0.1:10080" env:"PICTOR_ORIGIN_EDGE_LISTEN" help:"Address that edges connect to, by TLS with the cluster key."`
	Data       string `default:"./data/origin" env:"PICTOR_ORIGIN_DATA" help:"Folder of the database and the uploads."`

	ClusterKey     string `env:"PICTOR_CLUSTER_KEY" placeholder:"SECRET" help:"Secret that origin and edges share, at least 32 bytes."`
	ClusterKeyFile string `env:"PICTOR_CLUSTER_KEY_FILE" placeholder:"FILE" help:"File with the cluster key. Without a key and a file: cluster.key in the data folder, made at the first start."`

	DeliveryURL    string   `default:"http://127.0.0.1:8081" env:"PICTOR_DELIVERY_URL" help:"Base of the URLs that pictures are delivered under: the edges."`
	PublicURL      string   `env:"PICTOR_PUBLIC_URL" placeholder:"URL" help:"How browsers reach this origin; with https cookies become Secure. Default: as requests say."`
	TrustedProxies []string `env:"PICTOR_TRUSTED_PROXIES" placeholder:"RANGE" help:"Addresses or ranges whose X-Forwarded-For and -Proto are believed. Default: none."`

	Dialects     []string `default:"imgcloud,imgsrc" env:"PICTOR_DIALECTS" help:"The HTTP APIs to answer, see docs/dialects.md."`
	HostImgCloud string   `env:"PICTOR_HOST_IMGCLOUD" placeholder:"HOST" help:"Virtual host where img-cloud answers alone. Default: by route."`
	HostImgSrc   string   `env:"PICTOR_HOST_IMGSRC" placeholder:"HOST" help:"Virtual host where img-src answers alone. Default: by route."`
	DefaultPlan  string   `default:"pro" enum:"free,pro" env:"PICTOR_DEFAULT_PLAN" help:"Plan of new accounts: free or pro."`

	FetchTimeout time.Duration `default:"30s" env:"PICTOR_FETCH_TIMEOUT" help:"How long an import from a URL may take."`
	FetchAllow   []string      `env:"PICTOR_FETCH_ALLOW" placeholder:"RANGE" help:"Addresses or ranges that imports may connect to although they are not public. Dangerous: whoever may upload reaches what is there."`

	MaxUploadBytes int64             `default:"104857600" env:"PICTOR_MAX_UPLOAD_BYTES" help:"Largest upload."`
	SessionLife    time.Duration     `default:"168h" env:"PICTOR_SESSION_LIFE" help:"How long a sign-in lasts."`
	BcryptCost     int               `default:"12" env:"PICTOR_BCRYPT_COST" help:"Cost of password hashes, 10 to 16; one more doubles it."`
	Limit          map[string]string `mapsep:"none" placeholder:"NAME=20/m" help:"Set a rate limit, once for each (PICTOR_LIMIT_<NAME>=20/m; off switches it off). Default: ${limits}."`

	AccountRequests limit.Rate `default:"off" env:"PICTOR_ORIGIN_ACCOUNT_REQUESTS" help:"Answers for all pictures of one account that each edge gives, as 60000/m, or off; an account may have its own."`
	AccountMisses   limit.Rate `default:"off" env:"PICTOR_ORIGIN_ACCOUNT_MISSES" help:"Renders and look-ups that all pictures of one account may cause at each edge, as 600/m, or off; an account may have its own."`

	AdminEmail     string `default:"admin@pictor.local" env:"PICTOR_ADMIN_EMAIL" help:"E-mail of the first administrator."`
	AdminPassword  string `env:"PICTOR_ADMIN_PASSWORD" placeholder:"SECRET" help:"Password of the first administrator. Default: a random one, told once."`
	FirstAdminFile string `env:"PICTOR_FIRST_ADMIN_FILE" placeholder:"FILE" help:"File to tell the first administrator's e-mail and password in, as JSON, instead of the log."`

	DrainWait time.Duration `default:"20s" env:"PICTOR_ORIGIN_DRAIN_WAIT" help:"How long running requests may take after SIGTERM."`
	LogLevel  string        `default:"info" enum:"debug,info,warn,error" env:"PICTOR_LOG_LEVEL" help:"One of debug, info, warn, error."`
	LogFormat string        `default:"text" enum:"text,json" env:"PICTOR_LOG_FORMAT" help:"One of text, json."`

	Limits  origin.Limits `kong:"-"` // Limit and the variables over the defaults
	Proxies kit.Proxies   `kong:"-"` // TrustedProxies, parsed

	Allow []netip.Prefix    `kong:"-"` // FetchAllow, parsed
	Hosts map[string]string `kong:"-"` // virtual hosts by dialect
}

// commands is the command line.
type commands struct {
	Serve   Serve    `cmd:"" help:"Run the origin."`
	Version struct{} `cmd:"" help:"Print the version."`
}

// Command is what was asked for: exactly one of its fields is set, or none when help has been printed.
type Command struct {
	Serve   *Serve
	Version bool
}

// Parse reads the command line. The environment is a list of NAME=value as os.Environ gives, of which only
// PICTOR_LIMIT_… is looked at; the rest is read from the process. Help goes to out.
func Parse(args, environ []string, out io.Writer) (Command, error) {
	var cli commands
	helped := false
	parser, err := kong.New(&cli, kong.Name("pictor-origin"), kong.Description("The control plane of Pictor."),
		kong.Vars{"limits": describe(origin.DefaultLimits())}, kong.Writers(out, out),
		kong.Exit(func(int) { helped = true }), kong.ConfigureHelp(kong.HelpOptions{WrapUpperBound: 120}))
	if err != nil {
		return Command{}, err
	}
	parsed, err := parser.Parse(args)
	if helped {
		return Command{}, nil // kong goes on parsing after help and may find fault
	}
	if err != nil {
		return Command{}, err
	}
	if parsed.Command() == "version" {
		return Command{Version: true}, nil
	}
	return Command{Serve: &cli.Serve}, cli.Serve.check(environ)
}

// check settles what kong cannot.
func (s *Serve) check(environ []string) (err error) {
	if s.DeliveryURL, err = baseURL("PICTOR_DELIVERY_URL", s.DeliveryURL); err != nil {
		return err
	}
	if s.PublicURL != "" {
		if s.PublicURL, err = baseURL("PICTOR_PUBLIC_URL", s.PublicURL); err != nil {
			return err
		}
	}
	if s.Proxies, err = kit.ParseProxies(s.TrustedProxies); err != nil {
		return fmt.Errorf("PICTOR_TRUSTED_PROXIES: %w", err)
	}
	if s.Allow, err = fetchurl.ParseAllow(s.FetchAllow); err != nil {
		return fmt.Errorf("PICTOR_FETCH_ALLOW: %w", err)
	}
	if s.FetchTimeout < time.Second {
		return fmt.Errorf("PICTOR_FETCH_TIMEOUT: must be at least 1s, got %s", s.FetchTimeout)
	}
	if err := s.checkDialects(); err != nil {
		return err
	}
	if s.MaxUploadBytes < 1 {
		return fmt.Errorf("PICTOR_MAX_UPLOAD_BYTES: must be at least 1, got %d", s.MaxUploadBytes)
	}
	if s.SessionLife < time.Minute {
		return fmt.Errorf("PICTOR_SESSION_LIFE: must be at least 1m, got %s", s.SessionLife)
	}
	if s.BcryptCost < 10 || s.BcryptCost > 16 {
		return fmt.Errorf("PICTOR_BCRYPT_COST: must be from 10 to 16, got %d", s.BcryptCost)
	}
	if s.DrainWait < 0 {
		return fmt.Errorf("PICTOR_ORIGIN_DRAIN_WAIT: must not be negative, got %s", s.DrainWait)
	}
	if s.ClusterKey != "" && s.ClusterKeyFile != "" {
		return fmt.Errorf("PICTOR_CLUSTER_KEY: must not be set together with PICTOR_CLUSTER_KEY_FILE")
	}
	s.Limits, err = limits(environ, s.Limit)
	return err
}

func (s *Serve) checkDialects() error {
	for _, name := range s.Dialects {
		if !slices.Contains(server.Dialects, name) {
			return fmt.Errorf("PICTOR_DIALECTS: there is no dialect %q, there are %s", name,
				strings.Join(server.Dialects, ", "))
		}
	}
	if len(s.Dialects) == 0 {
		return fmt.Errorf("PICTOR_DIALECTS: at least one must be named")
	}
	s.Hosts = map[string]string{}
	for name, host := range map[string]string{server.ImgCloud: s.HostImgCloud, server.ImgSrc: s.HostImgSrc} {
		if host == "" {
			continue
		}
		if strings.ContainsAny(host, ":/ ") {
			return fmt.Errorf("PICTOR_HOST_%s: must be a host name without port, got %q", strings.ToUpper(name), host)
		}
		s.Hosts[name] = host
	}
	if s.HostImgCloud != "" && strings.EqualFold(s.HostImgCloud, s.HostImgSrc) {
		return fmt.Errorf("PICTOR_HOST_IMGSRC: two dialects cannot share the host %q", s.HostImgSrc)
	}
	return nil
}

// baseURL wants scheme://host, and a path if it must be, without a trailing slash.
func baseURL(knob, text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" ||
		u.Fragment != "" {
		return "", fmt.Errorf("%s: must be a URL like https://images.example.com, got %q", knob, text)
	}
	return strings.TrimRight(u.String(), "/"), nil
}
