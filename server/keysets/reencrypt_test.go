package keysets_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/antonpayments/anton/server/assembly"
	"github.com/antonpayments/anton/server/crypto"
	"github.com/antonpayments/anton/server/keysets"
	"github.com/antonpayments/anton/server/testserver"
	"github.com/antonpayments/anton/server/unit"
)

func TestMain(m *testing.M) { testserver.Main(m) }

// change changes the sandbox's keyset as the commands do, and gives the key.
func change(t *testing.T, s *testserver.Server, by func(*crypto.Keyset) (uint32, error)) (id uint32) {
	t.Helper()
	err := assembly.ReplaceKeptKeyset(t.Context(), s.Owner, func(k *crypto.Keyset) (err error) {
		id, err = by(k)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func stage(t *testing.T, s *testserver.Server) uint32 {
	t.Helper()
	return change(t, s, (*crypto.Keyset).Stage)
}

func promote(t *testing.T, s *testserver.Server, id uint32) {
	t.Helper()
	change(t, s, func(k *crypto.Keyset) (uint32, error) { return id, k.Promote(id) })
}

// another is a server that starts now, on the same database.
func another(t *testing.T, s *testserver.Server) *testserver.Server {
	t.Helper()
	return testserver.On(t, s.Database, s.Clock)
}

// job is a re-encryption as the command runs it, with the keyset as it is now.
func job(t *testing.T, s *testserver.Server, batch int) *keysets.Reencryption {
	t.Helper()
	keys, err := assembly.SandboxKeys(t.Context(), s.Owner)
	if err != nil {
		t.Fatal(err)
	}
	return &keysets.Reencryption{Runner: &unit.Runner{Pool: s.Owner, Clock: time.Now}, Keys: keys, Batch: batch}
}

func rows(t *testing.T, s *testserver.Server) map[uint32]int64 {
	t.Helper()
	counts, err := keysets.Counts(t.Context(), s.Owner)
	if err != nil {
		t.Fatal(err)
	}
	return keysets.RowsOf(counts)
}

func email(t *testing.T, c *testserver.Client, id string) string {
	t.Helper()
	got := c.Get(t, "/v1/beneficiaries/"+id+"/pii")
	instruments, _ := got.Data()["instruments"].([]any)
	if got.Status != http.StatusOK || len(instruments) != 1 {
		t.Fatalf("read the private data of %s: %d %s", id, got.Status, got.Raw)
	}
	text, _ := got.Data()["email"].(string)
	return text
}

func TestAKeyIsReplacedBesideServersAndNothingIsLost(t *testing.T) {
	t.Parallel()
	before := testserver.New(t)
	m := before.Merchant(t)
	maria := m.Beneficiary(t, "Garcia", "9876543210")
	payout := m.Payout(t, maria, "10.00", "invoice-1")
	var old uint32
	for old = range rows(t, before) {
	}

	fresh := stage(t, before)
	staged := another(t, before)
	jose := m.At(staged).Beneficiary(t, "Ortega", "9876543211")
	if email(t, m, jose) == "" || rows(t, before)[fresh] != 0 {
		t.Error("a staged key encrypts")
	}
	promote(t, before, fresh)
	promoted := another(t, before)
	ana := m.At(promoted).Beneficiary(t, "Molina", "9876543212")
	if rows(t, before)[fresh] == 0 {
		t.Error("the promoted key does not encrypt")
	}
	if email(t, m.At(staged), ana) == "" || email(t, m.At(promoted), maria) == "" {
		t.Error("servers with both keys do not read each other's rows")
	}
	// The server that was forgotten says so, and damages nothing.
	for what, got := range map[string]testserver.Answer{
		"a read":   m.Get(t, "/v1/beneficiaries/"+ana+"/pii"),
		"a change": m.Do(t, http.MethodPatch, "/v1/beneficiaries/"+ana, nil, `{"email":"ana@example.com"}`),
	} {
		if got.Status != http.StatusServiceUnavailable || got.Code() != "unavailable" || got.Header.Get("Retry-After") == "" {
			t.Errorf("%s without the key: %d %s", what, got.Status, got.Raw)
		}
	}

	report, err := job(t, before, 2).Run(t.Context())
	if err != nil || report.BrokenRows != 0 || report.Moved == 0 {
		t.Fatalf("re-encrypt: %+v, %v", report, err)
	}
	if now := rows(t, before); len(now) != 1 || now[fresh] != report.Looked {
		t.Errorf("rows by key: %v", now)
	}
	if again, err := job(t, before, 2).Run(t.Context()); err != nil || again.Moved != 0 || again.Looked != report.Looked {
		t.Errorf("a second run moved rows: %+v, %v", again, err)
	}
	change(t, before, func(k *crypto.Keyset) (uint32, error) { return old, k.Retire(old) })
	last := another(t, before)
	for _, id := range []string{maria, jose, ana} {
		if email(t, m.At(last), id) != "maria.garcia@example.com" {
			t.Errorf("%s is not what it was", id)
		}
	}
	if replayed := m.At(last).Payout(t, maria, "10.00", "invoice-1"); replayed != payout {
		t.Errorf("the key replays %s, its payout is %s", replayed, payout)
	}
	if twin := m.At(last).Post(t, "/v1/beneficiaries", "", testserver.Maria); twin.Code() != "duplicate_beneficiary" {
		t.Errorf("the fingerprints changed: %d %s", twin.Status, twin.Raw)
	}
	audited := before.Ops().Get(t, "/ops/v1/audit?action=keyset.reencrypt_ended").List()
	if len(audited) != 2 || audited[1]["object_id"] != fmt.Sprint(fresh) {
		t.Errorf("audited: %v", audited)
	}
}

func TestAnInterruptedReencryptionGoesOn(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	for i := range 5 {
		m.Beneficiary(t, "Garcia", fmt.Sprint(9876543210+i))
	}
	fresh := stage(t, s)
	promote(t, s, fresh)
	ctx, cancel := context.WithCancel(t.Context())
	first := job(t, s, 3)
	first.Progress = func(_, _ int64) { cancel() }
	report, err := first.Run(ctx)
	if !errors.Is(err, context.Canceled) || report.Moved != 3 || rows(t, s)[fresh] != 3 {
		t.Errorf("interrupted after one batch: %+v, %v, %v", report, err, rows(t, s))
	}
	report, err = job(t, s, 3).Run(t.Context())
	if now := rows(t, s); err != nil || len(now) != 1 || report.Moved != now[fresh]-3 {
		t.Errorf("the second run: %+v, %v, %v", report, err, now)
	}
}

// TestChangesDuringReencryptionsAreKept has four re-encryptions race each other and a merchant who changes every row.
func TestChangesDuringReencryptionsAreKept(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	var ids []string
	for i := range 8 {
		ids = append(ids, m.Beneficiary(t, "Garcia", fmt.Sprint(9876543210+i)))
	}
	fresh := stage(t, s)
	staged := another(t, s) // goes on to write with the old key
	promote(t, s, fresh)
	promoted := another(t, s)
	var group sync.WaitGroup
	for range 4 {
		work := job(t, s, 2)
		group.Go(func() {
			if report, err := work.Run(t.Context()); err != nil || report.BrokenRows > 0 {
				t.Errorf("re-encrypt: %+v, %v", report, err)
			}
		})
	}
	const rounds = 4
	for i, server := range []*testserver.Server{staged, promoted} {
		group.Go(func() {
			for round := range rounds {
				for j := i; j < len(ids); j += 2 {
					body := fmt.Sprintf(`{"email":"round%d.of%d@example.com"}`, round, j)
					if got := m.At(server).Do(t, http.MethodPatch, "/v1/beneficiaries/"+ids[j], nil, body); got.Status != http.StatusOK {
						t.Errorf("change: %d %s", got.Status, got.Raw)
					}
				}
			}
		})
	}
	group.Wait()
	for j, id := range ids {
		if got, want := email(t, m.At(promoted), id), fmt.Sprintf("round%d.of%d@example.com", rounds-1, j); got != want {
			t.Errorf("%s has %s, its last change was %s", id, got, want)
		}
	}
	if _, err := job(t, s, 100).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if now := rows(t, s); len(now) != 1 || now[fresh] == 0 {
		t.Errorf("rows by key: %v", now)
	}
}

func TestDamagedRowsAreNamedAndLeftAlone(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	hurt, other := m.Beneficiary(t, "Garcia", "9876543210"), m.Beneficiary(t, "Ortega", "9876543211")
	damage := func(sql string) {
		t.Helper()
		if _, err := s.Owner.Exec(t.Context(), sql, hurt); err != nil {
			t.Fatal(err)
		}
	}
	damage("update beneficiaries set private_data = set_byte(private_data, 20, get_byte(private_data, 20) # 1) where id = $1")
	promote(t, s, stage(t, s))
	report, err := job(t, s, 2).Run(t.Context())
	if err != nil || report.BrokenRows != 1 || len(report.Broken) != 1 || !strings.Contains(report.Broken[0], hurt) {
		t.Errorf("a damaged row: %+v, %v", report, err)
	}
	if email(t, m.At(another(t, s)), other) == "" {
		t.Error("the others were not re-encrypted")
	}
	damage("update beneficiaries set private_data = set_byte(private_data, 2, get_byte(private_data, 2) # 1) where id = $1")
	if _, err := job(t, s, 2).Run(t.Context()); err == nil || !strings.Contains(err.Error(), "does not have") {
		t.Errorf("a row of another keyset: %v", err)
	}
	damage("update beneficiaries set private_data = 'x' where id = $1")
	if _, err := job(t, s, 2).Run(t.Context()); !errors.Is(err, keysets.ErrNoCiphertext) {
		t.Errorf("a row without a ciphertext: %v", err)
	}
}

// TestEveryColumnOfBytesIsEncryptedOrNamedHere keeps a new secret from being left out of the rotation.
func TestEveryColumnOfBytesIsEncryptedOrNamedHere(t *testing.T) {
	t.Parallel()
	s := testserver.Idle(t)
	hashes := []string{
		"api_keys.hash", "operator_keys.hash", "audit_seals.hash", "audit_seals.previous_hash", "audit_positions.row_hash",
		"beneficiaries.fingerprint", "instruments.fingerprint", "idempotency_keys.request_hash", "keyset_mark.mark",
		"sandbox_keyset.keyset", "documents.sha256", "batches.fingerprint",
		"screening_lists.content", // public
		"rail_files.sha256", "screening_alerts.party_hash", "screening_reviewed_pairs.party_hash", "instruments.bank_fingerprint", "risk_account_merchants.fingerprint",
		"risk_counterparties.key", // a hash of a bank, or the letters of a country
	}
	found, err := s.Owner.Query(t.Context(), `
		select c.table_name || '.' || c.column_name from information_schema.columns c
		join information_schema.tables t using (table_schema, table_name)
		where table_schema = 'public' and data_type = 'bytea' and table_type = 'BASE TABLE'`)
	if err != nil {
		t.Fatal(err)
	}
	for found.Next() {
		var name string
		if err := found.Scan(&name); err != nil {
			t.Fatal(err)
		}
		if slices.Contains(hashes, name) == slices.Contains(keysets.Columns(), name) {
			t.Errorf("%s: is it encrypted (keysets.columns), or a hash (this test)?", name)
		}
	}
	if err := found.Err(); err != nil {
		t.Fatal(err)
	}
}
