// Package touch asks edges for pictures that nobody has asked for yet, so that they look at the pixels.
package touch

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"
)

const (
	atOnce   = 2                // more are dropped
	answerIn = 30 * time.Second // an edge may have to fetch a large original first
	again    = time.Minute      // after so long, a picture may be asked for again
	remember = 1000             // pictures; then all are forgotten
)

// Toucher implements origin.Toucher.
type Toucher struct {
	client *http.Client
	log    *slog.Logger
	now    func() time.Time
	slots  chan struct{}

	mu     sync.Mutex           // never held across I/O
	recent map[string]time.Time // by asset
}

// New makes a Toucher.
func New(log *slog.Logger, now func() time.Time) *Toucher {
	return &Toucher{client: &http.Client{Timeout: answerIn, CheckRedirect: stay}, log: log, now: now,
		slots: make(chan struct{}, atOnce), recent: make(map[string]time.Time)}
}

// stay: edges redirect nobody, and what does is no edge.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// Touch asks for the URL in the background, if neither too many are asked for nor this one was just now.
func (t *Toucher) Touch(asset, url string) {
	select {
	case t.slots <- struct{}{}:
	default:
		return
	}
	if !t.due(asset) {
		<-t.slots
		return
	}
	go func() {
		defer func() { <-t.slots }()
		if err := t.ask(url); err != nil {
			t.log.Debug("no edge looked at a picture", "asset", asset, "err", err)
		}
	}()
}

func (t *Toucher) due(asset string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	if last, ok := t.recent[asset]; ok && now.Sub(last) < again {
		return false
	}
	if len(t.recent) >= remember {
		clear(t.recent)
	}
	t.recent[asset] = now
	return true
}

// ask needs no body: a HEAD makes an edge do the same work.
func (t *Toucher) ask(url string) error {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodHead, url, nil)
	if err != nil {
		return err
	}
	resp, err := t.client.Do(req)
	if err != nil {
		return err
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the answer is %s", resp.Status)
	}
	return nil
}
