package peers

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// nginxConfig is one worker without logs. Never nopush: it stalls 43 ms on proxy_cache at 100 KB.
const nginxConfig = `daemon off;
worker_processes 1;
pid nginx.pid;
error_log stderr warn;
events { worker_connections 4096; }
http {
	access_log off;
	server_tokens off;
	sendfile on;
	tcp_nopush off;
	tcp_nodelay on;
	keepalive_requests 1000000000;
	keepalive_timeout 75s;
	types { image/jpeg jpg; image/webp webp; image/avif avif; image/png png; }
	client_body_temp_path body;
	proxy_temp_path proxy;
	fastcgi_temp_path fastcgi;
	uwsgi_temp_path uwsgi;
	scgi_temp_path scgi;
%s
}
`

// StartNginxStatic starts nginx with the answers as files, in the page cache after their first reading.
func StartNginxStatic(ctx context.Context, at Place, answers []Answer) (*Server, error) {
	root := filepath.Join(at.Dir, "files")
	for _, a := range answers {
		file := filepath.Join(root, filepath.FromSlash(a.Target))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return nil, err
		}
		if err := os.WriteFile(file, a.Body, 0o644); err != nil {
			return nil, err
		}
	}
	return startNginx(ctx, at, "nginx", func(address string) string {
		return fmt.Sprintf(`	open_file_cache max=10000;
	open_file_cache_valid 1h;
	server {
		listen %s backlog=1024;
		root %s;
		default_type %s;
%s	}`, address, root, answers[0].Get("Content-Type"), addHeaders(&answers[0]))
	})
}

// nginxOwn are header lines that nginx writes itself for a file.
var nginxOwn = map[string]bool{"Etag": true, "Last-Modified": true, "Content-Type": true, "Accept-Ranges": true}

// addHeaders gives every answer the header lines of one.
func addHeaders(a *Answer) string {
	var lines strings.Builder
	for _, f := range a.Header {
		if !nginxOwn[f.Name] {
			fmt.Fprintf(&lines, "\t\tadd_header %s %q;\n", f.Name, f.Value)
		}
	}
	return lines.String()
}

// StartNginxCache starts nginx as a cache in front of an upstream that it asks once.
func StartNginxCache(ctx context.Context, at Place, upstream string) (*Server, error) {
	return startNginx(ctx, at, "nginx-cache", func(address string) string {
		return fmt.Sprintf(`	proxy_cache_path %s/cache levels=1:2 keys_zone=pictures:16m max_size=2g inactive=1d use_temp_path=off;
	server {
		listen %s backlog=1024;
		location / {
			proxy_pass http://%s;
			proxy_http_version 1.1;
			proxy_set_header Connection "";
			proxy_cache pictures;
			proxy_cache_lock on;
		}
	}`, at.Dir, address, upstream)
	})
}

func startNginx(ctx context.Context, at Place, name string, http func(address string) string) (*Server, error) {
	path, err := at.tool("debian/usr/sbin/nginx")
	if err != nil {
		return nil, err
	}
	config := filepath.Join(at.Dir, "nginx.conf")
	var failed error
	s, err := run(ctx, at, name, path, nil, func(address string, _ int) []string {
		failed = os.WriteFile(config, []byte(nginxUser()+fmt.Sprintf(nginxConfig, http(address))), 0o600)
		return []string{"-e", "stderr", "-p", at.Dir, "-c", config}
	})
	if failed != nil {
		return nil, failed
	}
	return s, err
}

// nginxUser lets the worker read the files of whoever runs the benchmark; only root may and must say so.
func nginxUser() string {
	if os.Geteuid() == 0 {
		return "user root;\n"
	}
	return ""
}
