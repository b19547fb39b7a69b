package lists

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// An element is one entry's part of an XML file, held while it is read. A list's file is a few levels of elements around the entries, so
// that no more than one entry is in memory at a time.
type element struct {
	name     string
	attrs    []xml.Attr
	text     strings.Builder
	children []*element
}

// maxDepth bounds how deep elements lie in one another; the deepest list has 6.
const maxDepth = 16

// attr gives an attribute's value, "" without one.
func (e *element) attr(name string) string {
	for _, a := range e.attrs {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// child gives the text of the first child of that name, "" without one.
func (e *element) child(name string) string {
	for _, c := range e.children {
		if c.name == name {
			return strings.TrimSpace(c.text.String())
		}
	}
	return ""
}

// all gives the children of that name, for a path of names their children and so on.
func (e *element) all(path ...string) []*element {
	found := []*element{e}
	for _, name := range path {
		var below []*element
		for _, f := range found {
			for _, c := range f.children {
				if c.name == name {
					below = append(below, c)
				}
			}
		}
		found = below
	}
	return found
}

// A document reads the elements of an XML file one after the other. It knows no entities but XML's own five, fetches nothing and takes
// no encoding but UTF-8.
type document struct {
	decoder *xml.Decoder
	depth   int
}

func newDocument(in io.Reader) *document {
	return &document{decoder: xml.NewDecoder(in)}
}

// at says in which line of the file something is wrong.
func (d *document) at(err error) error {
	line, _ := d.decoder.InputPos()
	var syntax *xml.SyntaxError
	if errors.As(err, &syntax) {
		if strings.Contains(syntax.Msg, "unexpected EOF") {
			return fmt.Errorf("line %d: the file was cut off", syntax.Line)
		}
		return fmt.Errorf("line %d: %s", syntax.Line, syntax.Msg)
	}
	return fmt.Errorf("line %d: %w", line, err)
}

// token gives the next one that matters, a copy.
func (d *document) token() (xml.Token, error) {
	for {
		token, err := d.decoder.Token()
		if err != nil {
			return nil, err
		}
		switch token := token.(type) {
		case xml.Directive:
			return nil, errors.New("the file declares its own markup, which no list does")
		case xml.StartElement:
			d.depth++
			if d.depth > maxDepth {
				return nil, fmt.Errorf("elements lie deeper than %d", maxDepth)
			}
			return token, nil
		case xml.EndElement:
			d.depth--
			return token, nil
		case xml.CharData:
			return token, nil
		}
	}
}

// root reads up to the outermost element and gives it, without its children.
func (d *document) root() (xml.StartElement, error) {
	for {
		token, err := d.token()
		if err != nil {
			return xml.StartElement{}, err
		}
		if start, ok := token.(xml.StartElement); ok {
			return start, nil
		}
	}
}

// walk calls visit with every element that is called one of the names, completely read, and goes into every other one. It ends with the
// document's end, and fails when that does not come.
func (d *document) walk(visit func(*element) error, names ...string) error {
	for {
		token, err := d.token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		start, ok := token.(xml.StartElement)
		if !ok || !slices.Contains(names, start.Name.Local) {
			continue
		}
		e, err := d.read(start)
		if err != nil {
			return err
		}
		if err := visit(e); err != nil {
			return err
		}
	}
}

// read reads an element to its end.
func (d *document) read(start xml.StartElement) (*element, error) {
	e := &element{name: start.Name.Local, attrs: start.Attr}
	for _, a := range start.Attr {
		if len(a.Value) > maxField {
			return nil, fmt.Errorf("the attribute %s is longer than %d bytes", a.Name.Local, maxField)
		}
	}
	for {
		token, err := d.token()
		if err != nil {
			return nil, err
		}
		switch token := token.(type) {
		case xml.StartElement:
			child, err := d.read(token)
			if err != nil {
				return nil, err
			}
			if len(e.children) == 10*maxNames {
				return nil, fmt.Errorf("an element %s has more than %d children", e.name, 10*maxNames)
			}
			e.children = append(e.children, child)
		case xml.CharData:
			if e.text.Len()+len(token) > maxField {
				return nil, fmt.Errorf("the text of %s is longer than %d bytes", e.name, maxField)
			}
			e.text.Write(token)
		case xml.EndElement:
			return e, nil
		}
	}
}
