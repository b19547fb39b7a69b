package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/antonpayments/anton/server/assembly"
	"github.com/antonpayments/anton/server/crypto"
	"github.com/antonpayments/anton/server/postgres"
	"github.com/antonpayments/anton/server/testserver"
)

// keysetEnv is a fresh database, as the environment of commands.
func keysetEnv(t *testing.T) []string {
	t.Helper()
	database := testserver.Database(t)
	return []string{"DATABASE_URL=" + testserver.DSN(t, "anton_app", database), "ANTON_MIGRATE_URL=" + testserver.DSN(t, "anton_owner", database)}
}

func mustRun(t *testing.T, env []string, args ...string) string {
	t.Helper()
	out, told, err := anton(t, env, args...)
	if err != nil {
		t.Fatalf("%v: %v: %s %s", args, err, out, told)
	}
	return out + told
}

// keysOf gives the keys that `keyset status` shows, oldest first.
func keysOf(t *testing.T, env []string) []keyStatus {
	t.Helper()
	var status struct{ Keys []keyStatus }
	out := mustRun(t, env, "keyset", "status", "--json")
	if err := json.Unmarshal([]byte(out), &status); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return status.Keys
}

// TestAKeysetIsRotatedUnderARunningServer goes through the runbook of docs/operations-keys.md.
func TestAKeysetIsRotatedUnderARunningServer(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "keyset.json")
	env := append(keysetEnv(t), "ANTON_KEYSET="+file)
	if out := mustRun(t, env, "keyset", "generate", "--out", file); strings.Contains(out, "keyData") || !strings.Contains(out, "new keyset") {
		t.Errorf("generate: %s", out)
	}
	if _, told, err := anton(t, env, "keyset", "generate", "--out", file); err == nil || !strings.Contains(told, "never overwritten") {
		t.Errorf("generate over it: %v: %s", err, told)
	}
	server := start(t, t.TempDir(), env...)
	maria := server.must(t, "POST", "/v1/beneficiaries", "", testserver.Maria)["id"].(string)
	old := keysOf(t, env)[0]
	if old.State != "primary" || old.Rows < 2 {
		t.Errorf("the first key: %+v", old)
	}
	mustRun(t, env, "keyset", "rotate", "--stage")
	hangup := func() {
		t.Helper()
		if err := server.command.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	hangup()
	fresh := keysOf(t, env)[1]
	if fresh.State != "reads" || fresh.Rows != 0 {
		t.Errorf("the staged key: %+v", fresh)
	}
	mustRun(t, env, "keyset", "promote", fmt.Sprint(fresh.ID))
	hangup()
	for i, deadline := 0, time.Now().Add(time.Minute); keysOf(t, env)[1].Rows == 0; i++ { // the server takes it in its own time
		if time.Now().After(deadline) {
			t.Fatalf("the server does not encrypt with the new key: %+v", keysOf(t, env))
		}
		server.must(t, "POST", "/v1/beneficiaries", "", strings.Replace(testserver.Maria, "9876543210", fmt.Sprint(8876543210+i), 1))
	}
	if _, told, err := anton(t, env, "keyset", "retire", fmt.Sprint(old.ID)); err == nil || !strings.Contains(told, "still need the key") {
		t.Errorf("retire a key that rows need: %v: %s", err, told)
	}
	if _, told, err := anton(t, append(env, "ANTON_MIGRATE_URL="), "keyset", "reencrypt"); err == nil || !strings.Contains(told, "--migrate-url") {
		t.Errorf("re-encrypt as the role that serves: %v: %s", err, told)
	}
	if out := mustRun(t, env, "keyset", "reencrypt"); !strings.Contains(out, "rows were re-encrypted") {
		t.Errorf("reencrypt: %s", out)
	}
	if out := mustRun(t, env, "keyset", "retire", fmt.Sprint(old.ID)); !strings.Contains(out, "is gone") {
		t.Errorf("retire: %s", out)
	}
	if left := keysOf(t, env); len(left) != 1 || left[0].ID != fresh.ID || left[0].State != "primary" {
		t.Errorf("left: %+v", left)
	}
	hangup()
	if pii := server.must(t, "GET", "/v1/beneficiaries/"+maria+"/pii", "", ""); pii["email"] != "maria.garcia@example.com" {
		t.Errorf("Maria's data: %v", pii)
	}
	// A keyset that is broken, or another one, is not taken: the server goes on with what it has.
	if err := os.WriteFile(file, []byte(`{"encryption":`), 0o600); err != nil {
		t.Fatal(err)
	}
	hangup()
	server.must(t, "GET", "/v1/beneficiaries/"+maria+"/pii", "", "")
	server.stop(t)
}

// TestAKilledReencryptionGoesOn kills the command in the middle of 30,000 rows of a sandbox, whose keyset is in its database.
func TestAKilledReencryptionGoesOn(t *testing.T) {
	t.Parallel()
	binary, err := buildOnce()
	if err != nil {
		t.Fatal(err)
	}
	env := keysetEnv(t)
	owner, err := postgres.OpenPool(t.Context(), strings.TrimPrefix(env[1], "ANTON_MIGRATE_URL="))
	if err != nil {
		t.Fatal(err)
	}
	defer owner.Close()
	keys, err := assembly.SandboxKeys(t.Context(), owner)
	if err != nil {
		t.Fatal(err)
	}
	const rows = 30_000
	var names []string
	var sealed [][]byte
	for i := range rows {
		names = append(names, fmt.Sprintf("key-%06d", i))
		text, err := keys.Seal(crypto.Place{Merchant: "mer_a", Object: names[i], Field: "idempotency_keys.response"}, []byte(names[i]))
		if err != nil {
			t.Fatal(err)
		}
		sealed = append(sealed, text)
	}
	_, err = owner.Exec(t.Context(), `insert into idempotency_keys (owner_id, key, method, request_hash, response, created_at)
		select 'mer_a', k, 'm', '\x00', r, now() from unnest($1::text[], $2::bytea[]) x(k, r)`, names, sealed)
	if err != nil {
		t.Fatal(err)
	}
	mustRun(t, env, "keyset", "rotate")
	moved := func() (n int) {
		t.Helper()
		if err := owner.QueryRow(t.Context(), "select count(*) from idempotency_keys where substring(response from 1 for 5) <> $1",
			crypto.PrefixOf(keys.Primary())).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	for _, end := range []os.Signal{syscall.SIGKILL, os.Interrupt} {
		was := moved()
		command := exec.Command(binary, "keyset", "reencrypt")
		command.Env = append(os.Environ(), env...)
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(time.Minute); moved() == was && time.Now().Before(deadline); {
			time.Sleep(time.Millisecond)
		}
		if err := command.Process.Signal(end); err != nil {
			t.Logf("it ended before %v: %v", end, err)
		}
		t.Logf("%v: %v, %d of %d rows", end, command.Wait(), moved(), rows)
	}
	mustRun(t, env, "keyset", "reencrypt")
	if n := moved(); n != rows {
		t.Errorf("%d of %d rows were re-encrypted", n, rows)
	}
	renewed, err := assembly.SandboxKeys(t.Context(), owner)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range []int{0, rows / 2, rows - 1} {
		var text []byte
		if err := owner.QueryRow(t.Context(), "select response from idempotency_keys where key = $1", names[i]).Scan(&text); err != nil {
			t.Fatal(err)
		}
		opened, err := renewed.Open(crypto.Place{Merchant: "mer_a", Object: names[i], Field: "idempotency_keys.response"}, text)
		if err != nil || string(opened) != names[i] {
			t.Errorf("%s opens as %q, %v", names[i], opened, err)
		}
	}
}

func TestKeysetMistakesEndInOneSentence(t *testing.T) {
	t.Parallel()
	dir, env := t.TempDir(), keysetEnv(t)
	name := func(file string) string { return filepath.Join(dir, file) }
	write := func(file string, text []byte, mode os.FileMode) {
		t.Helper()
		if err := os.WriteFile(name(file), text, mode); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{"right", "other"} {
		mustRun(t, env, "keyset", "generate", "--out", name(file))
	}
	right, err := os.ReadFile(name("right"))
	if err != nil {
		t.Fatal(err)
	}
	sandbox, err := crypto.GenerateSandbox()
	if err != nil {
		t.Fatal(err)
	}
	write("truncated", right[:len(right)/2], 0o600)
	write("open", right, 0o644)
	if err := os.Chmod(name("open"), 0o644); err != nil { // whatever the umask
		t.Fatal(err)
	}
	write("sandbox", sandbox, 0o600)
	mustRun(t, env, "migrate")
	env = slices.Clip(env) // each case appends its own
	live := slices.Clip(append(env, "ANTON_ENV=live", "ANTON_SCREENING_HIT_FUNDS=release", "ANTON_HTTP_ADDR=127.0.0.1:0", "ANTON_GRPC_ADDR=127.0.0.1:0", "ANTON_ADMIN_ADDR=127.0.0.1:0"))
	claim, err := crypto.File{Path: name("right")}.Read()
	if err != nil {
		t.Fatal(err)
	}
	keys, err := claim.Keys()
	if err != nil {
		t.Fatal(err)
	}
	pool, err := postgres.OpenPool(t.Context(), strings.TrimPrefix(env[0], "DATABASE_URL="))
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	if err := assembly.ClaimKeyset(t.Context(), pool, keys); err != nil {
		t.Fatal(err)
	}
	for what, tt := range map[string]struct {
		env  []string
		args []string
		says string
	}{
		"another keyset":      {append(live, "ANTON_KEYSET="+name("other")), []string{"serve"}, "not the one that this database was begun with"},
		"half a keyset":       {append(live, "ANTON_KEYSET="+name("truncated")), []string{"serve"}, "no keyset, or not a whole one"},
		"an open keyset":      {append(live, "ANTON_KEYSET="+name("open")), []string{"serve"}, "chmod 600"},
		"a sandbox's keyset":  {append(live, "ANTON_KEYSET="+name("sandbox")), []string{"serve"}, "is a sandbox's"},
		"no such file":        {append(live, "ANTON_KEYSET="+name("none")), []string{"serve"}, "no such file"},
		"a KMS that is none":  {append(live, "ANTON_KEYSET="+name("right"), "ANTON_KEYSET_KMS_URI=aws-kms://x"), []string{"serve"}, "must look like hcvault://"},
		"not encrypted":       {append(live, "ANTON_KEYSET="+name("right"), "ANTON_KEYSET_KMS_URI=hcvault://127.0.0.1:1/transit/keys/a"), []string{"serve"}, "is not encrypted"},
		"live without a file": {live, []string{"keyset", "rotate"}, "name it with --keyset"},
		"no keyset anywhere":  {env, []string{"keyset", "status"}, "keeps no keyset"},
		"promote nothing":     {append(env, "ANTON_KEYSET="+name("right")), []string{"keyset", "promote", "7"}, "has no key 7"},
		"retire the primary":  {append(env, "ANTON_KEYSET="+name("right")), []string{"keyset", "retire", fmt.Sprint(claim.Primary())}, "is the primary"},
	} {
		out, told, err := anton(t, tt.env, tt.args...)
		if err == nil || !strings.Contains(told, tt.says) || strings.Contains(told, "goroutine") || strings.Contains(out+told, "keyData") {
			t.Errorf("%s: %v: %s %s", what, err, out, told)
		}
		if lines := strings.Split(strings.TrimSpace(told), "\n"); len(lines) > 1 {
			t.Errorf("%s: more than one sentence: %s", what, told)
		}
	}
}
