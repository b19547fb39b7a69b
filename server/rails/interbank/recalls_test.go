package interbank_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/antonpayments/anton/server/rails/files"
	"github.com/antonpayments/anton/server/testserver"
	"github.com/antonpayments/anton/server/testserver/xsd"
)

// recallSequence is the elements of a recall in the order that camt.056.001.08 gives them, with a reason of the merchant's and a long text.
var recallSequence = strings.Fields(`TxInf CxlId OrgnlGrpInf OrgnlMsgId OrgnlMsgNmId OrgnlInstrId OrgnlEndToEndId OrgnlTxId OrgnlIntrBkSttlmAmt OrgnlIntrBkSttlmDt
	CxlRsnInf Orgtr Nm Rsn Cd AddtlInf AddtlInf OrgnlTxRef SttlmInf SttlmMtd ClrSys Cd PmtTpInf SvcLvl Cd RmtInf Ustrd UltmtDbtr Pty Nm
	Dbtr Pty Nm PstlAdr TwnNm Ctry DbtrAcct Id IBAN DbtrAgt FinInstnId BICFI CdtrAgt FinInstnId BICFI Cdtr Pty Nm CdtrAcct Id IBAN`)

func TestAFileOfRecallsIsAsTheSchemaHasIt(t *testing.T) {
	t.Parallel()
	f := format(t)
	sent := files.Header{Day: time.Date(2026, 2, 16, 0, 0, 0, 0, time.UTC), Number: 3, Settles: time.Date(2026, 2, 17, 0, 0, 0, 0, time.UTC)}
	h := files.Header{Day: sent.Settles, Number: 1, Settles: sent.Settles.AddDate(0, 0, 1), Created: time.Date(2026, 2, 17, 13, 0, 1, 0, time.UTC)}
	all := []files.Recall{
		{ID: "rcl_1", Reason: "AM09", Text: strings.Repeat("Zu viel gezahlt, über 100 Euro. ", 5), Order: order(t, f, "pay_1", "10.50", "WESTGB22"), Header: sent},
		{ID: "rcl_2", Reason: "FRAD", Order: order(t, f, "pay_2", "1.00", "COBADEFFXXX"), Header: sent},
		{ID: "rcl_3", Reason: "CUST", Order: order(t, f, "pay_3", "0.01", "WESTGB22"), Header: sent},
	}
	together := f.Recalls().Together(all)
	if len(together) != 2 || together[1].ID != "rcl_3" {
		t.Fatalf("for one bank are %v", together)
	}
	w, err := f.Recalls().Write(h, together[:1])
	if err != nil {
		t.Fatal(err)
	}
	xsd.Holds(t, "schema", w.Content)
	want := append(strings.Fields("Document FIToFIPmtCxlReq Assgnmt Id Assgnr Agt FinInstnId BICFI Assgne Agt FinInstnId BICFI CreDtTm CtrlData NbOfTxs CtrlSum Undrlyg"), recallSequence...)
	if got := elements(t, w.Content); !slices.Equal(got, want) {
		t.Errorf("its elements are %v", got)
	}
	for _, text := range []string{
		"<Id>INTERBANK-20260217-01</Id>", "<BICFI>WESTGB22</BICFI>", "<CtrlSum>10.50</CtrlSum>", "<CxlId>rcl-1</CxlId>", "<OrgnlMsgId>INTERBANK-20260216-03</OrgnlMsgId>",
		"<OrgnlMsgNmId>pacs.008.001.08</OrgnlMsgNmId>", `<OrgnlIntrBkSttlmAmt Ccy="EUR">10.50</OrgnlIntrBkSttlmAmt>`, "<OrgnlIntrBkSttlmDt>2026-02-17</OrgnlIntrBkSttlmDt>",
		"<Cd>AM09</Cd>", "Zu viel gezahlt, uber 100 Euro.", "<Nm>Acme Ltd</Nm>",
	} {
		if !strings.Contains(string(w.Content), text) {
			t.Errorf("it has no %s", text)
		}
	}
	fraud, err := f.Recalls().Write(h, all[1:2])
	if err != nil || !strings.Contains(string(fraud.Content), "<AnyBIC>COBADEFFXXX</AnyBIC>") || strings.Contains(string(fraud.Content), "AddtlInf") {
		t.Errorf("of fraud it says\n%s\n%v", fraud.Content, err)
	}
	if _, err := f.Recalls().Write(h, append(together, together[0])); err == nil {
		t.Error("a payment may be asked for twice in it")
	}
}

func TestResolutions(t *testing.T) {
	t.Parallel()
	f := format(t)
	text := string(testserver.Resolution("R", [3]string{"pay-1", "ACCR", ""}, [3]string{"pay-2", "RJCR", "ARDT"}, [3]string{"pay-3", "PDCR", ""}, [3]string{"pay-4", "ODD", ""}))
	entries, err := f.Read([]byte(text))
	want := []files.Entry{
		{Kind: files.RecallAccepted, BankReference: "pay-1", Message: "R-1"},
		{Kind: files.RecallRejected, BankReference: "pay-2", Message: "R-2", Code: "ARDT"},
		{Kind: files.RecallPending, BankReference: "pay-3", Message: "R-3"},
		{Kind: files.Unreadable, BankReference: "pay-4", Message: "R-4", Code: "ODD"},
	}
	if err != nil || len(entries) != len(want) {
		t.Fatalf("it says %+v, %v", entries, err)
	}
	for i, e := range entries {
		if e.Kind != want[i].Kind || e.BankReference != want[i].BankReference || e.Message != want[i].Message || e.Code != want[i].Code || e.Amount != nil {
			t.Errorf("entry %d is %+v", i+1, e)
		}
	}
	// The status of the whole message counts where a payment has none.
	entries, err = f.Read([]byte(strings.Replace(text, "<TxCxlSts>ACCR</TxCxlSts>", "", 1)))
	if err != nil || entries[0].Kind != files.RecallAccepted {
		t.Errorf("it says %+v, %v", entries, err)
	}
	for old, want := range map[string]string{
		"<OrgnlEndToEndId>pay-1</OrgnlEndToEndId><OrgnlTxId>pay-1</OrgnlTxId>": "which payment", "camt.029.001.09": "none of the messages",
	} {
		if entries, err := f.Read([]byte(strings.Replace(text, old, "", 1))); err == nil || !strings.Contains(err.Error(), want) || entries != nil {
			t.Errorf("without %s: want %q, got %v", old, want, err)
		}
	}
}

func TestTheClearingAnswersRecalls(t *testing.T) {
	t.Parallel()
	f := format(t)
	report := testserver.RecallStatus("INTERBANK-20260217-01", "RJCT", "FF01")
	entries, err := f.Read(report)
	if err != nil || len(entries) != 1 || entries[0].Kind != files.RecallRejected || entries[0].File != "interbank-20260217-01.xml" || entries[0].Code != "FF01" {
		t.Errorf("a message of recalls that is rejected says %+v, %v", entries, err)
	}
	both := strings.Replace(string(report), "<OrgnlGrpInfAndSts>", "<OrgnlGrpInfAndSts><OrgnlMsgId>X</OrgnlMsgId><OrgnlMsgNmId>pacs.008.001.08</OrgnlMsgNmId></OrgnlGrpInfAndSts><OrgnlGrpInfAndSts>", 1)
	if entries, err := f.Read([]byte(both)); err == nil || !strings.Contains(err.Error(), "together") {
		t.Errorf("payments and recalls in one report say %+v, %v", entries, err)
	}
}

// spoken is an entry in short.
func spoken(entries []files.Entry) (all []string) {
	for _, e := range entries {
		about, amount := e.BankReference, ""
		if e.File != "" {
			about = e.File
		}
		if e.Amount != nil {
			amount = " " + e.Amount.String()
		}
		all = append(all, strings.TrimSpace(string(e.Kind)+" "+about+" "+e.Code+amount))
	}
	return all
}

// An answer to all recalls of a message of ours is one to each that it does not name; one to a message with payments, in which recalled and
// other ones lie, is for a person.
func TestAResolutionOfAWholeMessage(t *testing.T) {
	t.Parallel()
	f := format(t)
	text := string(testserver.Resolution("R", [3]string{"pay-1", "ACCR", ""}))
	whole := func(message, version, status string) string {
		return "<CxlDtls><OrgnlGrpInfAndSts><OrgnlMsgId>" + message + "</OrgnlMsgId><OrgnlMsgNmId>" + version + "</OrgnlMsgNmId><GrpCxlSts>" + status + "</GrpCxlSts>" +
			"<CxlStsRsnInf><Rsn><Cd>LEGL</Cd></Rsn></CxlStsRsnInf></OrgnlGrpInfAndSts>"
	}
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"beside one that is named": {
			strings.Replace(text, "<CxlDtls>", whole("INTERBANK-20260217-01", "camt.056.001.08", "RJCR"), 1),
			[]string{"recall_accepted pay-1", "recall_rejected interbank-20260217-01.xml LEGL"},
		},
		"in details of its own": {
			strings.Replace(text, "</CxlDtls>", "</CxlDtls>"+whole("INTERBANK-20260217-01", "camt.056.001.08", "PDCR")+"</CxlDtls>", 1),
			[]string{"recall_accepted pay-1", "recall_pending interbank-20260217-01.xml LEGL"},
		},
		"of some": {
			strings.Replace(text, "<CxlDtls>", whole("INTERBANK-20260217-01", "camt.056.001.08", "PACR"), 1), []string{"recall_accepted pay-1"},
		},
		"of payments": {
			strings.Replace(text, "</CxlDtls>", "</CxlDtls>"+whole("INTERBANK-20260216-01", "pacs.008.001.08", "RJCR")+"</CxlDtls>", 1),
			[]string{"recall_accepted pay-1", "unreadable INTERBANK-20260216-01 LEGL"},
		},
	} {
		xsd.Holds(t, name, []byte(c.text))
		entries, err := f.Read([]byte(c.text))
		if err != nil || !slices.Equal(spoken(entries), c.want) {
			t.Errorf("%s: it says %q, %v", name, spoken(entries), err)
		}
	}
	for name, c := range map[string]struct{ text, want string }{
		"no answer in details": {strings.Replace(text, "</CxlDtls>", "</CxlDtls><CxlDtls/>", 1), "CxlDtls 2: it answers no recall"},
		"a group without a status": {
			strings.Replace(text, "</CxlDtls>", "</CxlDtls>"+strings.Replace(whole("X", "camt.056.001.08", ""), "<GrpCxlSts></GrpCxlSts>", "", 1)+"</CxlDtls>", 1),
			"CxlDtls 2: it answers no recall",
		},
	} {
		if entries, err := f.Read([]byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) || entries != nil {
			t.Errorf("%s: want %q, got %q, %v", name, c.want, spoken(entries), err)
		}
	}
}

// An answer names the amount of the payment that it is about, or none.
func TestAResolutionNamesTheAmount(t *testing.T) {
	t.Parallel()
	text := string(testserver.Resolution("R", [3]string{"pay-1", "RJCR", "CUST"}, [3]string{"pay-2", "WHAT", ""}))
	named := strings.ReplaceAll(text, "</CxlStsRsnInf>", `</CxlStsRsnInf><OrgnlIntrBkSttlmAmt Ccy="EUR">10.50</OrgnlIntrBkSttlmAmt>`)
	entries, err := format(t).Read([]byte(named))
	// What we cannot read brings no money, and none may wait for it.
	if want := []string{"recall_rejected pay-1 CUST 10.50", "unreadable pay-2 WHAT"}; err != nil || !slices.Equal(spoken(entries), want) {
		t.Errorf("it says %q, %v", spoken(entries), err)
	}
	if entries, err := format(t).Read([]byte(strings.Replace(named, "10.50", "10,50", 1))); err == nil || entries != nil {
		t.Errorf("an amount that is none says %q", spoken(entries))
	}
}

// A status without its group says itself which message it is about: a recall that is refused must never be taken for a payment that is.
func TestAStatusOfARecallIsNoneOfAPayment(t *testing.T) {
	t.Parallel()
	f := format(t)
	report := string(testserver.InterbankStatus("INTERBANK-20260216-01", "PART", "AC01", [3]string{"pay-1", "RJCT", "AC01"}, [3]string{"pay-2", "RJCT", "AC01"}))
	from, to := strings.Index(report, "<OrgnlGrpInfAndSts>"), strings.Index(report, "</OrgnlGrpInfAndSts>")+len("</OrgnlGrpInfAndSts>")
	alone := report[:from] + report[to:]
	const recall = "<TxInfAndSts><OrgnlGrpInf><OrgnlMsgId>INTERBANK-20260217-01</OrgnlMsgId><OrgnlMsgNmId>camt.056.001.08</OrgnlMsgNmId></OrgnlGrpInf>"
	payment := strings.NewReplacer("0217", "0216", "camt.056", "pacs.008").Replace(recall)
	both := strings.Replace(strings.Replace(alone, "<TxInfAndSts><OrgnlTxId>pay-1", recall+"<OrgnlTxId>pay-1", 1), "<TxInfAndSts><OrgnlTxId>pay-2", payment+"<OrgnlTxId>pay-2", 1)
	xsd.Holds(t, "schema", []byte(both))
	entries, err := f.Read([]byte(both))
	if want := []string{"recall_rejected pay-1 AC01", "failed pay-2 AC01"}; err != nil || !slices.Equal(spoken(entries), want) {
		t.Errorf("it says %q, %v", spoken(entries), err)
	}
	for _, c := range []struct{ text, want string }{
		{alone, "TxInfAndSts 1: it does not say which message it answers"},
		{strings.Replace(both, "pacs.008", "pacs.003", 1), "TxInfAndSts 2: it answers neither a pacs.008 nor a camt.056"},
	} {
		if entries, err := f.Read([]byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) || entries != nil {
			t.Errorf("want %q, got %q, %v", c.want, spoken(entries), err)
		}
	}
}
