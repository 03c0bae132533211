// Package peerhttp lets edges work for each other: edge.Peers as a client, and the server that answers it, on a private
// listener behind the cluster key. The server works by itself and asks nobody: its two calls take the part of the job
// that is done where the source lives, so a request makes one hop at most.
package peerhttp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/pictor/pictor/edge"
	"github.com/pictor/pictor/shared/limit"
	"github.com/pictor/pictor/shared/transform"
	"github.com/pictor/pictor/shared/wire"
)

// Both calls are POSTs of JSON. Who takes one on says «102 Processing» at once, and then answers 200 with the bytes,
// or an error status with a verdict. Fields are added, never given a new meaning.
const (
	pathObject = "/peer/v1/object" // objectRequest → picture, with Content-Type, ETag and headerTier
	pathChunk  = "/peer/v1/chunk"  // chunkRequest → bytes
)

// headerTier tells where the owner had an object from.
const headerTier = "Pictor-Tier"

// These are there when the object is Quick, and when it is a Fallback.
const (
	headerQuick    = "Pictor-Quick"
	headerFallback = "Pictor-Fallback"
)

type objectRequest struct {
	Source *wire.Source `json:"source"`
	Spec   string       `json:"spec"` // canonical text of a settled Spec; empty is the picture as uploaded, cleaned
	Making edge.Making  `json:"making,omitempty"`
	// Variants is the account's bound for Making; 0: the peer's own.
	Variants int `json:"variants,omitempty"`
	// Overlay is the source whose digest Spec names.
	Overlay *wire.Source `json:"overlay,omitempty"`
	Best    bool         `json:"best,omitempty"` // nobody waits
	// Fallbacks are like Spec: what will do where too much is waiting.
	Fallbacks []string `json:"fallbacks,omitempty"`
}

type chunkRequest struct {
	Source *wire.Source `json:"source"`
	Index  int          `json:"index"`
}

// verdict is an edge.Error on its way.
type verdict struct {
	Kind         string `json:"kind"`
	Message      string `json:"message"`
	RetryAfterMS int64  `json:"retry_after_ms,omitempty"`
	// Limit is the one that refused; its times are relative, as clocks differ.
	Limit *exceeded `json:"limit,omitempty"`
}

type exceeded struct {
	Name      string     `json:"name"`
	Rate      limit.Rate `json:"rate"`
	Remaining int        `json:"remaining"`
	ResetMS   int64      `json:"reset_ms"`
}

// maxRequestBytes bounds what a peer may send: a blob of 1 GiB has 48 KiB of chunk hashes, and a colour profile may
// stand in its clean pieces.
const maxRequestBytes = 8 << 20

// maxVerdictBytes bounds an error's text.
const maxVerdictBytes = 64 << 10

// job reads what objectRequest asks for.
func (r objectRequest) job() (edge.Job, error) {
	if r.Source == nil {
		return edge.Job{}, errors.New("no source")
	}
	if r.Making > edge.MakeNothing {
		return edge.Job{}, fmt.Errorf("making %d is not known", r.Making)
	}
	if r.Variants < 0 {
		return edge.Job{}, fmt.Errorf("%d variants are no bound", r.Variants)
	}
	if r.Spec == "" {
		return edge.Job{Source: r.Source, Making: r.Making, Variants: r.Variants, Best: r.Best}, nil
	}
	spec, err := r.spec(r.Spec)
	if err != nil {
		return edge.Job{}, err
	}
	job := edge.Job{Source: r.Source, Spec: spec, Overlay: r.Overlay, Making: r.Making, Variants: r.Variants, Best: r.Best}
	for _, text := range r.Fallbacks[:min(len(r.Fallbacks), maxFallbacks)] {
		if spec, err = r.spec(text); err != nil {
			return edge.Job{}, err
		}
		job.Fallbacks = append(job.Fallbacks, spec)
	}
	return job, nil
}

// maxFallbacks is more than there are formats to choose from.
const maxFallbacks = 8

// spec reads a transform of the request's source and overlay.
func (r objectRequest) spec(text string) (transform.Spec, error) {
	spec, err := transform.Parse(text)
	if err != nil {
		return transform.Spec{}, err
	}
	if spec.String() != text || !spec.Format.Concrete() {
		return transform.Spec{}, fmt.Errorf("transform %q is not settled", text)
	}
	if r.Overlay == nil && spec.Overlay != "" || r.Overlay != nil && r.Overlay.Digest != spec.Overlay {
		return transform.Spec{}, errors.New("the overlay is not the one that the transform names")
	}
	return spec, nil
}

func newObjectRequest(job edge.Job) objectRequest {
	r := objectRequest{Source: job.Source, Spec: job.Spec.String(), Making: job.Making, Variants: job.Variants,
		Overlay: job.Overlay, Best: job.Best}
	for _, spec := range job.Fallbacks {
		r.Fallbacks = append(r.Fallbacks, spec.String())
	}
	return r
}

// statusOf is for people who read traffic; peers go by the verdict.
var statusOf = map[edge.Kind]int{
	edge.Internal:    http.StatusInternalServerError,
	edge.Invalid:     http.StatusBadRequest,
	edge.Forbidden:   http.StatusForbidden,
	edge.NotFound:    http.StatusNotFound,
	edge.Damaged:     http.StatusUnprocessableEntity,
	edge.Overloaded:  http.StatusServiceUnavailable,
	edge.Unavailable: http.StatusServiceUnavailable,
	edge.Timeout:     http.StatusGatewayTimeout,
	edge.Limited:     http.StatusTooManyRequests,
}

func newVerdict(err error) verdict {
	e, ok := errors.AsType[*edge.Error](err)
	if !ok {
		return verdict{Kind: edge.Internal.String(), Message: "internal error"}
	}
	v := verdict{Kind: e.Kind.String(), Message: e.Message, RetryAfterMS: e.RetryAfter.Milliseconds()}
	if e.Limit != nil {
		pace := e.Limit.Pace
		v.Limit = &exceeded{e.Limit.Name, pace.Rate, pace.Remaining, time.Until(pace.Reset).Milliseconds()}
	}
	return v
}

// readVerdict gives the owner's error. What is not a verdict does not come from an owner at work.
func readVerdict(peer edge.Peer, resp *http.Response) error {
	var v verdict
	err := json.NewDecoder(io.LimitReader(resp.Body, maxVerdictBytes)).Decode(&v)
	if err != nil || v.Kind == "" {
		return unavailable(peer, fmt.Errorf("answered %s without a verdict", resp.Status))
	}
	e := &edge.Error{Kind: edge.ParseKind(v.Kind), Message: v.Message,
		RetryAfter: time.Duration(v.RetryAfterMS) * time.Millisecond, Err: fmt.Errorf("verdict of peer %s", peer.Name)}
	if l := v.Limit; l != nil {
		e.Limit = &edge.Exceeded{Name: l.Name, Pace: limit.Pace{Rate: l.Rate, Remaining: l.Remaining,
			Reset: time.Now().Add(time.Duration(l.ResetMS) * time.Millisecond), Wait: e.RetryAfter}}
	}
	return e
}

func unavailable(peer edge.Peer, err error) *edge.Error {
	return &edge.Error{Kind: edge.Unavailable, Message: "a peer cannot be reached",
		Err: fmt.Errorf("peer %s at %s: %w", peer.Name, peer.Address, err)}
}

func timedOut(peer edge.Peer, ctx context.Context) *edge.Error {
	return &edge.Error{Kind: edge.Timeout, Message: "a peer did not finish in time",
		Err: fmt.Errorf("peer %s at %s: %w", peer.Name, peer.Address, context.Cause(ctx))}
}
