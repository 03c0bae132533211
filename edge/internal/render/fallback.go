package render

import (
	"time"

	"github.com/pictor/pictor/edge"
)

// fallbackGain is the part of the first job's cost that another may have at most: decoding costs all of them the same, and
// to save little is not worth the larger picture.
const fallbackGain = 0.75

// Fallback says which of the jobs to do for somebody who takes the result of any: the first, unless that would wait for
// longer than Options.FallbackAfter and another takes clearly less time, as jobs like them went.
func (p *Pool) Fallback(jobs []edge.Job) int {
	first, ok := p.foresee(jobs[0])
	if !ok || p.cfg.FallbackAfter <= 0 || !p.pressed(first) {
		return 0
	}
	chosen, least := 0, time.Duration(fallbackGain*float64(first.cost))
	for i, job := range jobs[1:] {
		if t, ok := p.foresee(job); ok && t.cost < least {
			chosen, least = i+1, t.cost
		}
	}
	if chosen > 0 {
		p.fallbacks.Add(1)
	}
	return chosen
}

// foresee gives the task that the job would be, if it came now.
func (p *Pool) foresee(job edge.Job) (*task, bool) {
	w, err := newWork(job)
	if err != nil {
		return nil, false
	}
	t := &task{work: w, estimate: p.learned.estimate(&w), arrived: time.Now()}
	t.order()
	return t, true
}

func (p *Pool) pressed(t *task) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.waitLocked(t) > p.cfg.FallbackAfter
}
