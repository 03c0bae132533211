module github.com/pictor/pictor/shared

go 1.26.0
