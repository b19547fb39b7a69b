package batches

import (
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/beneficiaries"
	"github.com/antonpayments/anton/server/money"
	"github.com/antonpayments/anton/server/rules"
)

// A line is a row on its way to a payout.
type line struct {
	number int32
	cells  *antonv1.BatchRow
	amount money.Amount
	// newcomer is whom the columns of a new beneficiary describe; nil where they are empty, or wrong.
	newcomer *beneficiaries.Newcomer
	who      *payee // whom it pays, once that is known
	wrong    []problem
}

// refuse notes a problem, unless its column has one already: the first one says more than what follows from it.
func (l *line) refuse(field, message, suggestion string) {
	for _, p := range l.wrong {
		if p.field == field && field != "" {
			return
		}
	}
	if len(l.wrong) < maxProblems {
		l.wrong = append(l.wrong, problem{field, message, suggestion})
	}
}

// refuseAll notes the fields that are wrong by their columns.
func (l *line) refuseAll(fields []apierr.Field) {
	for _, f := range fields {
		name := columnOfPath(f.Path)
		l.refuse(name, f.Message, suggest(name, get(l.cells, name), l.cells.GetCurrency()))
	}
}

// payeeColumn is the column by which the line names whom it pays; empty where it describes someone.
func (l *line) payeeColumn() string {
	switch {
	case l.cells.GetBeneficiaryId() != "":
		return "beneficiary_id"
	case l.cells.GetExternalRef() != "":
		return "external_ref"
	}
	return ""
}

// request is the payout that the line asks for.
func (l *line) request(beneficiary string) *antonv1.CreatePayoutRequest {
	return &antonv1.CreatePayoutRequest{
		BeneficiaryId: beneficiary, Amount: l.cells.GetAmount(), Currency: l.cells.GetCurrency(),
		Description: l.cells.GetDescription(), Reference: l.cells.GetReference(),
	}
}

// check holds the line to everything that can be said of it alone. An error is a fault of ours.
func (l *line) check(b *beneficiaries.Service, now time.Time) error {
	beneficiary := l.cells.GetBeneficiaryId()
	if beneficiary == "" {
		beneficiary = "ben_" // it has one yet to be found, or to be created
	}
	fields, err := rules.Check(l.request(beneficiary))
	if err != nil {
		return err
	}
	l.refuseAll(fields)
	l.checkAmount()
	described := firstDescribed(l.cells)
	switch {
	case l.cells.GetBeneficiaryId() != "" && l.cells.GetExternalRef() != "":
		l.refuse("external_ref", "must be empty where beneficiary_id is given", "")
	case l.cells.GetBeneficiaryId() != "" && described != "":
		l.refuse(described, "is for new beneficiaries, and must be empty where beneficiary_id is given", "")
	case l.cells.GetBeneficiaryId() == "" && l.cells.GetExternalRef() == "" && described == "":
		l.refuse("", "names nobody to pay", "Fill in beneficiary_id, external_ref, or the columns of a new beneficiary, such as last_name and iban.")
	}
	if l.cells.GetBeneficiaryId() != "" || described == "" {
		return nil
	}
	return l.checkNewcomer(b, now)
}

func (l *line) checkAmount() {
	switch {
	case l.cells.GetCurrency() == "" || l.cells.GetAmount() == "":
		return // said already
	case !money.Known(l.cells.GetCurrency()):
		l.refuse("currency", money.ErrCurrency.Error(), suggest("currency", l.cells.GetCurrency(), ""))
		return
	}
	amount, err := money.Parse(l.cells.GetCurrency(), l.cells.GetAmount())
	switch {
	case err != nil:
		l.refuse("amount", err.Error(), suggest("amount", l.cells.GetAmount(), l.cells.GetCurrency()))
	case !amount.Positive():
		l.refuse("amount", "must be greater than zero", "")
	default:
		l.amount = amount
	}
}

// checkNewcomer checks the columns of a new beneficiary as CreateBeneficiary would.
func (l *line) checkNewcomer(b *beneficiaries.Service, now time.Time) error {
	req := l.newBeneficiary()
	fields, err := rules.Check(req)
	if err != nil {
		return err
	}
	l.refuseAll(fields)
	if !money.Known(req.GetCurrency()) {
		l.refuse("currency", money.ErrCurrency.Error(), suggest("currency", req.GetCurrency(), ""))
	}
	newcomer, fields, err := b.Meet(req, now)
	if err != nil {
		return err
	}
	l.refuseAll(fields)
	if !slices.ContainsFunc(l.wrong, func(p problem) bool {
		return p.field == "currency" || p.field == "external_ref" || pathOfColumn(p.field) != ""
	}) {
		l.newcomer = newcomer
	}
	return nil
}

// newBeneficiary is the beneficiary that the line describes, as CreateBeneficiary takes it.
func (l *line) newBeneficiary() *antonv1.CreateBeneficiaryRequest {
	req := &antonv1.CreateBeneficiaryRequest{
		Currency: l.cells.GetCurrency(), ExternalRef: l.cells.GetExternalRef(), BankAccount: &antonv1.BankAccount{},
	}
	for _, name := range columnNames {
		if text := get(l.cells, name); text != "" {
			l.put(req, name, text)
		}
	}
	if l.cells.GetType() == "" {
		req.Type = antonv1.PartyType_individual
		if l.cells.GetCompanyName() != "" {
			req.Type = antonv1.PartyType_business
		}
	}
	return req
}

// put puts a text where the request has a place for its column. A word that its enum does not have is refused.
func (l *line) put(req *antonv1.CreateBeneficiaryRequest, name, text string) {
	path := pathOfColumn(name)
	if path == "" {
		return
	}
	in := req.ProtoReflect()
	if parent, child, nested := strings.Cut(path, "."); nested {
		in, path = in.Mutable(in.Descriptor().Fields().ByName(protoreflect.Name(parent))).Message(), child
	}
	field := in.Descriptor().Fields().ByName(protoreflect.Name(path))
	if field.Enum() == nil {
		in.Set(field, protoreflect.ValueOfString(text))
		return
	}
	word := field.Enum().Values().ByName(protoreflect.Name(text))
	if word == nil || word.Number() == 0 {
		var words []string
		for i := 1; i < field.Enum().Values().Len(); i++ {
			words = append(words, string(field.Enum().Values().Get(i).Name()))
		}
		l.refuse(name, "must be "+strings.Join(words, " or "), suggest(name, text, ""))
		word = field.Enum().Values().Get(1) // so that the rest is checked too
	}
	in.Set(field, protoreflect.ValueOfEnum(word.Number()))
}

// The places of the columns in CreateBeneficiaryRequest, both ways; columns of the payout have none.
var columnPaths, pathColumns = func() (map[string]string, map[string]string) {
	paths, back := map[string]string{}, map[string]string{}
	req := (&antonv1.CreateBeneficiaryRequest{}).ProtoReflect().Descriptor().Fields()
	for _, name := range columnNames {
		for _, place := range []struct{ prefix, field string }{
			{"", name},
			{"bank_account.", strings.TrimPrefix(name, "bank_")},
			{"bank_account.", name},
			{"address.", name},
			{"address.", strings.TrimPrefix(name, "address_")},
		} {
			fields := req
			if place.prefix != "" {
				fields = req.ByName(protoreflect.Name(strings.TrimSuffix(place.prefix, "."))).Message().Fields()
			}
			path := place.prefix + place.field
			if fields.ByName(protoreflect.Name(place.field)) != nil && back[path] == "" {
				paths[name], back[path] = path, name
				break
			}
		}
	}
	for _, name := range []string{"currency", "external_ref", "description"} {
		delete(paths, name) // they are put where they belong
	}
	return paths, back
}()

func pathOfColumn(name string) string { return columnPaths[name] }

// columnOfPath is the column that a field of a request comes from; empty for one that no column holds.
func columnOfPath(path string) string {
	if name, ok := pathColumns[path]; ok {
		return name
	}
	if columns[path] != nil {
		return path
	}
	return ""
}

// firstDescribed is the first column of a new beneficiary that the row fills in; empty where it fills in none.
func firstDescribed(cells *antonv1.BatchRow) string {
	for _, name := range columnNames {
		if pathOfColumn(name) != "" && get(cells, name) != "" {
			return name
		}
	}
	return ""
}
