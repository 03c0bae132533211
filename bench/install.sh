#!/bin/sh
# Installs what the benchmark measures beside Pictor, from package registries, below one folder:
#
#     install.sh FOLDER LIBVIPS    make bench says .build/bench and .build/libvips
#
# Nothing is installed system-wide, nothing is started, and no root is needed. What cannot be installed is named and left
# out; the benchmark reports it as failed. A second run installs only what is missing.
set -u

[ $# = 2 ] || { sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 2; }
mkdir -p "$1"
folder=$(cd "$1" && pwd)
libvips=$(cd "$2" && pwd)
GO=${GO:-go}

# install runs a step unless it succeeded before with the same name, which holds the versions.
install() {
	name=$1 step=$2
	[ -e "$folder/done/$name" ] && return
	echo "bench: installing $name" >&2
	mkdir -p "$folder/done" "$folder/logs"
	(set -e; cd "$folder"; $step) >"$folder/logs/$name" 2>&1 # not within «if», where set -e would mean nothing
	if [ $? = 0 ]; then
		touch "$folder/done/$name"
	else
		echo "bench: $name could not be installed and is left out: $(tail -n 1 "$folder/logs/$name") ($folder/logs/$name)" >&2
	fi
}

# debian unpacks packages, with those of their dependencies that this system lacks, instead of installing them: their
# maintainer scripts would start servers.
debian() {
	rm -rf debian packages
	mkdir -p debian packages/partial
	fetch || { apt-get update && fetch; }
	for package in packages/*.deb; do
		dpkg-deb -x "$package" debian
	done
	rm -r packages
	test -x debian/usr/sbin/nginx
	test -x debian/usr/sbin/varnishd
	test -x debian/usr/bin/wrk
}

fetch() {
	apt-get install -y --reinstall --download-only --no-install-recommends -o Debug::NoLocking=1 \
		-o "Dir::Cache::archives=$folder/packages" nginx varnish wrk
}

# imagor is built in a module of its own against our libvips: as it is, and once with libvips' SIMD switched on, which it
# leaves off, and its encoders set like the others', most of which no flag of it can. Its binding takes an effort of 0 for
# one that was not set.
imagor() {
	rm -rf imagor
	mkdir -p imagor bin
	cd imagor
	cat >go.mod <<-EOF
		module imagor-build
		go 1.26.0
		require github.com/cshum/imagor v1.6.0
	EOF
	export GOFLAGS=-mod=mod GOWORK=off CGO_ENABLED=1 PKG_CONFIG_PATH="$libvips/lib/pkgconfig"
	nice "$GO" build -o ../bin/imagor github.com/cshum/imagor/cmd/imagor
	cp -R "$("$GO" list -m -f '{{.Dir}}' github.com/cshum/imagor)" source
	cp -R "$("$GO" list -m -f '{{.Dir}}' github.com/cshum/vipsgen)" binding
	chmod -R u+w source binding
	at=source/processor/vipsprocessor
	change $at/processor.go 's/ConcurrencyLevel: v.Concurrency,/& VectorEnabled: true,/'
	change $at/process.go 's/vips.WebpsaveBufferOptions{/& Effort: webpEffort,/'
	change $at/process.go 's/vips.JpegsaveBufferOptions{/& OptimizeCoding: true,/'
	change $at/process.go 's/vips.HeifsaveBufferOptions{/& Bitdepth: 8,/'
	change binding/vips/vips.c '/^int vipsgen_heifsave/,/^}/s/vipsgen_set_int(operation, "effort", effort)/vips_object_set(VIPS_OBJECT(operation), "effort", effort, NULL)/'
	cat >$at/effort.go <<-EOF
		package vipsprocessor
		import (
			"os"
			"strconv"
		)
		var webpEffort, _ = strconv.Atoi(os.Getenv("WEBP_EFFORT"))
	EOF
	echo 'replace github.com/cshum/imagor => ./source' >>go.mod
	echo 'replace github.com/cshum/vipsgen => ./binding' >>go.mod
	nice "$GO" build -o ../bin/imagor-tuned github.com/cshum/imagor/cmd/imagor
}

# change edits a file, or fails where there is nothing to edit.
change() {
	sed "$2" "$1" >changed
	if cmp -s changed "$1"; then
		echo "$1 is not what it was: $2"
		return 1
	fi
	cat changed >"$1"
}

ipx() {
	rm -rf ipx
	mkdir ipx
	cd ipx
	echo '{"private": true, "dependencies": {"ipx": "3.1.1"}}' >package.json
	npm install --ignore-scripts --no-audit --no-fund --loglevel=error
	node -e 'import("ipx").then(() => import("sharp"))'
}

thumbor() {
	rm -rf thumbor
	python3 -m venv thumbor
	thumbor/bin/pip install --quiet --disable-pip-version-check thumbor==7.8.0
	thumbor/bin/thumbor --version
}

install debian-nginx-varnish-wrk debian
install imagor-1.6.0-tuned imagor
install ipx-3.1.1 ipx
install thumbor-7.8.0 thumbor
exit 0
