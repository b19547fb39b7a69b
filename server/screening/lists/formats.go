package lists

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/xml"
	"fmt"
	"slices"
	"strings"
)

// A role is what a file is of a list: all of it, or the part that OFAC's CSV files are.
type role int

const (
	whole role = iota
	primaries
	aliases
	addresses
	comments
	roles
)

// A format is how a file is written.
type format struct {
	name        string // in a sentence: "… is <name>"
	authorities []Authority
	role        role
	read        func(*book, *List, *bufio.Reader) error // nil for what is no list
	empty       bool
}

func (f format) of(authority Authority) bool { return slices.Contains(f.authorities, authority) }

// complaint says why a file is not a list of the authority.
func (f format) complaint(authority Authority) string {
	if f.read == nil {
		return f.name
	}
	return fmt.Sprintf("it is %s, no list of %s", f.name, authority)
}

var ofacLists = []Authority{OFAC, OFACNonSDN}

// recognise says by its beginning what a file is.
func recognise(head []byte) format {
	text := bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), " \t\r\n")
	switch {
	case len(text) == 0 || string(text) == endMark:
		return format{name: "the file is empty", empty: true}
	case text[0] == '<':
		return recogniseXML(text)
	}
	line, _, _ := bytes.Cut(text, []byte("\n"))
	first := strings.TrimRight(string(line), "\r")
	switch {
	case strings.HasPrefix(first, "Last Updated,"):
		return format{name: "the OFSI consolidated list", authorities: []Authority{UK}, read: readConList}
	case strings.HasPrefix(strings.TrimPrefix(first, `"`), "Report Date"):
		return format{name: "the UK Sanctions List", authorities: []Authority{UK}, read: readUKList}
	case isEUHeader(first):
		return format{name: "the EU's list as CSV", authorities: []Authority{EU}, read: readEUCSV}
	case first == "id,names":
		return format{name: "a sandbox's list", authorities: []Authority{Sandbox}, read: readSandbox}
	}
	return recogniseOFAC(text)
}

// recogniseXML looks at the outermost element.
func recogniseXML(text []byte) format {
	root, err := newDocument(bytes.NewReader(text)).root()
	name := root.Name.Local
	switch {
	case strings.EqualFold(name, "html") || bytes.Contains(bytes.ToLower(text[:min(len(text), 200)]), []byte("<!doctype html")):
		return format{name: "it is a web page, no list"}
	case err != nil:
		return format{name: "it begins like XML and is none: " + err.Error()}
	case name == "sdnList":
		return format{name: "an OFAC list as XML", authorities: ofacLists, read: readOFACXML}
	case name == "CONSOLIDATED_LIST":
		return format{name: "the UN's list", authorities: []Authority{UN}, read: readUN}
	case name == "export" && strings.Contains(root.Name.Space, "fsd/export"):
		return format{name: "the EU's list as XML", authorities: []Authority{EU}, read: readEUXML}
	case name == "Sanctions":
		return format{name: "an OFAC list as advanced XML", authorities: ofacLists, read: readOFACAdvanced}
	}
	return format{name: fmt.Sprintf("it is XML of an unknown kind: its outermost element is %.60s", xmlName(root.Name))}
}

func xmlName(n xml.Name) string {
	if n.Space == "" {
		return n.Local
	}
	return n.Space + " " + n.Local
}

// recogniseOFAC looks at the first row: OFAC's files have no header, a number in front, and each its own number of columns.
func recogniseOFAC(text []byte) format {
	unknown := format{name: "the file is in no format that is known here"}
	rows := csv.NewReader(bytes.NewReader(text))
	row, err := rows.Read()
	if err != nil && len(text) < headSize-4 || len(row) == 0 || !isDigits(row[0]) {
		return unknown
	}
	switch len(row) {
	case 12:
		return format{name: "the entries of an OFAC list", authorities: ofacLists, role: primaries, read: readOFACEntries}
	case 5:
		return format{name: "the aliases of an OFAC list", authorities: ofacLists, role: aliases, read: readOFACAliases}
	case 6:
		return format{name: "the addresses of an OFAC list", authorities: ofacLists, role: addresses, read: readOFACAddresses}
	case 2:
		return format{name: "the comments of an OFAC list", authorities: ofacLists, role: comments, read: readOFACComments}
	}
	return unknown
}

func isDigits(s string) bool {
	s = strings.TrimSpace(s)
	return s != "" && len(s) <= 12 && strings.Trim(s, "0123456789") == ""
}
