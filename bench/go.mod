module github.com/pictor/pictor/bench

go 1.26.0

require github.com/pictor/pictor/shared v0.0.0

replace github.com/pictor/pictor/shared => ../shared

require (
	github.com/alecthomas/kong v1.17.0
	github.com/cshum/vipsgen v1.3.10
	github.com/google/go-cmp v0.7.0
	github.com/valyala/fasthttp v1.74.0
)

require golang.org/x/image v0.45.0 // indirect
