package beneficiaries_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/antonpayments/anton/server/testserver"
)

func TestFilters(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m, other := s.Merchant(t), s.Merchant(t)
	other.Beneficiary(t, "Garcia", "9876543210")

	maria := create(t, m, with(map[string]any{"external_ref": "m"}))
	s.Clock.Advance(time.Hour)
	hans := create(t, m, `{"type":"individual","first_name":"Hans","last_name":"Meier","country":"DE","currency":"EUR","bank_account":{"iban":"DE89370400440532013000"}}`)
	s.Clock.Advance(time.Hour)
	acme := create(t, m, `{"type":"business","company_name":"Acme Ltd","country":"GB","currency":"GBP","bank_account":{"sort_code":"200000","account_number":"55779911"}}`)
	ok(t, m.Post(t, "/v1/beneficiaries/"+hans+"/archive", "", ""))
	instrument := map[string]string{}
	for _, id := range []string{maria, hans, acme} {
		instrument[id] = ok(t, m.Get(t, "/v1/beneficiaries/"+id))["default_instrument_id"].(string)
	}
	ok(t, patch(t, m, "/v1/instruments/"+instrument[acme], `{"status":"disabled"}`))
	second := addAccount(t, m, maria, "1111222233", false)
	noon := testserver.Start.Add(30 * time.Minute).Format(time.RFC3339)

	for query, want := range map[string][]string{
		"": {acme, hans, maria}, "status=active": {acme, maria}, "status=archived": {hans}, "type=business": {acme}, "type=individual": {hans, maria},
		"country=DE": {hans}, "country=FR": nil, "external_ref=m": {maria}, "external_ref=n": nil, "created_after=" + noon: {acme, hans},
		"created_before=" + noon: {maria}, "type=individual&status=active": {maria},
	} {
		if got := idsOf(m.Get(t, "/v1/beneficiaries?"+query)); !slices.Equal(got, want) {
			t.Errorf("beneficiaries?%s lists %v, want %v", query, got, want)
		}
	}
	for query, want := range map[string][]string{
		"": {second, instrument[acme], instrument[hans], instrument[maria]}, "status=active": {second, instrument[hans], instrument[maria]},
		"status=disabled": {instrument[acme]}, "method=iban": {instrument[hans]}, "method=uk_bank": {instrument[acme]}, "method=clabe": nil,
		"currency=USD": {second, instrument[maria]}, "currency=JPY": nil, "beneficiary_id=" + maria: {second, instrument[maria]},
		"beneficiary_id=" + hans + "&currency=USD": nil, "beneficiary_id=ben_nobody": nil,
		"created_before=" + noon: {instrument[maria]}, "created_after=" + noon: {second, instrument[acme], instrument[hans]},
	} {
		// The second account was added in the same moment as the last beneficiary; ids order them.
		got := idsOf(m.Get(t, "/v1/instruments?"+query))
		if !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))) {
			t.Errorf("instruments?%s lists %v, want %v", query, got, want)
		}
	}
	for _, one := range m.Get(t, "/v1/instruments").List() {
		if one["is_default"] != (one["id"] != second) {
			t.Errorf("%v says is_default %v", one["id"], one["is_default"])
		}
	}
	for query, field := range map[string]string{
		"status=gone": "status", "method=cash": "method", "currency=usd": "currency", "limit=101": "limit", "cursor=x": "cursor", "country=US": "country",
		"created_after=today": "created_after", "beneficiary_id=": "beneficiary_id",
	} {
		refused(t, query, m.Get(t, "/v1/instruments?"+query), http.StatusUnprocessableEntity, "validation_error", field)
	}
}

// A page neither skips nor repeats what was there when the first page was read, while others write.
func TestPagesStandStillWhileRowsAreInserted(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	maria := m.Beneficiary(t, "Garcia", "9876543210")
	for i := range 24 {
		if i%5 == 0 {
			s.Clock.Advance(time.Second) // some share a moment, some do not
		}
		m.Beneficiary(t, fmt.Sprint("Before ", i), "9876543210")
		addAccount(t, m, maria, fmt.Sprint(5_000_000_000+i), false)
	}
	s.Clock.Advance(time.Second)
	lists := map[string]int{"/v1/beneficiaries": 25, "/v1/instruments": 49, "/v1/beneficiaries/" + maria + "/instruments": 25}
	before := map[string][]string{}
	for list := range lists {
		before[list] = idsOf(m.Get(t, list+"?limit=100"))
	}

	stop := make(chan struct{})
	var writers sync.WaitGroup
	writers.Go(func() {
		for i := range 60 {
			select {
			case <-stop:
				return
			default:
			}
			m.Beneficiary(t, fmt.Sprint("Meanwhile ", i), "9876543210")
			addAccount(t, m, maria, fmt.Sprint(6_000_000_000+i), false)
		}
	})
	for list, count := range lists {
		var seen []string
		query := url.Values{"limit": {"7"}}
		for {
			page := m.Get(t, list+"?"+query.Encode())
			ok(t, page)
			seen = append(seen, idsOf(page)...)
			next, more := page.Body["next_cursor"].(string)
			if more != page.Body["has_more"].(bool) {
				t.Fatalf("%s: has_more is %v and the cursor %q", list, page.Body["has_more"], next)
			}
			if !more {
				break
			}
			query.Set("cursor", next)
		}
		seen = slices.DeleteFunc(seen, func(id string) bool { return !slices.Contains(before[list], id) }) // what came meanwhile may be there
		if !slices.Equal(seen, before[list]) || len(seen) != count {
			t.Errorf("%s: the pages have %d of %d, or not in order", list, len(seen), count)
		}
	}
	close(stop)
	writers.Wait()
}
