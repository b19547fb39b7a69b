package beneficiaries_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"testing"

	"github.com/antonpayments/anton/server/testserver"
)

func TestMain(m *testing.M) { testserver.Main(m) }

func patch(t *testing.T, c *testserver.Client, path, body string) testserver.Answer {
	t.Helper()
	return c.Do(t, http.MethodPatch, path, nil, body)
}

func remove(t *testing.T, c *testserver.Client, path string) testserver.Answer {
	t.Helper()
	return c.Do(t, http.MethodDelete, path, nil, "")
}

// ok gives the object of an answer that succeeded.
func ok(t *testing.T, a testserver.Answer) map[string]any {
	t.Helper()
	if a.Status != http.StatusOK && a.Status != http.StatusCreated {
		t.Fatalf("%d %s", a.Status, a.Raw)
	}
	return a.Data()
}

// refused fails the test unless the answer is a refusal with the status, the code and the fields.
func refused(t *testing.T, what string, a testserver.Answer, status int, code string, fields ...string) {
	t.Helper()
	if a.Status != status || a.Code() != code || !slices.Equal(a.Fields(), fields) {
		t.Errorf("%s: answered %d %s, want %d %s %v", what, a.Status, a.Raw, status, code, fields)
	}
}

func create(t *testing.T, c *testserver.Client, body string) string {
	t.Helper()
	return ok(t, c.Post(t, "/v1/beneficiaries", "", body))["id"].(string)
}

// with is Maria with other fields; a nil takes a field away.
func with(fields map[string]any) string {
	var all map[string]any
	if err := json.Unmarshal([]byte(testserver.Maria), &all); err != nil {
		panic(err)
	}
	for name, value := range fields {
		if all[name] = value; value == nil {
			delete(all, name)
		}
	}
	text, err := json.Marshal(all)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func account(number string) map[string]any {
	return map[string]any{"account_number": number, "routing_number": "021000021"}
}

// addAccount adds an American account to a beneficiary and gives the instrument's id.
func addAccount(t *testing.T, c *testserver.Client, beneficiary, number string, makeDefault bool) string {
	t.Helper()
	body, err := json.Marshal(map[string]any{"bank_account": account(number), "make_default": makeDefault})
	if err != nil {
		t.Fatal(err)
	}
	return ok(t, c.Post(t, "/v1/beneficiaries/"+beneficiary+"/instruments", "", string(body)))["id"].(string)
}

// events are the types of an object's events, oldest first. Their numbers must have no gap.
func events(t *testing.T, c *testserver.Client, object string) []string {
	t.Helper()
	list := c.Get(t, "/v1/events?limit=100&object_id="+object).List()
	slices.SortFunc(list, func(a, b map[string]any) int { return int(a["sequence"].(float64) - b["sequence"].(float64)) })
	var types []string
	for i, e := range list {
		if e["sequence"] != float64(i+1) {
			t.Errorf("event %d of %s has the number %v", i+1, object, e["sequence"])
		}
		types = append(types, e["type"].(string))
	}
	return types
}

// audited are the actions of the audit log about an object, oldest first.
func audited(t *testing.T, s *testserver.Server, object string) []string {
	t.Helper()
	var actions []string
	for _, row := range s.Ops().Get(t, "/ops/v1/audit?limit=100&object_id="+object).List() {
		actions = append(actions, row["action"].(string))
	}
	slices.Reverse(actions)
	return actions
}

// block does what compliance does.
func block(t *testing.T, s *testserver.Server, beneficiary string) {
	t.Helper()
	var merchant string
	if err := s.Owner.QueryRow(t.Context(), "select merchant_id from beneficiaries where id = $1", beneficiary).Scan(&merchant); err != nil {
		t.Fatal(err)
	}
	got := s.Ops().Post(t, "/ops/v1/merchants/"+merchant+"/beneficiaries/"+beneficiary+"/block", "", `{"reason":"A court ordered it"}`)
	if got.Status != http.StatusOK {
		t.Fatalf("block %s: %d %s", beneficiary, got.Status, got.Raw)
	}
}
