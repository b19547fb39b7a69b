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
	OpsKey string `help:"The operator's key, for what operators do; when absent, the one of sandbox.env." env:"ANTON_OPS_KEY" placeholder:"KEY"`
	Data   string `help:"The server's data directory." default:"./data" env:"ANTON_DATA" type:"path" placeholder:"DIR"`
}

// Help lists what can be made to happen.
func (triggerCommand) Help() string {
	return "Makes a beneficiary and a payout in the sandbox, through the public API, so that the event happens, and shows it. All events before\n" +
		"it happen as well, as they would. Use it beside \"anton listen\".\n\nEvents: " + strings.Join(slices.Sorted(maps.Keys(plays)), ", ") + "."
}

// A play is what is done in the sandbox for an event: an account and an amount that play a part, and what is done before and after.
type play struct {
	account  string // its last four digits; 5555 when empty
	first    string // name; Maria when empty
	last     string
	amount   string // 25.00 when empty
	noPayout bool
	after    string // the status to wait for before then
	then     []scene
	// balance has the event happen to the balance of USD: its threshold is what is available, until the payout has left.
	balance bool
}

// A scene is a call, with {object} for the id of what the play is about and {beneficiary} for the beneficiary's.
type scene struct {
	path, body string
	operator   bool
	opens      bool // it opens the request for information that the play is about from here on
}

var (
	asks = scene{path: "POST /ops/v1/rfis", operator: true, opens: true, body: `{"merchant_id":"{merchant}","category":"beneficiary_information",
		"entity_type":"beneficiary","entity_id":"{beneficiary}","subject":"Who is this?","description":"Triggered: please tell us more."}`}
	responds  = scene{path: "POST /v1/rfis/{object}/respond", body: `{"response":"Our supplier of many years."}`}
	resolves  = scene{path: "POST /ops/v1/rfis/{object}/resolve", operator: true, body: `{"outcome":"cleared","note":"Triggered"}`}
	reopens   = scene{path: "POST /ops/v1/rfis/{object}/reopen", operator: true, body: `{"note":"Triggered"}`}
	escalates = scene{path: "POST /ops/v1/rfis/{object}/escalate", operator: true, body: `{"note":"Triggered"}`}
)

var plays = map[string]play{
	"balance.low":             {balance: true},
	"beneficiary.created":     {noPayout: true},
	"beneficiary.updated":     {noPayout: true, then: []scene{{path: "PATCH /v1/beneficiaries/{beneficiary}", body: `{"metadata":{"touched":"yes"}}`}}},
	"beneficiary.archived":    {noPayout: true, then: []scene{{path: "POST /v1/beneficiaries/{beneficiary}/archive", body: `{}`}}},
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
	"payout.cancelled":        {amount: "1313.13", after: "manual_review", then: []scene{{path: "POST /v1/payouts/{object}/cancel", body: `{"reason":"Triggered"}`}}},
	"payout.late_return":      {after: "completed", then: []scene{{path: "POST /v1/sandbox/payouts/{object}/advance", body: `{"outcome":"returned"}`}}},
	"rfi.created":             {noPayout: true, then: []scene{asks}},
	"rfi.responded":           {noPayout: true, then: []scene{asks, responds}},
	"rfi.resolved":            {noPayout: true, then: []scene{asks, responds, resolves}},
	"rfi.reopened":            {noPayout: true, then: []scene{asks, responds, reopens}},
	"rfi.escalated":           {noPayout: true, then: []scene{asks, escalates}},
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
		c.APIKey, c.OpsKey = orElse(c.APIKey, file.APIKey), orElse(c.OpsKey, file.OpsKey)
	}
	if c.URL == "" || !answers(ctx, c.URL) {
		return errors.New("no server answers: start one with \"anton serve\", or say where it is with --url")
	}
	t := &trigger{guide: &guide{ctx, c.URL, c.APIKey, io.Discard}, operator: &guide{ctx, c.URL, c.OpsKey, io.Discard}, play: p}
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
	operator *guide
	play
	object, beneficiary, merchant string
}

func (t *trigger) run(event string) (map[string]any, error) {
	if err := t.makeBeneficiary(); err != nil {
		return nil, err
	}
	said := "" // the event of that type that is the newest before this one
	if t.balance {
		t.object = "USD"
		before, err := t.eventsOf(event)
		if err != nil {
			return nil, err
		}
		said = newest(before)
		restore, err := t.warnAtOnce()
		if err != nil {
			return nil, err
		}
		defer restore()
	}
	if !t.noPayout {
		if err := t.makePayout(); err != nil {
			return nil, err
		}
	}
	if err := t.act(); err != nil {
		return nil, err
	}
	return t.await("the event "+event, t.eventPath(event), func(data any) bool { return newest(data) != said })
}

func (t *trigger) eventPath(event string) string {
	return "/v1/events?" + url.Values{"object_id": {t.object}, "type": {event}, "limit": {"1"}}.Encode()
}

func (t *trigger) eventsOf(event string) (any, error) { return t.send("GET", t.eventPath(event), nil) }

// newest is the id of the first event of a list; empty when there is none.
func newest(data any) string {
	list, _ := data.([]any)
	if len(list) == 0 {
		return ""
	}
	event, _ := list[0].(map[string]any)
	return fmt.Sprint(event["id"])
}

// warnAtOnce sets the threshold of the balance of USD to what is available, so that the next payout passes it, and gives what puts
// back the threshold that was there.
func (t *trigger) warnAtOnce() (restore func(), err error) {
	balance, err := t.fetch("GET", "/v1/balances/USD", "", nil, false)
	if err != nil {
		return nil, err
	}
	set := func(ctx context.Context, threshold any) error {
		g := *t.guide
		g.ctx = ctx
		_, err := g.fetch("PATCH", "/v1/balances/USD", "", map[string]any{"low_threshold": threshold}, false)
		return err
	}
	if err := set(t.ctx, balance["available"]); err != nil {
		return nil, err
	}
	return func() {
		// Ctrl-C must not leave a threshold that nobody set.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.ctx), 5*time.Second)
		defer cancel()
		if err := set(ctx, balance["low_threshold"]); err != nil {
			fmt.Fprintln(os.Stderr, "anton: the threshold of USD could not be put back:", err)
		}
	}, nil
}

func (t *trigger) makePayout() error {
	payout, err := t.fetch("POST", "/v1/payouts", fmt.Sprintf("trigger-%d", time.Now().UnixNano()), map[string]any{
		"beneficiary_id": t.beneficiary, "amount": orElse(t.amount, "25.00"), "currency": "USD", "reference": "Triggered",
	}, false)
	if err == nil && !t.balance {
		t.object = fmt.Sprint(payout["id"])
	}
	return err
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

// act waits for the payout's status and makes the play's calls.
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
	for _, s := range t.then {
		if err := t.perform(s); err != nil {
			return err
		}
	}
	return nil
}

func (t *trigger) perform(s scene) error {
	caller := t.guide
	if s.operator {
		if caller = t.operator; caller.key == "" {
			return errors.New("an operator does this: give an operator's key with --ops-key (ANTON_OPS_KEY)")
		}
		merchant, err := t.fetch("GET", "/v1/merchant", "", nil, false)
		if err != nil {
			return err
		}
		t.merchant = fmt.Sprint(merchant["id"])
	}
	names := strings.NewReplacer("{object}", t.object, "{beneficiary}", t.beneficiary, "{merchant}", t.merchant)
	method, path, _ := strings.Cut(names.Replace(s.path), " ")
	made, err := caller.send(method, path, []byte(names.Replace(s.body)))
	if err != nil || !s.opens {
		return err
	}
	opened, _ := made.(map[string]any)
	request, _ := opened["rfi"].(map[string]any)
	t.object = fmt.Sprint(request["id"])
	return nil
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
