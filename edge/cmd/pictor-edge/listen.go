package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/pictor/pictor/edge/internal/config"
)

// listeners are the TCP ports of an edge.
type listeners struct{ public, peers, ops net.Listener }

// listen takes the sockets that systemd kept open, by their names public, peers and ops, and binds the others; all, or
// none.
func listen(cfg *config.Serve) (ls listeners, err error) {
	given, err := inherited()
	if err != nil {
		return ls, err
	}
	var open []net.Listener
	for _, p := range []struct {
		name, address string
		shared        bool
		into          *net.Listener
	}{
		{"public", cfg.Listen, cfg.ReusePort, &ls.public},
		{"peers", cfg.PeerListen, false, &ls.peers},
		{"ops", cfg.OpsListen, false, &ls.ops},
	} {
		l := given[p.name]
		if l == nil {
			l, err = bind(p.address, p.shared)
		}
		if err != nil {
			for _, l := range open {
				l.Close()
			}
			return listeners{}, err
		}
		*p.into, open = l, append(open, l)
	}
	return ls, nil
}

// bind listens on the address. Several processes may share one when all of them say so.
func bind(address string, shared bool) (net.Listener, error) {
	var c net.ListenConfig
	if shared {
		c.Control = func(_, _ string, conn syscall.RawConn) (err error) {
			if ctlErr := conn.Control(func(fd uintptr) {
				err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
			}); ctlErr != nil {
				return ctlErr
			}
			return err
		}
	}
	l, err := c.Listen(context.Background(), "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", address, err)
	}
	return l, nil
}

// firstFD is where the sockets of systemd begin: sd_listen_fds(3).
const firstFD = 3

// inherited gives the sockets of LISTEN_FDS by name. One without a name is the public one.
func inherited() (map[string]net.Listener, error) {
	if os.Getenv("LISTEN_PID") != strconv.Itoa(os.Getpid()) {
		return nil, nil // none, or meant for a parent
	}
	count, err := strconv.Atoi(os.Getenv("LISTEN_FDS"))
	if err != nil || count < 0 || count > 16 {
		return nil, fmt.Errorf("LISTEN_FDS: %q makes no sense", os.Getenv("LISTEN_FDS"))
	}
	names := strings.Split(os.Getenv("LISTEN_FDNAMES"), ":")
	all := map[string]net.Listener{}
	for i := range count {
		name := "public"
		if i < len(names) && names[i] != "" && !strings.HasSuffix(names[i], ".socket") { // systemd's own default
			name = names[i]
		}
		file := os.NewFile(uintptr(firstFD+i), name)
		l, err := net.FileListener(file)
		file.Close() // FileListener has its own
		if err != nil {
			return nil, fmt.Errorf("LISTEN_FDS: take over socket %q: %w", name, err)
		}
		if all[name] != nil || name != "public" && name != "peers" && name != "ops" {
			return nil, fmt.Errorf("LISTEN_FDNAMES: public, peers and ops are known, once each, got %q", name)
		}
		all[name] = l
	}
	return all, nil
}
