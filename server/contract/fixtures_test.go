package contract_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/antonpayments/anton/server/contract"
	"github.com/antonpayments/anton/server/ids"
	"github.com/antonpayments/anton/server/merchants"
	"github.com/antonpayments/anton/server/testserver"
)

func TestMain(m *testing.M) {
	// The tests of one server send many requests at once; the default keeps two connections and opens all others anew.
	http.DefaultTransport.(*http.Transport).MaxIdleConnsPerHost = 64
	testserver.Main(m)
}

// Fields are a request as JSON has it, path parameters included.
type fields = map[string]any

// A tenant is a merchant with one object of each kind and a key of every scope.
type tenant struct {
	*testserver.Client
	beneficiary, instrument, payout, event string
	adjustments
	returned                               string // a payout that the bank sent back
	reviewed                               string // a payout that waits for a reviewer
	archiving, archived, deleting, unused  string // beneficiaries, and an instrument, that no payout uses
	apiKey, rotatedKey                     string // keys that hold keys:write alone, so that a key with this scope may rotate them
	operatorKey                            string // an operator's key that nobody uses
	suspending                             string // a merchant that makes no calls: a suspended one could not
	sanctionsList                          string // a version of the platform's, the same for every tenant
	rule, globalRule                       string // velocity rules: the tenant's, and one of the operator's that nothing else uses
	neighbour                              string // a merchant that is entitled to the engine and does nothing
	approving, cancelling, claiming        string // payouts that wait for a reviewer
	document                               string
	asked, resolving, reopening, escalated string // requests for information, about a beneficiary that no payout uses
	webhook, spareWebhook                  string
	screened
	euros, quote, spareQuote string // an instrument of the beneficiary's that takes euros, and quotes of euros for dollars
	batches
	byFile
	plan, promise string // a plan of the operator's, and a quote of a fee
}

// models are the databases of tests with one tenant and with two. A tenant is made by two hundred calls.
var models = [3]struct {
	once    sync.Once
	model   testserver.Model
	tenants []tenant
}{}

// withTenants starts a server that has the tenants.
func withTenants(t *testing.T, count int) (*testserver.Server, []tenant) {
	t.Helper()
	m := &models[count]
	m.once.Do(func() {
		m.model = testserver.NewModel(t, func(t *testing.T, s *testserver.Server) { m.tenants = newTenants(t, s, count) })
	})
	if len(m.tenants) == 0 {
		t.Fatal("the tenants were not made: the first test that needed them says why")
	}
	s, all := m.model.New(t), slices.Clone(m.tenants)
	for i := range all {
		all[i].Client = all[i].At(s)
	}
	return s, all
}

// withTenant starts a server that has one tenant.
func withTenant(t *testing.T) (*testserver.Server, tenant) {
	t.Helper()
	s, all := withTenants(t, 1)
	return s, all[0]
}

// newTenants makes merchants with their objects. The account numbers lie apart, so that nobody's are another's.
func newTenants(t *testing.T, s *testserver.Server, count int) []tenant {
	t.Helper()
	all := make([]tenant, count)
	for i := range all {
		tn := tenant{Client: s.Merchant(t)}
		tn.beneficiary = tn.Beneficiary(t, "Garcia", fmt.Sprint(7_000_000_001+i))
		tn.instrument = tn.data(t, "/v1/beneficiaries/"+tn.beneficiary)["default_instrument_id"].(string)
		tn.reviewed = tn.Payout(t, tn.beneficiary, "1313.13", "review")
		tn.returned = tn.Payout(t, tn.beneficiary, "30.00", "return")
		tn.adjustments = newAdjustments(t, s, tn.Client)
		for j, to := range []*string{&tn.approving, &tn.cancelling, &tn.claiming} {
			*to = tn.Payout(t, tn.beneficiary, "1313.13", fmt.Sprint("review ", j))
		}
		tn.screened = payListed(t, tn.Client, fmt.Sprint(7_200_000_001+i))
		tn.block(t, s, tn.Client, 7_300_000_001+i)
		tn.byFile = payByFile(t, tn.Client, fmt.Sprint(7_400_000_001+i))
		for j, to := range []*string{&tn.archiving, &tn.archived, &tn.deleting, &tn.unused} {
			*to = tn.Beneficiary(t, fmt.Sprint("Spare ", j), fmt.Sprint(7_100_000_001+i))
		}
		tn.unused = tn.data(t, "/v1/beneficiaries/"+tn.unused)["default_instrument_id"].(string)
		tn.Post(t, "/v1/beneficiaries/"+tn.archived+"/archive", "", "")
		tn.apiKey = made(t, tn.Client, "/v1/api-keys", `{"name":"Spare","scopes":["keys:write"]}`)
		tn.rotatedKey = made(t, tn.Client, "/v1/api-keys", `{"name":"Rotated","scopes":["keys:write"]}`)
		tn.operatorKey = made(t, s.Ops(), "/ops/v1/operator-keys", `{"name":"Spare","role":"viewer"}`)
		tn.suspending = s.Merchant(t).Merchant
		s.SanctionsList(t, 499)
		tn.sanctionsList = s.SanctionsList(t, 500)
		granted := s.Ops().Post(t, "/ops/v1/merchants/"+tn.Merchant+"/entitlements", "", `{"entitlement":"engine"}`)
		if granted.Status != http.StatusOK {
			t.Fatalf("grant the engine: %d %s", granted.Status, granted.Raw)
		}
		tn.Client = s.KeyFor(t, tn.Merchant) // a key that nobody looked up before the grant
		rule := `{"name":"Spare","type":"count_per_window","window":{"type":"calendar_day"},"threshold":"100000"}`
		tn.neighbour = s.Merchant(t).Merchant
		made(t, tn.Client, "/v1/velocity/rules", rule) // so that the list has a second page
		tn.rule = made(t, tn.Client, "/v1/velocity/rules", rule)
		tn.globalRule = made(t, s.Ops(), "/ops/v1/velocity/rules", rule)
		tn.document = made(t, tn.Client, "/v1/documents", `{"category":"invoice","file_name":"invoice.pdf","content":"`+smallPDF+`"}`)
		for _, to := range []*string{&tn.asked, &tn.resolving, &tn.reopening, &tn.escalated} {
			*to = asked(t, s, tn)
		}
		resolved := s.Ops().Post(t, "/ops/v1/rfis/"+tn.reopening+"/resolve", "", `{"outcome":"cleared","note":"Fine"}`)
		if resolved.Status != http.StatusOK {
			t.Fatalf("resolve: %d %s", resolved.Status, resolved.Raw)
		}
		newQuotes(t, &tn)
		newPrices(t, s, &tn)
		tn.webhook = made(t, tn.Client, "/v1/webhooks", `{"url":"`+nowhere+`","events":["*"]}`)
		tn.batches = newBatches(t, tn)
		tn.spareWebhook = made(t, tn.Client, "/v1/webhooks", `{"url":"`+nowhere+`","events":["*"]}`)
		all[i] = tn
	}
	s.Work() // what is made after this stays where it begins
	for i := range all {
		tn := &all[i]
		bringBack(t, tn.Client, tn.returned)
		tn.review(t, s, tn.Merchant)
		tn.answered(t, s, tn.Client)
		tn.recalled(t, s, tn.Client)
		tn.payout = tn.Payout(t, tn.beneficiary, "25.00", "cancel")
		events := tn.Get(t, "/v1/events?object_id="+tn.payout).List()
		if len(events) != 1 || tn.Status(t, tn.reviewed) != "manual_review" {
			t.Fatalf("the fixtures are not what the tests need: %d events, %s", len(events), tn.Status(t, tn.reviewed))
		}
		tn.event = events[0]["id"].(string)
	}
	return all
}

// asked opens a request about one of the merchant's beneficiaries.
func asked(t *testing.T, s *testserver.Server, tn tenant) string {
	t.Helper()
	opened := s.Ops().Post(t, "/ops/v1/rfis", "", `{"merchant_id":"`+tn.Merchant+`","category":"identity","entity_type":"beneficiary","entity_id":"`+
		tn.archiving+`","subject":"Who is this?","questions":[{"id":"born","prompt":"When were they born?","type":"date","required":true}]}`)
	if opened.Status != http.StatusCreated {
		t.Fatalf("open an RFI: %d %s", opened.Status, opened.Raw)
	}
	return opened.Data()["rfi"].(map[string]any)["id"].(string)
}

// made creates an object and gives its id.
func made(t *testing.T, c *testserver.Client, path, body string) string {
	t.Helper()
	created := c.Post(t, path, "", body)
	if created.Status != http.StatusCreated {
		t.Fatalf("POST %s: %d %s", path, created.Status, created.Raw)
	}
	return created.Data()["id"].(string)
}

func (tn tenant) data(t *testing.T, path string) map[string]any {
	t.Helper()
	got := tn.Get(t, path)
	if got.Status != http.StatusOK {
		t.Fatalf("GET %s: %d %s", path, got.Status, got.Raw)
	}
	return got.Data()
}

// fixtures hold for every RPC a request that succeeds once for a tenant; for RPCs of operators, one about the tenant. Every field
// that names an object must be set: the tests put another merchant's objects there. Every message must be there too: the tests put
// bad values into their fields, one at a time.
var fixtures = map[string]func(tn tenant) fields{
	"/anton.v1.BalancesService/ListBalances": func(tenant) fields { return fields{} },
	"/anton.v1.BalancesService/GetBalance":   func(tenant) fields { return fields{"currency": "USD"} },
	"/anton.v1.BalancesService/GetStatement": func(tenant) fields {
		return fields{"currency": "USD", "from": "2026-02-01", "to": "2026-02-14", "format": "camt053"}
	},

	"/anton.v1.BeneficiariesService/CreateBeneficiary": func(tenant) fields {
		return fields{
			"type": "individual", "first_name": "Ana", "last_name": "Lopez", "email": "ana.lopez@example.com", "phone": "+14155550123",
			"date_of_birth": "1985-04-12", "nationality": "US", "country": "US", "currency": "USD",
			"address":  fields{"street_line_1": "1 Main Street", "city": "Springfield", "state": "IL", "postal_code": "62701", "country": "US"},
			"metadata": fields{"team": "north"},
			"bank_account": fields{
				"account_number": "5550001112", "routing_number": "021000021", "account_type": "checking", "bank_name": "First Bank",
			},
		}
	},
	"/anton.v1.BeneficiariesService/GetBeneficiary": func(tn tenant) fields { return fields{"id": tn.beneficiary} },
	"/anton.v1.BeneficiariesService/ListBeneficiaries": func(tenant) fields {
		return fields{"limit": 10, "status": "active", "type": "individual", "country": "US", "created_after": "2026-02-13T00:00:00Z"}
	},
	"/anton.v1.BeneficiariesService/CreateInstrument": func(tn tenant) fields {
		return fields{
			"beneficiary_id": tn.beneficiary, "currency": "EUR", "label": "Savings", "metadata": fields{"team": "north"},
			"bank_account": fields{"iban": "DE89370400440532013000"},
		}
	},
	"/anton.v1.BeneficiariesService/ListBeneficiaryInstruments": func(tn tenant) fields {
		return fields{"beneficiary_id": tn.beneficiary, "limit": 10}
	},
	"/anton.v1.BeneficiariesService/GetInstrument": func(tn tenant) fields { return fields{"id": tn.instrument} },

	"/anton.v1.PayoutsService/CreatePayout": func(tn tenant) fields {
		return fields{
			"beneficiary_id": tn.beneficiary, "instrument_id": tn.euros, "amount": "12.50", "currency": "EUR",
			"source_currency": "USD", "fixed_side": "dest", "quote_id": tn.quote, "fee_bearer": "merchant",
			"pricing_quote_id": tn.promise,
			"description":      "Invoice", "reference": "INV-7", "purpose": "supplier_payment", "metadata": fields{"team": "north"},
			"on_behalf_of": fields{"name": "Acme Retail", "type": "business", "country": "GB"},
		}
	},
	"/anton.v1.PayoutsService/GetPayout": func(tn tenant) fields { return fields{"id": tn.payout} },
	"/anton.v1.PayoutsService/ListPayouts": func(tn tenant) fields {
		return fields{"beneficiary_id": tn.beneficiary, "batch_id": tn.confirming, "currency": "USD", "limit": 10, "created_before": "2026-02-15T00:00:00+01:00"}
	},
	"/anton.v1.PayoutsService/CancelPayout":      func(tn tenant) fields { return fields{"id": tn.payout, "reason": "Twice"} },
	"/anton.v1.PayoutsService/GetPayoutTimeline": func(tn tenant) fields { return fields{"id": tn.payout} },

	"/anton.v1.EventsService/ListEvents": func(tn tenant) fields { return fields{"object_id": tn.payout, "type": "payout.created", "limit": 10} },
	"/anton.v1.EventsService/GetEvent":   func(tn tenant) fields { return fields{"id": tn.event} },

	"/anton.v1.TransactionsService/ListTransactions": func(tn tenant) fields {
		return fields{
			"payout_id": tn.payout, "currency": "USD", "type": "payout_hold", "limit": 10,
			"created_after": "2026-02-13T00:00:00Z", "created_before": "2026-02-15T00:00:00Z",
		}
	},
	"/anton.v1.TransactionsService/ListBalanceTransactions": func(tn tenant) fields {
		return fields{"currency": "USD", "payout_id": tn.payout, "type": "payout_hold", "limit": 10, "created_after": "2026-02-13T00:00:00Z"}
	},

	"/anton.v1.AccountsService/ListAccounts": func(tenant) fields { return fields{} },
	"/anton.v1.AccountsService/GetAccount":   func(tenant) fields { return fields{"currency": "EUR"} },

	"/anton.v1.MerchantService/GetMerchant": func(tenant) fields { return fields{} },

	"/anton.v1.ApiKeysService/CreateApiKey": func(tenant) fields { return fields{"name": "Rotation", "scopes": []any{"keys:write"}} },
	"/anton.v1.ApiKeysService/ListApiKeys":  func(tenant) fields { return fields{"limit": 10, "created_after": "2026-02-13T00:00:00Z"} },
	"/anton.v1.ApiKeysService/RevokeApiKey": func(tn tenant) fields { return fields{"id": tn.apiKey} },
	"/anton.v1.ApiKeysService/RotateApiKey": func(tn tenant) fields { return fields{"id": tn.rotatedKey, "overlap_seconds": 3600} },

	"/anton.v1.SandboxService/AdvancePayout": func(tn tenant) fields { return fields{"id": tn.reviewed, "outcome": "approved"} },

	"/anton.v1.SandboxService/ResetSandbox": func(tenant) fields { return fields{"scope": "balances"} },
	"/anton.v1.SandboxService/SeedSandbox":  func(tenant) fields { return fields{} },

	"/anton.ops.v1.MerchantsService/CreateMerchant": func(tenant) fields {
		return fields{"name": "Acme Trading Ltd", "country": "GB", "rate_limit_multiplier": 2}
	},
	"/anton.ops.v1.MerchantsService/GetMerchant":   func(tn tenant) fields { return fields{"id": tn.Merchant} },
	"/anton.ops.v1.MerchantsService/ListMerchants": func(tenant) fields { return fields{"limit": 10} },
	"/anton.ops.v1.MerchantsService/CreateApiKey": func(tn tenant) fields {
		return fields{"merchant_id": tn.Merchant, "name": "Back office", "scopes": []any{"payouts:read", "balances:read"}}
	},
	"/anton.ops.v1.MerchantsService/CreateDeposit": func(tn tenant) fields {
		return fields{"merchant_id": tn.Merchant, "amount": "100.00", "currency": "USD", "reference": "Wire 17"}
	},
	"/anton.ops.v1.LedgerService/CheckLedger": func(tenant) fields { return fields{} },
	"/anton.ops.v1.AuditService/VerifyAudit":  func(tn tenant) fields { return fields{"merchant_id": tn.Merchant} },
	"/anton.ops.v1.MerchantsService/UpdateMerchant": func(tn tenant) fields {
		return fields{"id": tn.Merchant, "name": "Test Merchant Limited", "rate_limit_multiplier": 100}
	},
	"/anton.ops.v1.MerchantsService/SuspendMerchant": func(tn tenant) fields {
		return fields{"id": tn.suspending, "reason": "Documents are overdue"}
	},
	"/anton.ops.v1.MerchantsService/ActivateMerchant": func(tn tenant) fields { return fields{"id": tn.Merchant} },

	"/anton.ops.v1.OperatorKeysService/CreateOperatorKey": func(tenant) fields { return fields{"name": "Dana", "role": "viewer"} },
	"/anton.ops.v1.OperatorKeysService/ListOperatorKeys":  func(tenant) fields { return fields{"limit": 10, "role": "viewer"} },
	"/anton.ops.v1.OperatorKeysService/RevokeOperatorKey": func(tn tenant) fields { return fields{"id": tn.operatorKey} },

	"/anton.ops.v1.FundingAccountsService/SetFundingAccount": func(tenant) fields {
		return fields{
			"currency": "EUR", "country": "DE", "bank_name": "First Bank", "account_holder": "Anton Payments Ltd",
			"iban": "DE89370400440532013000", "bic": "COBADEFFXXX",
		}
	},
	"/anton.ops.v1.FundingAccountsService/ListFundingAccounts": func(tenant) fields { return fields{} },

	"/anton.ops.v1.ScreeningService/GetSanctionsStatus": func(tenant) fields { return fields{} },
	"/anton.ops.v1.ScreeningService/ListSanctionsLists": func(tenant) fields {
		return fields{"authority": "un", "limit": 10, "created_after": "2026-02-13T00:00:00Z"}
	},
	"/anton.ops.v1.ScreeningService/GetSanctionsList": func(tn tenant) fields { return fields{"id": tn.sanctionsList} },

	"/anton.ops.v1.AuditService/ListAuditEntries": func(tn tenant) fields {
		return fields{"merchant_id": tn.Merchant, "object_id": tn.payout, "limit": 10}
	},
}

// fixture is the RPC's request for the tenant. An RPC without one fails its test: whoever adds an RPC says here how it is called.
func fixture(t *testing.T, m *contract.Method, tn tenant) fields {
	t.Helper()
	request, ok := fixtures[m.Name]
	if !ok {
		t.Fatalf("%s has no fixture: add a request that succeeds to fixtures", m.Name)
	}
	return request(tn)
}

// callers are who may call each method: the tenant, or an operator, one for each method, because an operator's rate limit is smaller
// than what a test sends.
func callers(t *testing.T, s *testserver.Server, tn tenant) map[string]*testserver.Client {
	t.Helper()
	all := map[string]*testserver.Client{}
	keys := &pgx.Batch{}
	for _, m := range contract.Methods() {
		all[m.Name] = tn.Client
		if m.ForOperators() {
			all[m.Name] = s.With(queueOperatorKey(keys, s, "admin"))
		}
	}
	if err := s.Owner.SendBatch(t.Context(), keys).Close(); err != nil {
		t.Fatalf("make the operators' keys: %v", err)
	}
	return all
}

// operatorKey makes a key of the role.
func operatorKey(t *testing.T, s *testserver.Server, role string) string {
	t.Helper()
	one := &pgx.Batch{}
	key := queueOperatorKey(one, s, role)
	if err := s.Owner.SendBatch(t.Context(), one).Close(); err != nil {
		t.Fatalf("make an operator's key: %v", err)
	}
	return key
}

// queueOperatorKey has the batch make a key.
func queueOperatorKey(batch *pgx.Batch, s *testserver.Server, role string) string {
	key := merchants.NewKey("ops")
	batch.Queue(`insert into operator_keys (hash, id, name, role, created_at) values ($1, $2, $3, $4, $5)`,
		key.Hash, ids.New(ids.APIKey, s.Clock.Now()), "Test "+role, role, s.Clock.Now())
	return key.Text
}

// A place is where REST has a field of a request.
type place int

const (
	inBody place = iota
	inQuery
	inPath
)

// placeOf says where REST has the request's own field.
func placeOf(m *contract.Method, field string) place {
	switch {
	case strings.Contains(m.Path, "{"+field+"}"):
		return inPath
	case m.Verb == http.MethodGet || m.Verb == http.MethodDelete:
		return inQuery
	}
	return inBody
}

// restForm writes the request as REST has it: an address, with its query, and a body.
func restForm(t *testing.T, m *contract.Method, req fields) (address, body string) {
	t.Helper()
	path, query, rest := m.Path, url.Values{}, fields{}
	for name, value := range req {
		switch placeOf(m, name) {
		case inPath:
			path = strings.Replace(path, "{"+name+"}", url.PathEscape(value.(string)), 1)
		case inQuery:
			if many, ok := value.([]any); ok {
				for _, one := range many {
					query.Add(name, fmt.Sprint(one))
				}
				continue
			}
			query.Add(name, fmt.Sprint(value))
		case inBody:
			rest[name] = value
		}
	}
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	if placeOf(m, "") != inBody {
		return path, ""
	}
	text, err := json.Marshal(rest)
	if err != nil {
		t.Fatal(err)
	}
	return path, string(text)
}

// call calls the method over REST, with an Idempotency-Key if one is given.
func call(t *testing.T, c *testserver.Client, m *contract.Method, req fields, idempotencyKey string) testserver.Answer {
	t.Helper()
	address, body := restForm(t, m, req)
	header := http.Header{}
	if idempotencyKey != "" {
		header.Set("Idempotency-Key", idempotencyKey)
	}
	return c.Do(t, m.Verb, address, header, body)
}

// copied is a deep copy of a request.
func copied(req fields) fields {
	out := fields{}
	for name, value := range req {
		out[name] = copiedValue(value)
	}
	return out
}

func copiedValue(value any) any {
	switch value := value.(type) {
	case fields:
		return copied(value)
	case []any:
		var items []any
		for _, item := range value {
			items = append(items, copiedValue(item))
		}
		return items
	}
	return value
}

// contents is a fingerprint of every table: what a refused call must leave as it was.
func contents(t *testing.T, s *testserver.Server) map[string]string {
	t.Helper()
	ctx := context.Background() // also read when the test is over
	rows, err := s.Owner.Query(ctx, `select tablename from pg_tables where schemaname = 'public'`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	all := map[string]string{}
	for rows.Next() {
		var table string
		if err := rows.Scan(&table); err != nil {
			t.Fatal(err)
		}
		all[table] = ""
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	for table := range all {
		var text string
		query := fmt.Sprintf(`select count(*) || ' rows, ' || coalesce(md5(string_agg(r::text, '' order by r::text)), '') from %s r`, table)
		if err := s.Owner.QueryRow(ctx, query, pgx.QueryExecModeSimpleProtocol).Scan(&text); err != nil {
			t.Fatalf("read %s: %v", table, err)
		}
		all[table] = text
	}
	return all
}

// placed gives all events their places, which listing them does otherwise.
func placed(t *testing.T, s *testserver.Server) {
	t.Helper()
	if _, err := s.Sequencer.RunOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// storesNothing checks at the end of the test, and of its parallel sub-tests, that nothing was written from here on.
func storesNothing(t *testing.T, s *testserver.Server) {
	t.Helper()
	placed(t, s)
	before := contents(t, s)
	if len(before) < 15 {
		t.Fatalf("found only %d tables", len(before))
	}
	t.Cleanup(func() {
		if after := contents(t, s); !maps.Equal(before, after) {
			for table := range after {
				if before[table] != after[table] {
					t.Errorf("a refused call wrote to %s: it had %s, it has %s", table, before[table], after[table])
				}
			}
		}
	})
}
