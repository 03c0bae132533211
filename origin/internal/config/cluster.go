package config

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/pictor/pictor/shared/cluster"
)

// Key is the cluster key from where it was given. When it was given nowhere, it is the one in the data folder, which is
// made if need be; edges on the same machine can be pointed to that file.
func (s *Serve) Key() (cluster.Key, error) {
	switch {
	case s.ClusterKey != "":
		return cluster.ParseKey(s.ClusterKey)
	case s.ClusterKeyFile != "":
		return readKey(s.ClusterKeyFile)
	}
	file := filepath.Join(s.Data, "cluster.key")
	if err := makeKey(file); err != nil {
		return nil, err
	}
	return readKey(file)
}

func readKey(file string) (cluster.Key, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("PICTOR_CLUSTER_KEY_FILE: %w", err)
	}
	key, err := cluster.ParseKey(strings.TrimSpace(string(text)))
	if err != nil {
		return nil, fmt.Errorf("PICTOR_CLUSTER_KEY_FILE %s: %w", file, err)
	}
	return key, nil
}

// makeKey leaves a file that is there alone.
func makeKey(file string) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return fmt.Errorf("PICTOR_ORIGIN_DATA: %w", err)
	}
	out, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("make cluster key: %w", err)
	}
	_, err = fmt.Fprintf(out, "%s%s\n", rand.Text(), rand.Text()) // 26 characters of base32 each
	return errors.Join(err, out.Close())
}
