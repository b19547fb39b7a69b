package testserver

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/moov-io/ach"
)

// An ACHAnswer is an entry of a file that the bank of the tests' ACH rail sends: the return code R.., the change code C.., or none for
// an entry of ours that is told back. Trace is ours, Message the bank's own number; they have 15 digits.
type ACHAnswer struct {
	Code, Trace string
	Message     int
	Cents       int
	Corrected   string // of a change
}

// receiver is the beneficiaries' bank.
const receiver = "02100002"

// ACHFile is a file of the bank's with these entries, as AllRails has it.
func ACHFile(t testing.TB, answers ...ACHAnswer) []byte {
	t.Helper()
	file := ach.NewFile()
	header := ach.NewFileHeader()
	header.ImmediateDestination, header.ImmediateDestinationName = "1234567890", "ANTON PAYMENTS"
	header.ImmediateOrigin, header.ImmediateOriginName = "121042882", "FIRST BANK"
	header.FileCreationDate, header.FileCreationTime = "260218", "0800"
	file.SetHeader(header)
	file.SetValidation(&ach.ValidateOpts{BypassDestinationValidation: true}) // its destination is we, who are no bank
	for i, a := range answers {
		batch, err := ach.NewBatch(achBatch(a, i+1))
		if err != nil {
			t.Fatal(err)
		}
		batch.AddEntry(achEntry(a))
		if err := batch.Create(); err != nil {
			t.Fatalf("%+v: %v", a, err)
		}
		file.AddBatch(batch)
	}
	if err := file.Create(); err != nil {
		t.Fatal(err)
	}
	var content bytes.Buffer
	w := ach.NewWriter(&content)
	if err := w.Write(file); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return content.Bytes()
}

func achBatch(a ACHAnswer, number int) *ach.BatchHeader {
	h := ach.NewBatchHeader()
	h.ServiceClassCode, h.StandardEntryClassCode = ach.CreditsOnly, ach.PPD
	h.CompanyName, h.CompanyIdentification, h.CompanyEntryDescription = "TEST MERCHANT", "9876543210", "PAYMENT"
	h.EffectiveEntryDate, h.ODFIIdentification, h.BatchNumber = "260218", receiver, number
	if a.Code == "" {
		h.ODFIIdentification = a.Trace[:8]
	} else if a.Code[0] == 'C' {
		h.StandardEntryClassCode, h.CompanyEntryDescription = ach.COR, "CHANGE"
	}
	return h
}

func achEntry(a ACHAnswer) *ach.EntryDetail {
	e := ach.NewEntryDetail()
	e.TransactionCode = ach.CheckingReturnNOCCredit
	e.SetRDFI("121042882")
	e.DFIAccountNumber, e.IndividualName, e.Amount = "9876543210", "MARIA GARCIA", a.Cents
	e.TraceNumber = fmt.Sprintf("%s%07d", receiver, a.Message)
	e.AddendaRecordIndicator = 1
	switch {
	case a.Code == "":
		e.TransactionCode, e.TraceNumber, e.AddendaRecordIndicator = ach.CheckingCredit, a.Trace, 0
	case a.Code[0] == 'C':
		e.Category = ach.CategoryNOC
		e.Addenda98 = ach.NewAddenda98()
		e.Addenda98.ChangeCode, e.Addenda98.OriginalTrace, e.Addenda98.OriginalDFI = a.Code, a.Trace, receiver
		e.Addenda98.CorrectedData, e.Addenda98.TraceNumber = a.Corrected, e.TraceNumber
	case a.Code >= "R71" && a.Code <= "R77":
		e.Category = ach.CategoryDishonoredReturnContested
		e.Addenda99Contested = ach.NewAddenda99Contested()
		e.Addenda99Contested.ContestedReturnCode, e.Addenda99Contested.OriginalEntryTraceNumber = a.Code, a.Trace
		e.Addenda99Contested.DateOriginalEntryReturned, e.Addenda99Contested.OriginalReceivingDFIIdentification = "260218", receiver
		e.Addenda99Contested.OriginalSettlementDate, e.Addenda99Contested.ReturnSettlementDate = "049", "050"
		e.Addenda99Contested.DishonoredReturnSettlementDate, e.Addenda99Contested.TraceNumber = "051", e.TraceNumber
		e.Addenda99Contested.ReturnTraceNumber, e.Addenda99Contested.DishonoredReturnTraceNumber = e.TraceNumber, e.TraceNumber
		e.Addenda99Contested.ReturnReasonCode, e.Addenda99Contested.DishonoredReturnReasonCode = "03", "69"
	case a.Code >= "R61" && a.Code <= "R70":
		e.Category = ach.CategoryDishonoredReturn
		e.Addenda99Dishonored = ach.NewAddenda99Dishonored()
		e.Addenda99Dishonored.DishonoredReturnReasonCode, e.Addenda99Dishonored.OriginalEntryTraceNumber = a.Code, a.Trace
		e.Addenda99Dishonored.OriginalReceivingDFIIdentification, e.Addenda99Dishonored.ReturnTraceNumber = receiver, e.TraceNumber
		e.Addenda99Dishonored.ReturnSettlementDate, e.Addenda99Dishonored.ReturnReasonCode = "050", "03"
		e.Addenda99Dishonored.TraceNumber = e.TraceNumber
	default:
		e.Category = ach.CategoryReturn
		e.Addenda99 = ach.NewAddenda99()
		e.Addenda99.ReturnCode, e.Addenda99.OriginalTrace, e.Addenda99.OriginalDFI = a.Code, a.Trace, receiver
		e.Addenda99.TraceNumber = e.TraceNumber
	}
	return e
}
