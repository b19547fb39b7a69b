package balances

import (
	"bufio"
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"time"
	"unicode/utf8"

	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/money"
)

// The elements of camt.053.001.08 that a statement uses, in the order of the message definition (ISO 20022, BankToCustomerStatementV08).
// Texts are cut to what their types hold: Max35Text, Max140Text, Max500Text.
type (
	camtHeader struct {
		MsgID   string `xml:"MsgId"`
		CreDtTm string
	}
	camtPeriod struct {
		FrDtTm string
		ToDtTm string
	}
	camtAccount struct {
		ID     string `xml:"Id>Othr>Id"`
		Issuer string `xml:"Id>Othr>Issr"`
		Ccy    string
		Owner  string `xml:"Ownr>Nm"`
		Bank   string `xml:"Svcr>FinInstnId>Nm"`
	}
	camtAmount struct {
		Ccy  string `xml:"Ccy,attr"`
		Text string `xml:",chardata"`
	}
	camtBalance struct {
		Code      string `xml:"Tp>CdOrPrtry>Cd"`
		Amt       camtAmount
		CdtDbtInd string
		Date      string `xml:"Dt>Dt"`
	}
	camtSum struct {
		NbOfNtries int64
		Sum        string
	}
	camtNet struct {
		NbOfNtries int64
		Sum        string
		Amt        string `xml:"TtlNetNtry>Amt"`
		CdtDbtInd  string `xml:"TtlNetNtry>CdtDbtInd"`
	}
	camtSummary struct {
		All     camtNet `xml:"TtlNtries"`
		Credits camtSum `xml:"TtlCdtNtries"`
		Debits  camtSum `xml:"TtlDbtNtries"`
	}
	camtCode struct {
		Domain    string `xml:"Domn>Cd"`
		Family    string `xml:"Domn>Fmly>Cd"`
		SubFamily string `xml:"Domn>Fmly>SubFmlyCd"`
		Ours      string `xml:"Prtry>Cd"`
		Issuer    string `xml:"Prtry>Issr"`
	}
	camtRefs struct {
		AcctSvcrRef string
		EndToEndID  string `xml:"EndToEndId,omitempty"`
	}
	camtRemittance struct {
		Ustrd string
	}
	camtDetails struct {
		Refs      camtRefs
		Amt       camtAmount
		CdtDbtInd string
		RmtInf    *camtRemittance
	}
	camtEntry struct {
		NtryRef      string
		Amt          camtAmount
		CdtDbtInd    string
		Status       string `xml:"Sts>Cd"`
		Booked       string `xml:"BookgDt>Dt"`
		Value        string `xml:"ValDt>Dt"`
		AcctSvcrRef  string
		BkTxCd       camtCode
		Details      camtDetails `xml:"NtryDtls>TxDtls"`
		AddtlNtryInf string      `xml:",omitempty"`
	}
)

const (
	camtNamespace = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"
	camtIssuer    = "ANTON"
)

// camtCodes are the bank transaction codes of our types: domain, family and sub-family, from ISO 20022's External Code Sets. What moved
// the money on its way is not said by a transaction, so transfers have the sub-family NTAV, not available.
var camtCodes = map[db.LedgerTransactionType][3]string{
	db.LedgerTransactionTypeDeposit:             {"PMNT", "RCDT", "NTAV"}, // received credit transfer
	db.LedgerTransactionTypeDepositReversal:     {"PMNT", "RCDT", "RPCR"}, // reversed: the bank asked for it back
	db.LedgerTransactionTypePayoutSettlement:    {"PMNT", "ICDT", "NTAV"}, // issued credit transfer
	db.LedgerTransactionTypeReturn:              {"PMNT", "ICDT", "RRTN"}, // reversed: the receiving bank returned it
	db.LedgerTransactionTypeReturnReversal:      {"PMNT", "MDOP", "DAJT"}, // miscellaneous debit, adjustment
	db.LedgerTransactionTypeFee:                 {"ACMT", "MDOP", "FEES"},
	db.LedgerTransactionTypeFxExchange:          {"FORX", "SPOT", "OTHR"},
	db.LedgerTransactionTypeReceivableRepayment: {"ACMT", "MDOP", "OTHR"},
}

// codeOf is the entry's bank transaction code. An adjustment goes either way.
func codeOf(e entry) camtCode {
	code, ok := camtCodes[e.Type]
	switch {
	case ok:
	case e.credit:
		code = [3]string{"ACMT", "MCOP", "CAJT"}
	default:
		code = [3]string{"ACMT", "MDOP", "DAJT"}
	}
	return camtCode{code[0], code[1], code[2], string(e.Type), camtIssuer}
}

// writeCAMT writes the statement as camt.053.001.08.
func writeCAMT(ctx context.Context, st *statement, to io.Writer) error {
	pieces := bufio.NewWriterSize(to, statementPiece)
	x := &camtWriter{xml: xml.NewEncoder(pieces), w: pieces}
	x.text(xml.Header)
	x.text(`<Document xmlns="` + camtNamespace + `"><BkToCstmrStmt>`)
	made := st.made.Truncate(time.Second).Format(time.RFC3339)
	x.element("GrpHdr", camtHeader{MsgID: upTo(35, st.request), CreDtTm: made})
	x.text("<Stmt>")
	x.element("Id", "STMT-"+st.currency+"-"+st.from.Format("20060102")+"-"+st.to.Format("20060102"))
	// A daily statement's number is one more than that of the day before.
	if number := st.to.Unix() / (24 * 60 * 60); number > 0 {
		x.element("ElctrncSeqNb", number)
	}
	x.element("CreDtTm", made)
	x.element("FrToDt", camtPeriod{st.from.Format(time.RFC3339), st.to.Add(24*time.Hour - time.Second).Format(time.RFC3339)})
	x.element("Acct", camtAccount{ID: st.account(), Issuer: camtIssuer, Ccy: st.currency, Owner: upTo(140, st.owner), Bank: "Anton"})
	x.element("Bal", camtBalanceOf("OPBD", st.opening, st.from))
	x.element("Bal", camtBalanceOf("CLBD", st.closing, st.to))
	x.element("TxsSummry", st.summary())
	err := st.each(ctx, func(e entry) error {
		x.element("Ntry", camtEntryOf(e))
		return x.err
	})
	if err != nil {
		return err
	}
	x.text("</Stmt></BkToCstmrStmt></Document>\n")
	if x.err == nil {
		x.err = pieces.Flush()
	}
	if x.err != nil {
		return fmt.Errorf("write a statement: %w", x.err)
	}
	return nil
}

// A camtWriter writes elements until one fails.
type camtWriter struct {
	xml *xml.Encoder
	w   *bufio.Writer
	err error
}

func (x *camtWriter) text(text string) {
	if x.err == nil {
		_, x.err = x.w.WriteString(text)
	}
}

func (x *camtWriter) element(name string, value any) {
	if x.err == nil {
		x.err = x.xml.EncodeElement(value, xml.StartElement{Name: xml.Name{Local: name}})
	}
}

func camtBalanceOf(code string, amount money.Amount, day time.Time) camtBalance {
	size, side := sideOf(amount)
	return camtBalance{Code: code, Amt: camtAmount{amount.Currency(), size}, CdtDbtInd: side, Date: day.Format(time.DateOnly)}
}

// sideOf splits an amount into its size and its side: amounts in camt have no sign.
func sideOf(amount money.Amount) (size, side string) {
	zero := money.Zero(amount.Currency())
	if amount.Less(zero) {
		return zero.Minus(amount).String(), "DBIT"
	}
	return amount.String(), "CRDT"
}

func (st *statement) summary() camtSummary {
	net, side := sideOf(st.credited.Minus(st.debited))
	return camtSummary{
		All:     camtNet{st.credits + st.debits, st.credited.Plus(st.debited).String(), net, side},
		Credits: camtSum{st.credits, st.credited.String()},
		Debits:  camtSum{st.debits, st.debited.String()},
	}
}

func camtEntryOf(e entry) camtEntry {
	amount, side := camtAmount{e.amount.Currency(), e.amount.String()}, "DBIT"
	if e.credit {
		side = "CRDT"
	}
	details := camtDetails{Refs: camtRefs{AcctSvcrRef: e.ID}, Amt: amount, CdtDbtInd: side}
	if e.PayoutID != nil {
		details.Refs.EndToEndID = *e.PayoutID
	}
	for _, said := range []string{e.PayoutReference, e.text()} {
		if said != "" {
			details.RmtInf = &camtRemittance{upTo(140, said)}
			break
		}
	}
	return camtEntry{
		NtryRef: e.ID, Amt: amount, CdtDbtInd: side, Status: "BOOK",
		Booked: e.booked.Format(time.DateOnly), Value: e.ValueDate.Format(time.DateOnly),
		AcctSvcrRef: e.ID, BkTxCd: codeOf(e), Details: details, AddtlNtryInf: upTo(500, e.text()),
	}
}

// upTo is the text's first characters.
func upTo(limit int, text string) string {
	if utf8.RuneCountInString(text) <= limit {
		return text
	}
	return string([]rune(text)[:limit])
}
