package batches

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"slices"
	"strings"

	"github.com/xuri/excelize/v2"
	"google.golang.org/genproto/googleapis/api/httpbody"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/bankdetails"
)

// GetBatchTemplate gives a file with the columns of a batch and no rows: an example in it would be paid by whoever forgets to delete it.
func (s *Service) GetBatchTemplate(ctx context.Context, req *antonv1.GetBatchTemplateRequest) (*httpbody.HttpBody, error) {
	names, err := templateColumns(req.GetCountry())
	if err != nil {
		return nil, err
	}
	if req.GetFormat() == antonv1.BatchFormat_xlsx {
		content, err := templateXLSX(names, req.GetCountry())
		if err != nil {
			return nil, fmt.Errorf("write the template: %w", err)
		}
		return offer(ctx, "batch.xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", content), nil
	}
	var text bytes.Buffer
	w := csv.NewWriter(&text)
	w.UseCRLF = true
	if err := w.Write(names); err != nil {
		return nil, fmt.Errorf("write the template: %w", err)
	}
	w.Flush()
	return offer(ctx, "batch.csv", "text/csv; charset=utf-8", text.Bytes()), nil
}

// templateColumns are all columns; with a country, without the bank columns that no account there has.
func templateColumns(country string) ([]string, error) {
	if country == "" {
		return columnNames, nil
	}
	ways := bankdetails.Schemas(country)
	if ways == nil {
		return nil, apierr.InvalidField("country", "is not an ISO 3166-1 country")
	}
	used := map[string]bool{}
	for _, way := range ways {
		for _, field := range way.Fields {
			used[field.Name] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(columnNames), func(name string) bool {
		path := pathOfColumn(name)
		return strings.HasPrefix(path, "bank_account.") && name != "bank_country" && !used[name]
	}), nil
}

// asText is the number format of a cell whose digits are a text (ECMA-376, part 1, 18.8.30).
const asText = 49

func templateXLSX(names []string, country string) ([]byte, error) {
	f := excelize.NewFile()
	defer f.Close() // nothing of it is on the disk
	const sheet, guide = "Batch", "Columns"
	if err := f.SetSheetName("Sheet1", sheet); err != nil {
		return nil, err
	}
	text, err := f.NewStyle(&excelize.Style{NumFmt: asText})
	if err != nil {
		return nil, err
	}
	bold, err := f.NewStyle(&excelize.Style{NumFmt: asText, Font: &excelize.Font{Bold: true}})
	if err != nil {
		return nil, err
	}
	last, err := excelize.ColumnNumberToName(len(names))
	if err != nil {
		return nil, err
	}
	for _, step := range []error{
		f.SetColStyle(sheet, "A:"+last, text),
		f.SetColWidth(sheet, "A", last, 18),
		f.SetSheetRow(sheet, "A1", &names),
		f.SetCellStyle(sheet, "A1", last+"1", bold),
		f.SetPanes(sheet, &excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft"}),
	} {
		if step != nil {
			return nil, step
		}
	}
	if err := describe(f, guide, names, country); err != nil {
		return nil, err
	}
	content, err := f.WriteToBuffer()
	if err != nil {
		return nil, err
	}
	return content.Bytes(), nil
}

// describe says on a sheet of its own, which is not read, what each column is.
func describe(f *excelize.File, sheet string, names []string, country string) error {
	if _, err := f.NewSheet(sheet); err != nil {
		return err
	}
	if err := f.SetSheetRow(sheet, "A1", &[]string{"Column", "For", "Example"}); err != nil {
		return err
	}
	for i, name := range names {
		line := []string{name, "new beneficiaries", exampleOf(name, country)}
		if slices.Contains(payoutColumns, name) {
			line[1] = "every row"
		}
		if err := f.SetSheetRow(sheet, fmt.Sprintf("A%d", i+2), &line); err != nil {
			return err
		}
	}
	return f.SetColWidth(sheet, "A", "C", 30)
}

// exampleOf is what a column may hold; for a bank's column as it is in the country.
func exampleOf(name, country string) string {
	for _, way := range bankdetails.Schemas(country) {
		for _, field := range way.Fields {
			if field.Name == name {
				return field.Example
			}
		}
	}
	return map[string]string{
		"beneficiary_id": "ben_cng3q8s6ek9kc5qg1h1g", "external_ref": "supplier-77", "amount": "2500.00", "currency": "USD", "description": "Consulting fee",
		"reference": "INV-1042", "type": "individual", "first_name": "Maria", "last_name": "Garcia", "company_name": "Acme Ltd",
		"email": "maria.garcia@example.com", "phone": "+14155550123", "date_of_birth": "1985-04-12", "nationality": "US", "country": "US",
		"address_country": "US", "bank_country": "US", "iban": "DE89370400440532013000", "account_type": "checking",
	}[name]
}
