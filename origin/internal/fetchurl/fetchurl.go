// Package fetchurl gets what is behind URLs that clients name, without becoming their way into networks that only this
// machine reaches: it looks at the address where the connection is made, for every attempt and after every redirect, so
// that neither spellings of an address nor a DNS answer that changes get past it.
package fetchurl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"path"
	"strings"
	"syscall"
	"time"

	"github.com/pictor/pictor/origin"
)

// Options of a Client; zero values take the defaults.
type Options struct {
	MaxBytes int64          // of an answer; default 100 MiB
	Timeout  time.Duration  // for all of it; default 30 s
	Allow    []netip.Prefix // addresses that are allowed although they are not public
	Resolver *net.Resolver  // nil: that of the system
}

// Client implements origin.Fetcher.
type Client struct {
	opt  Options
	http *http.Client
}

var _ origin.Fetcher = (*Client)(nil)

const maxRedirects = 3

// ports are those that the web is on. Others belong to services that a stray GET might do something to.
var ports = map[string]bool{"80": true, "443": true, "8080": true, "8443": true}

// New makes a Client.
func New(opt Options) *Client {
	if opt.MaxBytes == 0 {
		opt.MaxBytes = 100 << 20
	}
	if opt.Timeout == 0 {
		opt.Timeout = 30 * time.Second
	}
	c := &Client{opt: opt}
	dialer := &net.Dialer{Timeout: 5 * time.Second, Resolver: opt.Resolver, ControlContext: c.control}
	c.http = &http.Client{
		Transport: &http.Transport{
			Proxy:                  nil, // a proxy would connect to where we must not
			DialContext:            dialer.DialContext,
			DisableKeepAlives:      true, // a kept connection would not be looked at again
			DisableCompression:     true, // pictures gain nothing, and bombs do
			TLSHandshakeTimeout:    5 * time.Second,
			ResponseHeaderTimeout:  10 * time.Second,
			MaxResponseHeaderBytes: 64 << 10,
		},
		CheckRedirect: c.redirect,
	}
	return c
}

// Fetch implements origin.Fetcher.
func (c *Client) Fetch(ctx context.Context, target string) (io.ReadCloser, string, error) {
	u, err := url.Parse(target)
	if err != nil {
		return nil, "", origin.Errorf(origin.Invalid, "url: is not a URL")
	}
	if err := c.checkURL(u); err != nil {
		return nil, "", err
	}
	ctx, cancel := context.WithTimeout(ctx, c.opt.Timeout)
	resp, err := c.get(ctx, u)
	if err != nil {
		cancel()
		return nil, "", fetchError(err)
	}
	body := &limited{body: resp.Body, left: c.opt.MaxBytes, most: c.opt.MaxBytes, cancel: cancel}
	if err := c.checkAnswer(resp); err != nil {
		_ = body.Close() // the error is what counts
		return nil, "", err
	}
	return body, path.Base(resp.Request.URL.Path), nil
}

func (c *Client) get(ctx context.Context, u *url.URL) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", "Pictor")
	req.Header.Set("Accept", "image/*")
	return c.http.Do(req)
}

func (c *Client) checkAnswer(resp *http.Response) error {
	if resp.StatusCode != http.StatusOK {
		return origin.Errorf(origin.Invalid, "url: the other side answered with status %d", resp.StatusCode)
	}
	if resp.ContentLength > c.opt.MaxBytes {
		return tooLarge(c.opt.MaxBytes)
	}
	return nil
}

func tooLarge(most int64) error {
	return origin.Errorf(origin.TooLarge, "what is behind the URL exceeds %d bytes", most)
}

func (c *Client) redirect(req *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return origin.Errorf(origin.Invalid, "url: more than %d redirects", maxRedirects)
	}
	req.Header.Del("Referer") // the first URL may hold a secret
	return c.checkURL(req.URL)
}

// checkURL looks at what needs no look-up. The address is looked at by control.
func (c *Client) checkURL(u *url.URL) error {
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return origin.Errorf(origin.Invalid, "url: must begin with http:// or https://")
	case u.User != nil:
		return origin.Errorf(origin.Invalid, "url: must not hold a user name or a password")
	case u.Hostname() == "":
		return origin.Errorf(origin.Invalid, "url: names no host")
	case u.Port() != "" && !ports[u.Port()] && len(c.opt.Allow) == 0:
		return origin.Errorf(origin.Invalid, "url: the port must be 80, 443, 8080 or 8443")
	}
	return nil
}

// errRefused is one answer for all addresses, so that nobody learns which of them exist.
var errRefused = origin.Errorf(origin.Invalid, "url: the address is not public")

// control sees the address that is about to be connected to, after all look-ups.
func (c *Client) control(_ context.Context, _, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("connect to %q: %w", address, err)
	}
	for _, allowed := range c.opt.Allow {
		if allowed.Contains(at.Addr()) {
			return nil
		}
	}
	if !public(at.Addr()) || !ports[fmt.Sprint(at.Port())] {
		return errRefused
	}
	return nil
}

// fetchError says what a client may know. Neither look-ups nor refused connections are told apart: that would map our
// network.
func fetchError(err error) error {
	if known, ok := errors.AsType[*origin.Error](err); ok {
		return known
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return &origin.Error{Kind: origin.Invalid, Message: "url: the other side took too long", Err: err}
	}
	return &origin.Error{Kind: origin.Invalid, Message: "url: cannot be fetched", Err: err}
}

// limited reads a body up to a number of bytes.
type limited struct {
	body       io.ReadCloser
	left, most int64
	cancel     context.CancelFunc
}

func (l *limited) Read(p []byte) (int, error) {
	n, err := l.body.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, tooLarge(l.most)
	}
	if err != nil && err != io.EOF {
		err = fetchError(err)
	}
	return n, err
}

func (l *limited) Close() error {
	err := l.body.Close()
	l.cancel()
	return err
}

// ParseAllow reads address ranges, and single addresses.
func ParseAllow(list []string) (allow []netip.Prefix, err error) {
	for _, text := range list {
		text = strings.TrimSpace(text)
		if address, err := netip.ParseAddr(text); err == nil {
			allow = append(allow, netip.PrefixFrom(address, address.BitLen()))
			continue
		}
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("%q is neither an address nor a range like 10.0.0.0/8", text)
		}
		allow = append(allow, prefix.Masked())
	}
	return allow, nil
}
