package cluster

import (
	"crypto/tls"
	"io"
	"net"
	"strings"
	"testing"
)

func TestOnlyHoldersOfTheKeyConnect(t *testing.T) {
	server, client, err := Key(strings.Repeat("a", 32)).TLS()
	if err != nil {
		t.Fatal(err)
	}
	otherServer, otherClient, err := Key(strings.Repeat("b", 32)).TLS()
	if err != nil {
		t.Fatal(err)
	}
	if err := talk(server, client); err != nil {
		t.Errorf("holders cannot talk: %v", err)
	}
	for name, pair := range map[string][2]*tls.Config{
		"foreign client":  {server, otherClient},
		"foreign server":  {otherServer, client},
		"no certificate":  {server, {InsecureSkipVerify: true}},
		"old TLS version": {server, {InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12, Certificates: client.Certificates}},
	} {
		if talk(pair[0], pair[1]) == nil {
			t.Errorf("%s got through", name)
		}
	}
}

// talk sends a word each way, over a real connection: an unbuffered pipe would stall on TLS session tickets.
func talk(server, client *tls.Config) error {
	l, err := tls.Listen("tcp", "127.0.0.1:0", server)
	if err != nil {
		return err
	}
	defer l.Close()
	served := make(chan error, 1)
	go func() { served <- echo(l) }()
	c, err := tls.Dial("tcp", l.Addr().String(), client)
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := c.Write([]byte("word")); err != nil {
		return err
	}
	if _, err := io.ReadFull(c, make([]byte, 4)); err != nil {
		return err
	}
	return <-served
}

func echo(l net.Listener) error {
	s, err := l.Accept()
	if err != nil {
		return err
	}
	defer s.Close()
	_, err = io.CopyN(s, s, 4)
	return err
}

func TestParseKey(t *testing.T) {
	if _, err := ParseKey(strings.Repeat("x", 31)); err == nil || !strings.Contains(err.Error(), "PICTOR_CLUSTER_KEY") {
		t.Errorf("got %v, want an error that names the knob", err)
	}
	key, err := ParseKey(strings.Repeat("x", 32))
	if err != nil || len(key.GossipKey()) != 32 {
		t.Errorf("got %v, %v", key, err)
	}
}
