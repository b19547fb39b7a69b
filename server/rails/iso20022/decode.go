// Package iso20022 reads and writes the messages of ISO 20022 that payments travel in: of each the elements that we use, as the message
// definition of its exact version has them (https://www.iso20022.org/iso-20022-message-definitions). It knows XML and nothing of money
// that moves; what a message means is a rail's to say.
package iso20022

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"sync"
)

// space begins the namespace of every message; its version follows.
const space = "urn:iso:std:iso:20022:tech:xsd:"

// maxDepth is how deep elements may lie in each other. No message that we read comes near it.
const maxDepth = 32

// Version is which message the document is, such as pain.002.001.10. It looks no further than the first element.
func Version(content []byte) (string, error) {
	d := decoder(content)
	root, err := first(d)
	if err != nil {
		return "", err
	}
	version, ok := strings.CutPrefix(root.Name.Space, space)
	if !ok || root.Name.Local != "Document" {
		return "", errors.New("it is no message of ISO 20022: it does not begin with a Document of its namespaces")
	}
	return version, nil
}

// Decode reads a document of exactly the version into the message. It refuses what the schema of any message would: another namespace, an
// element twice that is there once, elements in a text, a document type, anything after the document. Elements that the message's type
// does not name are passed over. Its errors name lines and elements, and quote no value.
func Decode(content []byte, version string, into any) error {
	if got, err := Version(content); err != nil {
		return err
	} else if got != version {
		return fmt.Errorf("it is of another version than %s", version)
	}
	d := decoder(content)
	root, err := first(d)
	if err != nil {
		return err
	}
	c := checker{d, root.Name.Space}
	if err := c.element(root, reflect.TypeOf(into).Elem(), 1); err != nil {
		return err
	}
	if err := c.end(); err != nil {
		return err
	}
	if err := decoder(content).Decode(into); err != nil {
		return where(d, err)
	}
	return nil
}

func decoder(content []byte) *xml.Decoder {
	return xml.NewDecoder(bytes.NewReader(bytes.TrimPrefix(content, []byte("\ufeff"))))
}

// first is the root of a document. Before it may be its declaration, comments and space.
func first(d *xml.Decoder) (xml.StartElement, error) {
	for {
		token, err := d.Token()
		if err != nil {
			return xml.StartElement{}, where(d, err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			return token, nil
		case xml.Directive:
			return xml.StartElement{}, errors.New("it has a document type, which no message has")
		case xml.CharData:
			if len(bytes.TrimSpace(token)) > 0 {
				return xml.StartElement{}, errors.New("it is no XML: it begins with text")
			}
		}
	}
}

// where says where the XML is broken. The library's own text may quote what is there.
func where(d *xml.Decoder, err error) error {
	if errors.Is(err, io.EOF) {
		return errors.New("it ends before its document does")
	}
	if at, ok := errors.AsType[*xml.SyntaxError](err); ok {
		return fmt.Errorf("line %d: it is no well-formed XML in UTF-8", at.Line)
	}
	line, _ := d.InputPos()
	return fmt.Errorf("line %d: it cannot be read as XML in UTF-8", line)
}

// A checker walks a document beside the type that it will be read into.
type checker struct {
	d     *xml.Decoder
	space string
}

// element checks one element to its end. Its type is nil where the message's type has nothing for it.
func (c checker) element(e xml.StartElement, t reflect.Type, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("line %d: elements lie more than %d deep", c.line(), maxDepth)
	}
	if t != nil && e.Name.Space != c.space {
		return fmt.Errorf("line %d: an element is of another namespace than the document", c.line())
	}
	children, seen := childrenOf(t), map[string]bool{}
	for {
		token, err := c.d.Token()
		if err != nil {
			return where(c.d, err)
		}
		switch token := token.(type) {
		case xml.EndElement:
			return nil
		case xml.Directive:
			return fmt.Errorf("line %d: a directive is in no message", c.line())
		case xml.StartElement:
			if t != nil && t.Kind() == reflect.String {
				return fmt.Errorf("line %d: %s has elements in it, and is a text", c.line(), e.Name.Local)
			}
			child, known := children[token.Name.Local]
			if known && !child.many && seen[token.Name.Local] {
				return fmt.Errorf("line %d: %s is in its element twice", c.line(), token.Name.Local)
			}
			if known {
				seen[token.Name.Local] = true
			}
			if err := c.element(token, child.of, depth+1); err != nil {
				return err
			}
		}
	}
}

// end holds that nothing but space and comments follows the document.
func (c checker) end() error {
	for {
		token, err := c.d.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return where(c.d, err)
		}
		text, isText := token.(xml.CharData)
		_, isComment := token.(xml.Comment)
		if !isComment && (!isText || len(bytes.TrimSpace(text)) > 0) {
			return fmt.Errorf("line %d: something follows after the document", c.line())
		}
	}
}

func (c checker) line() int {
	line, _ := c.d.InputPos()
	return line
}

// A child is what a type has for an element: of which type it is, and whether it may be there more than once.
type child struct {
	of   reflect.Type
	many bool
}

var known sync.Map // of map[string]child, by reflect.Type

func childrenOf(t reflect.Type) map[string]child {
	if t == nil || t.Kind() != reflect.Struct {
		return nil
	}
	if children, ok := known.Load(t); ok {
		return children.(map[string]child)
	}
	children := map[string]child{}
	for field := range t.Fields() {
		name, option, _ := strings.Cut(field.Tag.Get("xml"), ",")
		if name == "" || option == "attr" || field.Name == "XMLName" {
			continue
		}
		one := child{of: field.Type}
		for one.of.Kind() == reflect.Pointer || one.of.Kind() == reflect.Slice {
			one.many = one.many || one.of.Kind() == reflect.Slice
			one.of = one.of.Elem()
		}
		children[name] = one
	}
	known.Store(t, children)
	return children
}

// Encode writes a message as a document of its version.
func Encode(message any) ([]byte, error) {
	text, err := xml.MarshalIndent(message, "", " ")
	if err != nil {
		return nil, fmt.Errorf("write the message: %w", err)
	}
	return append(append([]byte(xml.Header), text...), '\n'), nil
}
