package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// release is set by the linker: -X main.release=v1.2.3.
var release = ""

// version names the release, or else the commit that was built, and the compiler.
func version() string {
	name := release
	if name == "" {
		name = "development"
		if info, ok := debug.ReadBuildInfo(); ok {
			for _, s := range info.Settings {
				if s.Key == "vcs.revision" {
					name = s.Value
				}
			}
		}
	}
	return fmt.Sprintf("pictor-origin %s %s", name, runtime.Version())
}
