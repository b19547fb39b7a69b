package batches

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/reflect/protoreflect"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/server/apierr"
)

// A column is a field of BatchRow: what the contract says of a row is what a file may have.
type column = protoreflect.FieldDescriptor

// columns are all of them, by name and in the contract's order.
var columns, columnNames = func() (map[string]column, []string) {
	all, names := map[string]column{}, []string{}
	fields := (&antonv1.BatchRow{}).ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		name := string(fields.Get(i).Name())
		all[name], names = fields.Get(i), append(names, name)
	}
	return all, names
}()

// payoutColumns are those that say what is paid, and to whom of the known; all others are of new beneficiaries.
var payoutColumns = []string{"beneficiary_id", "external_ref", "amount", "currency", "description", "reference"}

// columnNamed finds the column that a person wrote: capitals, spaces and hyphens do not matter.
func columnNamed(text string) column {
	return columns[strings.NewReplacer(" ", "_", "-", "_").Replace(strings.ToLower(trim(text)))]
}

// readHeader finds the column of each cell of the first line, nil for a cell without a name. It names everything that is wrong with the
// line at once.
func readHeader(cells []string) ([]column, error) {
	var found []column
	var wrong []apierr.Field
	refuse := func(format string, args ...any) {
		wrong = append(wrong, apierr.Field{Path: "content", Message: fmt.Sprintf(format, args...)})
	}
	for i, text := range cells {
		c := columnNamed(text)
		switch {
		case trim(text) == "":
		case c == nil && !utf8.ValidString(text):
			refuse("has a column %d whose name is not UTF-8: save the file as UTF-8", i+1)
		case c == nil:
			refuse("has an unknown column %q%s", apierr.Cut(trim(text), 60), didYouMean(text, columnNames))
		case slices.Contains(found, c):
			refuse("has the column %s twice", c.Name())
		}
		found = append(found, c)
	}
	for _, name := range []string{"amount", "currency"} {
		if !slices.Contains(found, columns[name]) {
			refuse("has no column %s", name)
		}
	}
	if !slices.ContainsFunc([]string{"beneficiary_id", "external_ref", "last_name", "company_name"}, func(name string) bool {
		return slices.Contains(found, columns[name])
	}) {
		refuse("has no column that says whom to pay: beneficiary_id, external_ref, or those of new beneficiaries, such as last_name and iban")
	}
	if len(wrong) > 0 {
		return nil, apierr.Invalid(wrong...)
	}
	return found, nil
}

// known is how many of the cells name a column.
func known(cells []string) (n int) {
	for _, text := range cells {
		if columnNamed(text) != nil {
			n++
		}
	}
	return n
}

// set puts a text into the row's column.
func set(row *antonv1.BatchRow, c column, text string) {
	row.ProtoReflect().Set(c, protoreflect.ValueOfString(text))
}

// get is the text of the row's column.
func get(row *antonv1.BatchRow, name string) string {
	c := columns[name]
	if c == nil {
		return ""
	}
	return row.ProtoReflect().Get(c).String()
}
