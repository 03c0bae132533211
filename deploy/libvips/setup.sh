#!/bin/sh
# Puts the pinned libvips (package-lock.json) under a prefix, ready to build against:
#
#     setup.sh [prefix]          the default prefix is <repository>/.build/libvips
#     PKG_CONFIG_PATH=<prefix>/lib/pkgconfig CGO_ENABLED=1 go build …
#
# Needs npm, a C compiler and pkg-config, no root, and installs nothing outside the prefix. A second run with nothing
# changed does nothing; runs at the same time wait for each other.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
prefix=${1:-$here/../../.build/libvips}

# missing prints a tool that is not there and how to get it: name, Debian, Fedora, Alpine, macOS.
missing() {
	printf '%s is missing. Install it with:\n' "$1"
	printf '    Debian, Ubuntu:  sudo apt-get install %s\n' "$2"
	printf '    Fedora:          sudo dnf install %s\n' "$3"
	printf '    Alpine:          sudo apk add %s\n' "$4"
	printf '    macOS:           %s\n' "$5"
}

check_tools() {
	report=$(
		has() { command -v "$1" >/dev/null 2>&1; }
		has node || missing 'node (Node.js)' nodejs nodejs nodejs 'brew install node'
		has npm || missing npm npm nodejs-npm npm 'brew install node'
		has cc || missing 'cc (a C compiler)' 'gcc libc6-dev' gcc build-base 'xcode-select --install'
		has ar || missing 'ar (binutils)' binutils binutils binutils 'xcode-select --install'
		has pkg-config || missing pkg-config pkg-config pkgconf-pkg-config pkgconf 'brew install pkgconf'
	)
	[ -z "$report" ] || { printf '%s\n' "$report" >&2; exit 1; }
}

# inputs is everything the result depends on; the stamp is a copy of it.
inputs() {
	printf '%s %s\n' "$prefix" "$(uname -sm)"
	cat "$here/setup.sh" "$here/missing.c" "$here/package.json" "$here/package-lock.json"
}

up_to_date() { inputs | cmp -s - "$prefix/stamp"; }

# lock waits for other runs. A directory is made by one of them only, everywhere; flock is not on macOS. The lock of a
# run that was killed is taken away.
lock() {
	until mkdir "$prefix.lock" 2>/dev/null; do
		owner=$(cat "$prefix.lock/pid" 2>/dev/null || :)
		if [ -n "$owner" ] && ! kill -0 "$owner" 2>/dev/null; then
			rm -rf "$prefix.lock"
		else
			sleep 1
		fi
	done
	trap 'rm -rf "$prefix.new" "$prefix.lock"' EXIT
	trap 'exit 1' HUP INT TERM
	echo $$ >"$prefix.lock/pid"
}

# fetch lets npm pick the build for this system (os, cpu, libc) and check it against the lockfile.
fetch() {
	cp "$here/package.json" "$here/package-lock.json" .
	npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
}

# assemble puts headers and library where a compiler looks for them.
assemble() {
	set -- node_modules/@img/sharp-libvips-*/lib # the dev package has none
	[ -d "$1" ] || { echo "libvips is not packaged for this system: $(uname -sm)" >&2; exit 1; }
	mv "$1" lib
	mv node_modules/@img/sharp-libvips-dev/include include
	for library in lib/libvips-cpp.so.* lib/libvips-cpp.*.dylib; do
		case $library in
		*'*'*) ;;
		*.dylib) ln -s "${library#lib/}" lib/libvips-cpp.dylib ;;
		*) ln -s "${library#lib/}" lib/libvips-cpp.so ;;
		esac
	done
	cc -O2 -fPIC -c "$here/missing.c" -o missing.o
	ar rc lib/libvips-missing.a missing.o
	rm missing.o
}

# describe writes vips.pc, with the final prefix and spaces escaped as pkg-config wants them.
describe() {
	version=$(sed -n 's/.*"vips": "\(.*\)".*/\1/p' node_modules/@img/sharp-libvips-dev/versions.json)
	mkdir -p lib/pkgconfig
	cat >lib/pkgconfig/vips.pc <<-EOF
		prefix=$(printf '%s' "$prefix" | sed 's/ /\\ /g')
		Name: vips
		Description: libvips from the pinned npm packages
		Version: $version
		Cflags: -I\${prefix}/include -I\${prefix}/include/glib-2.0 -I\${prefix}/lib/glib-2.0/include
		Libs: -L\${prefix}/lib -lvips-cpp -lvips-missing -Wl,-rpath,\${prefix}/lib
	EOF
}

check_tools
mkdir -p "$(dirname "$prefix")"
prefix=$(cd "$(dirname "$prefix")" && pwd)/$(basename "$prefix")
up_to_date && exit 0
lock
up_to_date && exit 0

echo "libvips: fetching the pinned build into $prefix" >&2
rm -rf "$prefix.new"
mkdir "$prefix.new"
cd "$prefix.new"
fetch
assemble
describe
rm -rf node_modules package.json package-lock.json
inputs >stamp
rm -rf "$prefix"
mv "$prefix.new" "$prefix"
