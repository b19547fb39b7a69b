package beneficiaries_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"testing"

	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/server/testserver"
)

func TestUpdateInstrument(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m, other := s.Merchant(t), s.Merchant(t)
	maria := m.Beneficiary(t, "Garcia", "9876543210")
	first := ok(t, m.Get(t, "/v1/beneficiaries/"+maria))["default_instrument_id"].(string)
	second := addAccount(t, m, maria, "1111222233", false)
	path := "/v1/instruments/" + second

	is := ok(t, patch(t, m, path, `{"label":"Savings","metadata":{"a":"b"}}`))
	if is["label"] != "Savings" || is["is_default"] != false || is["status"] != "active" || fmt.Sprint(is["metadata"]) != "map[a:b]" {
		t.Errorf("changed it is %v", is)
	}
	if is := ok(t, patch(t, m, path, `{"label":null}`)); is["label"] != "" || fmt.Sprint(is["metadata"]) != "map[a:b]" {
		t.Errorf("without its label it is %v", is)
	}
	if is := ok(t, patch(t, m, path, `{"metadata":{},"make_default":false}`)); fmt.Sprint(is["metadata"]) != "map[]" || is["is_default"] != false {
		t.Errorf("without its metadata it is %v", is)
	}
	before := m.Get(t, path).Raw
	for body, fields := range map[string][]string{
		`{"status":null}`: {"status"}, `{"status":"closed"}`: {"status"}, `{"currency":"EUR"}`: {"currency"}, `{"is_default":true}`: {"is_default"},
		`{"bank_account":{"iban":"x"}}`: {"bank_account"}, `{"label":5}`: {"label"}, `{"verification":"verified"}`: {"verification"},
	} {
		refused(t, body, patch(t, m, path, body), http.StatusUnprocessableEntity, "validation_error", fields...)
	}
	refused(t, "another merchant's", patch(t, other, path, `{"label":"x"}`), http.StatusNotFound, "not_found")
	if after := m.Get(t, path).Raw; string(after) != string(before) {
		t.Errorf("a refused change changed it:\n%s\n%s", before, after)
	}

	ok(t, patch(t, m, path, `{"status":"disabled"}`))
	refused(t, "pay by one that is off", m.Post(t, "/v1/payouts", "p", `{"beneficiary_id":"`+maria+`","instrument_id":"`+second+`","amount":"1.00","currency":"USD"}`),
		http.StatusUnprocessableEntity, "instrument_not_active")
	refused(t, "make one that is off the default", patch(t, m, path, `{"make_default":true}`), http.StatusConflict, "state_conflict")
	if is := ok(t, patch(t, m, path, `{"make_default":true,"status":"active"}`)); is["is_default"] != true {
		t.Errorf("it is %v", is)
	}
	if is := ok(t, m.Get(t, "/v1/instruments/"+first)); is["is_default"] != false {
		t.Error("there are two default instruments")
	}
	if is := ok(t, m.Get(t, "/v1/beneficiaries/"+maria)); is["default_instrument_id"] != second {
		t.Errorf("the beneficiary's default is %v", is["default_instrument_id"])
	}
	if paid := ok(t, m.Post(t, "/v1/payouts", "p", `{"beneficiary_id":"`+maria+`","amount":"1.00","currency":"USD"}`)); paid["instrument_id"] != second {
		t.Errorf("a payout that names none uses %v", paid["instrument_id"])
	}
	ok(t, patch(t, m, path, `{"make_default":true}`)) // it is already
	if got := events(t, m, maria); !slices.Equal(got, []string{"beneficiary.created", "beneficiary.updated"}) {
		t.Errorf("events %v, want one for the new default alone", got)
	}
	if got := audited(t, s, second); !slices.Equal(got, []string{
		"instrument.create", "instrument.update", "instrument.update", "instrument.update", "instrument.update", "instrument.update", "instrument.update",
	}) {
		t.Errorf("audited %v", got)
	}
}

func TestInstrumentMaskOverGRPC(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	id := ok(t, m.Get(t, "/v1/beneficiaries/"+m.Beneficiary(t, "Garcia", "9876543210")))["default_instrument_id"].(string)
	client := antonv1.NewBeneficiariesServiceClient(s.Dial())
	ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+m.Key)
	label := "Salary"
	for _, c := range []struct {
		req  *antonv1.UpdateInstrumentRequest
		want string
	}{
		{&antonv1.UpdateInstrumentRequest{Id: id, Label: &label, Metadata: map[string]string{"a": "b"}}, "Salary map[a:b]"},
		{&antonv1.UpdateInstrumentRequest{Id: id, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"metadata"}}}, "Salary map[]"},
		{&antonv1.UpdateInstrumentRequest{Id: id, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"label"}}}, " map[]"},
	} {
		got, err := client.UpdateInstrument(ctx, c.req)
		if err != nil || fmt.Sprint(got.GetData().GetLabel(), " ", got.GetData().GetMetadata()) != c.want {
			t.Errorf("%v: %v, %v; want %s", c.req, got, err, c.want)
		}
	}
	if _, err := client.UpdateInstrument(ctx, &antonv1.UpdateInstrumentRequest{Id: id, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"status"}}}); err == nil {
		t.Error("a status was cleared")
	}
}

func TestDeleteInstrument(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m, other := s.Merchant(t), s.Merchant(t)
	maria := m.Beneficiary(t, "Garcia", "9876543210")
	first := ok(t, m.Get(t, "/v1/beneficiaries/"+maria))["default_instrument_id"].(string)
	second := addAccount(t, m, maria, "1111222233", false)
	payout := m.Payout(t, maria, "5.00", "uses the first")

	refused(t, "one in use", remove(t, m, "/v1/instruments/"+first), http.StatusConflict, "state_conflict")
	refused(t, "another merchant's", remove(t, other, "/v1/instruments/"+second), http.StatusNotFound, "not_found")
	ok(t, remove(t, m, "/v1/instruments/"+second)) // the payout does not use this one
	ok(t, m.Post(t, "/v1/payouts/"+payout+"/cancel", "", "{}"))
	if is := ok(t, remove(t, m, "/v1/instruments/"+first)); is["id"] != first || is["deleted_at"] == nil {
		t.Errorf("deleting answered %v", is)
	}
	for what, got := range map[string]testserver.Answer{
		"get": m.Get(t, "/v1/instruments/"+first), "patch": patch(t, m, "/v1/instruments/"+first, `{"label":"x"}`), "delete": remove(t, m, "/v1/instruments/"+first),
		"pay": m.Post(t, "/v1/payouts", "p", `{"beneficiary_id":"`+maria+`","instrument_id":"`+first+`","amount":"1.00","currency":"USD"}`),
	} {
		refused(t, what, got, http.StatusNotFound, "not_found")
	}
	if ids := idsOf(m.Get(t, "/v1/beneficiaries/"+maria+"/instruments")); len(ids) != 0 {
		t.Errorf("it still has %v", ids)
	}
	if is := ok(t, m.Get(t, "/v1/beneficiaries/"+maria)); is["default_instrument_id"] != "" {
		t.Errorf("its default is %v", is["default_instrument_id"])
	}
	refused(t, "pay without a default", m.Post(t, "/v1/payouts", "p", `{"beneficiary_id":"`+maria+`","amount":"1.00","currency":"USD"}`),
		http.StatusUnprocessableEntity, "validation_error", "instrument_id")
	if got := events(t, m, maria); !slices.Equal(got, []string{"beneficiary.created", "beneficiary.updated"}) {
		t.Errorf("events %v", got)
	}
	// Without an account nobody is its twin; the account can be given back to it, and is then the default.
	twin := m.Beneficiary(t, "Garcia", "9876543210")
	refused(t, "the account of another by now", m.Post(t, "/v1/beneficiaries/"+maria+"/instruments", "", `{"bank_account":{"account_number":"9876543210","routing_number":"021000021"}}`),
		http.StatusUnprocessableEntity, "duplicate_beneficiary")
	ok(t, remove(t, m, "/v1/beneficiaries/"+twin))
	third := addAccount(t, m, maria, "9876543210", false)
	if is := ok(t, m.Get(t, "/v1/instruments/"+third)); is["is_default"] != true {
		t.Error("the only instrument is not the default one")
	}
}

func TestABeneficiaryHasAHundredInstrumentsAtMost(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	maria := m.Beneficiary(t, "Garcia", "9876543210")
	for i := range 99 {
		addAccount(t, m, maria, fmt.Sprint(5_000_000_000+i), false)
	}
	one := `{"bank_account":{"account_number":"5550001112","routing_number":"021000021"}}`
	refused(t, "one more", m.Post(t, "/v1/beneficiaries/"+maria+"/instruments", "", one), http.StatusConflict, "state_conflict")
	if shown := ok(t, m.Get(t, "/v1/beneficiaries/"+maria+"/pii"))["instruments"].([]any); len(shown) != 100 {
		t.Errorf("%d instruments are shown", len(shown))
	}
	list := m.Get(t, "/v1/beneficiaries/"+maria+"/instruments?limit=1").List()
	ok(t, remove(t, m, "/v1/instruments/"+list[0]["id"].(string)))
	ok(t, m.Post(t, "/v1/beneficiaries/"+maria+"/instruments", "", one))
}

// The account of an instrument, and whose it is, cannot be changed by anything the server could do.
func TestTheDatabaseKeepsAccountsAsTheyWere(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	s.Merchant(t).Beneficiary(t, "Garcia", "9876543210")
	for _, sql := range []string{
		"update instruments set details = 'x'", "update instruments set last4 = '0000'", "update instruments set fingerprint = 'x'",
		"update instruments set beneficiary_id = 'ben_1'", "update instruments set merchant_id = 'mer_1'", "update instruments set method = 'iban'",
		"update beneficiaries set type = 'business'", "update beneficiaries set country = 'DE'", "update beneficiaries set created_at = now()",
		"update beneficiaries set merchant_id = 'mer_1'", "delete from instruments", "delete from beneficiaries",
	} {
		if _, err := s.Pool.Exec(context.Background(), sql); err == nil {
			t.Errorf("anton_app may %s", sql)
		}
	}
}
