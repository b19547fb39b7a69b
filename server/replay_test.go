package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/antonpayments/anton/server/risk"
	"github.com/antonpayments/anton/server/testserver"
)

// TestReplay recomputes a payout's verdict, and tries a model on it that reviews every first payout.
func TestReplay(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	maria := m.Beneficiary(t, "Garcia", "9876543210")
	payout := m.Payout(t, maria, "2500.00", "first")
	forced := m.Payout(t, maria, "1313.13", "reviewed")
	s.Work()
	env := []string{"DATABASE_URL=" + testserver.DSN(t, "anton_app", s.Database)}
	if out := mustRun(t, env, "engine", "replay", "--payout", payout); !strings.Contains(out, "the same") || !strings.Contains(out, "first_payout_to_beneficiary") {
		t.Errorf("recomputed: %s", out)
	}

	strict := *risk.Latest()
	strict.Version = "draft"
	strict.ReviewFrom = map[risk.Tier]int{risk.Low: 1, risk.Standard: 1, risk.Elevated: 1, risk.High: 1}
	text, err := json.Marshal(strict)
	if err != nil {
		t.Fatal(err)
	}
	draft := filepath.Join(t.TempDir(), "draft.json")
	if err := os.WriteFile(draft, text, 0o600); err != nil {
		t.Fatal(err)
	}
	out := mustRun(t, env, "engine", "replay", "--model", draft, "--from", "2026-02-01", "--to", "2026-03-01", "--merchant", m.Merchant)
	if !strings.Contains(out, "Model draft on 2 verdicts") || !strings.Contains(out, payout) || strings.Contains(out, forced) {
		t.Errorf("tried a draft: %s", out)
	}
	if !regexp.MustCompile(`(?m)^clear +review +1$`).MatchString(out) || !regexp.MustCompile(`(?m)^review +review +1$`).MatchString(out) {
		t.Errorf("what goes where: %s", out)
	}
	if out := mustRun(t, env, "engine", "replay", "--model", draft, "--from", "2026-02-01", "--to", "2026-03-01", "--most", "1"); !strings.Contains(out, "on 1 verdicts") || !strings.Contains(out, "1 more were not looked at") {
		t.Errorf("tried on one payout at most: %s", out)
	}
	if out := mustRun(t, env, "engine", "replay", "--model", draft, "--from", "2026-03-01", "--to", "2026-03-02"); !strings.Contains(out, "on 0 verdicts") {
		t.Errorf("tried on another month: %s", out)
	}
	if out := mustRun(t, env, "engine", "replay", "--model", risk.Latest().Version, "--from", "2026-02-01", "--to", "2026-03-01"); strings.Contains(out, payout) {
		t.Errorf("the model in use changes something: %s", out)
	}

	for _, wrong := range [][]string{{}, {"--payout", payout, "--model", draft}, {"--model", "1999-01"}, {"--payout", "pay_none"}, {"--model", draft, "--most", "0"}} {
		if _, told, err := anton(t, env, append([]string{"engine", "replay"}, wrong...)...); err == nil || strings.Contains(told, "goroutine") {
			t.Errorf("%v: %v: %s", wrong, err, told)
		}
	}
	if _, told, err := anton(t, append(env, "ANTON_RISK_MODEL=1999-01"), "serve"); err == nil || !strings.Contains(told, "ANTON_RISK_MODEL") {
		t.Errorf("an unknown model: %v: %s", err, told)
	}

	if _, err := s.Owner.Exec(t.Context(), `update verdicts set inputs = jsonb_set(inputs, '{risk,beneficiary,returned}', '5') where payout_id = $1`, payout); err != nil {
		t.Fatal(err)
	}
	if out, _, err := anton(t, env, "engine", "replay", "--payout", payout); err == nil || !strings.Contains(out, "DIFFERENT") {
		t.Errorf("a verdict that was tampered with: %v: %s", err, out)
	}
}
