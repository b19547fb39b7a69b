package batches

import (
	"bytes"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/apierr"
)

// read reads what was sent as rows. What it is decides its content. An error means that it is no table: it is in words for the customer.
func read(req *antonv1.CreateBatchRequest) (*table, error) {
	content := req.GetContent()
	switch {
	case len(content) > 0 && len(req.GetRows()) > 0:
		return nil, apierr.InvalidField("rows", "must not be sent together with content")
	case len(req.GetRows()) > 0:
		return readRows(req.GetRows()), nil
	case len(content) == 0:
		return nil, apierr.InvalidField("content", "is required, or rows: send a file or the rows themselves")
	case bytes.HasPrefix(content, []byte("PK\x03\x04")):
		return readXLSX(content)
	case bytes.HasPrefix(content, []byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")): // a compound file ([MS-CFB] 2.2): what Excel encrypts, and its old format
		return nil, refuse("is protected by a password, or in the old format .xls: save it as an Excel workbook (.xlsx) without a password")
	}
	return readCSV(content)
}

// readRows takes rows as they were sent, numbered from 1.
func readRows(sent []*antonv1.BatchRow) *table {
	t := &table{format: db.BatchFormatJson}
	for i, cells := range sent {
		t.rows = append(t.rows, row{number: int32(i + 1), cells: trimmed(cells)})
	}
	return t
}

// trimmed is the row without white space around its texts, as the cells of a file are read.
func trimmed(cells *antonv1.BatchRow) *antonv1.BatchRow {
	clean := &antonv1.BatchRow{}
	for _, name := range columnNames {
		if text := trim(get(cells, name)); text != "" {
			set(clean, columns[name], text)
		}
	}
	return clean
}
