package balances_test

import (
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/apd/v3"
	"google.golang.org/grpc/metadata"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/server/testserver"
	"github.com/antonpayments/anton/server/testserver/xsd"
)

// A told is a statement as CSV tells it.
type told struct {
	opening, closing string
	entries          []map[string]string
}

func csvStatement(t *testing.T, m *testserver.Client, currency, from, to string) told {
	t.Helper()
	got := m.Get(t, "/v1/balances/"+currency+"/statement?from="+from+"&to="+to)
	if got.Status != http.StatusOK {
		t.Fatalf("statement of %s from %s to %s: %d %s", currency, from, to, got.Status, got.Raw)
	}
	rows, err := csv.NewReader(strings.NewReader(string(got.Raw))).ReadAll()
	if err != nil {
		t.Fatalf("%v in\n%s", err, got.Raw)
	}
	var all []map[string]string
	for _, row := range rows[1:] {
		named := map[string]string{}
		for i, column := range rows[0] {
			named[column] = row[i]
		}
		all = append(all, named)
	}
	first, last := all[0], all[len(all)-1]
	if first["type"] != "opening_balance" || last["type"] != "closing_balance" || first["date"] != from || last["date"] != to {
		t.Fatalf("it does not begin and end as it should:\n%s", got.Raw)
	}
	return told{first["balance"], last["balance"], all[1 : len(all)-1]}
}

// check fails unless opening + credits - debits = closing, entry by entry, on days of the period and in order.
func (s told) check(t *testing.T, from, to string) {
	t.Helper()
	balance, day := s.opening, from
	for _, e := range s.entries {
		if (e["debit"] == "") == (e["credit"] == "") || strings.HasPrefix(e["debit"]+e["credit"], "-") {
			t.Errorf("an entry is on one side, without a sign: %v", e)
		}
		if e["debit"] != "" {
			balance = sum(t, balance, "-"+e["debit"])
		} else {
			balance = sum(t, balance, e["credit"])
		}
		if balance != e["balance"] || e["date"] < day || e["date"] > to {
			t.Errorf("from %s to %s: %v comes after %s on %s", from, to, e, balance, day)
		}
		day = e["date"]
	}
	if balance != s.closing {
		t.Errorf("from %s to %s: the entries lead to %s, it closes with %s", from, to, balance, s.closing)
	}
}

// Whatever happens to a balance, every period's statement adds up, periods side by side join, and both forms say the same.
func TestStatementsAddUp(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	beginning := s.Clock.Now()
	live(t, s, m)
	s.Clock.Advance(time.Hour)
	days := int(s.Clock.Now().Truncate(24*time.Hour).Sub(beginning.Truncate(24*time.Hour))/(24*time.Hour)) + 1
	day := func(n int) string { return beginning.AddDate(0, 0, n).Format(time.DateOnly) }

	for _, currency := range []string{"USD", "JPY", "KWD"} {
		whole := csvStatement(t, m, currency, day(-3), day(days-1))
		whole.check(t, day(-3), day(days-1))
		if balance := m.Get(t, "/v1/balances/"+currency).Data(); whole.closing != balance["total"] {
			t.Errorf("%s closes with %s, the balance is %v", currency, whole.closing, balance)
		}
		previous := sum(t, whole.opening)
		count := 0
		for n := -3; n < days; n++ {
			daily := csvStatement(t, m, currency, day(n), day(n))
			daily.check(t, day(n), day(n))
			if sum(t, daily.opening) != previous {
				t.Errorf("%s of %s opens with %s, the day before it closed with %s", currency, day(n), daily.opening, previous)
			}
			previous = sum(t, daily.closing)
			count += len(daily.entries)
		}
		if previous != sum(t, whole.closing) || count != len(whole.entries) {
			t.Errorf("%s day by day has %d entries and ends with %s, as a whole %d and %s", currency, count, previous, len(whole.entries), whole.closing)
		}
		random := rand.New(rand.NewPCG(1, 2))
		for range 4 {
			a, b := random.IntN(days), random.IntN(days)
			from, to := day(min(a, b)), day(max(a, b))
			table := csvStatement(t, m, currency, from, to)
			table.check(t, from, to)
			compare(t, table, camtStatement(t, m, currency, from, to))
		}
		compare(t, whole, camtStatement(t, m, currency, day(-3), day(days-1)))
	}
	usd := csvStatement(t, m, "USD", day(0), day(days-1))
	for _, want := range []string{"deposit", "payout_settlement", "return", "adjustment", "deposit_reversal", "receivable_repayment"} {
		if !slices.ContainsFunc(usd.entries, func(e map[string]string) bool { return e["type"] == want }) {
			t.Errorf("no %s was tried", want)
		}
	}
}

// live has all kinds of movements happen to a merchant's dollars over some days, and some to its yen and dinars.
func live(t *testing.T, s *testserver.Server, m *testserver.Client) {
	t.Helper()
	random := rand.New(rand.NewPCG(3, 4))
	pays, returns := m.Beneficiary(t, "Garcia", "9876543210"), m.Beneficiary(t, "Brown", "9876540002")
	ops := "/ops/v1/merchants/" + m.Merchant
	book := func(what, path, key, body string) testserver.Answer {
		got := s.Ops().Post(t, ops+path, key, body)
		if got.Status != http.StatusCreated && got.Status != http.StatusOK {
			t.Fatalf("%s: %d %s", what, got.Status, got.Raw)
		}
		return got
	}
	amount := func() string { return fmt.Sprintf("%d.%02d", 1+random.IntN(300), random.IntN(100)) }
	for i := range 24 {
		key := fmt.Sprint("step ", i)
		switch i % 6 {
		case 0:
			deposit(t, s, m, "USD", amount(), "=HYPERLINK "+key)
			deposit(t, s, m, "KWD", "1.005", key+" KWD")
			deposit(t, s, m, "JPY", "77", key+" JPY")
		case 1:
			m.Payout(t, pays, amount(), key)
		case 2:
			m.Payout(t, returns, amount(), key)
		case 3:
			id := m.Payout(t, pays, amount(), key)
			if got := m.Post(t, "/v1/payouts/"+id+"/cancel", "", `{"reason":"twice"}`); got.Status != http.StatusOK {
				t.Fatalf("cancel: %d %s", got.Status, got.Raw)
			}
		case 4:
			side := []string{"credit", "debit"}[random.IntN(2)]
			book("adjust", "/adjustments", key, `{"type":"`+side+`","currency":"USD","amount":"`+amount()+`","reason":"correction"}`)
		case 5:
			s.Work()
		}
		s.Clock.Advance(time.Duration(random.IntN(8)) * time.Hour)
		s.Work()
	}
	for range 4 {
		s.Work()
		s.Clock.Advance(time.Second)
	}
	// More is taken than is there, and what comes next repays it.
	book("debit all", "/adjustments", "all", `{"type":"debit","currency":"USD","amount":"200000.00","reason":"correction"}`)
	s.Clock.Advance(30 * time.Hour)
	deposit(t, s, m, "USD", "500000.00", "repays")
	last := m.Get(t, "/v1/transactions?currency=USD&type=deposit&limit=1").List()[0]["id"].(string)
	book("reverse", "/deposits/"+last+"/reverse", "reversal", `{"reason":"recalled"}`)
}

// A camt is what the tests read of camt.053.
type camt struct {
	XMLName xml.Name `xml:"urn:iso:std:iso:20022:tech:xsd:camt.053.001.08 Document"`
	Bal     []struct {
		Code string  `xml:"Tp>CdOrPrtry>Cd"`
		Amt  camtAmt `xml:"Amt"`
		Side string  `xml:"CdtDbtInd"`
		Day  string  `xml:"Dt>Dt"`
	} `xml:"BkToCstmrStmt>Stmt>Bal"`
	Count   int    `xml:"BkToCstmrStmt>Stmt>TxsSummry>TtlNtries>NbOfNtries"`
	Net     string `xml:"BkToCstmrStmt>Stmt>TxsSummry>TtlNtries>TtlNetNtry>Amt"`
	NetSide string `xml:"BkToCstmrStmt>Stmt>TxsSummry>TtlNtries>TtlNetNtry>CdtDbtInd"`
	Credits string `xml:"BkToCstmrStmt>Stmt>TxsSummry>TtlCdtNtries>Sum"`
	Debits  string `xml:"BkToCstmrStmt>Stmt>TxsSummry>TtlDbtNtries>Sum"`
	Ntry    []struct {
		Ref    string  `xml:"NtryRef"`
		Amt    camtAmt `xml:"Amt"`
		Side   string  `xml:"CdtDbtInd"`
		Booked string  `xml:"BookgDt>Dt"`
		Value  string  `xml:"ValDt>Dt"`
		Type   string  `xml:"BkTxCd>Prtry>Cd"`
		Payout string  `xml:"NtryDtls>TxDtls>Refs>EndToEndId"`
	} `xml:"BkToCstmrStmt>Stmt>Ntry"`
}

type camtAmt struct {
	Ccy  string `xml:"Ccy,attr"`
	Text string `xml:",chardata"`
}

func camtStatement(t *testing.T, m *testserver.Client, currency, from, to string) camt {
	t.Helper()
	got := m.Get(t, "/v1/balances/"+currency+"/statement?format=camt053&from="+from+"&to="+to)
	if got.Status != http.StatusOK {
		t.Fatalf("camt.053 of %s from %s to %s: %d %s", currency, from, to, got.Status, got.Raw)
	}
	xsd.Holds(t, "schema", got.Raw)
	var c camt
	if err := xml.Unmarshal(got.Raw, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

// compare fails unless both forms of a statement say the same.
func compare(t *testing.T, table told, c camt) {
	t.Helper()
	if len(c.Bal) != 2 || c.Bal[0].Code != "OPBD" || c.Bal[1].Code != "CLBD" || c.Bal[0].Amt.Text != table.opening || c.Bal[1].Amt.Text != table.closing {
		t.Fatalf("CSV has the balances %s and %s, camt.053 %v", table.opening, table.closing, c.Bal)
	}
	if len(c.Ntry) != len(table.entries) || c.Count != len(table.entries) {
		t.Fatalf("CSV has %d entries, camt.053 %d and counts %d", len(table.entries), len(c.Ntry), c.Count)
	}
	credits, debits := "0", "0"
	for i, e := range c.Ntry {
		row := table.entries[i]
		amount, side := row["credit"], "CRDT"
		if amount == "" {
			amount, side = row["debit"], "DBIT"
		}
		if e.Ref != row["id"] || e.Amt.Text != amount || e.Side != side || e.Booked != row["date"] || e.Value != row["value_date"] ||
			e.Type != row["type"] || e.Payout != row["payout_id"] {
			t.Errorf("CSV has %v, camt.053 %+v", row, e)
		}
		if side == "CRDT" {
			credits = sum(t, credits, amount)
		} else {
			debits = sum(t, debits, amount)
		}
	}
	sign := map[string]string{"CRDT": "", "DBIT": "-"}[c.NetSide]
	if !same(t, c.Credits, credits) || !same(t, c.Debits, debits) || !same(t, sign+c.Net, sum(t, c.Credits, "-"+c.Debits)) {
		t.Errorf("the summary says +%s -%s = %s%s, the entries +%s -%s", c.Credits, c.Debits, sign, c.Net, credits, debits)
	}
}

// same says whether two sums are equal, however many zeros they are written with.
func same(t *testing.T, a, b string) bool {
	t.Helper()
	x, _, err := apd.NewFromString(a)
	if err != nil {
		t.Fatal(err)
	}
	y, _, err := apd.NewFromString(b)
	if err != nil {
		t.Fatal(err)
	}
	return x.Cmp(y) == 0
}

// Whatever people write, and however much they move, the statement is as the schema has it.
func TestStatementsOfAnyTextFitTheSchema(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	for i, text := range []string{
		`<Ntry>&amp;"']]>`, "株式会社アントン · محمد", strings.Repeat("ß", 140), " \u200b\u00a0 ", "e\u0301\U0001F4B8", strings.Repeat("\U0001F4B8", 140), "",
	} {
		for _, currency := range []string{"USD", "JPY", "KWD"} {
			body, err := json.Marshal(map[string]string{"amount": "999999999999", "currency": currency, "reference": text})
			if err != nil {
				t.Fatal(err)
			}
			if got := s.Ops().Post(t, "/ops/v1/merchants/"+m.Merchant+"/deposits", fmt.Sprint(currency, i), string(body)); got.Status != http.StatusCreated {
				t.Fatalf("%q: %d %s", text, got.Status, got.Raw)
			}
		}
		body, err := json.Marshal(map[string]string{"type": "debit", "currency": "USD", "amount": "0.01", "reason": strings.Repeat(text+" x", 3)})
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Ops().Post(t, "/ops/v1/merchants/"+m.Merchant+"/adjustments", fmt.Sprint(i), string(body)); got.Status != http.StatusCreated && got.Status != http.StatusOK {
			t.Fatalf("%q: %d %s", text, got.Status, got.Raw)
		}
	}
	today := s.Clock.Now().UTC().Format(time.DateOnly)
	for _, currency := range []string{"USD", "JPY", "KWD"} {
		if c := camtStatement(t, m, currency, today, today); len(c.Ntry) < 7 {
			t.Errorf("%s has %d entries", currency, len(c.Ntry))
		}
	}
}

func TestStatementsOfNothingAndOfWhatCannotBe(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	deposit(t, s, m, "USD", "1.00", "=1+1")
	today := s.Clock.Now().UTC().Format(time.DateOnly)

	for format, header := range map[string]string{"csv": "text/csv; charset=utf-8", "camt053": "application/xml"} {
		got := m.Get(t, "/v1/balances/USD/statement?from=2020-01-01&to=2020-01-31&format="+format)
		if got.Status != http.StatusOK || got.Header.Get("Content-Type") != header || got.Header.Get("X-Content-Type-Options") != "nosniff" ||
			!strings.HasPrefix(got.Header.Get("Content-Disposition"), "attachment; filename=statement-USD-2020-01-01-2020-01-31.") {
			t.Errorf("%s: %d %v\n%s", format, got.Status, got.Header, got.Raw)
		}
	}
	if empty := csvStatement(t, m, "USD", "2020-01-01", "2020-01-31"); len(empty.entries) != 0 || empty.opening != "0.00" || empty.closing != "0.00" {
		t.Errorf("a period before everything: %+v", empty)
	}
	compare(t, csvStatement(t, m, "JPY", "2020-01-01", "2020-01-31"), camtStatement(t, m, "JPY", "2020-01-01", "2020-01-31"))
	if got := csvStatement(t, m, "USD", today, today); got.entries[len(got.entries)-1]["description"] != "'=1+1" {
		t.Errorf("a formula is not inert: %v", got.entries)
	}
	for query, field := range map[string]string{
		"from=2026-02-02&to=2026-02-01":             "from",
		"from=2026-02-01&to=2999-01-01":             "to",
		"from=2026-02-30&to=2026-03-01":             "from",
		"from=1.2.2026&to=2026-03-01":               "from",
		"from=2026-02-01":                           "to",
		"from=2020-01-01&to=2020-01-31&format=mt94": "format",
		"from=2020-01-01&to=2020-01-31&limit=1":     "limit",
	} {
		if got := m.Get(t, "/v1/balances/USD/statement?"+query); got.Code() != "validation_error" || !slices.Contains(got.Fields(), field) {
			t.Errorf("%s: %d %s", query, got.Status, got.Raw)
		}
	}
	for currency, code := range map[string]string{"CHF": "not_found", "ZZZ": "validation_error", "usd": "validation_error"} {
		if got := m.Get(t, "/v1/balances/"+currency+"/statement?from=2020-01-01&to=2020-01-31"); got.Code() != code {
			t.Errorf("%s: %d %s", currency, got.Status, got.Raw)
		}
	}
}

func TestStatementsOverGRPC(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	today := s.Clock.Now().UTC().Format(time.DateOnly)
	client := antonv1.NewBalancesServiceClient(s.Dial())
	ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+m.Key)
	want := string(m.Get(t, "/v1/balances/USD/statement?from="+today+"&to="+today).Raw)

	whole, err := client.GetStatement(ctx, &antonv1.GetStatementRequest{Currency: "USD", From: today, To: today})
	if err != nil || string(whole.GetData()) != want || whole.GetContentType() != "text/csv; charset=utf-8" {
		t.Errorf("in one message: %v %s", err, whole)
	}
	stream, err := client.StreamStatement(ctx, &antonv1.StreamStatementRequest{Currency: "USD", From: today, To: today})
	if err != nil {
		t.Fatal(err)
	}
	var joined []byte
	for {
		piece, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		joined = append(joined, piece.GetData()...)
	}
	if string(joined) != want {
		t.Errorf("in pieces: %s", joined)
	}
	stream, err = client.StreamStatement(ctx, &antonv1.StreamStatementRequest{Currency: "USD", From: today, To: "tomorrow"})
	if err == nil {
		_, err = stream.Recv()
	}
	if err == nil || !strings.Contains(err.Error(), "day such as") {
		t.Errorf("a bad day in a stream: %v", err)
	}
}
