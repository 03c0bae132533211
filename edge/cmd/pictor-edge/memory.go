package main

import (
	"log/slog"
	"math"

	"github.com/KimMachineGun/automemlimit/memlimit"

	"github.com/pictor/pictor/edge/internal/config"
)

// workerShare is what a render process is left of a container's memory: where the pool replaces one that has grown.
const workerShare = 512 << 20

// limitMemory keeps the garbage collector within what a container leaves beside the render processes. GOMEMLIMIT wins;
// without a container there is no limit to heed.
func limitMemory(cfg *config.Serve, log *slog.Logger) {
	set, err := memlimit.Set(memlimit.WithProvider(func() (uint64, error) {
		container, err := memlimit.FromCgroup()
		return heapLimit(container, cfg.WorkerCount()), err
	}), memlimit.WithRatio(1))
	if err != nil || set == 0 || set == math.MaxInt64 {
		return
	}
	if need := 2 * cfg.MemoryBytes; set < need {
		log.Warn("PICTOR_EDGE_MEMORY_BYTES: large for this container, the garbage collector will work hard",
			"memory_bytes", cfg.MemoryBytes, "process_limit", set)
	}
}

// heapLimit is nine tenths of the container without the workers' shares; but they do not get more than half of it.
func heapLimit(container uint64, workers int) uint64 {
	share := min(uint64(workers+1)*workerShare, container/2)
	return container/10*9 - share
}
