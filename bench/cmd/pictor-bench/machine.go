package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/cshum/vipsgen/vips"

	"github.com/pictor/pictor/bench/peers"
)

// machine tells where the figures come from.
func machine(loadBefore string) [][2]string {
	return [][2]string{
		{"processor", fmt.Sprintf("%s, %d cores", infoLine("/proc/cpuinfo", "model name"), runtime.NumCPU())},
		{"memory", infoLine("/proc/meminfo", "MemTotal")},
		{"kernel", firstLine("/proc/sys/kernel/osrelease")},
		{"system", strings.Trim(infoLine("/etc/os-release", "PRETTY_NAME"), `"`)},
		{"load average before the run (1, 5, 15 minutes)", loadBefore},
	}
}

func loadAverage() string {
	fields := strings.Fields(firstLine("/proc/loadavg"))
	return strings.Join(fields[:min(3, len(fields))], " ")
}

// infoLine is the value of the first «name: value» or «name=value» in a file.
func infoLine(file, name string) string {
	f, err := os.Open(file)
	if err != nil {
		return "unknown"
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		key, value, ok := strings.Cut(strings.Replace(lines.Text(), "=", ":", 1), ":")
		if ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

func firstLine(file string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return "unknown"
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return line
}

// versions asks everybody who they are.
func versions(ctx context.Context, tools string) [][2]string {
	debian := filepath.Join(tools, "debian")
	ask := func(name string, args ...string) [2]string {
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		cmd := exec.CommandContext(ctx, args[0], args[1:]...)
		cmd.Env = append(os.Environ(), peers.DebianLibraries(tools))
		out, err := cmd.CombinedOutput()
		line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
		if line == "" && err != nil {
			line = "not installed"
		}
		return [2]string{name, line}
	}
	return [][2]string{
		{"Go", runtime.Version()},
		{"libvips of Pictor, the loop and imagor", vips.Version},
		ask("nginx", filepath.Join(debian, "usr/sbin/nginx"), "-v"),
		ask("Varnish", filepath.Join(debian, "usr/sbin/varnishd"), "-V"),
		ask("wrk", filepath.Join(debian, "usr/bin/wrk"), "-v"),
		ask("imagor", filepath.Join(tools, "bin/imagor"), "-version"),
		ask("ipx", "node", "-p", "const at='"+tools+"/ipx/node_modules/'; const v=n=>require(at+n+'/package.json').version; "+
			"const own=require(at+'@img/sharp-libvips-linux-'+process.arch+'/versions.json'); "+
			"`${v('ipx')} with sharp ${v('sharp')}, libvips ${own.vips}, libaom ${own.aom}`"),
		ask("thumbor", filepath.Join(tools, "thumbor/bin/python"), "-c",
			"from importlib.metadata import version as v; print(v('thumbor'), 'with Pillow', v('pillow'))"),
		ask("Node.js", "node", "--version"),
	}
}
