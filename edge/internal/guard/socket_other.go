//go:build !linux

package guard

import "net"

func socketOf(c net.Conn) socket { return waiting{c} }
