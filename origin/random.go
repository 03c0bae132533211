package origin

import (
	"encoding/hex"
	"fmt"
	"io"
)

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// random gives n unpredictable bytes. A source that fails leaves nothing safe to do; crypto/rand ends the program then
// too.
func (c *Core) random(n int) []byte {
	b := make([]byte, n)
	if _, err := io.ReadFull(c.cfg.Rand, b); err != nil {
		panic(fmt.Errorf("origin: read randomness: %w", err))
	}
	return b
}

// randomText draws n characters of [0-9A-Za-z], each with 5.95 bits.
func (c *Core) randomText(n int) string {
	const fair = 256 - 256%len(base62) // bytes from here on would favour some characters
	text := make([]byte, 0, n)
	for len(text) < n {
		for _, b := range c.random(n - len(text)) {
			if int(b) < fair {
				text = append(text, base62[int(b)%len(base62)])
			}
		}
	}
	return string(text)
}

// newID makes an id that sorts by time of creation: 12 hex digits of Unix milliseconds, 20 of randomness.
func (c *Core) newID() string {
	return fmt.Sprintf("%012x", c.cfg.Now().UnixMilli()) + hex.EncodeToString(c.random(10))
}
