package audit_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/audit"
	"github.com/antonpayments/anton/server/testserver"
)

func TestMain(m *testing.M) { testserver.Main(m) }

// sealed is a server whose merchant has a chain of three seals: made by a payout each, the last one by two.
func sealed(t *testing.T, s *testserver.Server) *testserver.Client {
	t.Helper()
	m := s.Merchant(t)
	beneficiary := m.Beneficiary(t, "Garcia", "9876543210")
	for i, payouts := range []int{1, 1, 2} {
		for j := range payouts {
			m.Payout(t, beneficiary, "10.00", fmt.Sprint("sealed ", i, j))
		}
		s.Work()
		seal(t, s)
		s.Clock.Advance(time.Minute)
	}
	return m
}

func seal(t *testing.T, s *testserver.Server) int {
	t.Helper()
	n, err := s.Sealer.RunOnce(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// chainOf verifies the merchant's chain alone.
func chainOf(t *testing.T, s *testserver.Server, merchant string, against ...audit.Head) audit.Chain {
	t.Helper()
	chains, err := audit.Check{Queries: db.New(s.Pool), Merchant: &merchant, Against: against}.Verify(t.Context())
	if err != nil || len(chains) != 1 {
		t.Fatalf("%d chains, %v", len(chains), err)
	}
	return chains[0]
}

func count(t *testing.T, s *testserver.Server, query string, args ...any) (n int64) {
	t.Helper()
	if err := s.Owner.QueryRow(t.Context(), query, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestSealsCoverEveryRowOnce(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := sealed(t, s)
	if n := seal(t, s); n != 0 {
		t.Errorf("%d rows were sealed again", n)
	}
	chains, err := audit.Check{Queries: db.New(s.Pool)}.Verify(t.Context())
	if err != nil || len(chains) != 3 { // the platform, the sandbox's first merchant, ours
		t.Fatalf("%d chains, %v", len(chains), err)
	}
	var rows int64
	for _, c := range chains {
		if c.Problem != nil || c.Waiting != 0 {
			t.Errorf("%q: %d rows wait, %v", c.Merchant, c.Waiting, c.Problem)
		}
		rows += c.Rows
	}
	if all := count(t, s, "select count(*) from audit_log"); rows != all {
		t.Errorf("%d of %d rows are sealed", rows, all)
	}
	m.Beneficiary(t, "Lopez", "9876543211")
	if c := chainOf(t, s, m.Merchant); c.Waiting != 1 || c.Seals != 3 || c.Problem != nil {
		t.Errorf("after one more row: %+v", c)
	}
}

// A transaction that began before others and commits after them must not fall behind the point up to which the sealer has looked.
func TestLateCommitsAreSealed(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := sealed(t, s)
	late, err := s.Owner.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	insert(t, late, m.Merchant, "aud_late", s.Clock.Now())
	for i := range 3 { // the transaction is open while others begin, commit and are sealed
		m.Beneficiary(t, "Lopez", fmt.Sprint(9000000000+i))
		if n := seal(t, s); n != 1 {
			t.Errorf("%d rows were sealed, want the one that is committed", n)
		}
	}
	if err := late.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := seal(t, s); n != 1 {
		t.Errorf("%d rows were sealed, want the late one", n)
	}
	c := chainOf(t, s, m.Merchant)
	position := count(t, s, "select position from audit_positions where audit_id = 'aud_late'")
	if c.Problem != nil || c.Waiting != 0 || position != c.Rows {
		t.Errorf("the late row is at position %d of %d; %v", position, c.Rows, c.Problem)
	}
}

func insert(t *testing.T, tx pgx.Tx, merchant, id string, at time.Time) {
	t.Helper()
	if _, err := tx.Exec(t.Context(), "insert into audit_log (merchant_id, id, at, actor, action) values ($1, $2, $3, 'test', 'test')", merchant, id, at); err != nil {
		t.Fatal(err)
	}
}

// A database that was restored on another PostgreSQL has rows of transactions with numbers far above, or below, those to come.
func TestRowsOfARestoredDatabaseAreSealed(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	if _, err := s.Owner.Exec(t.Context(), "update audit_log set xid = xid + 1000000000"); err != nil {
		t.Fatal(err)
	}
	all := count(t, s, "select count(*) from audit_log")
	if n := seal(t, s); int64(n) != all {
		t.Errorf("%d of %d rows were sealed", n, all)
	}
	m.Beneficiary(t, "Garcia", "9876543210")
	if n := seal(t, s); n != 1 {
		t.Errorf("%d new rows were sealed, want 1", n)
	}
}

// TestSealersAtOnce has three servers seal while calls write: no row is sealed twice or left out, and no sealer fails.
func TestSealersAtOnce(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	servers := []*testserver.Server{s, testserver.On(t, s.Database, s.Clock), testserver.On(t, s.Database, s.Clock)}
	ctx, written := context.WithCancel(t.Context())
	var sealing, writing sync.WaitGroup
	for _, server := range servers {
		sealing.Go(func() {
			for ctx.Err() == nil {
				if _, err := server.Sealer.RunOnce(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range 4 {
		writing.Go(func() {
			for j := range 25 {
				m.At(servers[j%3]).Beneficiary(t, "Garcia", fmt.Sprint(7000000000+100*i+j))
			}
		})
	}
	writing.Wait()
	written()
	sealing.Wait()
	seal(t, s)
	c := chainOf(t, s, m.Merchant)
	all := count(t, s, "select count(*) from audit_log where merchant_id = $1", m.Merchant)
	if c.Problem != nil || c.Waiting != 0 || c.Rows != all {
		t.Errorf("%d of %d rows are sealed, %d wait, %v", c.Rows, all, c.Waiting, c.Problem)
	}
	t.Logf("%d rows under %d seals", c.Rows, c.Seals)
}

func TestTheServingRoleCannotTouchSeals(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	sealed(t, s)
	for _, statement := range []string{
		"update audit_seals set sealed_at = now()",
		"delete from audit_seals",
		"truncate audit_seals",
		"update audit_positions set audit_id = 'x'",
		"delete from audit_positions",
		"update audit_log set actor = 'x'",
		"delete from audit_log",
		"insert into audit_log (merchant_id, id, at, actor, action, xid) values ('', 'aud_x', now(), 'x', 'x', 1)",
	} {
		if _, err := s.Pool.Exec(t.Context(), statement); err == nil || !strings.Contains(err.Error(), "permission denied") {
			t.Errorf("%s: %v", statement, err)
		}
	}
}

// damages are done as the schema's owner. They name, of three seals, rows of the second and third one.
var damages = map[string]struct {
	sql string
	// says is what the verification must say, with $row standing for the damaged row's id.
	says string
}{
	"an altered actor":   {"update audit_log set actor = 'key_other' where id = $row", "the row $row at position $position was altered"},
	"an altered detail":  {`update audit_log set detail = detail || '{"sequence":"9"}' where id = $row`, "the row $row at position $position was altered"},
	"an altered time":    {"update audit_log set at = at + interval '1 microsecond' where id = $row", "the row $row at position $position was altered"},
	"a time without end": {"update audit_log set at = 'infinity' where id = $row", "the row $row at position $position was altered"},
	"a detail that is no text": {
		"alter table audit_log drop constraint audit_detail_is_an_object_of_texts; update audit_log set detail = '{\"a\":null}' where id = $row",
		"the row $row at position $position was altered: the detail has a null",
	},
	"a deleted row":             {"delete from audit_log where id = $row", "the row $row at position $position was deleted"},
	"a row of another merchant": {"update audit_log set merchant_id = 'mer_x' where id = $row", "the row $row at position $position was deleted"},
	"swapped rows": {
		`alter table audit_positions drop constraint audit_row_is_sealed_once;
		 update audit_positions p set audit_id = (select audit_id from audit_positions o where o.merchant_id = p.merchant_id
		     and o.position = case p.position when $position then $position + 1 else $position end)
		 where merchant_id = $merchant and position in ($position, $position + 1)`,
		"at position $position and was sealed at $next: rows were reordered",
	},
	"a removed position": {"delete from audit_positions where audit_id = $row", "position $position is missing"},
	"a row in another's place": {
		`insert into audit_log (merchant_id, id, at, actor, action) select merchant_id, 'aud_x', at, actor, action from audit_log where id = $row;
		 update audit_positions set audit_id = 'aud_x' where audit_id = $row`,
		"the row aud_x at position $position was altered",
	},
	"a row and its hash": {"update audit_positions set row_hash = sha256('x') where audit_id = $row; update audit_log set actor = 'x' where id = $row", "the row $row at position $position was altered"},
	"an altered seal":    {"update audit_seals set sealed_at = sealed_at + interval '1 hour' where merchant_id = $merchant and number = 2", "seal 2 is not the seal of its rows"},
	"a removed seal": {
		"alter table audit_seals drop constraint seal_continues_the_one_before; delete from audit_seals where merchant_id = $merchant and number = 2",
		"seal 2 is missing; the next one is 3",
	},
	"newest seals cut off": {"delete from audit_seals where merchant_id = $merchant and number = 3", "the newest seals were cut off"},
	"all seals cut off": {
		"alter table audit_seals drop constraint seal_continues_the_one_before; delete from audit_seals where merchant_id = $merchant",
		"no seal covers position 1",
	},
	"a replaced hash": {
		"alter table audit_seals drop constraint seal_continues_the_one_before; update audit_seals set hash = sha256('x') where merchant_id = $merchant and number = 2",
		"seal 2 is not the seal of its rows",
	},
	"a row dated back": {
		"insert into audit_log (merchant_id, id, at, actor, action) select merchant_id, 'aud_x', at - interval '2 hours', actor, action from audit_log where id = $row",
		"the row aud_x says",
	},
}

func TestVerificationNamesTheDamage(t *testing.T) {
	t.Parallel()
	verifies := independent(t)
	for name, d := range damages {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := testserver.On(t, testserver.Database(t), testserver.NewClock())
			m := sealed(t, s)
			if c := chainOf(t, s, m.Merchant); c.Problem != nil {
				t.Fatalf("before the damage: %v", c.Problem)
			}
			fill := secondSeal(t, s, m.Merchant)
			if _, err := s.Owner.Exec(t.Context(), fill(d.sql, "'")); err != nil {
				t.Fatal(err)
			}
			c := chainOf(t, s, m.Merchant)
			if c.Problem == nil || !strings.Contains(c.Problem.Says, fill(d.says, "")) {
				t.Fatalf("found %v, want %s", c.Problem, fill(d.says, ""))
			}
			if strings.Contains(d.says, "$row") && c.Problem.Row != fill("$row", "") {
				t.Errorf("named the row %s", c.Problem.Row)
			}
			answer := s.Ops().Get(t, "/ops/v1/audit/verify?merchant_id="+m.Merchant)
			problem, _ := answer.Data()["problem"].(map[string]any)
			if answer.Status != http.StatusOK || answer.Data()["intact"] != false || problem["message"] != c.Problem.String() || problem["merchant_id"] != m.Merchant {
				t.Errorf("the operator was told %d %s", answer.Status, answer.Raw)
			}
			// What stands under no seal, or no longer, is not exported.
			hidden := strings.Contains(d.says, "cut off") || strings.Contains(d.says, "no seal covers") || name == "a row dated back"
			if says, ok := verifies(t, export(t, s, m.Merchant)); ok != hidden {
				t.Errorf("the independent program says of the export: %s", says)
			}
		})
	}
}

// secondSeal gives what fills in the placeholders of damages: the first row under the second seal.
func secondSeal(t *testing.T, s *testserver.Server, merchant string) func(text, quote string) string {
	t.Helper()
	var row string
	var position int64
	err := s.Owner.QueryRow(t.Context(), `select p.audit_id, p.position from audit_positions p join audit_seals s
		on s.merchant_id = p.merchant_id and s.from_position = p.position where s.merchant_id = $1 and s.number = 2`, merchant).Scan(&row, &position)
	if err != nil {
		t.Fatal(err)
	}
	return func(text, quote string) string {
		return strings.NewReplacer("$row", quote+row+quote, "$merchant", quote+merchant+quote, "$position", fmt.Sprint(position),
			"$next", fmt.Sprint(position+1)).Replace(text)
	}
}

// TestKeptHeadsShowWhatTheChainCannot cuts seals off with their positions and lets them be made again: the chain is sound, but not
// the one that was kept.
func TestKeptHeadsShowWhatTheChainCannot(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := sealed(t, s)
	head := *chainOf(t, s, m.Merchant).Head
	if c := chainOf(t, s, m.Merchant, head); c.Problem != nil || head.Number != 3 {
		t.Fatalf("against its own head %+v: %v", head, c.Problem)
	}
	if _, err := s.Owner.Exec(t.Context(), fmt.Sprintf(`
		delete from audit_positions p using audit_seals s where s.merchant_id = p.merchant_id and s.number = 3 and p.merchant_id = '%[1]s' and p.position >= s.from_position;
		delete from audit_seals where merchant_id = '%[1]s' and number = 3`, m.Merchant)); err != nil {
		t.Fatal(err)
	}
	if c := chainOf(t, s, m.Merchant); c.Problem != nil || c.Waiting == 0 {
		t.Errorf("what was cut off cleanly shows only as rows that wait: %d, %v", c.Waiting, c.Problem)
	}
	c := chainOf(t, s, m.Merchant, head)
	if c.Problem == nil || !strings.Contains(c.Problem.Says, "seal 3 was kept, but the chain ends at seal 2") {
		t.Errorf("against the head: %v", c.Problem)
	}
	if n := seal(t, testserver.On(t, s.Database, s.Clock)); n == 0 {
		t.Error("nothing was sealed anew")
	}
	if c := chainOf(t, s, m.Merchant); c.Problem != nil {
		t.Errorf("sealed anew: %v", c.Problem)
	}
	c = chainOf(t, s, m.Merchant, head)
	if c.Problem == nil || !strings.Contains(c.Problem.Says, "seal 3 is not the one that was kept") {
		t.Errorf("against the head: %v", c.Problem)
	}
	stranger := "mer_gone"
	chains, err := audit.Check{Queries: db.New(s.Pool), Merchant: &stranger, Against: []audit.Head{{Merchant: stranger, Number: 1}}}.Verify(t.Context())
	if err != nil || len(chains) != 1 || chains[0].Problem == nil {
		t.Errorf("a chain that is gone: %v, %v", chains, err)
	}
}

func TestVerifyAudit(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := sealed(t, s)
	got := s.Ops().Get(t, "/ops/v1/audit/verify")
	if got.Status != http.StatusOK || got.Data()["intact"] != true || got.Data()["complete"] != true || got.Data()["unsealed_rows"] != 0.0 {
		t.Errorf("%d %s", got.Status, got.Raw)
	}
	rows, all := got.Data()["rows"], count(t, s, "select count(*) from audit_log")
	if rows != float64(all) {
		t.Errorf("%v rows were verified, %d are there", rows, all)
	}
	if got := s.Ops().Get(t, "/ops/v1/audit/verify?merchant_id=mer_nobody"); got.Code() != "validation_error" || fmt.Sprint(got.Fields()) != "[merchant_id]" {
		t.Errorf("%d %s", got.Status, got.Raw)
	}
	if got := m.Get(t, "/ops/v1/audit/verify"); got.Status != http.StatusForbidden {
		t.Errorf("a merchant was answered %d %s", got.Status, got.Raw)
	}
}

// independent builds the verifier of docs/audit, which shares no code with the server. What it returns runs it over an export and gives
// what it says and whether all is well.
func independent(t *testing.T) func(t *testing.T, export []byte) (string, bool) {
	t.Helper()
	program := filepath.Join(t.TempDir(), "verify")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "../../docs/audit/verify").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return func(t *testing.T, export []byte) (string, bool) {
		t.Helper()
		command := exec.CommandContext(t.Context(), program)
		command.Stdin = bytes.NewReader(export)
		out, err := command.CombinedOutput()
		return string(out), err == nil
	}
}

func TestAnIndependentProgramVerifiesTheExport(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := sealed(t, s)
	verifies := independent(t)
	head := chainOf(t, s, m.Merchant).Head
	clean := export(t, s, m.Merchant)
	if says, ok := verifies(t, clean); !ok || !strings.Contains(says, head.Hash) {
		t.Errorf("an export whose newest seal is %s: %s", head.Hash, says)
	}
	lines := bytes.SplitAfter(bytes.TrimSpace(clean), []byte("\n"))
	for i, line := range lines { // one line after the other: left out, twice, altered
		without := append(append([]byte{}, bytes.Join(lines[:i], nil)...), bytes.Join(lines[i+1:], nil)...)
		twice := append(append([]byte{}, bytes.Join(lines[:i+1], nil)...), bytes.Join(lines[i:], nil)...)
		altered := bytes.Replace(clean, line, bytes.Replace(line, []byte("1"), []byte("2"), 1), 1)
		if i == len(lines)-1 {
			twice = nil // whoever reads stops at the end
		}
		for name, damaged := range map[string][]byte{"left out": without, "twice": twice, "altered": altered} {
			if says, ok := verifies(t, damaged); ok {
				t.Errorf("line %d %s: %s", i+1, name, says)
			}
		}
	}
}

func export(t *testing.T, s *testserver.Server, merchant string) []byte {
	t.Helper()
	var out bytes.Buffer
	if _, _, err := audit.Export(t.Context(), db.New(s.Pool), &merchant, &out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
