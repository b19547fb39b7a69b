package batches

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"

	"github.com/antonpayments/anton/gen/db"
)

// The reader of workbooks is ours because it must tell what the libraries' streaming readers do not: a formula from its last value, a
// number from a text that looks like one, a hidden row from one that people saw. It unpacks the four parts that it needs and no other,
// each within a bound, and never the file as a whole: what a small file unpacks to does not matter (decision 30).

// maxPart is how many bytes a part of a workbook may unpack to. Ten thousand rows of forty cells take two thirds of it.
const maxPart = 32 << 20

// errTooMuch refuses a part that has more than maxPart.
var errTooMuch = errors.New("the part unpacks to more than it may")

// A workbook is an Office Open XML file (ECMA-376) of which we read the first sheet.
type workbook struct {
	zip    *zip.Reader
	shared []string // the texts that cells share
}

// readXLSX reads the first sheet of a workbook.
func readXLSX(content []byte) (*table, error) {
	archive, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		return nil, refuse("is no complete XLSX file")
	}
	w := &workbook{zip: archive}
	t := &table{format: db.BatchFormatXlsx}
	switch err := w.read(t); {
	case errors.Is(err, errTooMuch):
		return nil, refuse("unpacks to more than %d MiB: keep one sheet with the columns of the template, and send more rows as several batches", maxPart>>20)
	case errors.Is(err, errPart):
		return nil, refuse("is no XLSX file that we can read: save it anew as an Excel workbook (.xlsx)")
	case err != nil:
		return nil, err // in our words
	case t.columns == nil:
		return nil, refuse("has no text in its first sheet")
	}
	return t.end()
}

// errPart says that a part of the workbook is missing or no XML.
var errPart = errors.New("a part of the workbook cannot be read")

func (w *workbook) read(t *table) error {
	main, err := w.related("_rels/.rels", "", "/officeDocument", "")
	if err != nil {
		return err
	}
	var book struct {
		Properties struct {
			Date1904 string `xml:"date1904,attr"`
		} `xml:"workbookPr"`
		Sheets []struct {
			Attrs []xml.Attr `xml:",any,attr"`
		} `xml:"sheets>sheet"`
	}
	if err := w.decode(main, &book); err != nil {
		return err
	}
	if len(book.Sheets) == 0 {
		return errPart
	}
	t.date1904 = book.Properties.Date1904 == "1" || book.Properties.Date1904 == "true"
	relation := ""
	for _, a := range book.Sheets[0].Attrs {
		if a.Name.Local == "id" { // r:id; the other one is sheetId
			relation = a.Value
		}
	}
	relations := path.Join(path.Dir(main), "_rels", path.Base(main)+".rels")
	sheet, err := w.related(relations, path.Dir(main), "/worksheet", relation)
	if err != nil {
		return err
	}
	if texts, err := w.related(relations, path.Dir(main), "/sharedStrings", ""); err == nil {
		if err := w.readShared(texts); err != nil {
			return err
		}
	}
	return w.readSheet(sheet, t)
}

// related finds the part that a list of relations calls by its kind, and by its id where one is given.
func (w *workbook) related(list, dir, kind, id string) (string, error) {
	var relations struct {
		All []struct {
			ID     string `xml:"Id,attr"`
			Type   string `xml:"Type,attr"`
			Target string `xml:"Target,attr"`
		} `xml:"Relationship"`
	}
	if err := w.decode(list, &relations); err != nil {
		return "", err
	}
	for _, r := range relations.All {
		if strings.HasSuffix(r.Type, kind) && (id == "" || r.ID == id) {
			if fromRoot, ok := strings.CutPrefix(r.Target, "/"); ok {
				return fromRoot, nil
			}
			return path.Join(dir, r.Target), nil
		}
	}
	return "", errPart
}

// open opens a part that unpacks to what it may. What its header says is enough to know: archive/zip gives no more than that.
func (w *workbook) open(name string) (io.ReadCloser, error) {
	for _, f := range w.zip.File {
		if f.Name != name {
			continue
		}
		if f.UncompressedSize64 > maxPart {
			return nil, errTooMuch
		}
		part, err := f.Open()
		if err != nil {
			return nil, errPart
		}
		return part, nil
	}
	return nil, errPart
}

func (w *workbook) decode(name string, into any) error {
	part, err := w.open(name)
	if err != nil {
		return err
	}
	defer part.Close()
	return ofPart(xml.NewDecoder(part).Decode(into))
}

// ofPart leaves what is wrong with the XML to the log of nobody: all that matters is that the part cannot be read, or has too much.
func ofPart(err error) error {
	if err == nil || errors.Is(err, errTooMuch) {
		return err
	}
	return errPart
}

// A richText is a text in pieces of different looks.
type richText struct {
	Text   string `xml:"t"`
	Pieces []struct {
		Text string `xml:"t"`
	} `xml:"r"`
}

func (r richText) String() string {
	var text strings.Builder
	text.WriteString(r.Text)
	for _, piece := range r.Pieces {
		text.WriteString(piece.Text)
	}
	return text.String()
}

// elements calls do for every element of the part that has the name given.
func (w *workbook) elements(name string, do func(*xml.Decoder, xml.StartElement) error, end func(xml.EndElement) error) error {
	part, err := w.open(name)
	if err != nil {
		return err
	}
	defer part.Close()
	d := xml.NewDecoder(part)
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return ofPart(err)
		}
		switch e := token.(type) {
		case xml.StartElement:
			err = do(d, e)
		case xml.EndElement:
			err = end(e)
		}
		if err != nil {
			return err
		}
	}
}

func (w *workbook) readShared(name string) error {
	return w.elements(name, func(d *xml.Decoder, e xml.StartElement) error {
		if e.Name.Local != "si" {
			return nil
		}
		if len(w.shared) == maxRows*maxColumns {
			return errTooMuch
		}
		var text richText
		if err := d.DecodeElement(&text, &e); err != nil {
			return ofPart(err)
		}
		w.shared = append(w.shared, text.String())
		return nil
	}, func(xml.EndElement) error { return nil })
}

// readSheet reads the rows of a sheet one by one.
func (w *workbook) readSheet(name string, t *table) error {
	number, hidden := 0, false
	var cells []cell
	return w.elements(name, func(d *xml.Decoder, e xml.StartElement) error {
		switch e.Name.Local {
		case "row":
			number, hidden, cells = number+1, attr(e, "hidden") == "1" || attr(e, "hidden") == "true", cells[:0]
			if stated := attr(e, "r"); stated != "" {
				n, err := strconv.Atoi(stated)
				if err != nil || n < number || n > 1<<20 {
					return errPart // rows follow each other
				}
				number = n
			}
		case "c":
			return w.readCell(d, e, number, &cells)
		}
		return nil
	}, func(e xml.EndElement) error {
		if e.Name.Local != "row" {
			return nil
		}
		return t.addSheetRow(number, hidden, cells)
	})
}

// addSheetRow adds a row of a sheet. The first one that is not empty names the columns.
func (t *table) addSheetRow(number int, hidden bool, cells []cell) error {
	if t.columns == nil {
		var texts []string
		for _, c := range cells {
			texts = append(texts, c.text)
		}
		if strings.Join(texts, "") == "" {
			return nil
		}
		return t.header(texts)
	}
	if hidden {
		return t.add(number, cells, problem{"", "is hidden in the spreadsheet", "Show the row, or delete it."})
	}
	return t.add(number, cells)
}

// readCell reads a cell and puts it where its name says.
func (w *workbook) readCell(d *xml.Decoder, e xml.StartElement, row int, cells *[]cell) error {
	var c struct {
		Formula *struct{} `xml:"f"`
		Value   string    `xml:"v"`
		Inline  richText  `xml:"is"`
	}
	if err := d.DecodeElement(&c, &e); err != nil {
		return ofPart(err)
	}
	at := len(*cells)
	if name := attr(e, "r"); name != "" {
		at = columnOf(name)
	}
	if at < len(*cells) {
		return errPart // cells follow each other
	}
	read := cell{text: c.Value, name: columnLetters(at) + strconv.Itoa(row)}
	switch kind := attr(e, "t"); kind {
	case "s":
		i, err := strconv.Atoi(strings.TrimSpace(c.Value))
		if err != nil || i < 0 || i >= len(w.shared) {
			return errPart
		}
		read.text = w.shared[i]
	case "inlineStr":
		read.text = c.Inline.String()
	case "e":
		read.kind = aFault
	case "b":
		read.text = map[string]string{"0": "FALSE", "1": "TRUE"}[c.Value]
	case "d":
		read.text, _, _ = strings.Cut(c.Value, "T")
	case "str":
	case "", "n":
		if c.Value != "" {
			read.kind = aNumber
		}
	default:
		return errPart
	}
	if c.Formula != nil {
		read.kind = aFormula
	}
	if at >= maxColumns {
		if read.text == "" && read.kind == aText {
			return nil // formatted and empty, far to the right
		}
		return refuse("has a value in the cell %s, and %d columns are the most", read.name, maxColumns)
	}
	for len(*cells) < at {
		*cells = append(*cells, cell{})
	}
	*cells = append(*cells, read)
	return nil
}

func attr(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// columnOf is the place of a cell such as C17 in its row, from 0. A name that is none stands far to the right, where nothing may be.
func columnOf(name string) int {
	at := 0
	for _, c := range name {
		if c < 'A' || c > 'Z' || at > 1<<20 {
			break
		}
		at = at*26 + int(c-'A') + 1
	}
	if at == 0 {
		return 1 << 20
	}
	return at - 1
}

// columnLetters is the name of the column at the place.
func columnLetters(at int) string {
	if at >= 26 {
		return columnLetters(at/26-1) + columnLetters(at%26)
	}
	return fmt.Sprintf("%c", 'A'+at)
}
