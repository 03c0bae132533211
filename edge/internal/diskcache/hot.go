package diskcache

import (
	"time"

	"github.com/pictor/pictor/edge"
)

// notice tells keepHot that everything has become older.
func (c *Cache) notice() {
	select {
	case c.aged <- struct{}{}:
	default:
	}
}

// keepHot has what is hot promoted whenever a generation begins. Every entry is looked at several times before its
// generation goes.
func (c *Cache) keepHot() {
	for {
		select {
		case <-c.aged:
			c.touch(c.Hot())
		case <-c.closing:
			return
		}
	}
}

// touch reads the keys one by one, which promotes what is old. It leaves half of the queue to others.
func (c *Cache) touch(keys []edge.Key) {
	const pause = 10 * time.Millisecond
	for _, key := range keys {
		for c.queue.crowded() {
			select {
			case <-time.After(pause):
			case <-c.closing:
				return
			}
		}
		if f := c.read(key, &c.bodies, maxReads/2); f.memory != nil {
			c.bodies.giveBack(f.memory)
		}
	}
}
