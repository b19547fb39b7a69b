package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// A meter reads what this process and PostgreSQL have used so far.
type meter struct {
	pool       *pgxpool.Pool
	postmaster int // its process; 0 where it cannot be seen from here
}

// A reading is what was used until a moment.
type reading struct {
	server, postgres time.Duration // CPU, user and system
	wal              int64         // bytes
	mallocs, bytes   uint64
}

// newMeter finds PostgreSQL's processes where they run on this machine: a backend knows its number, and /proc knows whether that is
// a PostgreSQL here.
func newMeter(ctx context.Context, pool *pgxpool.Pool) meter {
	m := meter{pool: pool}
	var backend int
	if pool.QueryRow(ctx, "select pg_backend_pid()").Scan(&backend) != nil {
		return m
	}
	if p, ok := processOf(backend); ok && p.name == "postgres" {
		m.postmaster = p.parent
	}
	return m
}

func (m meter) read() (reading, error) {
	var r reading
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		return r, fmt.Errorf("read the CPU time: %w", err)
	}
	r.server = time.Duration(used.Utime.Nano() + used.Stime.Nano())
	r.postgres = m.postgresCPU()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	r.mallocs, r.bytes = memory.Mallocs, memory.TotalAlloc
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second) // also when the bench was stopped
	defer cancel()
	if err := m.pool.QueryRow(ctx, "select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint").Scan(&r.wal); err != nil {
		return r, fmt.Errorf("read how much was logged: %w", err)
	}
	return r, nil
}

// postgresCPU is the CPU time of the postmaster, of the processes it has waited for, and of those that run.
func (m meter) postgresCPU() time.Duration {
	if m.postmaster == 0 {
		return 0
	}
	var sum time.Duration
	stats, _ := filepath.Glob("/proc/[0-9]*/stat") // the only error is a malformed pattern
	for _, file := range stats {
		pid, _ := strconv.Atoi(strings.Split(file, "/")[2])
		if p, ok := processOf(pid); ok && (pid == m.postmaster || p.parent == m.postmaster) {
			sum += p.cpu
		}
	}
	return sum
}

// A process is what /proc/PID/stat says of one; cpu includes the children it has waited for.
type process struct {
	name   string
	parent int
	cpu    time.Duration
}

// tick is the unit of /proc/PID/stat: USER_HZ is 100 on every Linux.
const tick = 10 * time.Millisecond

func processOf(pid int) (process, bool) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return process{}, false // it has ended, or this is no Linux
	}
	return parseStat(string(text))
}

// parseStat reads proc_pid_stat(5): the name in parentheses, then fields from the third on: parent (4), times (14 to 17).
func parseStat(text string) (process, bool) {
	_, rest, found := strings.Cut(text, "(")
	end := strings.LastIndex(rest, ")")
	if !found || end < 0 {
		return process{}, false
	}
	fields := strings.Fields(rest[end+1:])
	if len(fields) < 15 {
		return process{}, false
	}
	p := process{name: rest[:end]}
	p.parent, _ = strconv.Atoi(fields[1])
	for _, field := range fields[11:15] {
		ticks, _ := strconv.ParseInt(field, 10, 64)
		p.cpu += time.Duration(ticks) * tick
	}
	return p, true
}

// peakMemory is the most memory this process has had resident, in bytes.
func peakMemory() int64 {
	var used syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &used) != nil {
		return 0
	}
	if runtime.GOOS == "darwin" {
		return used.Maxrss // bytes there, kilobytes elsewhere
	}
	return used.Maxrss * 1024
}

// since is what was used per payout between two readings. Where server is false this process did not do the work.
func (r reading) since(before reading, done int, server bool) Cost {
	if done == 0 {
		return Cost{}
	}
	each := func(total float64) float64 { return total / float64(done) }
	c := Cost{
		PostgresCPU: each(float64(r.postgres-before.postgres) / float64(time.Millisecond)),
		WAL:         each(float64(r.wal - before.wal)),
	}
	if server {
		c.ServerCPU = each(float64(r.server-before.server) / float64(time.Millisecond))
		c.Allocations = each(float64(r.mallocs - before.mallocs))
		c.AllocatedBytes = each(float64(r.bytes - before.bytes))
	}
	return c
}
