package testserver

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"
)

// A Client speaks REST with one key.
type Client struct {
	Merchant string // empty for an operator
	Key      string
	server   *Server
}

// An Answer is what REST answered.
type Answer struct {
	Status int
	Header http.Header
	Raw    []byte
	Body   map[string]any
}

// Data is the answer's object.
func (a Answer) Data() map[string]any {
	data, _ := a.Body["data"].(map[string]any)
	return data
}

// List is the answer's objects.
func (a Answer) List() []map[string]any {
	items, _ := a.Body["data"].([]any)
	var all []map[string]any
	for _, item := range items {
		object, _ := item.(map[string]any)
		all = append(all, object)
	}
	return all
}

// Code is the error's code; empty for a success.
func (a Answer) Code() string {
	e, _ := a.Body["error"].(map[string]any)
	code, _ := e["code"].(string)
	return code
}

// Message is the error's sentence; empty for a success.
func (a Answer) Message() string {
	e, _ := a.Body["error"].(map[string]any)
	message, _ := e["message"].(string)
	return message
}

// Fields are the fields that the error names.
func (a Answer) Fields() []string {
	e, _ := a.Body["error"].(map[string]any)
	details, _ := e["details"].([]any)
	var fields []string
	for _, d := range details {
		field, _ := d.(map[string]any)["field"].(string)
		fields = append(fields, field)
	}
	return fields
}

// Ops is the sandbox's operator.
func (s *Server) Ops() *Client { return &Client{Key: s.OpsKey, server: s} }

// Merchant makes a merchant with sandbox funds and a key of every scope, or of the scopes given.
func (s *Server) Merchant(t testing.TB, scopes ...string) *Client {
	t.Helper()
	created := s.Ops().Post(t, "/ops/v1/merchants", "", `{"name":"Test Merchant Ltd","country":"GB","rate_limit_multiplier":100}`)
	if created.Status != http.StatusCreated {
		t.Fatalf("create a merchant: %d %s", created.Status, created.Raw)
	}
	return s.KeyFor(t, created.Data()["id"].(string), scopes...)
}

// KeyFor issues a key to the merchant: of every scope, or of the scopes given.
func (s *Server) KeyFor(t testing.TB, merchant string, scopes ...string) *Client {
	t.Helper()
	if len(scopes) == 0 {
		scopes = []string{"full"}
	}
	body, err := json.Marshal(map[string]any{"name": "Test key", "scopes": scopes})
	if err != nil {
		t.Fatal(err)
	}
	issued := s.Ops().Post(t, "/ops/v1/merchants/"+merchant+"/api-keys", "", string(body))
	if issued.Status != http.StatusCreated {
		t.Fatalf("issue a key: %d %s", issued.Status, issued.Raw)
	}
	return &Client{Merchant: merchant, Key: issued.Data()["key"].(string), server: s}
}

// With is a client of the server with any key.
func (s *Server) With(key string) *Client { return &Client{Key: key, server: s} }

// At is the same client on another server of the same database.
func (c *Client) At(s *Server) *Client { return &Client{Merchant: c.Merchant, Key: c.Key, server: s} }

// Get requests a path.
func (c *Client) Get(t testing.TB, path string) Answer {
	t.Helper()
	return c.Do(t, http.MethodGet, path, nil, "")
}

// Post sends JSON, with an Idempotency-Key where one is given.
func (c *Client) Post(t testing.TB, path, idempotencyKey, body string) Answer {
	t.Helper()
	header := http.Header{}
	if idempotencyKey != "" {
		header.Set("Idempotency-Key", idempotencyKey)
	}
	return c.Do(t, http.MethodPost, path, header, body)
}

// Do makes any request. A header of its own called Authorization replaces the client's key.
func (c *Client) Do(t testing.TB, method, path string, header http.Header, body string) Answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, c.server.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+c.Key)
	req.Header.Set("Content-Type", "application/json")
	maps.Copy(req.Header, header)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := Answer{Status: resp.StatusCode, Header: resp.Header, Raw: raw}
	if decoder := json.NewDecoder(bytes.NewReader(raw)); strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json") {
		if err := decoder.Decode(&a.Body); err != nil {
			t.Fatalf("%s %s answered no JSON: %v: %s", method, path, err, raw)
		}
	}
	return a
}

// Maria is the guide's beneficiary.
const Maria = `{
	"type": "individual",
	"first_name": "Maria",
	"last_name": "Garcia",
	"email": "maria.garcia@example.com",
	"country": "US",
	"currency": "USD",
	"bank_account": {
		"account_number": "9876543210",
		"routing_number": "021000021"
	}
}`

// Beneficiary creates a beneficiary with the account number given and returns its id.
func (c *Client) Beneficiary(t testing.TB, lastName, accountNumber string) string {
	t.Helper()
	body := strings.NewReplacer("Garcia", lastName, "9876543210", accountNumber).Replace(Maria)
	created := c.Post(t, "/v1/beneficiaries", "", body)
	if created.Status != http.StatusCreated {
		t.Fatalf("create a beneficiary: %d %s", created.Status, created.Raw)
	}
	return created.Data()["id"].(string)
}

// Payout creates a payout in US dollars and returns its id.
func (c *Client) Payout(t testing.TB, beneficiary, amount, idempotencyKey string) string {
	t.Helper()
	created := c.Post(t, "/v1/payouts", idempotencyKey, `{"beneficiary_id":"`+beneficiary+`","amount":"`+amount+`","currency":"USD"}`)
	if created.Status != http.StatusCreated {
		t.Fatalf("create a payout: %d %s", created.Status, created.Raw)
	}
	return created.Data()["id"].(string)
}

// Status is a payout's status.
func (c *Client) Status(t testing.TB, payout string) string {
	t.Helper()
	got := c.Get(t, "/v1/payouts/"+payout)
	if got.Status != http.StatusOK {
		t.Fatalf("read a payout: %d %s", got.Status, got.Raw)
	}
	return got.Data()["status"].(string)
}
