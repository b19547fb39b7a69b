package batches_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/server/testserver"
)

// many is a file of so many rows to one beneficiary, each of another amount of cents.
func many(beneficiary string, n int) string {
	var file strings.Builder
	file.WriteString("beneficiary_id,amount,currency,reference\n")
	for i := range n {
		fmt.Fprintf(&file, "%s,%d.%02d,USD,row %d\n", beneficiary, i/100, i%100+1, i+2)
	}
	return file.String()
}

// A server that stops between two slices leaves a batch that another one pays to its end, each row once.
func TestABatchIsPaidBySeveralServers(t *testing.T) {
	t.Parallel()
	one := testserver.New(t)
	other := testserver.On(t, one.Database, one.Clock)
	m := one.Merchant(t)
	maria := m.Beneficiary(t, "Garcia", "9876543210")
	id := uploaded(t, m, many(maria, 60))
	one.Work()
	confirm(t, m, id)
	one.Batches.Slice, other.Batches.Slice = 7, 5
	if _, err := one.Batches.RunOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
	if b := batch(t, m, id); b["status"] != "processing" || b["created_rows"] != 7.0 {
		t.Fatalf("after one slice: %v", b)
	}
	if late := m.Post(t, "/v1/batches/"+id+"/cancel", "", ""); late.Code() != "state_conflict" {
		t.Errorf("cancelled while it is paid: %s", late.Raw)
	}
	var servers sync.WaitGroup
	for _, s := range []*testserver.Server{one, other, one, other} {
		servers.Go(func() {
			for batch(t, m, id)["status"] == "processing" {
				if _, err := s.Batches.RunOnce(t.Context()); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	servers.Wait()
	if b := batch(t, m, id); b["status"] != "completed" || b["created_rows"] != 60.0 {
		t.Errorf("%v", b)
	}
	references := map[any]bool{}
	for cursor := ""; ; {
		page := m.Get(t, "/v1/payouts?limit=100&batch_id="+id+cursor)
		for _, p := range page.List() {
			references[p["reference"]] = true
		}
		if page.Body["has_more"] != true {
			break
		}
		cursor = "&cursor=" + page.Body["next_cursor"].(string)
	}
	if len(references) != 60 {
		t.Errorf("%d rows were paid", len(references))
	}
}

// A transaction that ends in nothing at its very end leaves nothing of its slice, and the slice is paid later, once.
func TestASliceIsPaidWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	maria := m.Beneficiary(t, "Garcia", "9876543210")
	id := uploaded(t, m, many(maria, 30)+",1.00,USD,\n")
	s.Work()
	if got := batch(t, m, id); got["status"] != "validation_failed" {
		t.Fatalf("%v", got)
	}
	id = uploaded(t, m, many(maria, 30))
	s.Work()
	confirm(t, m, id)
	s.Batches.Slice = 10
	// The last statement of the second slice is refused, as if the connection had broken there.
	const refused = "alter table batch_rows add constraint nothing_past_this check (number <= 11 or payout_id is null)"
	if _, err := s.Owner.Exec(t.Context(), refused); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		_, _ = s.Batches.RunOnce(t.Context()) // it says so in the log and puts the batch off
	}
	if b := batch(t, m, id); b["status"] != "processing" || b["created_rows"] != 10.0 || len(m.Get(t, "/v1/payouts?limit=100").List()) != 10 {
		t.Errorf("%v, %d payouts", b, len(m.Get(t, "/v1/payouts?limit=100").List()))
	}
	if held := m.Get(t, "/v1/balances/USD").Data()["held"]; held != "0.55" {
		t.Errorf("held are %v", held)
	}
	if _, err := s.Owner.Exec(t.Context(), "alter table batch_rows drop constraint nothing_past_this"); err != nil {
		t.Fatal(err)
	}
	s.Clock.Advance(time.Minute)
	s.Work()
	if b := batch(t, m, id); b["status"] != "completed" || b["created_rows"] != 30.0 || len(m.Get(t, "/v1/payouts?limit=100").List()) != 30 {
		t.Errorf("%v", b)
	}
}

// The checking of a batch that its server did not finish is begun anew by another one, and what the first one brings then is dropped.
func TestABatchIsCheckedByWhoeverHasIt(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	maria := m.Beneficiary(t, "Garcia", "9876543210")
	id := uploaded(t, m, "beneficiary_id,amount,currency\n"+maria+",1.00,USD\n")
	// As a server leaves it that took the batch and died.
	const taken = `with step as (
		insert into batch_steps (merchant_id, batch_id, seq, from_status, to_status, at, actor, event_id)
		select merchant_id, id, 2, 'uploaded', 'validating', created_at, 'batches', 'evt_x' from batches
	) update batches set status = 'validating', seq = 2, due_at = created_at + interval '2 minutes'`
	if _, err := s.Owner.Exec(t.Context(), taken); err != nil {
		t.Fatal(err)
	}
	s.Breaks("batch_steps_are_told", "event_sequences_have_no_gap")
	s.Work()
	if b := batch(t, m, id); b["status"] != "validating" {
		t.Errorf("%v", b)
	}
	s.Clock.Advance(2 * time.Minute)
	s.Work()
	if b := batch(t, m, id); b["status"] != "validated" {
		t.Errorf("%v", b)
	}
}

// Of many who send, confirm and cancel at once, one wins each time.
func TestOneWins(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	maria := m.Beneficiary(t, "Garcia", "9876543210")
	answers := func(n int, do func(i int) testserver.Answer) map[int]int {
		statuses, mu := map[int]int{}, sync.Mutex{}
		var all sync.WaitGroup
		for i := range n {
			all.Go(func() {
				got := do(i)
				mu.Lock()
				defer mu.Unlock()
				statuses[got.Status]++
			})
		}
		all.Wait()
		return statuses
	}
	file := []byte("beneficiary_id,amount,currency\n" + maria + ",1.00,USD\n")
	if got := answers(8, func(int) testserver.Answer { return send(t, m, "batch.csv", file) }); got[http.StatusCreated] != 1 || got[http.StatusUnprocessableEntity] != 7 {
		t.Errorf("the same file at once: %v", got)
	}
	s.Work()
	id := m.Get(t, "/v1/batches").List()[0]["id"].(string)
	got := answers(8, func(i int) testserver.Answer {
		if i%2 == 0 {
			return m.Post(t, "/v1/batches/"+id+"/cancel", "", "")
		}
		return m.Post(t, "/v1/batches/"+id+"/confirm", fmt.Sprint("confirm ", i), "")
	})
	// Who confirms first may be followed by one who cancels: nothing was paid yet.
	if got[http.StatusOK] < 1 || got[http.StatusOK] > 2 || got[http.StatusOK]+got[http.StatusConflict] != 8 {
		t.Errorf("confirmed and cancelled at once: %v", got)
	}
	s.Work()
	if b := batch(t, m, id); b["status"] != "completed" && b["status"] != "cancelled" {
		t.Errorf("%v", b)
	}
}

// A suspended merchant's batch waits.
func TestASuspendedMerchantPaysNothing(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	id := uploaded(t, m, many(m.Beneficiary(t, "Garcia", "9876543210"), 3))
	s.Work()
	confirm(t, m, id)
	for _, step := range []struct{ path, body, want string }{{"suspend", `{"reason":"Documents"}`, "confirmed"}, {"activate", "", "completed"}} {
		if got := s.Ops().Post(t, "/ops/v1/merchants/"+m.Merchant+"/"+step.path, "", step.body); got.Status != http.StatusOK {
			t.Fatalf("%s: %d %s", step.path, got.Status, got.Raw)
		}
		s.Work()
		if got := s.Ops().Get(t, "/ops/v1/audit?action=batch.transition&object_id="+id); len(got.List()) == 0 {
			t.Errorf("no audit rows: %s", got.Raw)
		}
		var is string
		if err := s.Pool.QueryRow(t.Context(), "select status::text from batches where id = $1", id).Scan(&is); err != nil || is != step.want {
			t.Errorf("after %s it is %s, %v", step.path, is, err)
		}
	}
}

// Over gRPC a file comes in pieces.
func TestAFileInPieces(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	file := []byte(many(m.Beneficiary(t, "Garcia", "9876543210"), 20))
	upload := func(key, idempotency string, pieces ...*antonv1.UploadBatchRequest) (*antonv1.UploadBatchResponse, error) {
		ctx := metadata.AppendToOutgoingContext(context.Background(), "authorization", "Bearer "+key)
		if idempotency != "" {
			ctx = metadata.AppendToOutgoingContext(ctx, "idempotency-key", idempotency)
		}
		stream, err := antonv1.NewBatchesServiceClient(s.Dial()).UploadBatch(ctx)
		if err != nil {
			return nil, err
		}
		for _, p := range pieces {
			if err := stream.Send(p); err != nil {
				break // the server has answered
			}
		}
		return stream.CloseAndRecv()
	}
	head := &antonv1.UploadBatchRequest{FileName: `C:\payments\may.csv`, Description: "May", Content: file[:50]}
	tail := &antonv1.UploadBatchRequest{Content: file[50:]}
	first, err := upload(m.Key, "upload", head, tail)
	if err != nil || first.GetData().GetTotalRows() != 20 || first.GetData().GetFileName() != "may.csv" || first.GetData().GetDescription() != "May" {
		t.Fatalf("%v, %v", first, err)
	}
	again, err := upload(m.Key, "upload", head, tail)
	if err != nil || again.GetData().GetId() != first.GetData().GetId() {
		t.Errorf("the same key: %v, %v", again, err)
	}
	large := []*antonv1.UploadBatchRequest{head}
	for range 33 {
		large = append(large, &antonv1.UploadBatchRequest{Content: make([]byte, 1<<20)})
	}
	for what, tt := range map[string]struct {
		key    string
		pieces []*antonv1.UploadBatchRequest
		code   codes.Code
	}{
		"another key":               {m.Key, []*antonv1.UploadBatchRequest{head, tail}, codes.AlreadyExists},
		"nothing":                   {m.Key, nil, codes.InvalidArgument},
		"two heads":                 {m.Key, []*antonv1.UploadBatchRequest{head, head}, codes.InvalidArgument},
		"too much":                  {m.Key, large, codes.ResourceExhausted},
		"a piece that is too large": {m.Key, []*antonv1.UploadBatchRequest{{Content: make([]byte, 5<<20)}}, codes.ResourceExhausted},
		"a stranger":                {"nobody", []*antonv1.UploadBatchRequest{head}, codes.Unauthenticated},
		"a reader":                  {s.KeyFor(t, m.Merchant, "payouts:read").Key, []*antonv1.UploadBatchRequest{head}, codes.PermissionDenied},
	} {
		if _, err := upload(tt.key, "", tt.pieces...); status.Code(err) != tt.code {
			t.Errorf("%s: %v", what, errors.Unwrap(err))
		} else if info := status.Convert(err).Details(); len(info) == 0 {
			t.Errorf("%s: no code of ours in %v", what, err)
		}
	}
	s.Work()
}

// Each upload that is under way may hold a whole file.
func TestUploadsUnderWayAreBounded(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	ctx, cancel := context.WithCancel(metadata.AppendToOutgoingContext(context.Background(), "authorization", "Bearer "+s.Merchant(t).Key))
	defer cancel()
	ended := make(chan error, 11)
	for range cap(ended) {
		stream, err := antonv1.NewBatchesServiceClient(s.Dial()).UploadBatch(ctx)
		if err != nil {
			t.Fatal(err)
		}
		go func() { ended <- stream.RecvMsg(&antonv1.UploadBatchResponse{}) }()
	}
	if err := <-ended; status.Code(err) != codes.ResourceExhausted {
		t.Errorf("one upload too many: %v", err)
	}
}

// TestTablesAreCountedWhileTheyGrow: a table that a batch fills is known to PostgreSQL to be full, before autovacuum comes.
func TestTablesAreCountedWhileTheyGrow(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	maria := m.Beneficiary(t, "Garcia", "9876543210")
	text := "beneficiary_id,amount,currency"
	for i := range 250 {
		text += fmt.Sprintf("\n%s,1.%02d,USD", maria, i%100)
	}
	if _, err := s.Owner.Exec(t.Context(), "alter table payouts set (autovacuum_enabled = false)"); err != nil {
		t.Fatal(err)
	}
	paid(t, s, m, text)
	var known float64
	if err := s.Owner.QueryRow(t.Context(), "select reltuples from pg_class where oid = 'payouts'::regclass").Scan(&known); err != nil || known < 200 {
		t.Errorf("PostgreSQL believes in %v payouts, %v", known, err)
	}
}
