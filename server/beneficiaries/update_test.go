package beneficiaries_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/server/testserver"
)

// full is a beneficiary with everything that can be left, set and cleared.
var full = with(map[string]any{
	"middle_name": "Elena", "phone": "+14155550123", "date_of_birth": "1985-04-12", "nationality": "ES", "tax_id": "TAX-1",
	"external_ref": "supplier-77", "metadata": map[string]any{"team": "north", "tier": "a"},
	"address": map[string]any{"street_line_1": "1 Main Street", "city": "Springfield", "country": "US"},
})

// personal is what the beneficiary's personal data are, without its instruments.
func personal(t *testing.T, c *testserver.Client, id string) map[string]any {
	t.Helper()
	data := ok(t, c.Get(t, "/v1/beneficiaries/"+id+"/pii"))
	delete(data, "instruments")
	return data
}

func TestPatchLeavesSetsAndClears(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	address := map[string]any{"street_line_1": "1 Main Street", "street_line_2": "", "city": "Springfield", "state": "", "postal_code": "", "country": "US"}
	berlin := map[string]any{"street_line_1": "", "street_line_2": "", "city": "Berlin", "state": "", "postal_code": "", "country": "DE"}
	before := map[string]any{
		"type": "individual", "first_name": "Maria", "middle_name": "Elena", "last_name": "Garcia", "email": "maria.garcia@example.com",
		"phone": "+14155550123", "date_of_birth": "1985-04-12", "nationality": "ES", "tax_id": "TAX-1", "address": address,
	}
	for name, c := range map[string]struct {
		body    string
		private map[string]any // what differs; nil: absent
		public  map[string]any
	}{
		"an empty object changes nothing":    {`{}`, nil, nil},
		"an empty body changes nothing":      {``, nil, nil},
		"a name":                             {`{"last_name":"Lopez"}`, map[string]any{"last_name": "Lopez"}, map[string]any{"last_name": "Lopez"}},
		"a middle name is cleared":           {`{"middle_name":null}`, map[string]any{"middle_name": nil}, nil},
		"an e-mail is set":                   {`{"email":"m@example.com"}`, map[string]any{"email": "m@example.com"}, nil},
		"an e-mail is cleared":               {`{"email":null}`, map[string]any{"email": nil}, nil},
		"an empty text clears as well":       {`{"email":"","phone":"","tax_id":""}`, map[string]any{"email": nil, "phone": nil, "tax_id": nil}, nil},
		"an address is replaced as a whole":  {`{"address":{"city":"Berlin","country":"DE"}}`, map[string]any{"address": berlin}, nil},
		"an address is cleared":              {`{"address":null}`, map[string]any{"address": nil}, nil},
		"metadata are replaced as a whole":   {`{"metadata":{"x":"y"}}`, nil, map[string]any{"metadata": map[string]any{"x": "y"}}},
		"an empty map clears the metadata":   {`{"metadata":{}}`, nil, map[string]any{"metadata": map[string]any{}}},
		"a null clears the metadata":         {`{"metadata":null}`, nil, map[string]any{"metadata": map[string]any{}}},
		"a reference is set":                 {`{"external_ref":"other"}`, nil, map[string]any{"external_ref": "other"}},
		"a reference is cleared":             {`{"external_ref":null}`, nil, map[string]any{"external_ref": ""}},
		"clearing what it cannot have is ok": {`{"company_name":null,"registration_number":null}`, nil, nil},
		"several at once": {
			`{"first_name":"Ana","phone":"+442079460000","date_of_birth":null,"nationality":"DE","tax_id":null}`,
			map[string]any{"first_name": "Ana", "phone": "+442079460000", "date_of_birth": nil, "nationality": "DE", "tax_id": nil},
			map[string]any{"first_name": "Ana"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := s.KeyFor(t, s.Merchant(t).Merchant)
			id := create(t, m, full)
			was := ok(t, m.Get(t, "/v1/beneficiaries/"+id))
			is := ok(t, patch(t, m, "/v1/beneficiaries/"+id, c.body))
			if diff := cmp.Diff(merged(was, c.public), is); diff != "" {
				t.Errorf("the beneficiary (-want +got):\n%s", diff)
			}
			if got := m.Get(t, "/v1/beneficiaries/"+id); !cmp.Equal(got.Data(), is) {
				t.Errorf("it reads otherwise than the change answered: %s", cmp.Diff(is, got.Data()))
			}
			if diff := cmp.Diff(merged(merged(before, map[string]any{"id": id}), c.private), personal(t, m, id)); diff != "" {
				t.Errorf("the personal data (-want +got):\n%s", diff)
			}
			changed := c.body != "" && c.body != "{}"
			if got := events(t, m, id); changed != slices.Equal(got, []string{"beneficiary.created", "beneficiary.updated"}) {
				t.Errorf("events %v", got)
			}
		})
	}
	id := create(t, m, full)
	s.Clock.Advance(time.Hour)
	if is := ok(t, patch(t, m, "/v1/beneficiaries/"+id, `{"tax_id":null}`)); is["updated_at"] == is["created_at"] {
		t.Errorf("a change leaves updated_at at %v", is["updated_at"])
	}
	if got := audited(t, s, id); !slices.Equal(got, []string{"beneficiary.create", "beneficiary.update"}) {
		t.Errorf("audited %v", got)
	}
}

func merged(a, b map[string]any) map[string]any {
	out := map[string]any{}
	for _, fields := range []map[string]any{a, b} {
		for name, value := range fields {
			if out[name] = value; value == nil {
				delete(out, name)
			}
		}
	}
	return out
}

func TestPatchIsHeldToTheRulesOfACreation(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m, other := s.Merchant(t), s.Merchant(t)
	id := create(t, m, full)
	path := "/v1/beneficiaries/" + id
	before := m.Get(t, path).Raw
	for body, fields := range map[string][]string{
		`{"first_name":null}`:                                {"first_name"},
		`{"last_name":"  "}`:                                 {"last_name"},
		`{"company_name":"Acme"}`:                            {"company_name"},
		`{"registration_number":"1"}`:                        {"registration_number"},
		`{"email":"nobody"}`:                                 {"email"},
		`{"phone":"12"}`:                                     {"phone"},
		`{"date_of_birth":"2085-01-01"}`:                     {"date_of_birth"},
		`{"nationality":"ZZ","address":{"country":"QQ"}}`:    {"nationality", "address.country"},
		`{"type":"business"}`:                                {"type"},
		`{"country":"DE"}`:                                   {"country"},
		`{"currency":"EUR"}`:                                 {"currency"},
		`{"bank_account":{"iban":"DE89370400440532013000"}}`: {"bank_account"},
		`{"status":"active"}`:                                {"status"},
		`{"update_mask":"email"}`:                            {"update_mask"},
		`{"id":"ben_1"}`:                                     {"id"},
		`{"metadata":{"a":null}}`:                            {"metadata.a"},
		`{"email":5,"phone":true}`:                           {"email", "phone"},
	} {
		refused(t, body, patch(t, m, path, body), http.StatusUnprocessableEntity, "validation_error", fields...)
	}
	refused(t, "a list", patch(t, m, path, `[]`), http.StatusBadRequest, "invalid_json")
	refused(t, "another merchant", patch(t, other, path, `{"tax_id":null}`), http.StatusNotFound, "not_found")
	refused(t, "nobody", patch(t, m, "/v1/beneficiaries/ben_nobody", `{"tax_id":null}`), http.StatusNotFound, "not_found")
	reader := s.KeyFor(t, m.Merchant, "read_only")
	refused(t, "a key that reads", patch(t, reader, path, `{"tax_id":null}`), http.StatusForbidden, "insufficient_scope")
	if after := m.Get(t, path).Raw; string(after) != string(before) {
		t.Errorf("a refused change changed it:\n%s\n%s", before, after)
	}
	if got := audited(t, s, id); !slices.Equal(got, []string{"beneficiary.create"}) {
		t.Errorf("audited %v", got)
	}
}

func TestPatchIsOneRequestInWhateverOrder(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	path := "/v1/beneficiaries/" + create(t, m, full)
	send := func(body string) testserver.Answer {
		return m.Do(t, http.MethodPatch, path, http.Header{"Idempotency-Key": {"change-1"}}, body)
	}
	first := send(`{"email":null,"tax_id":"T"}`)
	again := send(`{"tax_id":"T","email":null}`)
	if string(first.Raw) != string(again.Raw) || again.Header.Get("X-Idempotent-Replayed") != "true" {
		t.Errorf("%d %s\n%d %s", first.Status, first.Raw, again.Status, again.Raw)
	}
	// To leave a field and to clear it are two requests, though neither has a value for it.
	refused(t, "without the null", send(`{"tax_id":"T"}`), http.StatusConflict, "idempotency_conflict")
}

func TestMaskOverGRPC(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	id := create(t, m, full)
	client := antonv1.NewBeneficiariesServiceClient(s.Dial())
	ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+m.Key)
	update := func(req *antonv1.UpdateBeneficiaryRequest) error {
		t.Helper()
		req.Id = id
		_, err := client.UpdateBeneficiary(ctx, req)
		return err
	}
	for _, req := range []*antonv1.UpdateBeneficiaryRequest{
		{LastName: "Lopez", Email: new("new@example.com")},                                                                     // no mask: what is set
		{UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"phone", "metadata"}}},                                             // named and not set: cleared
		{FirstName: "Unused", TaxId: new("T-2"), UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"tax_id", "nationality"}}}, // not named: left
		{}, // nothing
	} {
		if err := update(req); err != nil {
			t.Fatalf("%v: %v", req, err)
		}
	}
	want := map[string]any{
		"id": id, "type": "individual", "first_name": "Maria", "middle_name": "Elena", "last_name": "Lopez", "email": "new@example.com",
		"date_of_birth": "1985-04-12", "tax_id": "T-2",
	}
	got := personal(t, m, id)
	delete(got, "address")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if left := ok(t, m.Get(t, "/v1/beneficiaries/"+id))["metadata"]; len(left.(map[string]any)) != 0 {
		t.Errorf("the metadata are %v", left)
	}
	if err := update(&antonv1.UpdateBeneficiaryRequest{UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"address.city"}}}); err == nil {
		t.Error("a mask that names a part of a field was taken")
	}
	if got := events(t, m, id); len(got) != 4 {
		t.Errorf("events %v, want one a change", got)
	}
}

func TestDuplicatesAfterAChange(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	maria := create(t, m, with(map[string]any{"external_ref": "first"}))
	ana := create(t, m, with(map[string]any{"first_name": "Ana", "external_ref": "second"}))
	path := "/v1/beneficiaries/" + ana
	twin := func(what string, a testserver.Answer) {
		t.Helper()
		refused(t, what, a, http.StatusUnprocessableEntity, "duplicate_beneficiary")
		if want := "Beneficiary " + maria + " has the same name and account."; len(a.Message()) < len(want) || a.Message()[:len(want)] != want {
			t.Errorf("%s: %q does not name %s", what, a.Message(), maria)
		}
	}
	twin("the same name, spelt otherwise", patch(t, m, path, `{"first_name":"MARÍA"}`))
	refused(t, "the same reference", patch(t, m, path, `{"external_ref":"first"}`), http.StatusUnprocessableEntity, "validation_error", "external_ref")
	ok(t, patch(t, m, path, `{"external_ref":"second"}`)) // its own

	// The default account is part of who it is.
	addAccount(t, m, ana, "1111222233", true)
	ok(t, patch(t, m, path, `{"first_name":"Maria"}`))
	back := m.Get(t, "/v1/instruments?beneficiary_id="+ana).List()
	twin("the old account as default", patch(t, m, "/v1/instruments/"+back[1]["id"].(string), `{"make_default":true}`))
	twin("the same account again", m.Post(t, "/v1/beneficiaries/"+ana+"/instruments", "", `{"make_default":true,"bank_account":{"account_number":"9876543210","routing_number":"021000021"}}`))
	none := create(t, m, with(map[string]any{"bank_account": nil}))
	twin("the first account of one without", m.Post(t, "/v1/beneficiaries/"+none+"/instruments", "", `{"bank_account":{"account_number":"9876543210","routing_number":"021000021"}}`))

	// Whoever means it says so.
	ok(t, patch(t, m, path, `{"allow_duplicate":true}`))
	ok(t, patch(t, m, "/v1/instruments/"+back[1]["id"].(string), `{"make_default":true}`))
	twin("taking it back", patch(t, m, path, `{"allow_duplicate":false}`))
	// The first of the two is not troubled by the second.
	ok(t, patch(t, m, "/v1/beneficiaries/"+maria, `{"email":"other@example.com","metadata":{"a":"b"}}`))

	// A name that was given up is free.
	ok(t, patch(t, m, "/v1/beneficiaries/"+maria, `{"first_name":"Marta"}`))
	ok(t, patch(t, m, path, `{"allow_duplicate":false}`))
}
