// Package cluster turns the one cluster key that origin and edges share into what their private listeners need: mutual
// TLS between holders of the key, and the gossip encryption key. Who does not hold the key cannot connect.
package cluster

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"time"
)

// MinKeyBytes is the least length of a cluster key; shorter secrets stop the program from starting.
const MinKeyBytes = 32

// Key is the shared secret.
type Key []byte

// ParseKey checks the length of a configured secret.
func ParseKey(text string) (Key, error) {
	if len(text) < MinKeyBytes {
		return nil, fmt.Errorf("PICTOR_CLUSTER_KEY: must be at least %d bytes, got %d", MinKeyBytes, len(text))
	}
	return Key(text), nil
}

// GossipKey is the 32-byte AES key for memberlist.
func (k Key) GossipKey() []byte { return k.derive("gossip") }

func (k Key) derive(purpose string) []byte {
	out, err := hkdf.Key(sha256.New, k, nil, "pictor cluster "+purpose, 32)
	if err != nil {
		panic(err) // only for output lengths that HKDF cannot give
	}
	return out
}

// TLS gives the two ends of a private connection. Every holder of the key has the same Ed25519 identity, derived from
// the key, and accepts no other; names and certificate dates mean nothing.
func (k Key) TLS() (server, client *tls.Config, err error) {
	identity := ed25519.NewKeyFromSeed(k.derive("tls"))
	cert, err := selfSigned(identity)
	if err != nil {
		return nil, nil, fmt.Errorf("make cluster certificate: %w", err)
	}
	public := identity.Public().(ed25519.PublicKey)
	verify := func(state tls.ConnectionState) error {
		if len(state.PeerCertificates) == 0 || !public.Equal(state.PeerCertificates[0].PublicKey) {
			return errors.New("the other side does not hold this cluster's key")
		}
		return nil
	}
	server = &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{cert},
		ClientAuth: tls.RequireAnyClientCert, VerifyConnection: verify}
	// InsecureSkipVerify replaces the name and CA checks by VerifyConnection, which pins the key itself.
	client = &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{cert},
		InsecureSkipVerify: true, VerifyConnection: verify, ClientSessionCache: tls.NewLRUClientSessionCache(64)}
	return server, client, nil
}

func selfSigned(identity ed25519.PrivateKey) (tls.Certificate, error) {
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "pictor cluster"},
		NotBefore: time.Unix(0, 0), NotAfter: time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, identity.Public(), identity)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: identity}, nil
}
