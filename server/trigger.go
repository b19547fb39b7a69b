package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"
)

type triggerCommand struct {
	Event  string `arg:"" help:"The event to make happen, such as payout.returned."`
	URL    string `help:"A running sandbox; when absent, the one of sandbox.env in the data directory." env:"ANTON_URL" placeholder:"URL"`
	APIKey string `help:"The merchant's key; when absent, the one of sandbox.env." env:"ANTON_API_KEY" placeholder:"KEY"`
	Data   string `help:"The server's data directory." default:"./data" env:"ANTON_DATA" type:"path" placeholder:"DIR"`
}

// Help lists what can be made to happen.
func (triggerCommand) Help() string {
	return "Makes a beneficiary and a payout in the sandbox, through the public API, so that the event happens, and shows it. All events before\n" +
		"it happen as well, as they would. Use it beside \"anton listen\".\n\nEvents: " + strings.Join(slices.Sorted(maps.Keys(plays)), ", ") + "."
}

// A play is what is done in the sandbox for an event: an account and an amount that play a part, and what is done with the payout.
type play struct {
	account    string // its last four digits; 5555 when empty
	first      string // name; Maria when empty
	last       string
	amount     string // 25.00 when empty
	noPayout   bool
	after      string // the status to wait for before then
	then, body string // a call, with {id} for the payout's and {beneficiary} for the beneficiary's
}

var plays = map[string]play{
	"beneficiary.created":     {noPayout: true},
	"beneficiary.updated":     {noPayout: true, then: "PATCH /v1/beneficiaries/{beneficiary}", body: `{"metadata":{"touched":"yes"}}`},
	"beneficiary.archived":    {noPayout: true, then: "POST /v1/beneficiaries/{beneficiary}/archive", body: `{}`},
	"payout.created":          {},
	"payout.screening":        {},
	"payout.pending_approval": {},
	"payout.approved":         {},
	"payout.processing":       {},
	"payout.sent":             {},
	"payout.completed":        {},
	"payout.failed":           {account: "0001"},
	"payout.returned":         {account: "0002"},
	"payout.screening_failed": {first: "Helene", last: "Niemand"},
	"payout.velocity_blocked": {amount: "1414.14"},
	"payout.manual_review":    {amount: "1313.13"},
	"payout.cancelled":        {amount: "1313.13", after: "manual_review", then: "POST /v1/payouts/{id}/cancel", body: `{"reason":"Triggered"}`},
	"payout.late_return":      {after: "completed", then: "POST /v1/sandbox/payouts/{id}/advance", body: `{"outcome":"returned"}`},
}

// Run makes the event happen and shows it.
func (c *triggerCommand) Run(ctx context.Context) error {
	p, ok := plays[c.Event]
	if !ok {
		return fmt.Errorf("%s cannot be triggered; these can: %s", c.Event, strings.Join(slices.Sorted(maps.Keys(plays)), ", "))
	}
	if file, err := readSandboxFile(c.Data); err == nil {
		if c.URL == "" {
			c.URL = file.URL
		}
		if c.APIKey == "" {
			c.APIKey = file.APIKey
		}
	}
	if c.URL == "" || !answers(ctx, c.URL) {
		return errors.New("no server answers: start one with \"anton serve\", or say where it is with --url")
	}
	t := &trigger{guide: &guide{ctx, c.URL, c.APIKey, io.Discard}, play: p}
	event, err := t.run(c.Event)
	if ctx.Err() != nil {
		return nil //nolint:nilerr // Ctrl-C is no failure
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stdout, "%v happened to %v: %v\n", event["type"], event["object_id"], event["id"])
	return nil
}

type trigger struct {
	*guide
	play
	object, beneficiary string
}

func (t *trigger) run(event string) (map[string]any, error) {
	if err := t.makeBeneficiary(); err != nil {
		return nil, err
	}
	if !t.noPayout {
		payout, err := t.fetch("POST", "/v1/payouts", fmt.Sprintf("trigger-%d", time.Now().UnixNano()), map[string]any{
			"beneficiary_id": t.beneficiary, "amount": orElse(t.amount, "25.00"), "currency": "USD", "reference": "Triggered",
		}, false)
		if err != nil {
			return nil, err
		}
		t.object = fmt.Sprint(payout["id"])
	}
	if t.then != "" {
		if err := t.act(); err != nil {
			return nil, err
		}
	}
	return t.await("the event "+event, "/v1/events?"+url.Values{"object_id": {t.object}, "type": {event}}.Encode(), func(data any) bool {
		list, _ := data.([]any)
		return len(list) > 0
	})
}

func (t *trigger) makeBeneficiary() error {
	made, err := t.fetch("POST", "/v1/beneficiaries", "", map[string]any{
		"type": "individual", "first_name": orElse(t.first, "Maria"), "last_name": orElse(t.last, "Garcia"), "country": "US", "currency": "USD",
		"allow_duplicate": true,
		"bank_account": map[string]any{
			"account_number": fmt.Sprintf("98%06d%s", rand.IntN(1_000_000), orElse(t.account, "5555")), "routing_number": "021000021",
		},
	}, false)
	if err != nil {
		return err
	}
	t.beneficiary = fmt.Sprint(made["id"])
	t.object = t.beneficiary
	return nil
}

// act waits for the payout's status and makes the play's call.
func (t *trigger) act() error {
	if t.after != "" {
		_, err := t.await("the payout to be "+t.after, "/v1/payouts/"+t.object, func(data any) bool {
			payout, _ := data.(map[string]any)
			return payout["status"] == t.after
		})
		if err != nil {
			return err
		}
	}
	method, path, _ := strings.Cut(strings.NewReplacer("{id}", t.object, "{beneficiary}", t.beneficiary).Replace(t.then), " ")
	_, err := t.send(method, path, []byte(t.body))
	return err
}

// await asks until the answer is as wanted, and gives its first object.
func (t *trigger) await(what, path string, wanted func(data any) bool) (map[string]any, error) {
	for deadline := time.Now().Add(time.Minute); ; {
		data, err := t.send("GET", path, nil)
		if err != nil {
			return nil, err
		}
		if wanted(data) {
			if list, ok := data.([]any); ok {
				data = list[0]
			}
			object, _ := data.(map[string]any)
			return object, nil
		}
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("waited a minute for %s", what)
		}
		select {
		case <-t.ctx.Done():
			return nil, t.ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func orElse(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
