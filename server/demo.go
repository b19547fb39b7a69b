package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

type demoCommand struct {
	URL    string `help:"A running server; when absent, the one of sandbox.env in the data directory, and when that does not answer either, one is started for the demo." env:"ANTON_URL" placeholder:"URL"`
	APIKey string `help:"The merchant's key; when absent, the one of sandbox.env." env:"ANTON_API_KEY" placeholder:"KEY"`
	Data   string `help:"The server's data directory." default:"./data" env:"ANTON_DATA" type:"path" placeholder:"DIR"`
}

// Run follows the guide: balance, beneficiary, payout, tracking, each step as a real request that it shows.
func (c *demoCommand) Run(ctx context.Context) error {
	asked := c.URL != ""
	if file, err := readSandboxFile(c.Data); err == nil {
		if c.URL == "" {
			c.URL = file.URL
		}
		if c.APIKey == "" {
			c.APIKey = file.APIKey
		}
	}
	if c.URL != "" && answers(ctx, c.URL) {
		return (&guide{ctx, c.URL, c.APIKey, os.Stdout}).follow()
	}
	if asked {
		return fmt.Errorf("no server answers at %s", c.URL)
	}
	fmt.Println("No server answers; starting one for the demo.")
	s := &settings{}
	if err := kong.ApplyDefaults(s); err != nil { // those of anton serve, also of settings that come later
		return err
	}
	s.Data, s.Environment, s.LogLevel = c.Data, "test", "warn"
	s.HTTPAddr, s.GRPCAddr, s.AdminAddr = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var outcome error
	err := serve(ctx, s, io.Discard, func(sandbox *sandboxFile) {
		go func() {
			defer stop()
			outcome = (&guide{ctx, sandbox.URL, sandbox.APIKey, os.Stdout}).follow()
		}()
	})
	return errors.Join(err, outcome)
}

func answers(ctx context.Context, url string) bool {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/readyz", nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// guide is the walk through "Send a payout".
type guide struct {
	ctx      context.Context
	url, key string
	out      io.Writer
}

func (g *guide) follow() error {
	g.say("1. Check your balance")
	if _, err := g.call("GET", "/v1/balances/USD", "", nil); err != nil {
		return err
	}
	g.say("2. Create a beneficiary")
	// Another account each time: the same name and account would be a duplicate.
	beneficiary, err := g.call("POST", "/v1/beneficiaries", "", map[string]any{
		"type": "individual", "first_name": "Maria", "last_name": "Garcia", "email": "maria.garcia@example.com",
		"country": "US", "currency": "USD",
		"bank_account": map[string]any{"account_number": fmt.Sprintf("9876%05d5", rand.IntN(100_000)), "routing_number": "021000021"},
	})
	if err != nil {
		return err
	}
	g.say("3. Send the payout")
	order := map[string]any{
		"beneficiary_id": beneficiary["id"], "amount": "2500.00", "currency": "USD",
		"description": "Consulting fee - January 2026", "reference": "INV-1042",
	}
	key := "invoice-1042-maria-" + time.Now().UTC().Format("20060102T150405.000")
	payout, err := g.call("POST", "/v1/payouts", key, order)
	if err != nil {
		return err
	}
	g.say("   Sent again with the same Idempotency-Key, it is the same payout:")
	again, err := g.call("POST", "/v1/payouts", key, order)
	if err != nil {
		return err
	}
	if again["id"] != payout["id"] {
		return fmt.Errorf("the retry made another payout: %v and %v", payout["id"], again["id"])
	}
	g.say("   Its money is held:")
	if _, err := g.call("GET", "/v1/balances/USD", "", nil); err != nil {
		return err
	}
	g.say("4. Track the payout")
	return g.track(fmt.Sprint(payout["id"]))
}

// track waits for the payout's end and shows how it got there.
func (g *guide) track(id string) error {
	seen := ""
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		payout, err := g.fetch("GET", "/v1/payouts/"+id, "", nil, false)
		if err != nil {
			return err
		}
		status := fmt.Sprint(payout["status"])
		if status != seen {
			fmt.Fprintf(g.out, "   %s  %s\n", time.Now().UTC().Format("15:04:05.000"), status)
			seen = status
		}
		if status == "completed" {
			break
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the payout is still %s after 30 seconds", status)
		}
	}
	g.say("\n   Every step, with the event that told it:")
	if _, err := g.call("GET", "/v1/payouts/"+id+"/timeline", "", nil); err != nil {
		return err
	}
	g.say("   The money has left:")
	_, err := g.call("GET", "/v1/balances/USD", "", nil)
	return err
}

func (g *guide) say(text string) { fmt.Fprintf(g.out, "\n%s\n\n", text) }

// call makes a request and shows it with its answer.
func (g *guide) call(method, path, key string, body any) (map[string]any, error) {
	return g.fetch(method, path, key, body, true)
}

func (g *guide) fetch(method, path, key string, body any, show bool) (map[string]any, error) {
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return nil, err
		}
	}
	data, err := g.request(method, path, key, text, show)
	object, _ := data.(map[string]any)
	return object, err
}

// send makes a request without showing it, and gives the answer's data.
func (g *guide) send(method, path string, body []byte) (any, error) {
	return g.request(method, path, "", body, false)
}

func (g *guide) request(method, path, key string, text []byte, show bool) (any, error) {
	req, err := http.NewRequestWithContext(g.ctx, method, g.url+path, bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+g.key)
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return nil, err
	}
	if show {
		g.show(req, key, text, resp, answer)
	}
	if resp.StatusCode >= 300 {
		return nil, fmt.Errorf("%s %s answered %s: %s", method, path, resp.Status, answer)
	}
	var envelope struct{ Data any }
	if err := json.Unmarshal(answer, &envelope); err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	return envelope.Data, nil
}

func (g *guide) show(req *http.Request, key string, body []byte, resp *http.Response, answer []byte) {
	fmt.Fprintf(g.out, "   > %s %s\n", req.Method, req.URL.Path)
	if key != "" {
		fmt.Fprintf(g.out, "   > Idempotency-Key: %s\n", key)
	}
	if len(body) > 0 {
		g.indent("   > ", body)
	}
	fmt.Fprintf(g.out, "   < %s\n", resp.Status)
	if replayed := resp.Header.Get("X-Idempotent-Replayed"); replayed != "" {
		fmt.Fprintf(g.out, "   < X-Idempotent-Replayed: %s\n", replayed)
	}
	g.indent("   < ", answer)
	fmt.Fprintln(g.out)
}

func (g *guide) indent(prefix string, text []byte) {
	var pretty bytes.Buffer
	if json.Indent(&pretty, text, "", "  ") != nil {
		pretty.Write(text)
	}
	for line := range strings.Lines(pretty.String()) {
		fmt.Fprint(g.out, prefix, strings.TrimRight(line, "\n"), "\n")
	}
}
