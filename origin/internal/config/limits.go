package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pictor/pictor/origin"
	"github.com/pictor/pictor/shared/limit"
)

const limitKnob = "PICTOR_LIMIT_"

// limits lays variables over the defaults, and flags over variables. A name that does not exist is an error: a limit
// that somebody believes to have set must not be another one's typing mistake.
func limits(environ []string, flags map[string]string) (origin.Limits, error) {
	table := origin.DefaultLimits()
	for _, entry := range environ {
		knob, text, _ := strings.Cut(entry, "=")
		if name, ok := strings.CutPrefix(knob, limitKnob); ok {
			if err := setLimit(table, name, text); err != nil {
				return nil, err
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(flags)) {
		if err := setLimit(table, name, flags[name]); err != nil {
			return nil, err
		}
	}
	return table, nil
}

func setLimit(table origin.Limits, name, text string) error {
	if _, ok := table[name]; !ok {
		return fmt.Errorf("%s%s: no such limit, there are %s", limitKnob, name,
			strings.Join(slices.Sorted(maps.Keys(table)), ", "))
	}
	rate, err := limit.Parse(text)
	if err != nil {
		return fmt.Errorf("%s%s: %w", limitKnob, name, err)
	}
	table[name] = rate
	return nil
}

// describe lists limits for the help.
func describe(table origin.Limits) string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(table)) {
		list = append(list, name+"="+table[name].String())
	}
	return strings.Join(list, ", ")
}
