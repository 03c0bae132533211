// Package originhttp is the edge's client of the origin.
package originhttp

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/pictor/pictor/edge"
	"github.com/pictor/pictor/shared/wire"
)

// Client talks to the origin's edge API. It is safe for concurrent use.
type Client struct {
	base string
	http *http.Client
}

// New makes a client of the edge API at host:port, with the client end of cluster.Key.TLS.
func New(address string, config *tls.Config) *Client {
	transport := &http.Transport{
		DialContext:           (&net.Dialer{Timeout: 2 * time.Second}).DialContext,
		TLSClientConfig:       config,
		TLSHandshakeTimeout:   2 * time.Second,
		ResponseHeaderTimeout: 10 * time.Second,
		MaxIdleConnsPerHost:   64,
		IdleConnTimeout:       time.Minute,
	}
	return &Client{base: "https://" + address, http: &http.Client{Transport: transport}}
}

// Close ends idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// maxMessageBytes bounds a manifest or key ring: a 1 GiB blob has 32 KiB of chunk hashes, in base64 in JSON.
const maxMessageBytes = 8 << 20

// Manifest gives nil without an error when the name means nothing, and in any case the change number read at.
func (c *Client) Manifest(ctx context.Context, name wire.Name) (*wire.Manifest, uint64, error) {
	query := url.Values{"ns": {name.Namespace}, "name": {name.Name}}
	resp, err := c.get(ctx, wire.PathManifest+"?"+query.Encode(), "")
	if err != nil {
		return nil, 0, err
	}
	defer drain(resp.Body)
	switch resp.StatusCode {
	case http.StatusOK:
		var m wire.Manifest
		if err := decode(resp.Body, &m); err != nil {
			return nil, 0, err
		}
		return &m, m.Seq, nil
	case http.StatusNotFound:
		var none wire.NotFound
		err := decode(resp.Body, &none)
		return nil, none.Seq, err
	default:
		return nil, 0, unexpected(resp)
	}
}

// Keyring gives the signing keys.
func (c *Client) Keyring(ctx context.Context) (wire.Keyring, error) {
	var keys wire.Keyring
	resp, err := c.get(ctx, wire.PathKeyring, "")
	if err != nil {
		return keys, err
	}
	defer drain(resp.Body)
	if resp.StatusCode != http.StatusOK {
		return keys, unexpected(resp)
	}
	return keys, decode(resp.Body, &keys)
}

// Changes calls each for every line of the feed until the stream or ctx ends; it never returns nil.
func (c *Client) Changes(ctx context.Context, after uint64, each func(wire.Change)) error {
	resp, err := c.get(ctx, wire.PathChanges+"?after="+strconv.FormatUint(after, 10), "")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return unexpected(resp)
	}
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		var change wire.Change
		if err := json.Unmarshal(lines.Bytes(), &change); err != nil {
			return fmt.Errorf("read change feed: %w", err)
		}
		each(change)
	}
	if err := lines.Err(); err != nil {
		return unavailable(err)
	}
	return unavailable(io.ErrUnexpectedEOF)
}

// Blob streams length bytes of the blob from offset; length < 0 means to the end. The caller closes it.
func (c *Client) Blob(ctx context.Context, digest string, offset, length int64) (io.ReadCloser, error) {
	part := ""
	switch {
	case length >= 0:
		part = fmt.Sprintf("bytes=%d-%d", offset, offset+length-1)
	case offset > 0:
		part = fmt.Sprintf("bytes=%d-", offset)
	}
	resp, err := c.get(ctx, wire.PathBlob+digest, part)
	if err != nil {
		return nil, err
	}
	want := http.StatusOK
	if part != "" {
		want = http.StatusPartialContent
	}
	switch resp.StatusCode {
	case want:
		return resp.Body, nil
	case http.StatusNotFound: // the blob went after its manifest was read
		drain(resp.Body)
		return nil, &edge.Error{Kind: edge.NotFound, Message: "no such image"}
	default:
		defer drain(resp.Body)
		return nil, unexpected(resp)
	}
}

// SendUsage delivers a batch; sending it again is harmless.
func (c *Client) SendUsage(ctx context.Context, batch wire.UsageBatch) error {
	body, err := json.Marshal(batch)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+wire.PathUsage, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.http.Do(req)
	if err != nil {
		return unavailable(err)
	}
	defer drain(resp.Body)
	if resp.StatusCode != http.StatusNoContent {
		return unexpected(resp)
	}
	return nil
}

func (c *Client) get(ctx context.Context, path, part string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+path, nil)
	if err != nil {
		return nil, err
	}
	if part != "" {
		req.Header.Set("Range", part)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, unavailable(err)
	}
	return resp, nil
}

func decode(body io.Reader, into any) error {
	if err := json.NewDecoder(io.LimitReader(body, maxMessageBytes)).Decode(into); err != nil {
		return fmt.Errorf("read origin's answer: %w", err)
	}
	return nil
}

// drain lets the connection be used again.
func drain(body io.ReadCloser) {
	_, _ = io.CopyN(io.Discard, body, 64<<10) // whatever goes wrong here, Close ends it
	_ = body.Close()
}

func unexpected(resp *http.Response) error {
	return unavailable(fmt.Errorf("origin answered %s", resp.Status))
}

func unavailable(err error) error {
	if already, ok := errors.AsType[*edge.Error](err); ok {
		return already
	}
	return &edge.Error{Kind: edge.Unavailable, Message: "the origin cannot be reached", Err: err}
}
