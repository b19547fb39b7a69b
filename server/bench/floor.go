package bench

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// floorSchema is the floor: the least that anybody who may not pay twice, may not lose money and must account for it has to write for
// a payout, in a schema of its own and in one statement. Nothing is validated, encrypted, screened or queued in order; no state
// machine, no foreign keys, no events for customers. Nobody would run it. It is what the rest is to be compared with.
//
//go:embed floor.sql
var floorSchema string

const dropFloor = "drop schema if exists anton_bench cascade"

// makeFloor makes the floor's schema, with the bench's merchants in it, and serves its handler.
func (b *bench) makeFloor(ctx context.Context) (drop func(), err error) {
	owner, err := pgx.Connect(ctx, b.Owner)
	if err != nil {
		return nil, fmt.Errorf("make the floor's schema: %w", err)
	}
	end := func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		_, _ = owner.Exec(ctx, dropFloor) // where this fails the next bench drops it
		_ = owner.Close(ctx)
	}
	if _, err := owner.Exec(ctx, dropFloor+";"+floorSchema); err != nil {
		end()
		return nil, fmt.Errorf("make the floor's schema: %w", err)
	}
	for i, m := range b.merchants {
		hash := sha256.Sum256([]byte(m.Key))
		if _, err := owner.Exec(ctx, "select anton_bench.add_merchant($1, $2)", i+1, hash[:]); err != nil {
			end()
			return nil, fmt.Errorf("fill the floor's schema: %w", err)
		}
	}
	port, err := listen(ctx)
	if err != nil {
		end()
		return nil, err
	}
	b.bareAddr = port.Addr().String()
	server := &http.Server{Handler: &bareHandler{pool: b.Pool}, ReadHeaderTimeout: 10 * time.Second}
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(port) }) // ends with Close
	return func() {
		_ = server.Close()
		serving.Wait()
		end()
	}, nil
}

// bareHandler creates a payout of the floor over HTTP and JSON, from the same request as the real one.
type bareHandler struct {
	pool    *pgxpool.Pool
	callers sync.Map // hash of an API key → merchant
}

func (h *bareHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	merchant, err := h.caller(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusUnauthorized)
		return
	}
	var order struct {
		Beneficiary string `json:"beneficiary_id"`
		Amount      string `json:"amount"`
		Currency    string `json:"currency"`
		Reference   string `json:"reference"`
	}
	if err := json.NewDecoder(r.Body).Decode(&order); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	minor, err := strconv.ParseInt(strings.Replace(order.Amount, ".", "", 1), 10, 64)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var id string
	err = h.pool.QueryRow(r.Context(), "select anton_bench.create_payout($1, $2, $3, $4, $5)",
		merchant, r.Header.Get("Idempotency-Key"), minor, order.Beneficiary, order.Reference).Scan(&id)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	_ = json.NewEncoder(w).Encode(map[string]string{"id": id, "status": "created", "amount": order.Amount, "currency": order.Currency})
}

func (h *bareHandler) caller(r *http.Request) (int64, error) {
	hash := sha256.Sum256([]byte(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")))
	if known, ok := h.callers.Load(hash); ok {
		return known.(int64), nil
	}
	var merchant int64
	if err := h.pool.QueryRow(r.Context(), "select merchant from anton_bench.api_keys where hash = $1", hash[:]).Scan(&merchant); err != nil {
		return 0, fmt.Errorf("look the key up: %w", err)
	}
	h.callers.Store(hash, merchant)
	return merchant, nil
}
