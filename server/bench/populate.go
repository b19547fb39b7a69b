package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// populate creates the merchants as an operator does, each with a key, more money than the load can spend, a rate limit it cannot
// reach, and one beneficiary.
func (b *bench) populate(ctx context.Context) error {
	box, err := b.server.OpenSandbox(ctx)
	if err != nil {
		return err
	}
	for i := range b.Merchants {
		b.Progress(fmt.Sprintf("creating merchants: %d of %d", i, b.Merchants))
		m, err := b.newMerchant(ctx, box.OpsKey, i)
		if err != nil {
			return fmt.Errorf("create a merchant: %w", err)
		}
		b.merchants = append(b.merchants, m)
	}
	return nil
}

func (b *bench) newMerchant(ctx context.Context, operator string, i int) (m Merchant, err error) {
	id, _, err := b.create(ctx, operator, "/ops/v1/merchants", map[string]any{
		"name": fmt.Sprintf("Bench Merchant %d Ltd", i), "country": "US", "rate_limit_multiplier": 1000,
	})
	if err != nil {
		return m, err
	}
	_, m.Key, err = b.create(ctx, operator, "/ops/v1/merchants/"+id+"/api-keys", map[string]any{"name": "Bench", "scopes": []string{"full"}})
	if err != nil {
		return m, err
	}
	_, _, err = b.create(ctx, operator, "/ops/v1/merchants/"+id+"/deposits", map[string]any{"amount": "999999999999.00", "currency": "USD"})
	if err != nil {
		return m, err
	}
	m.Beneficiary, _, err = b.create(ctx, m.Key, "/v1/beneficiaries", map[string]any{
		"type": "individual", "first_name": "Maria", "last_name": "Garcia", "country": "US", "currency": "USD",
		"bank_account": map[string]any{"account_number": fmt.Sprintf("98765%05d", i), "routing_number": "021000021"},
	})
	return m, err
}

// create makes one object over REST and gives its id and, where the answer shows one, its key. An operator's rate limit is met by
// waiting: the bench is in no hurry here.
func (b *bench) create(ctx context.Context, credentials, path string, body map[string]any) (id, key string, err error) {
	text, err := json.Marshal(body)
	if err != nil {
		return "", "", err
	}
	idempotencyKey := fmt.Sprintf("bench-%d", time.Now().UnixNano())
	for {
		answer, err := post(http.DefaultClient, "http://"+b.restAddr+path, credentials, idempotencyKey, text)
		if r, ok := errors.AsType[*refusal](err); ok && r.code == http.StatusTooManyRequests {
			select {
			case <-time.After(100 * time.Millisecond):
				continue
			case <-ctx.Done():
			}
		}
		if ctx.Err() != nil {
			return "", "", ctx.Err()
		}
		if err != nil {
			return "", "", fmt.Errorf("%s: %w", path, err)
		}
		var envelope struct {
			Data struct{ ID, Key string }
		}
		if err := json.Unmarshal(answer, &envelope); err != nil {
			return "", "", fmt.Errorf("%s: %w", path, err)
		}
		return envelope.Data.ID, envelope.Data.Key, nil
	}
}
