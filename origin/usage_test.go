package origin_test

import (
	"strings"
	"testing"
	"time"

	"github.com/pictor/pictor/origin"
	"github.com/pictor/pictor/shared/wire"
)

func TestUsage(t *testing.T) {
	b := newBench(t)
	b.clock.pass(time.Date(2036, 3, 31, 23, 59, 59, 0, time.UTC).Sub(b.clock.Now()))
	ann, bob := b.user("ann"), b.user("bob")
	b.asset(ann, "img:12345", origin.AssetFields{})
	b.asset(ann, "img:12345", origin.AssetFields{}) // each asset counts in full
	b.asset(bob, "img:1", origin.AssetFields{})
	batch := wire.UsageBatch{ID: "e1-1", Edge: "e1", Entries: []wire.Usage{
		{Account: ann.Account.ID, Day: "2036-02-29", Requests: 100, Bytes: 1000},
		{Account: ann.Account.ID, Day: "2036-03-01", Requests: 1, Bytes: 10},
		{Account: ann.Account.ID, Day: "2036-03-31", Requests: 2, Bytes: 20, Renders: 5},
		{Account: bob.Account.ID, Day: "2036-03-31", Requests: 4, Bytes: 40},
	}}
	for range 3 { // an edge that heard no answer sends it again
		if err := b.RecordUsage(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
	}
	usage := func(who origin.Principal, all bool) origin.UsageSummary {
		t.Helper()
		sum, start, err := b.Usage(t.Context(), who, all)
		if err != nil {
			t.Fatal(err)
		}
		now := b.clock.Now().UTC()
		wantEqual(t, start, time.Date(2036, now.Month(), 1, 0, 0, 0, 0, time.UTC))
		return sum
	}
	wantEqual(t, usage(ann, false), origin.UsageSummary{Assets: 2, StorageBytes: 18, Requests: 3, BandwidthBytes: 30, Renders: 5,
		Activity: origin.Activity{Uploads: 2}})
	wantEqual(t, usage(bob, false), origin.UsageSummary{Assets: 1, StorageBytes: 5, Requests: 4, BandwidthBytes: 40,
		Activity: origin.Activity{Uploads: 1}})
	wantEqual(t, usage(b.admin, false), origin.UsageSummary{})
	wantEqual(t, usage(b.admin, true), origin.UsageSummary{Assets: 3, StorageBytes: 23, Requests: 7, BandwidthBytes: 70,
		Renders: 5, Activity: origin.Activity{Uploads: 3}})
	_, _, err := b.Usage(t.Context(), ann, true)
	wantKind(t, err, origin.Forbidden)
	b.clock.pass(time.Second) // April
	wantEqual(t, usage(b.admin, true), origin.UsageSummary{Assets: 3, StorageBytes: 23})
}

func TestRecordUsageRefuses(t *testing.T) {
	b := newBench(t)
	good := wire.Usage{Account: "a", Day: "2026-03-01", Requests: 1, Bytes: 1}
	entry := func(change func(*wire.Usage)) wire.UsageBatch {
		e := good
		change(&e)
		return wire.UsageBatch{ID: "bad", Entries: []wire.Usage{good, e}}
	}
	for _, batch := range []wire.UsageBatch{
		{Entries: []wire.Usage{good}}, {ID: strings.Repeat("x", 101)}, {ID: "many", Entries: make([]wire.Usage, 10_001)},
		entry(func(e *wire.Usage) { e.Account = "" }), entry(func(e *wire.Usage) { e.Day = "yesterday" }),
		entry(func(e *wire.Usage) { e.Day = "2026-02-30" }), entry(func(e *wire.Usage) { e.Requests = -1 }),
		entry(func(e *wire.Usage) { e.Bytes = -1 }), entry(func(e *wire.Usage) { e.Renders = -1 }), entry(func(e *wire.Usage) { e.Bytes = 1<<63 - 1 }),
		{ID: "bad", Presets: make([]wire.PresetUse, 10_001)}, {ID: "bad", Presets: []wire.PresetUse{{Account: "a", Name: "p", Uses: -1}}},
		{ID: "bad", Colours: make([]wire.Colour, 10_001)}, {ID: "bad", Colours: []wire.Colour{{Asset: "a", Digest: "d", Colour: "red"}}},
		{ID: "bad", Colours: []wire.Colour{{Asset: "a", Digest: "d", Colour: "#0000ff\n"}}},
		{ID: "bad", Colours: []wire.Colour{{Asset: strings.Repeat("x", 101), Digest: "d", Colour: "#0000ff"}}},
	} {
		wantKind(t, b.RecordUsage(t.Context(), batch), origin.Invalid)
	}
	sum, _, err := b.Usage(t.Context(), b.admin, true)
	if err != nil || sum.Requests != 0 {
		t.Errorf("counted %d requests: %v", sum.Requests, err)
	}
}
