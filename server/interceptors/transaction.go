package interceptors

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/audit"
	"github.com/antonpayments/anton/server/call"
	"github.com/antonpayments/anton/server/contract"
	"github.com/antonpayments/anton/server/crypto"
	"github.com/antonpayments/anton/server/rules"
	"github.com/antonpayments/anton/server/unit"
)

// keyKept is how long an idempotency key is remembered, where it isn't for as long as what it created.
const keyKept = 24 * time.Hour

// keyWait is how long a call waits for the first call with its key.
const keyWait = 5 * time.Second

// transaction gives a call that changes something one transaction and one chance to happen: the idempotency key, the change, its
// ledger entries, its events and its audit rows commit together or not at all. A call that only reads gets no transaction.
func (c *Chain) transaction(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	m := contract.Lookup(info.FullMethod)
	caller := call.CallerOf(ctx)
	who := unit.Who{Merchant: caller.Merchant, Actor: caller.KeyID, RequestID: call.RequestID(ctx)}
	switch {
	case m.ReadOnly && m.Rule.GetAudited():
		return c.auditedRead(ctx, m, who, req, next)
	case m.ReadOnly:
		return next(call.WithReads(ctx, db.New(c.Runner.Pool)), req)
	}
	if v, ok := req.(interface{ GetValidateOnly() bool }); ok && v.GetValidateOnly() {
		return c.tryOut(ctx, who, req, next)
	}
	k, err := c.keyOf(ctx, m, caller, req.(proto.Message))
	if err != nil {
		return nil, err
	}
	if k != nil {
		// 64 callers of one key wait here without a connection; only the one whose turn it is goes on to the database.
		release, err := c.claims.turn(ctx, k.owner+"\x00"+k.text)
		if err != nil {
			return nil, err
		}
		defer release()
	}
	var resp proto.Message
	first := func(ctx context.Context, u *unit.Unit) (err error) {
		resp, err = c.once(ctx, u, m, k, req, next)
		return err
	}
	for pause := firstPause; ; pause *= 2 {
		err := c.Runner.Do(ctx, who, k != nil, first)
		if errors.Is(err, errTaken) {
			resp, err = c.replay(ctx, who, m, k)
		}
		switch {
		case err == nil:
			return resp, nil
		case !errors.Is(err, errTaken):
			return nil, err
		case pause > lastPause:
			return nil, inProgress()
		}
		if err := sleep(ctx, pause); err != nil {
			return nil, err
		}
	}
}

// Another server that uses the key now is given five seconds in all, asked after 10 ms, 20 ms … 2.56 s.
const (
	firstPause = 10 * time.Millisecond
	lastPause  = 2560 * time.Millisecond
)

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// errTried ends a unit that was only to be tried out.
var errTried = errors.New("tried out")

// tryOut runs a call that only wants to know what would happen: nothing of it is flushed, and it uses no key.
func (c *Chain) tryOut(ctx context.Context, who unit.Who, req any, next grpc.UnaryHandler) (resp any, err error) {
	err = c.Runner.Do(ctx, who, false, func(ctx context.Context, u *unit.Unit) error {
		var err error
		if resp, err = next(call.WithTx(ctx, u), req); err != nil {
			return err
		}
		return errTried
	})
	if !errors.Is(err, errTried) {
		return nil, err
	}
	setHeader(ctx, "x-validated-only", "true")
	return resp, nil
}

// auditedRead answers a call that only reads and must leave a trace: nobody sees the answer unless its audit row is committed. There is
// no replay of it, whatever Idempotency-Key it came with, so that every answer has a row of its own.
func (c *Chain) auditedRead(ctx context.Context, m *contract.Method, who unit.Who, req any, next grpc.UnaryHandler) (resp any, err error) {
	err = c.Runner.Do(ctx, who, false, func(ctx context.Context, u *unit.Unit) (err error) {
		if resp, err = next(call.WithAuditedReads(ctx, u), req); err != nil {
			return err
		}
		return audit.Record(ctx, u, audit.Row{Merchant: u.Merchant, Action: m.Rule.GetAudit(), Object: u.Object})
	})
	if err != nil {
		return nil, err
	}
	return resp, nil
}

// errTaken ends a unit whose key was used before, or is in use on another server.
var errTaken = errors.New("the Idempotency-Key is taken")

// once runs the call in the unit: claim the key; the handler; the audit row, the stored answer. The claim travels with the handler's
// first read, which fails when the key is taken.
func (c *Chain) once(ctx context.Context, u *unit.Unit, m *contract.Method, k *key, req any, next grpc.UnaryHandler) (proto.Message, error) {
	taken := false
	if k != nil {
		err := u.Ahead(func(rows int64) error {
			if taken = rows == 0; taken {
				return errTaken
			}
			return nil
		}).IdempotencyClaim(ctx, k.owner, k.text)
		if err != nil {
			return nil, err
		}
	}
	answer, err := next(call.WithTx(ctx, u), req)
	// A handler that read nothing has not heard of its key yet. One that refuses must hear of it too: a repeated call gets the first
	// one's answer, even where the handler would refuse by now.
	settled := u.Settle(ctx)
	switch {
	case taken:
		return nil, errTaken
	case settled != nil:
		return nil, fmt.Errorf("claim the idempotency key: %w", settled)
	case err != nil:
		return nil, err
	}
	resp := answer.(proto.Message)
	if err := audit.Record(ctx, u, audit.Row{Merchant: u.Merchant, Action: m.Rule.GetAudit(), Object: u.Object, Detail: u.Detail}); err != nil {
		return nil, err
	}
	if k == nil {
		return resp, nil
	}
	return resp, c.store(ctx, u, m, k, resp)
}

// store queues the answer under its key. The key's own constraint refuses the transaction of a second call that got this far.
func (c *Chain) store(ctx context.Context, u *unit.Unit, m *contract.Method, k *key, resp proto.Message) error {
	text, err := proto.MarshalOptions{Deterministic: true}.Marshal(resp)
	if err != nil {
		return fmt.Errorf("store the answer: %w", err)
	}
	sealed, err := c.Keys.Seal(k.place(), text)
	if err != nil {
		return err
	}
	row := db.IdempotencyStoreParams{OwnerID: k.owner, Key: k.text, Method: m.Name, RequestHash: k.hash, Response: sealed, CreatedAt: u.Now}
	if !m.Rule.GetIdempotencyKeyKept() {
		expires := u.Now.Add(keyKept)
		row.ExpiresAt = &expires
	}
	return u.Queue(unit.Response).IdempotencyStore(ctx, row)
}

// replay gives the first call's answer, in a transaction of its own: what the handler asked for together with its claim was done in the
// one that is rolled back by now. errTaken says that there is no answer yet, or no longer.
func (c *Chain) replay(ctx context.Context, who unit.Who, m *contract.Method, k *key) (proto.Message, error) {
	var first db.IdempotencyReplayRow
	err := c.Runner.Do(ctx, who, true, func(ctx context.Context, u *unit.Unit) (err error) {
		first, err = u.Read().IdempotencyReplay(ctx, db.IdempotencyReplayParams{OwnerID: k.owner, Key: k.text, Now: u.Now})
		if errors.Is(err, pgx.ErrNoRows) {
			return u.Queue(unit.Rows).IdempotencyForget(ctx, db.IdempotencyForgetParams{OwnerID: k.owner, Key: k.text, Now: u.Now})
		}
		return err
	})
	if err == nil && first.Method == "" {
		return nil, errTaken
	}
	if err != nil {
		return nil, fmt.Errorf("read the first answer: %w", err)
	}
	if first.Method != m.Name || !bytes.Equal(first.RequestHash, k.hash) {
		return nil, apierr.New(antonv1.ErrorCode_idempotency_conflict, "The Idempotency-Key was used before with another method or another body. Use a new key for a new request.")
	}
	text, err := c.Keys.Open(k.place(), first.Response)
	if err != nil {
		return nil, fmt.Errorf("read the first answer: %w", err)
	}
	resp := m.NewReply()
	if err := proto.Unmarshal(text, resp); err != nil {
		return nil, fmt.Errorf("read the first answer: %w", err)
	}
	setHeader(ctx, "x-idempotent-replayed", "true")
	c.Runner.Metrics.Replayed(m.Name)
	return resp, nil
}

// A key is an Idempotency-Key as it came, whose it is, and the hash of what it came with.
type key struct {
	owner, text string
	hash        []byte
}

func (k *key) place() crypto.Place {
	return crypto.Place{Merchant: k.owner, Object: k.text, Field: "idempotency_keys.response"}
}

// keyOf reads the call's key; nil when it has none and needs none.
func (c *Chain) keyOf(ctx context.Context, m *contract.Method, caller *call.Caller, req proto.Message) (*key, error) {
	sent, rest := call.IdempotencyKeys(ctx)
	if !rest {
		md, _ := metadata.FromIncomingContext(ctx)
		sent = md.Get("idempotency-key")
	}
	text := strings.Join(sent, ",")
	switch {
	case text == "" && m.Rule.GetIdempotencyKeyRequired():
		return nil, apierr.New(antonv1.ErrorCode_missing_idempotency_key, "This method needs an Idempotency-Key header: any text of up to 255 characters that is unique to what you do, such as the invoice's number.")
	case len(sent) == 0:
		return nil, nil
	case text == "":
		return nil, apierr.InvalidField("Idempotency-Key", "is empty: send a text, or no such header")
	case len(sent) > 1:
		return nil, apierr.InvalidField("Idempotency-Key", "was sent more than once")
	case utf8.RuneCountInString(text) > 255:
		return nil, apierr.InvalidField("Idempotency-Key", "must be at most 255 characters long")
	case !utf8.ValidString(text) || rules.Control(text, false):
		return nil, apierr.InvalidField("Idempotency-Key", "must be text without control characters")
	}
	body, err := proto.MarshalOptions{Deterministic: true}.Marshal(req)
	if err != nil {
		return nil, fmt.Errorf("hash the request: %w", err)
	}
	if m.Rule.GetShownOnce() {
		body = append(body, caller.KeyID...)
	}
	sum := sha256.Sum256(append([]byte(m.Name+"\x00"), body...))
	return &key{owner: caller.Owner(), text: text, hash: sum[:]}, nil
}

func inProgress() error {
	e := apierr.New(antonv1.ErrorCode_idempotency_in_progress, "The first request with this Idempotency-Key is still running. Send the same request again.")
	e.RetryAfter = time.Second
	return e
}
