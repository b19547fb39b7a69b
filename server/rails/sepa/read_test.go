package sepa_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/antonpayments/anton/server/rails/files"
	"github.com/antonpayments/anton/server/testserver"
	"github.com/antonpayments/anton/server/testserver/xsd"
)

const space = "urn:iso:std:iso:20022:tech:xsd:"

// said are entries in short.
func said(entries []files.Entry) []string {
	var all []string
	for _, e := range entries {
		amount := "-"
		if e.Amount != nil {
			amount = e.Amount.String() + e.Amount.Currency()
		}
		about := e.BankReference
		if e.File != "" {
			about = e.File
		}
		all = append(all, strings.TrimRight(fmt.Sprintf("%s %s %s %s %s %s", e.Kind, about, amount, e.Message, e.Code, e.Reason), " "))
	}
	return all
}

// reads holds what a message says against what it should.
func reads(t *testing.T, content string, want ...string) {
	t.Helper()
	xsd.Holds(t, "schema", []byte(content))
	entries, err := format(t).Read([]byte(content))
	if err != nil {
		t.Fatal(err)
	}
	if got := said(entries); !slices.Equal(got, want) {
		t.Errorf("it says\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestStatusReports(t *testing.T) {
	t.Parallel()
	reads(t, string(testserver.SEPAStatus("SEPA-20260216-01", "ACTC", "")), "accepted sepa-20260216-01.xml - status-ACTC")
	reads(t, string(testserver.SEPAStatus("SEPA-20260216-01", "RJCT", "FF01")), "failed sepa-20260216-01.xml - rejected FF01 rail_rejected")
	reads(t, string(testserver.SEPAStatus("OTHER-1", "RJCT", "FF01")), "failed OTHER-1 - rejected FF01 rail_rejected")
	reads(t, string(testserver.SEPAStatus("SEPA-20260216-01", "PART", "",
		[3]string{"pay-1", "ACCP", ""}, [3]string{"pay-2", "ACSP", ""}, [3]string{"pay-3", "PDNG", ""}, [3]string{"pay-4", "ACSC", ""},
		[3]string{"pay-5", "ACCC", ""}, [3]string{"pay-6", "RJCT", "AC01"}, [3]string{"pay-7", "RJCT", "AM04"}, [3]string{"pay-8", "RJCT", "ZZ99"},
		[3]string{"pay-9", "BLCK", ""}, [3]string{"pay-10", "CANC", "CUST"})),
		"accepted pay-1 - status-ACCP", "accepted pay-2 - status-ACSP", "accepted pay-3 - status-PDNG", "accepted pay-4 - status-ACSC",
		"settled pay-5 - credited", "failed pay-6 - rejected AC01 invalid_account_number", "failed pay-7 - rejected AM04 rail_rejected",
		"failed pay-8 - rejected ZZ99 not_specified", "unreadable pay-9 - status-BLCK", "failed pay-10 - rejected CUST cancelled")
	// A PmtInf that is rejected, with one payment in it that says why for itself, and one that does not.
	reads(t, `<Document xmlns="`+space+`pain.002.001.10"><CstmrPmtStsRpt><GrpHdr><MsgId>B</MsgId><CreDtTm>2026-02-16T15:00:00Z</CreDtTm></GrpHdr>
		<OrgnlGrpInfAndSts><OrgnlMsgId>SEPA-20260216-12</OrgnlMsgId><OrgnlMsgNmId>pain.001</OrgnlMsgNmId></OrgnlGrpInfAndSts>
		<OrgnlPmtInfAndSts><OrgnlPmtInfId>SEPA-20260216-12-1</OrgnlPmtInfId><PmtInfSts>RJCT</PmtInfSts><StsRsnInf><Rsn><Prtry>OWN CODE OF THE BANK</Prtry></Rsn></StsRsnInf>
		<TxInfAndSts><OrgnlInstrId>pay-1</OrgnlInstrId><OrgnlEndToEndId>NOTPROVIDED</OrgnlEndToEndId><TxSts>RJCT</TxSts><StsRsnInf><Rsn><Cd>AC06</Cd></Rsn></StsRsnInf></TxInfAndSts>
		<TxInfAndSts><OrgnlEndToEndId>pay-2</OrgnlEndToEndId></TxInfAndSts>
		</OrgnlPmtInfAndSts></CstmrPmtStsRpt></Document>`,
		"failed pay-1 - rejected AC06 account_frozen", "failed pay-2 - rejected OWN CODE OF THE not_specified",
		"failed sepa-20260216-12.xml - rejected OWN CODE OF THE not_specified")
}

// notification is a camt.054 of our account with these entries.
func notification(entries ...string) string {
	return `<Document xmlns="` + space + `camt.054.001.08"><BkToCstmrDbtCdtNtfctn><GrpHdr><MsgId>M</MsgId><CreDtTm>2026-02-18T17:00:00Z</CreDtTm></GrpHdr><Ntfctn><Id>N</Id>
		<Acct><Id><IBAN>DE89370400440532013000</IBAN></Id></Acct>` + strings.Join(entries, "") + `</Ntfctn></BkToCstmrDbtCdtNtfctn></Document>`
}

// booking is an entry of a camt.054: its sign, amount and status, what the bank calls it, its code, and its details.
func booking(sign, amount, status, servicer, code, details string) string {
	if servicer != "" {
		servicer = "<AcctSvcrRef>" + servicer + "</AcctSvcrRef>"
	}
	if details != "" {
		details = "<NtryDtls>" + details + "</NtryDtls>"
	}
	return `<Ntry><Amt Ccy="EUR">` + amount + `</Amt><CdtDbtInd>` + sign + `</CdtDbtInd><Sts><Cd>` + status + `</Cd></Sts><ValDt><Dt>2026-02-18</Dt></ValDt>` +
		servicer + `<BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>ICDT</Cd><SubFmlyCd>` + code + `</SubFmlyCd></Fmly></Domn></BkTxCd>` + details + `</Ntry>`
}

// reversed makes of a booking one that takes another back.
func reversed(booking, indicator string) string {
	return strings.Replace(booking, "</CdtDbtInd>", "</CdtDbtInd><RvslInd>"+indicator+"</RvslInd>", 1)
}

func TestBookings(t *testing.T) {
	t.Parallel()
	about := func(id string) string { return `<TxDtls><Refs><EndToEndId>` + id + `</EndToEndId></Refs></TxDtls>` }
	back := func(id, amount string) string {
		return `<TxDtls><Refs><EndToEndId>` + id + `</EndToEndId></Refs><Amt Ccy="EUR">` + amount + `</Amt><RtrInf><Rsn><Cd>AC04</Cd></Rsn></RtrInf></TxDtls>`
	}
	reads(t, notification(
		// Our file, booked in one sum.
		booking("DBIT", "300.51", "BOOK", "A1", "ESCT", `<Btch><PmtInfId>SEPA-20260216-01-1</PmtInfId><NbOfTxs>3</NbOfTxs></Btch>`),
		// One payment of ours, booked alone.
		booking("DBIT", "7.00", "BOOK", "", "ESCT", about("pay-7")),
		// Returns: two in one sum, in two details; one alone that only its code tells; one without a reason.
		booking("CRDT", "30.00", "BOOK", "A2", "RRTN", `<Btch><NbOfTxs>1</NbOfTxs></Btch>`+back("pay-1", "10.00")+`</NtryDtls><NtryDtls>`+back("pay-2", "20.00")),
		booking("CRDT", "5", "BOOK", "", "RRTN", about("pay-3")),
		// The same payment comes back a second time on the day.
		booking("CRDT", "10.00", "BOOK", "", "RRTN", back("pay-1", "10.00")),
		// A return is taken back.
		reversed(booking("DBIT", "10.00", "BOOK", "A3", "ESCT", back("pay-1", "10.00")), "true"),
		// What is not booked says nothing.
		booking("CRDT", "99.00", "PDNG", "", "RRTN", back("pay-1", "99.00")),
		// A fee, somebody's payment to us, and a debit that was reversed: for a person.
		booking("DBIT", "1.20", "BOOK", "FEE", "CHRG", ""),
		booking("CRDT", "40.00", "BOOK", "", "ESCT", `<TxDtls><Refs><AcctSvcrRef>A4</AcctSvcrRef><EndToEndId>NOTPROVIDED</EndToEndId></Refs></TxDtls>`),
		strings.Replace(reversed(booking("CRDT", "7.00", "BOOK", "", "ESCT", about("pay-7")), "1"), "<Ntry>", "<Ntry><NtryRef>x</NtryRef>", 1),
	),
		"accepted sepa-20260216-01.xml - debited",
		"accepted pay-7 7.00EUR debited",
		"returned pay-1 10.00EUR returned-2026-02-18 AC04 account_closed",
		"returned pay-2 20.00EUR returned-2026-02-18 AC04 account_closed",
		"returned pay-3 5.00EUR returned-2026-02-18  not_specified",
		"returned pay-1 10.00EUR returned-2026-02-18-2 AC04 account_closed",
		"return_reversed pay-1 10.00EUR booked-A3 AC04",
		"unreadable FEE 1.20EUR booked-FEE",
		"unreadable A4 40.00EUR booked-A4",
		"unreadable pay-7 7.00EUR booked-x")
	reads(t, notification())
}

func TestReturnsByTheBank(t *testing.T) {
	t.Parallel()
	reads(t, string(testserver.SEPAReturns("P", testserver.SEPAReturn{EndToEnd: "pay-1", Amount: "10.00", Code: "FOCR", Day: "2026-02-18"},
		testserver.SEPAReturn{EndToEnd: "pay-2", Amount: "0.5", Code: "RR04", Day: "2026-02-19+01:00"})),
		"returned pay-1 10.00EUR returned-2026-02-18 FOCR returned_on_request",
		"returned pay-2 0.50EUR returned-2026-02-19 RR04 rail_rejected")
	// Between banks a payment may be known by its transaction's id alone.
	reads(t, strings.NewReplacer("<OrgnlEndToEndId>pay-1</OrgnlEndToEndId>", "", "NOTPROVIDED", "pay-1").Replace(
		string(testserver.SEPAReturns("P", testserver.SEPAReturn{EndToEnd: "pay-1", Amount: "10.00", Code: "FOCR", Day: "2026-02-18"}))),
		"returned pay-1 10.00EUR returned-2026-02-18 FOCR returned_on_request")
}

func TestAFileThatIsNotOfOursOrNotRightIsRefusedWhole(t *testing.T) {
	t.Parallel()
	one := testserver.SEPAReturn{EndToEnd: "pay-1", Amount: "10.00", Code: "AC04", Day: "2026-02-18"}
	status := string(testserver.SEPAStatus("SEPA-20260216-01", "RJCT", "FF01", [3]string{"pay-1", "RJCT", ""}))
	returns := string(testserver.SEPAReturns("P", one))
	booked := string(testserver.SEPANotification("C", "10.00", one))
	for _, c := range []struct{ text, old, new, want string }{
		{status, "pain.001.001.09", "pain.008.001.08", "answers no pain.001"},
		{status, "<OrgnlMsgId>SEPA-20260216-01</OrgnlMsgId>", "", "OrgnlMsgId"},
		{status, "<OrgnlEndToEndId>pay-1</OrgnlEndToEndId>", "", "which payment"},
		{status, "pain.002.001.10", "pain.002.001.03", "none of the messages"},
		{string(testserver.SEPAStatus("SEPA-20260216-01", "", "")), "", "", "it has no status"},
		{returns, "<NbOfTxs>1", "<NbOfTxs>2", "another number of returns"},
		{string(testserver.SEPAReturns("P")), "", "", "it has no return"},
		{returns, "<IntrBkSttlmDt>2026-02-18</IntrBkSttlmDt>", "", "when it settled"},
		{returns, "<IntrBkSttlmDt>2026-02-18", "<IntrBkSttlmDt>18.02.2026", "when it settled"},
		{returns, "<OrgnlEndToEndId>pay-1</OrgnlEndToEndId>", "", "which payment came back"},
		{returns, ">10.00<", ">10.001<", "more digits"},
		{returns, `Ccy="EUR"`, `Ccy="euro"`, "no number with a currency"},
		{booked, "DE89370400440532013000", "DE02120300000000202051", "another account"},
		{booked, "<NbOfTxs>1", "<NbOfTxs>2", "another number of payments"},
		{booked, `<Ntry><Amt Ccy="EUR">10.00</Amt>`, `<Ntry><Amt Ccy="EUR">11.00</Amt>`, "another sum"},
		{booked, `<Ntry><Amt Ccy="EUR">10.00</Amt>`, `<Ntry><Amt Ccy="USD">10.00</Amt>`, "currency is not that"},
		{booked, "<CdtDbtInd>CRDT</CdtDbtInd><RltdDts>", "<CdtDbtInd>DBIT</CdtDbtInd><RltdDts>", "its sign"},
		{booked, "</GrpHdr>", "</GrpHdr><GrpHdr/>", "twice"},
		{"101 094000012", "", "", "no XML"},
	} {
		text := strings.Replace(c.text, c.old, c.new, 1)
		if c.old != "" && text == c.text {
			t.Fatalf("%q is not in the message", c.old)
		}
		entries, err := format(t).Read([]byte(text))
		if err == nil || !strings.Contains(err.Error(), c.want) || entries != nil {
			t.Errorf("%q for %q: want %q, got %v and %v", c.new, c.old, c.want, err, said(entries))
		}
	}
}

// FuzzRead reads anything as a bank's file: whatever is taken has room in the tables.
func FuzzRead(f *testing.F) {
	one := testserver.SEPAReturn{EndToEnd: "pay-1", Amount: "10.00", Code: "AC04", Day: "2026-02-18"}
	for _, seed := range [][]byte{
		testserver.SEPAReturns("P", one), testserver.SEPANotification("C", "10.00", one),
		testserver.SEPAStatus("SEPA-20260216-01", "RJCT", "FF01", [3]string{"pay-1", "RJCT", "AC01"}),
		[]byte(notification(booking("DBIT", "1.20", "BOOK", "FEE", "CHRG", ""))),
	} {
		f.Add(seed)
	}
	format := format(f)
	f.Fuzz(func(t *testing.T, content []byte) {
		entries, err := format.Read(content)
		if err != nil && len(entries) > 0 {
			t.Error("a file that is refused has entries")
		}
		for _, e := range entries {
			if e.Message == "" || runes(e.Message) > 64 || runes(e.BankReference) > 64 || runes(e.Code) > 16 || runes(e.Reason) > 64 ||
				!utf8.ValidString(e.BankReference+e.Message+e.Code) {
				t.Errorf("there is no room for %+v", e)
			}
			if (e.Kind == files.Returned || e.Kind == files.ReturnReversed) && e.Amount == nil {
				t.Errorf("it brings no money: %+v", e)
			}
		}
	})
}

func runes(text string) int { return utf8.RuneCountInString(text) }
