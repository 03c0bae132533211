package e2e

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pictor/pictor/bench/proc"
	"github.com/pictor/pictor/bench/stack"
	"github.com/pictor/pictor/shared/freeport"
)

// server is a program of somebody else's in front of an edge.
type server struct {
	address string // host:port
	log     string // file that names every request it understood, where it keeps such a log
}

// front starts one. The test is skipped where the program is not installed.
func front(t testing.TB, program string, command func(dir, address string) []string) server {
	t.Helper()
	path, err := exec.LookPath(program)
	for _, folder := range []string{"/usr/sbin", "/usr/local/sbin"} {
		if err != nil {
			path, err = exec.LookPath(filepath.Join(folder, program))
		}
	}
	if err != nil {
		t.Skipf("%s is not installed (apt-get install nginx haproxy varnish)", program)
	}
	dir, address := t.TempDir(), freeport.ForTest(t, 1)[0]
	log := filepath.Join(dir, program+".log")
	p, err := proc.Start(proc.Spec{Name: program, Path: path, Args: command(dir, address), Dir: dir, Log: log, CPU: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := p.WaitListening(ctx, address); err != nil {
		t.Fatal(err)
	}
	return server{address, log}
}

func writeConfig(t testing.TB, dir, name, text string) string {
	t.Helper()
	file := filepath.Join(dir, name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// nginx proxies over kept connections, with what is in the location besides.
func nginx(t testing.TB, edge, http, location string) server {
	return front(t, "nginx", func(dir, address string) []string {
		user := ""
		if os.Geteuid() == 0 {
			user = "user root;" // its workers must reach the test's folder
		}
		file := writeConfig(t, dir, "nginx.conf", fmt.Sprintf(`daemon off; %s
worker_processes 1;
pid nginx.pid;
error_log stderr warn;
events { worker_connections 1024; }
http {
	access_log /dev/stdout;
	client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
	upstream edge { server %s; keepalive 2; }
	%s
	server {
		listen %s;
		location / {
			proxy_pass http://edge;
			proxy_http_version 1.1;
			proxy_set_header Connection "";
			%s
		}
	}
}
`, user, edge, strings.ReplaceAll(http, "DIR", dir), address, location))
		return []string{"-p", dir, "-c", file}
	})
}

func haproxy(t testing.TB, edge string) server {
	return front(t, "haproxy", func(dir, address string) []string {
		file := writeConfig(t, dir, "haproxy.cfg", fmt.Sprintf(`global
	maxconn 500
	log stdout format raw local0
defaults
	mode http
	log global
	option httplog
	timeout connect 5s
	timeout client 10s
	timeout server 10s
	http-reuse always
frontend in
	bind %s
	default_backend edge
backend edge
	server edge %s maxconn 4
`, address, edge))
		return []string{"-db", "-f", file}
	})
}

func varnish(t testing.TB, edge string) server {
	return front(t, "varnishd", func(dir, address string) []string {
		host, port, err := net.SplitHostPort(edge)
		if err != nil {
			t.Fatal(err)
		}
		file := writeConfig(t, dir, "edge.vcl", fmt.Sprintf(`vcl 4.1;
backend edge { .host = "%s"; .port = "%s"; }
sub vcl_deliver { if (obj.hits > 0) { set resp.http.X-Cache = "HIT"; } else { set resp.http.X-Cache = "MISS"; } }
`, host, port))
		return []string{"-F", "-j", "none", "-n", filepath.Join(dir, "varnish"), "-a", address, "-f", file, "-s", "malloc,32m"}
	})
}

// edgeAddress is host:port of the first edge's public listener.
func edgeAddress(s *stack.Stack) string { return strings.TrimPrefix(s.Edges[0].URL, "http://") }
