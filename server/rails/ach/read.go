package ach

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/moov-io/ach"
	"github.com/moov-io/base"

	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/rails/files"
)

// maxLines is the most records that a bank's file may have.
const maxLines = 250_000

// Read reads what our bank sends: returns, dishonoured and contested ones, notifications of change, acknowledgements, and our own entries
// told back to us. It takes a file that is whole, for us, and of our company; of any other it takes nothing.
func (f *Format) Read(content []byte) ([]files.Entry, error) {
	if !bytes.HasPrefix(content, []byte("101")) {
		return nil, errors.New("it does not begin with a file header record (101)")
	}
	file, err := parse(content)
	if err != nil {
		return nil, err
	}
	if to := strings.TrimLeft(strings.TrimSpace(file.Header.ImmediateDestination), "0"); to != strings.TrimLeft(f.settings.Origin, "0") {
		return nil, errors.New("its immediate destination is not us: it is for another originator, or of another rail")
	}
	if file.IsADV() {
		return nil, errors.New("it has accounting advices (ADV), which tell us nothing about a payment")
	}
	var all []files.Entry
	for i, batch := range file.Batches {
		if id := strings.TrimSpace(batch.GetHeader().CompanyIdentification); id != f.settings.CompanyID {
			return nil, fmt.Errorf("batch %d is of another company than ours", i+1)
		}
		for _, e := range batch.GetEntries() {
			entry, err := f.read(batch.GetHeader(), e)
			if err != nil {
				return nil, fmt.Errorf("line %d: %w", e.LineNumber, err)
			}
			all = append(all, entry)
		}
	}
	for _, batch := range file.IATBatches {
		for _, e := range batch.Entries {
			all = append(all, international(e))
		}
	}
	if len(all) == 0 {
		return nil, errors.New("it has no entries")
	}
	return all, nil
}

// ourNumber lets files come from and go to us by the ten characters that our bank gave us. Without it the library takes nothing but
// routing numbers there, and cuts what is longer.
var ourNumber = &ach.ValidateOpts{BypassOriginValidation: true, BypassDestinationValidation: true}

// parse reads all records and holds them against the rules and against the sums in the control records. Its errors name lines and kinds
// of records and quote none: they hold account numbers.
func parse(content []byte) (file *ach.File, err error) {
	defer func() {
		// The library indexes into records without asking how long they are. What it stumbles over is no file.
		if p := recover(); p != nil {
			file, err = nil, errors.New("it is no file of ACH records")
		}
	}()
	reader := ach.NewReader(bytes.NewReader(content))
	reader.SetMaxLines(maxLines)
	reader.SetValidation(ourNumber)
	read, err := reader.Read()
	if err != nil {
		return nil, masked(err)
	}
	if err := read.Validate(); err != nil {
		return nil, masked(err)
	}
	return &read, nil
}

// masked says where an error of the library's is and of which rule, without the values that its own text quotes.
func masked(err error) error {
	if list, ok := errors.AsType[base.ErrorList](err); ok && len(list) > 0 {
		err = list[0]
	}
	where := ""
	if at, ok := errors.AsType[*base.ParseError](err); ok {
		where = fmt.Sprintf("line %d, %s: ", at.Line, at.Record)
		err = at.Err
	}
	if in, ok := errors.AsType[*ach.BatchError](err); ok {
		return fmt.Errorf("%sthe batch breaks a rule in its field %s", where, in.FieldName)
	}
	if in, ok := errors.AsType[*ach.FieldError](err); ok {
		return fmt.Errorf("%sthe field %s breaks a rule of the format", where, in.FieldName)
	}
	for _, known := range []struct {
		is   error
		says string
	}{
		{ach.ErrFileHeader, "the file header is missing or there twice"},
		{ach.ErrFileControl, "the file control is missing, so the file was cut off, or there twice"},
		{ach.ErrFileTooLong, "the file has too many lines"},
	} {
		if errors.Is(err, known.is) {
			return errors.New(known.says)
		}
	}
	return errors.New(where + "it is not as Nacha's format has it, or its totals do not fit")
}

// read says what an entry means: by the addenda record that it carries, or by the kind of its batch.
func (f *Format) read(batch *ach.BatchHeader, e *ach.EntryDetail) (files.Entry, error) {
	amount, err := dollars(e.Amount)
	if err != nil {
		return files.Entry{}, errors.New("its amount is more than we can hold")
	}
	out := files.Entry{Message: strings.TrimSpace(e.TraceNumber), Amount: &amount}
	switch {
	case e.Addenda99Contested != nil:
		// The receiving bank contests that its return was dishonoured: the money is back.
		out.BankReference, out.Code = e.Addenda99Contested.OriginalEntryTraceNumber, e.Addenda99Contested.ContestedReturnCode
		out.Kind, out.Reason = files.Returned, contested
	case e.Addenda99Dishonored != nil:
		// Our bank gave the return back: the money left again.
		out.BankReference, out.Code = e.Addenda99Dishonored.OriginalEntryTraceNumber, e.Addenda99Dishonored.DishonoredReturnReasonCode
		out.Kind = files.ReturnReversed
	case e.Addenda99 != nil:
		out.BankReference, out.Code = e.Addenda99.OriginalTrace, e.Addenda99.ReturnCode
		out.Kind, out.Reason = files.Unreadable, ""
		if reason, ok := returnReasons[out.Code]; ok {
			out.Kind, out.Reason = files.Returned, reason
		}
	case e.Addenda98Refused != nil:
		out.BankReference, out.Code, out.Kind = e.Addenda98Refused.OriginalTrace, e.Addenda98Refused.RefusedChangeCode, files.Unreadable
	case e.Addenda98 != nil:
		out.BankReference, out.Code, out.Kind, out.Amount = e.Addenda98.OriginalTrace, e.Addenda98.ChangeCode, files.Advice, nil
		out.Reason, out.Detail = changeReasons[out.Code], []byte(strings.TrimSpace(e.Addenda98.CorrectedData))
	case batch.StandardEntryClassCode == ach.ACK, batch.StandardEntryClassCode == ach.ATX:
		out.BankReference, out.Kind, out.Amount = e.OriginalTraceNumberField(), files.Accepted, nil
	case e.CreditOrDebit() == "C" && strings.HasPrefix(out.Message, f.settings.RoutingNumber[:8]):
		// Our entry, as the bank has taken it in.
		out.BankReference, out.Kind = out.Message, files.Accepted
	default:
		return out, errors.New("the entry answers none of ours: it is no return, no change and no acknowledgement")
	}
	out.BankReference, out.Code = strings.TrimSpace(out.BankReference), strings.TrimSpace(out.Code)
	if out.BankReference == "" || out.Message == "" {
		return out, errors.New("the entry does not say which payment it is about, or has no trace number")
	}
	return out, nil
}

// fifteenDigits is what trace numbers are like.
var fifteenDigits = regexp.MustCompile(`^\d{15}$`)

// Told is what our bank says by other ways: a return is known by its trace number, as in the bank's file. Of all else there are no entries,
// so it is known by what it says.
func (*Format) Told(t files.Telling) (files.Entry, error) {
	switch t.Kind {
	case files.Settled:
		return files.Entry{Kind: t.Kind, Message: "credited"}, nil
	case files.Failed:
		return files.Entry{Kind: t.Kind, Message: "rejected", Code: t.Code, Reason: "rail_rejected"}, nil
	}
	reason, ok := returnReasons[t.Code]
	switch {
	case !ok:
		return files.Entry{}, apierr.InvalidField("code", "must be a return code of credits, such as R03")
	case !fifteenDigits.MatchString(t.Reference):
		return files.Entry{}, apierr.InvalidField("bank_reference", "must be the return's trace number of 15 digits")
	}
	return files.Entry{Kind: files.Returned, Message: t.Reference, Code: t.Code, Reason: reason}, nil
}

// international is an entry of an IAT batch, which we never send: somebody has to look.
func international(e *ach.IATEntryDetail) files.Entry {
	out := files.Entry{Kind: files.Unreadable, Message: strings.TrimSpace(e.TraceNumber), BankReference: strings.TrimSpace(e.TraceNumber)}
	if amount, err := dollars(e.Amount); err == nil {
		out.Amount = &amount
	}
	if e.Addenda99 != nil {
		out.Code, out.BankReference = strings.TrimSpace(e.Addenda99.ReturnCode), strings.TrimSpace(e.Addenda99.OriginalTrace)
	}
	return out
}
