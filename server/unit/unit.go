// Package unit is the one way to change something: a database transaction whose reads happen at once and whose writes are queued,
// then sent together in one round trip, in an order that never varies, with COMMIT as the last of them.
//
// The order is what keeps locks short and deadlocks out: business rows, the payout's transition, event, audit row, stored response,
// work, and last the posting, whose balance row every payout of a merchant wants. Before the flush nothing is written but rows that
// must exist in order to be locked, and all of it is rolled back when a handler returns an error.
package unit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/observe"
)

// A Stage says when, within the flush, a write happens.
type Stage int

// The stages, in the order of the flush.
const (
	Rows Stage = iota
	Transition
	Event
	Audit
	Response
	Work
	Posting
	stages
)

// A Unit is one transaction. It is used by one goroutine.
type Unit struct {
	// Now is the moment of everything in the unit, in UTC and in microseconds, as the database keeps it.
	Now time.Time
	// Actor is who acts: a key's id, or a part of the platform such as `engine`.
	Actor string
	// RequestID is the call that caused it; empty where none did.
	RequestID string
	// Merchant and Object are what the audit row of a call is about. A handler sets them with About.
	Merchant, Object string
	// Detail is what that row says besides: what was changed, before and after. A handler sets it where the object does not tell.
	Detail map[string]string

	conn *pgxpool.Conn
	// ahead are statements without rows that travel with the next query or with the flush, BEGIN first of all: alone, each would cost
	// a round trip.
	ahead  []statement
	queued [stages]pgx.Batch
	// gathered are the rows that one statement of the flush writes together.
	gathered []interface {
		queue(context.Context, *Unit) error
	}
	after []func()
}

// A statement that travels ahead of others. check, where there is one, is told how many rows it changed or found; its error is that of what it
// travelled with.
type statement struct {
	sql   string
	args  []any
	check func(rows int64) error
}

// begin is every unit's first statement.
var begin = statement{sql: "begin"}

// Who says in whose name a unit acts.
type Who struct {
	Merchant  string
	Actor     string
	RequestID string
}

// A Runner runs units on a pool, at the time of a clock. Metrics and Tracer may be nil.
type Runner struct {
	Pool    *pgxpool.Pool
	Clock   func() time.Time
	Metrics *observe.Metrics
	Tracer  *observe.Tracer
}

// Now is the clock's time as the database keeps it.
func (r *Runner) Now() time.Time { return r.Clock().UTC().Truncate(time.Microsecond) }

// attempts is how often a unit is run when the database asks for it, or when it lost a race.
const attempts = 4

// Do runs fn in a transaction and commits what it queued. When fn returns an error nothing was written.
//
// fn may run more than once: after a deadlock, and after a race that a constraint decided against us (see LostRace), because then
// its reads show what it lost to, and it can say so. A lost connection while committing leaves the outcome unknown; it is run again
// only if repeatable says that fn would notice its own first success.
func (r *Runner) Do(ctx context.Context, who Who, repeatable bool, fn func(context.Context, *Unit) error) error {
	for attempt := 1; ; attempt++ {
		err := r.once(ctx, who, fn)
		if err == nil || attempt == attempts || ctx.Err() != nil {
			return r.kept(ctx, who, err)
		}
		cause := again(err, repeatable)
		if cause == "" {
			return r.kept(ctx, who, err)
		}
		r.Metrics.Rerun(cause)
	}
}

// again says why a unit that failed is run again; empty when it is not.
func again(err error, repeatable bool) string {
	if constraint := LostRace(err); constraint != "" {
		return constraint
	}
	switch pg, _ := errors.AsType[*pgconn.PgError](err); {
	case Transient(err) && pg.Code == deadlockDetected:
		return "deadlock"
	case Transient(err):
		return "serialization_failure"
	case repeatable && ConnectionLost(err):
		return "connection_lost"
	}
	return ""
}

func (r *Runner) once(ctx context.Context, who Who, fn func(context.Context, *Unit) error) (err error) {
	ctx, span := r.Tracer.Start(ctx, "unit", trace.SpanKindInternal)
	defer func() { span.End(err) }()
	conn, err := r.Pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("acquire a connection: %w", err)
	}
	defer conn.Release()
	u := &Unit{Now: r.Now(), Actor: who.Actor, RequestID: who.RequestID, Merchant: who.Merchant, conn: conn, ahead: []statement{begin}}
	committed := false
	defer func() {
		if !committed {
			u.rollback(ctx)
		}
	}()
	if err := fn(ctx, u); err != nil {
		return err
	}
	if err := u.flush(ctx); err != nil {
		return fmt.Errorf("flush: %w", err)
	}
	committed = true
	if u.Object != "" && span.Traced() {
		span.Set(attribute.String("anton.object_id", u.Object))
	}
	for _, f := range u.after {
		f()
	}
	return nil
}

// rollback outlives the call: a caller that gave up must not leave an open transaction in the pool.
func (u *Unit) rollback(ctx context.Context) {
	if len(u.ahead) > 0 && u.ahead[0].sql == begin.sql {
		return // nothing was asked, so nothing was begun
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if _, err := u.conn.Exec(ctx, "rollback"); err != nil {
		_ = u.conn.Conn().Close(ctx) // a connection that cannot roll back is of no use to anyone
	}
}

func (u *Unit) flush(ctx context.Context) error {
	for _, g := range u.gathered {
		if err := g.queue(ctx, u); err != nil {
			return err
		}
	}
	if err := u.Settle(ctx); err != nil {
		return err
	}
	all := u.takeAhead()
	for stage := range u.queued {
		all.QueuedQueries = append(all.QueuedQueries, u.queued[stage].QueuedQueries...)
	}
	all.Queue("commit")
	return u.conn.SendBatch(ctx, all).Close()
}

// Read gives the queries that run at once, in the transaction. They do not see what is queued.
func (u *Unit) Read() *db.Queries { return db.New(reader{u}) }

// Queue gives the queries that are kept for the flush, at the stage. Only queries without a result can be queued.
func (u *Unit) Queue(stage Stage) *db.Queries { return db.New(queue{&u.queued[stage]}) }

// Gather keeps the row until the flush, where write queues one statement for all rows of its type. A statement costs PostgreSQL more than
// a row does, and a unit of many payouts writes the same few kinds of row for each.
func Gather[Row any](u *Unit, row Row, write func(context.Context, *Unit, []Row) error) {
	for _, g := range u.gathered {
		if of, ok := g.(*gathered[Row]); ok {
			of.rows = append(of.rows, row)
			return
		}
	}
	u.gathered = append(u.gathered, &gathered[Row]{[]Row{row}, write})
}

type gathered[Row any] struct {
	rows  []Row
	write func(context.Context, *Unit, []Row) error
}

func (g *gathered[Row]) queue(ctx context.Context, u *Unit) error { return g.write(ctx, u, g.rows) }

// About says which object, and of which merchant, the call's audit row is about.
func (u *Unit) About(merchant, object string) { u.Merchant, u.Object = merchant, object }

// Ahead gives the queries that travel with the unit's next query, before it, and so cost no round trip of their own. check is told how
// many rows the statement changed or found; when it returns an error, the query that it travelled with fails with that error. PostgreSQL has run
// that query all the same, so a unit whose check refused must not be committed.
func (u *Unit) Ahead(check func(rows int64) error) *db.Queries { return db.New(ahead{u, check}) }

// Settle sends what travels ahead if anyone waits to hear what came of it.
func (u *Unit) Settle(ctx context.Context) error {
	if !slices.ContainsFunc(u.ahead, func(s statement) bool { return s.check != nil }) {
		return nil
	}
	checks := u.checks()
	results := u.conn.SendBatch(ctx, u.takeAhead())
	err := readAhead(results, checks)
	if closeErr := results.Close(); err == nil {
		err = closeErr
	}
	return err
}

// checks are those of what travels ahead, nil for a statement that has none.
func (u *Unit) checks() []func(int64) error {
	var all []func(int64) error
	for _, s := range u.ahead {
		all = append(all, s.check)
	}
	return all
}

// takeAhead begins a batch with what travels ahead.
func (u *Unit) takeAhead() *pgx.Batch {
	batch := &pgx.Batch{}
	for _, s := range u.ahead {
		batch.Queue(s.sql, s.args...)
	}
	u.ahead = nil
	return batch
}

// readAhead reads the results of what travelled ahead.
func readAhead(results pgx.BatchResults, checks []func(int64) error) error {
	var refused error
	for _, check := range checks {
		tag, err := results.Exec()
		if err != nil {
			return err
		}
		if check != nil && refused == nil {
			refused = check(tag.RowsAffected())
		}
	}
	return refused
}

// AfterCommit has f run once the unit is committed. It must be quick and must not fail: nobody hears of it.
func (u *Unit) AfterCommit(f func()) { u.after = append(u.after, f) }

// queue is a database that remembers statements instead of running them.
type queue struct{ batch *pgx.Batch }

// ahead is a database that has statements travel with the unit's next query.
type ahead struct {
	u     *Unit
	check func(rows int64) error
}

func (a ahead) Exec(_ context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	a.u.ahead = append(a.u.ahead, statement{sql, args, a.check})
	return pgconn.CommandTag{}, nil
}

func (ahead) Query(context.Context, string, ...any) (pgx.Rows, error) {
	return nil, errors.New("unit: a query with a result cannot travel ahead")
}

func (ahead) QueryRow(context.Context, string, ...any) pgx.Row {
	panic("unit: a query with a result cannot travel ahead")
}

func (q queue) Exec(_ context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	q.batch.Queue(sql, args...)
	return pgconn.CommandTag{}, nil
}

func (q queue) Query(context.Context, string, ...any) (pgx.Rows, error) {
	return nil, errors.New("unit: a query with a result cannot be queued")
}

func (q queue) QueryRow(context.Context, string, ...any) pgx.Row {
	panic("unit: a query with a result cannot be queued")
}
