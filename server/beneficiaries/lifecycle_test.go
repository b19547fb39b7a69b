package beneficiaries_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/antonpayments/anton/server/testserver"
)

func TestArchiveAndRestore(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m, other := s.Merchant(t), s.Merchant(t)
	maria := m.Beneficiary(t, "Garcia", "9876543210")
	path := "/v1/beneficiaries/" + maria
	pay := `{"beneficiary_id":"` + maria + `","amount":"1.00","currency":"USD"}`

	going := m.Payout(t, maria, "5.00", "before")
	refused(t, "restore an active one", m.Post(t, path+"/restore", "", ""), http.StatusConflict, "state_conflict")
	refused(t, "archive another merchant's", other.Post(t, path+"/archive", "", ""), http.StatusNotFound, "not_found")
	if is := ok(t, m.Post(t, path+"/archive", "", "")); is["status"] != "archived" {
		t.Errorf("archived it is %v", is)
	}
	refused(t, "archive it again", m.Post(t, path+"/archive", "", `{}`), http.StatusConflict, "state_conflict")
	refused(t, "pay an archived one", m.Post(t, "/v1/payouts", "p1", pay), http.StatusUnprocessableEntity, "beneficiary_not_active")
	refused(t, "give it an account", m.Post(t, path+"/instruments", "", `{"bank_account":{"account_number":"5550001112","routing_number":"021000021"}}`),
		http.StatusUnprocessableEntity, "beneficiary_not_active")
	s.Work()
	if status := m.Status(t, going); status != "processing" {
		t.Errorf("a payout that began before is %s", status)
	}
	if ids := idsOf(m.Get(t, "/v1/beneficiaries?status=archived")); !slices.Equal(ids, []string{maria}) {
		t.Errorf("the archived are %v", ids)
	}
	ok(t, patch(t, m, path, `{"email":null}`)) // what is put away can be tidied

	if is := ok(t, m.Post(t, path+"/restore", "", "")); is["status"] != "active" {
		t.Errorf("restored it is %v", is)
	}
	ok(t, m.Post(t, "/v1/payouts", "p1", pay))
	if got := events(t, m, maria); !slices.Equal(got, []string{"beneficiary.created", "beneficiary.archived", "beneficiary.updated", "beneficiary.updated"}) {
		t.Errorf("events %v", got)
	}
	newest := m.Get(t, "/v1/events?limit=1&type=beneficiary.archived&object_id="+maria).List()[0]
	if newest["previous_status"] != "active" || newest["data"].(map[string]any)["status"] != "archived" {
		t.Errorf("the event of the archiving is %v", newest)
	}
	if got := audited(t, s, maria); !slices.Equal(got, []string{"beneficiary.create", "beneficiary.archive", "beneficiary.update", "beneficiary.restore"}) {
		t.Errorf("audited %v", got)
	}
}

func TestAnArchivedNameIsFreeUntilItIsRestored(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	first := m.Beneficiary(t, "Garcia", "9876543210")
	ok(t, m.Post(t, "/v1/beneficiaries/"+first+"/archive", "", ""))
	second := m.Beneficiary(t, "Garcia", "9876543210")
	got := m.Post(t, "/v1/beneficiaries/"+first+"/restore", "", "")
	refused(t, "restore a name that was taken", got, http.StatusUnprocessableEntity, "duplicate_beneficiary")
	if !strings.Contains(got.Message(), second) {
		t.Errorf("%q does not name %s", got.Message(), second)
	}
	ok(t, remove(t, m, "/v1/beneficiaries/"+second))
	ok(t, m.Post(t, "/v1/beneficiaries/"+first+"/restore", "", ""))
}

func TestWhatComplianceBlockedStaysAsItIs(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	maria := m.Beneficiary(t, "Garcia", "9876543210")
	path := "/v1/beneficiaries/" + maria
	instrument := ok(t, m.Get(t, path))["default_instrument_id"].(string)
	block(t, s, maria)

	if is := ok(t, m.Get(t, path)); is["status"] != "blocked" {
		t.Errorf("it reads as %v", is["status"])
	}
	if ids := idsOf(m.Get(t, "/v1/beneficiaries?status=blocked")); !slices.Equal(ids, []string{maria}) {
		t.Errorf("the blocked are %v", ids)
	}
	if ids := idsOf(m.Get(t, "/v1/beneficiaries?status=active")); len(ids) != 0 {
		t.Errorf("the active are %v", ids)
	}
	for what, got := range map[string]testserver.Answer{
		"restore":              m.Post(t, path+"/restore", "", ""),
		"archive":              m.Post(t, path+"/archive", "", ""),
		"rename":               patch(t, m, path, `{"last_name":"Lopez"}`),
		"delete":               remove(t, m, path),
		"disable its account":  patch(t, m, "/v1/instruments/"+instrument, `{"status":"disabled"}`),
		"delete its account":   remove(t, m, "/v1/instruments/"+instrument),
		"relabel its account":  patch(t, m, "/v1/instruments/"+instrument, `{"label":"x"}`),
		"restore, said loudly": m.Post(t, path+"/restore", "key", `{}`),
	} {
		refused(t, what, got, http.StatusConflict, "state_conflict")
	}
	refused(t, "pay", m.Post(t, "/v1/payouts", "p", `{"beneficiary_id":"`+maria+`","amount":"1.00","currency":"USD"}`),
		http.StatusUnprocessableEntity, "beneficiary_not_active")
	refused(t, "add an account", m.Post(t, path+"/instruments", "", `{"bank_account":{"account_number":"5550001112","routing_number":"021000021"}}`),
		http.StatusUnprocessableEntity, "beneficiary_not_active")
	if _, err := s.Pool.Exec(t.Context(), "update beneficiaries set deleted_at = now() where id = $1", maria); err == nil || !strings.Contains(err.Error(), "blocked_beneficiary_is_not_deleted") {
		t.Errorf("the database lets a blocked one be deleted: %v", err)
	}
}

func TestDeletedIsGone(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m, other := s.Merchant(t), s.Merchant(t)
	maria := create(t, m, with(map[string]any{"external_ref": "supplier-77"}))
	path := "/v1/beneficiaries/" + maria
	instrument := ok(t, m.Get(t, path))["default_instrument_id"].(string)
	payout := m.Payout(t, maria, "5.00", "past")

	got := remove(t, m, path)
	refused(t, "with a payout in progress", got, http.StatusConflict, "state_conflict")
	if !strings.Contains(got.Message(), payout) {
		t.Errorf("%q does not name the payout %s", got.Message(), payout)
	}
	refused(t, "another merchant's", remove(t, other, path), http.StatusNotFound, "not_found")
	ok(t, m.Post(t, "/v1/payouts/"+payout+"/cancel", "", "{}"))
	is := ok(t, remove(t, m, path))
	if is["id"] != maria || is["deleted_at"] != "2026-02-14T10:00:00Z" || len(is) != 2 {
		t.Errorf("deleting answered %v", is)
	}

	body := `{"bank_account":{"account_number":"5550001112","routing_number":"021000021"}}`
	for what, got := range map[string]testserver.Answer{
		"get":                      m.Get(t, path),
		"pii":                      m.Get(t, path+"/pii"),
		"patch":                    patch(t, m, path, `{"email":null}`),
		"archive":                  m.Post(t, path+"/archive", "", ""),
		"restore":                  m.Post(t, path+"/restore", "", ""),
		"delete again":             remove(t, m, path),
		"list its instruments":     m.Get(t, path+"/instruments"),
		"add an instrument":        m.Post(t, path+"/instruments", "", body),
		"get its instrument":       m.Get(t, "/v1/instruments/"+instrument),
		"patch its instrument":     patch(t, m, "/v1/instruments/"+instrument, `{"label":"x"}`),
		"delete its instrument":    remove(t, m, "/v1/instruments/"+instrument),
		"pay it":                   m.Post(t, "/v1/payouts", "p", `{"beneficiary_id":"`+maria+`","amount":"1.00","currency":"USD"}`),
		"pay it by its instrument": m.Post(t, "/v1/payouts", "q", `{"beneficiary_id":"`+maria+`","instrument_id":"`+instrument+`","amount":"1.00","currency":"USD"}`),
	} {
		refused(t, what, got, http.StatusNotFound, "not_found")
	}
	for _, list := range []string{"/v1/beneficiaries", "/v1/beneficiaries?external_ref=supplier-77", "/v1/instruments", "/v1/instruments?beneficiary_id=" + maria} {
		if ids := idsOf(m.Get(t, list)); len(ids) != 0 {
			t.Errorf("GET %s still lists %v", list, ids)
		}
	}
	if past := ok(t, m.Get(t, "/v1/payouts/"+payout)); past["beneficiary_id"] != maria || past["instrument_id"] != instrument {
		t.Errorf("a past payout shows %v", past)
	}
	if got := idsOf(m.Get(t, "/v1/payouts?beneficiary_id="+maria)); !slices.Equal(got, []string{payout}) {
		t.Errorf("its payouts are %v", got)
	}
	// Its reference, its name and its account are free again.
	again := create(t, m, with(map[string]any{"external_ref": "supplier-77"}))
	if ids := idsOf(m.Get(t, "/v1/beneficiaries?external_ref=supplier-77")); !slices.Equal(ids, []string{again}) {
		t.Errorf("the reference finds %v", ids)
	}
	ok(t, remove(t, m, "/v1/beneficiaries/"+again)) // and a second one of the reference can go the same way
	if got := audited(t, s, maria); !slices.Equal(got, []string{"beneficiary.create", "beneficiary.delete"}) {
		t.Errorf("audited %v", got)
	}
}

// A deletion is refused in every state from which a payout still goes on, and in no other.
func TestDeletionWaitsForPayouts(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	for outcome, steps := range map[string][]string{
		"completed": {"processing", "sent", "completed"}, "failed": {"processing", "failed"}, "returned": {"processing", "sent", "returned"},
		"cancelled": {"cancelled"},
	} {
		maria := m.Beneficiary(t, "Garcia "+outcome, "9876543210")
		instrument := ok(t, m.Get(t, "/v1/beneficiaries/"+maria))["default_instrument_id"].(string)
		payout := m.Payout(t, maria, "1313.13", outcome)
		s.Work()
		if steps[0] != "cancelled" {
			ok(t, m.Post(t, "/v1/sandbox/payouts/"+payout+"/advance", "", `{"outcome":"approved"}`))
		}
		for _, step := range steps {
			what := outcome + ", at " + m.Status(t, payout)
			refused(t, what, remove(t, m, "/v1/beneficiaries/"+maria), http.StatusConflict, "state_conflict")
			refused(t, what, remove(t, m, "/v1/instruments/"+instrument), http.StatusConflict, "state_conflict")
			ok(t, m.Post(t, "/v1/sandbox/payouts/"+payout+"/advance", "", `{"outcome":"`+step+`"}`))
		}
		if status := m.Status(t, payout); status != outcome {
			t.Fatalf("the payout is %s, want %s", status, outcome)
		}
		ok(t, remove(t, m, "/v1/instruments/"+instrument))
		ok(t, remove(t, m, "/v1/beneficiaries/"+maria))
	}
}

func idsOf(a testserver.Answer) []string {
	var ids []string
	for _, object := range a.List() {
		ids = append(ids, object["id"].(string))
	}
	return ids
}
