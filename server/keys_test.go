package main

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/antonpayments/anton/server/crypto"
	"github.com/antonpayments/anton/server/testserver"
)

// anton runs the command and gives what it wrote.
func anton(t *testing.T, env []string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	binary, err := buildOnce()
	if err != nil {
		t.Fatal(err)
	}
	var out, problems bytes.Buffer
	command := exec.CommandContext(t.Context(), binary, args...)
	command.Env = append(os.Environ(), env...)
	command.Stdout, command.Stderr = &out, &problems
	err = command.Run()
	return out.String(), problems.String(), err
}

// TestTheFirstKeyOfALiveServerComesFromTheCommandLine goes the way of whoever sets a live server up: an empty database, a keyset, a
// key, the server.
func TestTheFirstKeyOfALiveServerComesFromTheCommandLine(t *testing.T) {
	t.Parallel()
	database := testserver.Database(t)
	env := []string{"DATABASE_URL=" + testserver.DSN(t, "anton_app", database), "ANTON_MIGRATE_URL=" + testserver.DSN(t, "anton_owner", database)}

	key, told, err := anton(t, env, "keys", "create", "--name", "First admin")
	if err != nil || !regexp.MustCompile(`^ak_ops_[A-Z0-9]+\n$`).MatchString(key) || !strings.Contains(told, "cannot be shown again") {
		t.Fatalf("create: %v, %q, %q", err, key, told)
	}
	key = strings.TrimSpace(key)
	list, _, err := anton(t, env, "keys", "list")
	id := regexp.MustCompile(`key_[a-z0-9]{20}`).FindString(list)
	if err != nil || id == "" || !strings.Contains(list, "First admin") || strings.Contains(list, key) {
		t.Fatalf("list: %v, %s", err, list)
	}
	if _, told, err := anton(t, env, "keys", "revoke", id); err == nil || !strings.Contains(told, "last one of an admin") {
		t.Errorf("revoke the last admin: %v, %s", err, told)
	}

	url, stop := serveLive(t, env)
	send := func() int {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/ops/v1/operator-keys", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+key)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		return resp.StatusCode
	}
	if status := send(); status != http.StatusOK {
		t.Errorf("the key is answered %d", status)
	}
	if _, told, err := anton(t, env, "keys", "create", "--name", "Second admin"); err != nil {
		t.Errorf("a second key beside the running server: %v, %s", err, told)
	}
	if out, told, err := anton(t, env, "keys", "revoke", id); err != nil || !strings.Contains(out, "is revoked") {
		t.Errorf("revoke: %v, %s %s", err, out, told)
	}
	since := time.Now()
	for range time.Tick(20 * time.Millisecond) {
		sent := time.Since(since)
		if send() == http.StatusUnauthorized {
			break
		}
		if sent > time.Second {
			t.Fatal("the revoked key works after a second")
		}
	}
	stop()
	if list, _, err := anton(t, env, "keys", "list"); err != nil || strings.Contains(strings.SplitN(list+"\n\n\n", "\n", 4)[2], "never") {
		t.Errorf("the server stopped without writing when the key was used: %v\n%s", err, list)
	}
	env = append(env, "ANTON_HTTP_ADDR=127.0.0.1:0", "ANTON_GRPC_ADDR=127.0.0.1:0", "ANTON_ADMIN_ADDR=127.0.0.1:0", "ANTON_DATA="+t.TempDir())
	if _, told, err := anton(t, env, "serve"); err == nil || !strings.Contains(told, "belongs to live") {
		t.Errorf("a sandbox on the live database: %v, %s", err, told)
	}
}

// serveLive runs a live server in this process, with a keyset of its own.
func serveLive(t *testing.T, env []string) (url string, stop func()) {
	t.Helper()
	keyset, err := crypto.Generate()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "keyset.json")
	if err := os.WriteFile(file, keyset, 0o600); err != nil {
		t.Fatal(err)
	}
	s := &settings{
		database:    database{DSN: strings.TrimPrefix(env[0], "DATABASE_URL="), MigrateDSN: strings.TrimPrefix(env[1], "ANTON_MIGRATE_URL=")},
		Environment: "live", HTTPAddr: "127.0.0.1:0", GRPCAddr: "127.0.0.1:0", AdminAddr: "127.0.0.1:0", Keyset: file, HitFunds: "keep_held", FxMaxAge: 4, LogLevel: "error",
	}
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan struct{}), make(chan error, 1)
	var out bytes.Buffer
	go func() { ended <- serve(ctx, s, &out, func(*sandboxFile) { close(ready) }) }()
	select {
	case <-ready:
	case err := <-ended:
		t.Fatalf("the live server ended: %v", err)
	}
	stop = func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the live server ended: %v", err)
		}
	}
	return regexp.MustCompile(`http://[0-9.:]+`).FindString(out.String()), stop
}

func TestKeysSayHowTheyAreUsed(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"keys", "--help"}, {"keys", "create", "--help"}, {"keys", "list", "--help"}, {"keys", "revoke", "--help"}} {
		if out, told, err := anton(t, nil, args...); err != nil || !strings.Contains(out, "key") {
			t.Errorf("%v: %v, %s %s", args, err, out, told)
		}
	}
	if _, told, err := anton(t, nil, "keys", "create"); err == nil || !strings.Contains(told, "--name") {
		t.Errorf("without a name: %v, %s", err, told)
	}
	if _, told, err := anton(t, nil, "keys", "create", "--name", "x", "--role", "king"); err == nil || !strings.Contains(told, "viewer") {
		t.Errorf("an unknown role: %v, %s", err, told)
	}
}
