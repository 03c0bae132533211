// Package client speaks the img-cloud dialect to a running origin, for the harness: demo, end-to-end tests, benchmarks.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
)

// Client holds one API key. Its zero HTTP client is http.DefaultClient.
type Client struct {
	Base   string // the origin's URL
	KeyID  string
	Secret string
}

// Asset is what the origin says of an upload.
type Asset struct {
	PublicID   string `json:"public_id"`
	URL        string `json:"url"`
	Format     string `json:"format"`
	Width      int    `json:"width"`
	Height     int    `json:"height"`
	Bytes      int64  `json:"bytes"`
	Visibility string `json:"visibility"`
	Version    int64  `json:"version"`
}

// StatusError is an answer that was not a success.
type StatusError struct {
	Status int
	Body   string
}

func (e *StatusError) Error() string { return fmt.Sprintf("status %d: %s", e.Status, e.Body) }

// SignIn signs in with a password and mints an API key for the client it gives.
func SignIn(ctx context.Context, base, email, password string) (*Client, error) {
	resp, err := send(ctx, http.MethodPost, base+"/v1/auth/login", asJSON(map[string]string{"email": email,
		"password": password}), nil)
	if err != nil {
		return nil, fmt.Errorf("sign in: %w", err)
	}
	resp.Body.Close()
	var key struct {
		ID     string `json:"key_id"`
		Secret string `json:"key_secret"`
	}
	cookies := func(r *http.Request) {
		for _, c := range resp.Cookies() {
			r.AddCookie(c)
		}
	}
	minted, err := send(ctx, http.MethodPost, base+"/v1/api-keys", asJSON(map[string]string{"name": "bench"}), cookies)
	if err != nil {
		return nil, fmt.Errorf("mint API key: %w", err)
	}
	defer minted.Body.Close()
	if err := json.NewDecoder(minted.Body).Decode(&key); err != nil {
		return nil, fmt.Errorf("mint API key: %w", err)
	}
	return &Client{Base: base, KeyID: key.ID, Secret: key.Secret}, nil
}

// Upload sends a file with the given further fields, such as public_id or visibility.
func (c *Client) Upload(ctx context.Context, filename string, content []byte, fields map[string]string) (*Asset, error) {
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for name, value := range fields {
		if err := form.WriteField(name, value); err != nil {
			return nil, err
		}
	}
	file, err := form.CreateFormFile("file", filename)
	if err != nil {
		return nil, err
	}
	if _, err := file.Write(content); err != nil {
		return nil, err
	}
	if err := form.Close(); err != nil {
		return nil, err
	}
	var asset Asset
	payload := payload{&body, form.FormDataContentType()}
	return &asset, c.call(ctx, http.MethodPost, "/v1/upload", payload, &asset)
}

// Sign gives a signed URL that lives for so many seconds.
func (c *Client) Sign(ctx context.Context, publicID, transform string, ttl int) (string, error) {
	var signed struct {
		URL string `json:"url"`
	}
	err := c.call(ctx, http.MethodPost, "/v1/image/sign", asJSON(map[string]any{"public_id": publicID,
		"transform": transform, "ttl_seconds": ttl}), &signed)
	return signed.URL, err
}

// Patch changes some of an asset's fields.
func (c *Client) Patch(ctx context.Context, publicID string, fields map[string]any) error {
	return c.call(ctx, http.MethodPatch, "/v1/assets/"+publicID, asJSON(fields), nil)
}

// Delete removes an asset.
func (c *Client) Delete(ctx context.Context, publicID string) error {
	return c.call(ctx, http.MethodDelete, "/v1/assets/"+publicID, payload{}, nil)
}

// Get reads any JSON answer of the API.
func (c *Client) Get(ctx context.Context, path string, into any) error {
	return c.call(ctx, http.MethodGet, path, payload{}, into)
}

func (c *Client) call(ctx context.Context, method, path string, body payload, into any) error {
	resp, err := send(ctx, method, c.Base+path, body, func(r *http.Request) {
		r.Header.Set("Authorization", "ApiKey "+c.KeyID+":"+c.Secret)
	})
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	defer resp.Body.Close()
	if into == nil {
		return nil
	}
	if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	return nil
}

type payload struct {
	body        io.Reader
	contentType string
}

func asJSON(v any) payload {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // only maps of plain values come here
	}
	return payload{bytes.NewReader(text), "application/json"}
}

// send gives the answer of a successful request; the caller closes its body.
func send(ctx context.Context, method, url string, p payload, prove func(*http.Request)) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, p.body)
	if err != nil {
		return nil, err
	}
	if p.contentType != "" {
		req.Header.Set("Content-Type", p.contentType)
	}
	if prove != nil {
		prove(req)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode < 300 {
		return resp, nil
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 4<<10)) // what there is of an explanation
	return nil, &StatusError{resp.StatusCode, strings.TrimSpace(string(text))}
}
