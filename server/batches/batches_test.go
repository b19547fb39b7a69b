package batches_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/antonpayments/anton/server/testserver"
)

// newHeader names the columns of new beneficiaries in Germany.
const newHeader = "external_ref,first_name,last_name,country,iban,amount,currency,reference\n"

func TestABatchIsPaid(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	maria := m.Beneficiary(t, "Garcia", "9876543210")
	id := uploaded(t, m, "Beneficiary ID,external-ref,first_name,last_name,country,iban,Amount,currency,reference,description\r\n"+
		maria+",,,,,,2500.00,USD,INV-1,Consulting\r\n"+
		",emp-1,Ana,Lopez,DE,DE89 3704 0044 0532 0130 00,1200.5,EUR,INV-2,\r\n"+
		"\r\n"+
		",emp-1,,,,,10,EUR,INV-3,\r\n"+
		",,Ana,Lopez,DE,DE89370400440532013000,20,EUR,INV-4,\"Lines,\nand commas\"\r\n"+
		maria+",,,,,,1.00,USD,INV-5,\r\n,,,,,,,,,\r\n")
	s.Work()
	b := batch(t, m, id)
	if b["status"] != "validated" || b["total_rows"] != 5.0 || b["valid_rows"] != 5.0 || b["separator"] != "comma" || b["file_name"] != "batch.csv" {
		t.Fatalf("%v %s", b, m.Get(t, "/v1/batches/"+id+"/errors").Raw)
	}
	summary := m.Get(t, "/v1/batches/"+id+"/summary")
	want := `{"data":{"batch_id":"` + id + `","totals":[` +
		`{"currency":"EUR","rows":3,"total":"1230.50","remaining":"1230.50","available":"30000.00","missing":"0.00"},` +
		`{"currency":"USD","rows":2,"total":"2501.00","remaining":"2501.00","available":"50000.00","missing":"0.00"}],` +
		`"new_beneficiaries":1,"known_beneficiaries":1,"covered":true}}`
	if strings.TrimSpace(string(summary.Raw)) != want {
		t.Errorf("the summary is %s, want %s", summary.Raw, want)
	}
	if n := len(m.Get(t, "/v1/payouts").List()); n != 0 {
		t.Errorf("%d payouts before it was confirmed", n)
	}
	confirm(t, m, id)
	s.Work()
	s.Clock.Advance(time.Minute)
	s.Work()
	if b := batch(t, m, id); b["status"] != "completed" || b["created_rows"] != 5.0 || b["ended_at"] == nil {
		t.Errorf("%v", b)
	}
	payouts := m.Get(t, "/v1/payouts?batch_id="+id).List()
	if len(payouts) != 5 || len(m.Get(t, "/v1/payouts").List()) != 5 {
		t.Errorf("%d payouts of the batch", len(payouts))
	}
	if n := len(m.Get(t, "/v1/beneficiaries").List()); n != 2 {
		t.Errorf("there are %d beneficiaries", n)
	}
	results := m.Get(t, "/v1/batches/"+id+"/results").List()
	var rows []string
	for _, r := range results {
		rows = append(rows, fmt.Sprint(r["row"], " ", r["status"], " ", r["payout_status"], " ", r["amount"], " ", r["reference"]))
		if got := m.Get(t, "/v1/payouts/"+r["payout_id"].(string)).Data(); got["batch_id"] != id || got["reference"] != r["reference"] {
			t.Errorf("the payout of row %v is %v", r["row"], got)
		}
	}
	if got, want := strings.Join(rows, "|"), "2 created completed 2500.00 INV-1|3 created completed 1200.50 INV-2|5 created completed 10.00 INV-3|"+
		"6 created completed 20.00 INV-4|7 created completed 1.00 INV-5"; got != want {
		t.Errorf("the results are %s, want %s", got, want)
	}
	var told []string
	for _, e := range m.Get(t, "/v1/events?object_id="+id).List() {
		told = append([]string{e["type"].(string)}, told...)
	}
	if got := strings.Join(told, " "); got != "batch.uploaded batch.validating batch.validated batch.confirmed batch.processing batch.completed" {
		t.Errorf("the events are %s", got)
	}
}

func TestARowForWhichTheMoneyDoesNotSufficeFailsAlone(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	maria := m.Beneficiary(t, "Garcia", "9876543210")
	id := uploaded(t, m, "beneficiary_id,amount,currency\n"+maria+",49000,USD\n"+maria+",2000,USD\n"+maria+",1000,USD\n")
	s.Work()
	summary := m.Get(t, "/v1/batches/"+id+"/summary").Data()
	total := summary["totals"].([]any)[0].(map[string]any)
	if summary["covered"] != false || total["missing"] != "2000.00" {
		t.Errorf("the summary is %v", summary)
	}
	confirm(t, m, id)
	s.Work()
	if b := batch(t, m, id); b["status"] != "partial" || b["created_rows"] != 2.0 || b["failed_rows"] != 1.0 {
		t.Errorf("%v", b)
	}
	failed := m.Get(t, "/v1/batches/"+id+"/results?status=failed").List()
	if len(failed) != 1 || failed[0]["row"] != 3.0 {
		t.Fatalf("failed are %v", failed)
	}
	why := failed[0]["error"].(map[string]any)
	if why["code"] != "insufficient_balance" || why["message"] != "Insufficient balance: available USD 1000.00, required USD 2000.00" {
		t.Errorf("it says %v", why)
	}
	csv := m.Get(t, "/v1/batches/"+id+"/results/download")
	if lines := strings.Split(string(csv.Raw), "\n"); len(lines) != 5 || !strings.HasPrefix(lines[2], "3,failed,,,"+maria+",2000.00,USD,,insufficient_balance,") {
		t.Errorf("the file is %s", csv.Raw)
	}
	if csv.Header.Get("Content-Disposition") != "attachment; filename="+id+"-results.csv" || !strings.HasPrefix(csv.Header.Get("Content-Type"), "text/csv") {
		t.Errorf("the headers are %v", csv.Header)
	}
	// Nothing of another one is affordable: all of it fails, and the file may be sent again.
	again := "beneficiary_id,amount,currency\n" + maria + ",7,USD\n"
	first := paid(t, s, m, again)
	if b := batch(t, m, first); b["status"] != "failed" {
		t.Errorf("%v", b)
	}
	if second := uploaded(t, m, again); second == first {
		t.Error("it is the same batch")
	}
}

func TestAllMistakesAreToldAtOnce(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	maria := m.Beneficiary(t, "Garcia", "9876543210")
	id := uploaded(t, m, "beneficiary_id;external_ref;type;first_name;last_name;country;iban;routing_number;account_number;amount;currency;email\n"+
		maria+";;;;;;;;;2500,00;UDS;\n"+ // 2
		"ben_nobody;;;;;;;;;1e9;usd;\n"+ // 3
		maria+";x;;;;;;;;NaN;USD;\n"+ // 4
		";;;;;;;;;２５００;USD;\n"+ // 5
		";;Business;Ana;Lopez;de;DE00370400440532013000;;;0;EUR;ana\n"+ // 6
		";nobody;;;;;;;;1.00;USD;\n"+ // 7
		";;;Ana;Lopez;US;;021000020;;1.00;USD;\n"+ // 8
		maria+";;;;;;;;;1.00;EUR;\n"+ // 9
		maria+";;;;;;;;;1.005;USD;\n"+ // 10
		maria+";;;;;;;;;\xff1;USD;;more\n"+ // 11
		maria+";;;;;;;;;1.00;USD;\n"+ // 12
		maria+";;;;;;;;;-1.00;USD;\n"+ // 13
		maria+";;;;;;;;;100000000.00;USD;\n"+ // 14
		";;;Ana;Lopez;US;;021000021;123456;100000000.00;USD;\n") // 15
	s.Work()
	if b := batch(t, m, id); b["status"] != "validation_failed" || b["valid_rows"] != 1.0 || b["invalid_rows"] != 13.0 || b["separator"] != "semicolon" {
		t.Errorf("%v", b)
	}
	var got []string
	for cursor := ""; ; {
		page := m.Get(t, "/v1/batches/"+id+"/errors?limit=3"+cursor)
		for _, e := range page.List() {
			got = append(got, fmt.Sprint(e["row"], " ", e["field"], " ", e["message"], " (", e["suggestion"], ")"))
		}
		if page.Body["has_more"] != true {
			break
		}
		cursor = "&cursor=" + page.Body["next_cursor"].(string)
	}
	want := []string{
		`2 amount must be a decimal string such as "2500.00", with up to 12 digits before the point (Use a point for the decimals and nothing between thousands: 2500.00)`,
		`2 currency is not a currency we support; send an ISO 4217 code such as USD (Did you mean USD?)`,
		`3 amount must be a decimal string such as "2500.00", with up to 12 digits before the point (<nil>)`,
		`3 currency must be an ISO 4217 code in capitals, such as USD (Did you mean USD?)`,
		`3 beneficiary_id is not a beneficiary of yours (<nil>)`,
		`4 amount must be a decimal string such as "2500.00", with up to 12 digits before the point (<nil>)`,
		`4 external_ref must be empty where beneficiary_id is given (<nil>)`,
		`5 amount must be a decimal string such as "2500.00", with up to 12 digits before the point (Use a point for the decimals and nothing between thousands: 2500.00)`,
		`5  names nobody to pay (Fill in beneficiary_id, external_ref, or the columns of a new beneficiary, such as last_name and iban.)`,
		`6 amount must be greater than zero (<nil>)`,
		`6 type must be individual or business (Did you mean business?)`,
		`6 email must be an e-mail address (<nil>)`,
		`6 country must be an ISO 3166-1 alpha-2 code in capitals, such as US (Did you mean DE?)`,
		`7 external_ref is not the reference of a beneficiary of yours (Correct it, or fill in the columns of a new beneficiary, such as last_name and iban.)`,
		`8 account_number is required for an account in the United States (<nil>)`,
		`8 routing_number `,
		`9 currency Instrument`,
		`10 amount has 3 digits after the point, and USD has 2 (<nil>)`,
		`11 amount is not UTF-8 (Save the file as CSV UTF-8.)`,
		`11  has a value in its cell 13, which stands under no column's name`,
		`13 amount `,
		`14 amount must come to USD 0.01 to 99999999.99 (<nil>)`,
		`15 amount A payout of USD to US by us_bank carries 0.01 to 99999999.99`,
	}
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || !strings.HasPrefix(got[i], want[i]) {
			t.Errorf("error %d: got %q, want %q", i, got[min(i, len(got)-1)], want[min(i, len(want)-1)])
		}
	}
	file := m.Get(t, "/v1/batches/"+id+"/errors/download")
	if n := strings.Count(string(file.Raw), "\n"); n != len(got)+1 {
		t.Errorf("the file has %d lines: %s", n, file.Raw)
	}
	if refused := m.Post(t, "/v1/batches/"+id+"/confirm", "x", ""); refused.Code() != "state_conflict" {
		t.Errorf("a batch with mistakes is confirmed: %s", refused.Raw)
	}
	var kept int
	if err := s.Owner.QueryRow(t.Context(), "select count(*) from batch_rows where data is not null").Scan(&kept); err != nil || kept != 0 {
		t.Errorf("the cells of %d rows are kept, %v", kept, err)
	}
}

func TestTheSameFileIsNotPaidTwice(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	maria := m.Beneficiary(t, "Garcia", "9876543210")
	file := "beneficiary_id,amount,currency\n" + maria + ",1.00,USD\n"
	first := uploaded(t, m, file)
	again := send(t, m, "renamed.csv", []byte(file))
	if again.Code() != "duplicate_batch" || !strings.Contains(again.Message(), first) {
		t.Errorf("the same file: %d %s", again.Status, again.Raw)
	}
	if other := send(t, s.Merchant(t), "batch.csv", []byte(file)); other.Status != http.StatusCreated {
		t.Errorf("another merchant: %d %s", other.Status, other.Raw)
	}
	cancelled := m.Post(t, "/v1/batches/"+first+"/cancel", "", `{"reason":"The wrong month"}`)
	if cancelled.Data()["status"] != "cancelled" || cancelled.Data()["cancel_reason"] != "The wrong month" {
		t.Errorf("cancel: %d %s", cancelled.Status, cancelled.Raw)
	}
	second := paid(t, s, m, file)
	if b := batch(t, m, second); b["status"] != "completed" {
		t.Errorf("%v", b)
	}
	if again := send(t, m, "batch.csv", []byte(file)); again.Code() != "duplicate_batch" {
		t.Errorf("after it was paid: %d %s", again.Status, again.Raw)
	}
	if late := m.Post(t, "/v1/batches/"+second+"/cancel", "", ""); late.Code() != "state_conflict" {
		t.Errorf("cancelled after it was paid: %s", late.Raw)
	}
	inline := `{"rows":[{"beneficiary_id":"` + maria + `","amount":"3.00","currency":"USD"}]}`
	if got := m.Post(t, "/v1/batches", "", inline); got.Status != http.StatusCreated || got.Data()["format"] != "json" {
		t.Errorf("rows: %d %s", got.Status, got.Raw)
	}
	if got := m.Post(t, "/v1/batches", "", inline); got.Code() != "duplicate_batch" {
		t.Errorf("the same rows: %d %s", got.Status, got.Raw)
	}
	s.Work()
}

func TestABatchExpires(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	maria := m.Beneficiary(t, "Garcia", "9876543210")
	id := uploaded(t, m, "beneficiary_id,amount,currency\n"+maria+",1.00,USD\n")
	s.Work()
	s.Clock.Advance(7*24*time.Hour - time.Second)
	s.Work()
	if b := batch(t, m, id); b["status"] != "validated" {
		t.Errorf("%v", b)
	}
	s.Clock.Advance(time.Second)
	if got := m.Post(t, "/v1/batches/"+id+"/confirm", "late", ""); got.Code() != "state_conflict" {
		t.Errorf("confirmed too late: %s", got.Raw)
	}
	s.Work()
	if b := batch(t, m, id); b["status"] != "cancelled" || b["cancel_reason"] != "It was not confirmed in time." {
		t.Errorf("%v", b)
	}
}

// Another merchant's beneficiary, by its id or by that merchant's own name for it, is like one that does not exist.
func TestAnotherMerchantsBeneficiaryIsNobody(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	theirs, m := s.Merchant(t), s.Merchant(t)
	maria := theirs.Post(t, "/v1/beneficiaries", "", strings.Replace(testserver.Maria, "{", `{"external_ref":"maria",`, 1)).Data()["id"].(string)
	nobody := "ben_" + strings.Repeat("0", 20)
	id := uploaded(t, m, "beneficiary_id,external_ref,amount,currency\n"+maria+",,1.00,USD\n"+nobody+",,1.00,USD\n,maria,1.00,USD\n,nobody,1.00,USD\n")
	s.Work()
	errors := m.Get(t, "/v1/batches/"+id+"/errors").List()
	if len(errors) != 4 {
		t.Fatalf("the errors are %v", errors)
	}
	for i := 0; i < 4; i += 2 {
		got, want := errors[i], errors[i+1]
		got["message"] = strings.ReplaceAll(got["message"].(string), maria, nobody)
		if got["message"] != want["message"] || got["field"] != want["field"] || got["suggestion"] != want["suggestion"] {
			t.Errorf("another's is %v, nobody's is %v", got, want)
		}
	}
}

// A row means the beneficiary that its columns describe, or nobody: never one with another account.
func TestWhomARowPays(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	for _, body := range []string{
		`{"type":"individual","first_name":"Ana","last_name":"Lopez","country":"DE","currency":"EUR","external_ref":"ana","bank_account":{"iban":"DE89370400440532013000"}}`,
		`{"type":"business","company_name":"Acme GmbH","country":"DE","currency":"EUR","bank_account":{"iban":"DE02120300000000202051"}}`,
	} {
		if got := m.Post(t, "/v1/beneficiaries", "", body); got.Status != http.StatusCreated {
			t.Fatalf("%d %s", got.Status, got.Raw)
		}
	}
	id := uploaded(t, m, "external_ref,first_name,last_name,company_name,country,iban,amount,currency\n"+
		"ana,,,,,,1.00,EUR\n"+ // 2: known
		"ana,Ana,Lopez,,DE,DE89370400440532013000,2.00,EUR\n"+ // 3: the same
		",,,Acme GmbH,DE,DE02120300000000202051,3.00,EUR\n"+ // 4: known by name and account
		"new,Eva,Braun,,DE,DE02500105170137075030,4.00,EUR\n"+ // 5: new
		"new,,,,,,5.00,EUR\n") // 6: the one of row 5
	s.Work()
	if got := m.Get(t, "/v1/batches/"+id+"/summary").Data(); got["new_beneficiaries"] != 1.0 || got["known_beneficiaries"] != 2.0 {
		t.Errorf("the summary is %v; %s", got, m.Get(t, "/v1/batches/"+id+"/errors").Raw)
	}
	confirm(t, m, id)
	s.Work()
	if n := len(m.Get(t, "/v1/beneficiaries").List()); n != 3 {
		t.Errorf("there are %d beneficiaries", n)
	}
	wrong := uploaded(t, m, "external_ref,first_name,last_name,company_name,country,iban,amount,currency\n"+
		"ana,Ana,Lopez,,DE,DE02120300000000202051,1.00,EUR\n"+ // 2: another account
		"acme,,,Acme GmbH,DE,DE02120300000000202051,1.00,EUR\n"+ // 3: known without the reference
		"other,Eva,Braun,,DE,DE02500105170137075030,1.00,EUR\n"+ // 4: known by another reference
		"x,Ida,Klein,,DE,DE02100500000054540402,1.00,EUR\n"+ // 5
		"x,Ida,Klein,,DE,DE02300209000106531065,1.00,EUR\n"+ // 6: the same reference, another account
		"y,Ida,Klein,,DE,DE02100500000054540402,1.00,EUR\n"+ // 7: the same account, another reference
		"x,,,,,,1.00,USD\n") // 8: another currency
	s.Work()
	var rows []string
	for _, e := range m.Get(t, "/v1/batches/"+wrong+"/errors").List() {
		rows = append(rows, fmt.Sprint(e["row"], " ", e["field"]))
	}
	if got := strings.Join(rows, "|"); got != "2 external_ref|3 external_ref|4 external_ref|6 external_ref|7 external_ref|8 currency" {
		t.Errorf("the errors are %s", m.Get(t, "/v1/batches/"+wrong+"/errors").Raw)
	}
}

// What changed between the confirmation and the payment fails the rows that it concerns, and no others.
func TestWhatChangedMeanwhileFailsItsRows(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	kept, archived, deleted := m.Beneficiary(t, "Kept", "9876543210"), m.Beneficiary(t, "Archived", "9876543211"), m.Beneficiary(t, "Deleted", "9876543212")
	ana := `{"type":"individual","first_name":"Ana","last_name":"Lopez","country":"DE","currency":"EUR","external_ref":"ana","bank_account":{"iban":"DE89370400440532013000"}}`
	id := uploaded(t, m, "beneficiary_id,"+newHeader+
		kept+",,,,,,1.00,USD,\n"+archived+",,,,,,1.00,USD,\n"+deleted+",,,,,,1.00,USD,\n,ana,Ana,Lopez,DE,DE89370400440532013000,1.00,EUR,\n,eva,Eva,Braun,DE,DE02500105170137075030,1.00,EUR,\n")
	s.Work()
	confirm(t, m, id)
	for _, got := range []testserver.Answer{
		m.Post(t, "/v1/beneficiaries/"+archived+"/archive", "", ""),
		m.Do(t, http.MethodDelete, "/v1/beneficiaries/"+deleted, nil, ""),
		m.Post(t, "/v1/beneficiaries", "", ana), // the same as in the file: it is paid, and no second one is created
		m.Post(t, "/v1/beneficiaries", "", strings.NewReplacer("Ana", "Ida", `"ana"`, `"eva"`, "DE89370400440532013000", "DE02100500000054540402").Replace(ana)),
	} {
		if got.Status >= 300 {
			t.Fatalf("%d %s", got.Status, got.Raw)
		}
	}
	s.Work()
	var codes []string
	for _, r := range m.Get(t, "/v1/batches/"+id+"/results").List() {
		why, _ := r["error"].(map[string]any)
		codes = append(codes, fmt.Sprint(r["row"], " ", r["status"], " ", why["code"]))
	}
	want := "2 created <nil>|3 failed beneficiary_not_active|4 failed not_found|5 created <nil>|6 failed validation_error"
	if got := strings.Join(codes, "|"); got != want {
		t.Errorf("the results are %s, want %s", m.Get(t, "/v1/batches/"+id+"/results").Raw, want)
	}
	if b := batch(t, m, id); b["status"] != "partial" {
		t.Errorf("%v", b)
	}
}
