package main

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestDemoStartsAServerOfItsOwn follows the guide where nothing runs and nothing was ever there.
func TestDemoStartsAServerOfItsOwn(t *testing.T) {
	t.Parallel()
	binary, err := buildOnce()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute) // a bare machine installs PostgreSQL first
	defer cancel()
	command := exec.CommandContext(ctx, binary, "demo")
	command.Env = append(os.Environ(), "ANTON_DATA="+t.TempDir())
	out, err := command.CombinedOutput()
	if err != nil || !strings.Contains(string(out), `"to": "completed"`) {
		t.Errorf("it ended with %v: %s", err, out)
	}
}
